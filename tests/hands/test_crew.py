"""Who may send for a run, by the ledger's database: hands do as long as their coordinator holds the account."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

import pytest
import sqlalchemy as sa

from pipeline import lock, single_writer
from pipeline.delivery import standing
from pipeline.errors import DestinationBusy
from pipeline.hands import doing
from pipeline.hands.crew import Crew
from pipeline.hands.joining import Place, joined
from pipeline.hands.orders import Order
from pipeline.ledger import locks
from pipeline.ledger.ledger import opened
from pipeline.stopping import Stop
from pipeline.subject import job_as_planned
from tests.delivery.world import contacts_of, rows_of
from tests.flows.cluster import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.delivery.world import World

pytest_plugins = ["tests.delivery.fixtures"]
COUNT: Final = 12


@contextmanager
def called(world: World, run_id: str) -> Iterator[Crew]:
    """A crew of a coordinator that holds the run's account."""
    folder, _ = standing.existing(run_id, world.context())
    job = job_as_planned(folder)
    with opened(world.context()) as ledger, single_writer.writing(world.context(), ledger, job) as held:
        held.name(run_id)
        assert ledger.held_by is not None
        crew = Crew(ledger, lock.name_of(job.destination, job.account), run_id, ledger.held_by)
        crew.call()
        yield crew


def planned(world: World) -> str:
    """A run that nobody has begun."""
    world.seed(contacts_of(COUNT))
    return world.plan(world.mapping(batch_size=2), world.export(rows_of(COUNT))).summary.run_id


def order_of(world: World, crew: Crew, shard: int = 0, **more: str) -> Order:
    """The opt-ins of a shard."""
    _, manifest = standing.existing(crew.run_id, world.context())
    token = more.get("token", crew.token)
    return Order(crew.run_id, manifest.plan_hash, crew.name, token, shard, phase=2)


def kill(crew: Crew) -> None:
    """The coordinator's connection is gone, as it is with its process."""
    with crew.ledger.transaction() as connection:
        connection.execute(sa.select(sa.func.pg_terminate_backend(crew.backend)))

    def gone() -> bool:
        with crew.ledger.transaction() as connection:
            return not locks.is_held_by(connection, crew.name, crew.backend)

    until(gone)


@contextmanager
def at_work(world: World, crew: Crew, stop: Stop, shard: int = 0) -> Iterator[Place]:
    """A hand that has begun a shard."""
    with opened(world.context()) as ledger, joined(ledger, crew.name, crew.token, f"shard {shard}", stop) as place:
        yield place


def test_a_hand_sends_for_who_holds_the_account(world: World) -> None:
    """And nothing more when that is told to stop, nor with a token of before, nor when nobody holds it."""
    with called(world, planned(world)) as crew:
        assert doing.do(order_of(world, crew), world.context()).kind == ""
        sent = len(world.mutations())
        assert sent > 0
        first = order_of(world, crew, 1)
        crew.call()
        assert "is gone, or waits for it no longer" in doing.do(first, world.context()).message
        crew.stop("stopped by somebody")
        assert "stopped by somebody" in doing.do(order_of(world, crew, 1), world.context()).message
        crew.call()
        kill(crew)
        told = doing.do(order_of(world, crew, 1), world.context())
    assert (told.kind, "is gone" in told.message) == ("Interrupted", True)
    assert len(world.mutations()) == sent


def test_nobody_takes_an_account_while_a_hand_of_before_is_at_work(world: World) -> None:
    """Its coordinator is gone: it is told to stop, and until it has, `resume` says who it is and changes nothing."""
    run_id, stop = planned(world), Stop()
    with ExitStack() as hand:
        with called(world, run_id) as crew:
            hand.enter_context(at_work(world, crew, stop))
            kill(crew)
        for command in (world.resume, world.apply):
            with pytest.raises(DestinationBusy, match=f"worker of run {run_id} .*process {os.getpid()} on"):
                command(run_id)
        until(stop.is_set)
        assert world.mutations() == []
    result = world.apply(run_id)
    assert (result.exit_code, result.summary.rows.updated) == (0, COUNT)


def test_a_hand_that_comes_late_finds_another_coordinator(world: World) -> None:
    """What was given out before a `resume` took the account is worth nothing afterwards."""
    run_id = planned(world)
    with called(world, run_id) as crew:
        late = order_of(world, crew)
        kill(crew)
    with called(world, run_id):
        assert "is gone" in doing.do(late, world.context()).message
    assert world.mutations() == []


def test_two_hands_never_work_on_one_shard(world: World) -> None:
    """An engine that gives a shard out again because it lost sight of a worker waits for that worker."""
    with called(world, planned(world)) as crew, ThreadPoolExecutor(1) as pool:
        with at_work(world, crew, Stop()):
            again = pool.submit(doing.do, order_of(world, crew), world.context())
            other = doing.do(order_of(world, crew, 1), world.context())
            assert (other.kind, again.done()) == ("", False)
            sent = len(world.mutations())
        assert again.result().kind == ""
        assert len(world.mutations()) > sent


def test_a_crew_is_dismissed_when_nobody_is_at_work(world: World) -> None:
    """The next phase waits for who is still at it, whatever their engine says; they are told to stop."""
    stop = Stop()
    with called(world, planned(world)) as crew:
        with at_work(world, crew, stop):
            assert len(crew.at_work()) == 1
            with pytest.raises(DestinationBusy, match=f"process {os.getpid()} on"):
                crew.dismiss(limit_seconds=0.3)
            until(stop.is_set)
        crew.dismiss()
        assert crew.at_work() == ()
