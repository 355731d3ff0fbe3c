"""Shards that are planned and delivered by hands come out as if one process had done it all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
import sqlalchemy as sa

from pipeline import run
from pipeline.context import Request
from pipeline.delivery import standing
from pipeline.evidence.proving import prove
from pipeline.hands.orders import AnyOrder, Order, PlanOrder
from pipeline.state import BUCKETS, State
from pipeline.stopping import Stop
from tests.delivery.world import contact_of, contacts_of, key_of, read_csv, row_of, rows_of, without_batches
from tests.hands.crowd import Crowd, Dead, Idle

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.carried_out import Result
    from pipeline.hands.orders import Hands
    from tests.delivery.world import World

pytest_plugins = ["tests.delivery.fixtures"]
COUNT = 48


def people() -> list[dict[str, Any]]:
    """Contacts who opted in to e-mail, every fourth of them out."""
    said = {True: "OPT_OUT", False: "OPT_IN"}
    return [contact_of(n, channels={"EMAIL": said[n % 4 == 0]}) for n in range(1, COUNT)]


def rows() -> list[dict[str, str]]:
    """Opt-outs, opt-ins, mixed ones; one contact unknown there, one without identity, one consent that is unclear."""
    found = [row_of(n, email_opt_in="N" if n % 3 == 0 else "Y", sms_opt_in="") for n in range(1, COUNT + 1)]
    for row in found[4::7]:
        row |= {"email_opt_in": "N", "sms_opt_in": "Y", "mobile": "+12125550123"}
    found[10]["email_opt_in"], found[20]["contact_id"] = "perhaps", ""
    return found


def spread(world: World, hands: Hands | None = None, **more: Any) -> Result:
    """A sync of the rows by hands."""
    hands = hands or Crowd(world.context())
    return world.sync(world.mapping(batch_size=3), world.export(rows()), hands=hands, **more)


def outcomes(world: World, result: Result) -> list[dict[str, str]]:
    """What became of each record."""
    return without_batches(read_csv(world.folder(result) / "outcomes.csv"))


def told(world: World, result: Result) -> pl.DataFrame:
    """The state, but for which run told it and when."""
    _, manifest = standing.existing(result.summary.run_id, world.context())
    state = State(world.home, manifest.destination, manifest.account).read(range(BUCKETS))
    return state.select(sorted(set(state.columns) - {"told_run", "told_at"})).sort("identity")


def evidence(world: World) -> pl.DataFrame:
    """What was told of which record; its chain is whole."""
    [proved] = prove(world.context()).chains
    assert proved.breaks == ()
    rows = pl.read_delta(str(world.home / "evidence" / proved.chain))
    return rows.select("record", "outcome", "target", "status").sort(pl.all())


def kinds(world: World) -> list[int]:
    """The phase of each mutation, in the order of arrival."""
    phases = {"N": 0, "NY": 1, "Y": 2}
    wanted = {
        row["contact_id"]: phases[row["email_opt_in"] + row["sms_opt_in"]]
        for row in rows()
        if "perhaps" not in row.values()
    }
    return [min(wanted.get(key, 2) for key in entry.keys) for entry in world.mutations()]


def test_the_result_is_that_of_one_process_record_for_record(world: World, alone: World) -> None:
    """Figures, outcomes, state, evidence, and what the destination has; each contact was sent once, opt-outs first."""
    world.seed(people())
    expected = alone.sync(alone.mapping(batch_size=3), alone.export(rows()))
    there = world.stored()
    world.seed(people())
    world.sandbox.clear_requests()
    crowd = Crowd(world.context())
    result = spread(world, crowd)
    assert (result.exit_code, result.summary.rows) == (expected.exit_code, expected.summary.rows)
    assert result.summary.transitions == expected.summary.transitions
    assert outcomes(world, result) == outcomes(alone, expected)
    assert told(world, result).equals(told(alone, expected))
    assert evidence(world).equals(evidence(alone))
    assert world.stored() == there
    assert set(world.applied().values()) == {1}
    assert kinds(world) == sorted(kinds(world))
    assert set(kinds(world)) == {0, 1, 2}
    assert {type(order) for order in crowd.orders} == {Order, PlanOrder}


def test_a_phase_waits_for_all_shards_of_the_one_before(world: World) -> None:
    """Also where one hand is slow: no opt-in leaves before the last answer to an opt-out."""
    world.seed(people())
    world.faults([{"fault": "latency", "operation": "updateContacts", "seconds": 0.5, "key": key_of(3)}])
    spread(world, Crowd(world.context(), count=4))
    assert kinds(world) == sorted(kinds(world))


def test_nothing_personal_is_given_out_or_told(world: World) -> None:
    """Numbers, names of runs and files, checksums."""
    world.seed(people())
    crowd = Crowd(world.context())
    spread(world, crowd)
    assert crowd.told
    for said in (repr(crowd.orders), repr(crowd.told)):
        assert "@" not in said
        assert "C-00" not in said


@pytest.mark.parametrize("kind", [PlanOrder, Order], ids=["planning", "delivering"])
def test_what_dead_hands_leave_the_coordinator_does(world: World, kind: type[AnyOrder]) -> None:
    """An order of which nobody tells is carried out all the same, once."""
    world.seed(people())

    def begins(order: AnyOrder) -> None:
        if isinstance(order, kind) and order.shard % 2:
            raise Dead

    result = spread(world, Crowd(world.context(), begins=begins))
    assert (result.exit_code, result.summary.balanced, result.summary.rows.unknown) == (3, True, 0)
    assert set(world.applied().values()) == {1}
    assert kinds(world) == sorted(kinds(world))


def test_where_nobody_is_reached_the_coordinator_goes_on_alone(world: World) -> None:
    """An engine that is away holds no opt-out back."""
    world.seed(people())
    result = spread(world, Crowd(world.context(), count=0))
    assert (result.summary.balanced, result.summary.rows.unknown) == (True, 0)
    assert set(world.applied().values()) == {1}


def test_a_refusal_stops_all_hands_and_names_its_place(world: World) -> None:
    """The run is stopped as it is in one process; when the platform takes it, `resume` completes it."""
    world.seed(people())
    body = {"message": "Forbidden"}
    world.faults([{"fault": "answer", "status": 403, "body": body, "operation": "updateContacts", "nth": [3]}])
    result = spread(world)
    assert (result.exit_code, result.summary.status) == (5, "stopped")
    assert "403" in str(result.error)
    assert len(world.mutations()) < 10
    world.faults([])
    crowd = Crowd(world.context())
    again = run.resume(result.summary.run_id, world.context(hands=crowd))
    assert (again.exit_code, again.summary.rows.unknown, str(again.error)) == (3, 0, "None")
    assert set(world.applied().values()) == {1}
    assert crowd.orders


def out(world: World, crowd: Crowd, **more: Any) -> Result:
    """A sync of as many opt-outs, a request each, that take their time."""
    world.seed(contacts_of(COUNT))
    world.faults([{"fault": "latency", "operation": "updateContacts", "seconds": 0.5}])
    export = world.export(rows_of(COUNT, email_opt_in="N"))
    return world.sync(world.mapping(batch_size=1), export, hands=crowd, **more)


def test_a_stop_reaches_the_hands(world: World) -> None:
    """What is in flight is settled, nothing else is sent, and `resume` goes on; the reason is told."""
    stop = Stop()

    def progress(stage: str, done: int, total: int | None) -> None:
        if stage == "deliver" and done:
            stop.because("stopped by its time limit of 1 minute")

    result = out(world, Crowd(world.context()), stop=stop, progress=progress)
    assert (result.exit_code, result.summary.status) == (5, "interrupted")
    assert "time limit" in str(result.error)
    assert result.summary.rows.updated == len(world.mutations()) < COUNT // 2
    world.faults([])
    assert world.resume(result.summary.run_id).summary.rows.updated == COUNT
    assert set(world.applied().values()) == {1}


def test_a_database_that_dies_ends_all_sending(world: World, postgresql: str) -> None:
    """Coordinator and hands have lost their locks, so somebody else may write: they end, and `resume` goes on."""
    engine = sa.create_engine(postgresql.replace("postgresql://", "postgresql+psycopg://"))
    killed: list[int] = []

    def progress(stage: str, done: int, total: int | None) -> None:
        if stage == "deliver" and done and not killed:
            with engine.begin() as connection:
                held = "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'"
                killed.append(len(connection.execute(sa.text(held)).all()))

    result = out(world, Crowd(world.context()), progress=progress)
    engine.dispose()
    assert (result.summary.status, killed[0] >= 3) == ("interrupted", True)
    assert len(world.mutations()) < COUNT // 2
    world.faults([])
    assert world.resume(result.summary.run_id).summary.rows.updated == COUNT
    assert set(world.applied().values()) == {1}


def test_an_engine_whose_workers_are_gone_is_waited_for_as_long_as_it_says(world: World) -> None:
    """When nobody was at work for so long, the coordinator plans and delivers by itself."""
    world.seed(people())
    idle = Idle(patience_seconds=0.5)
    result = spread(world, hands=idle)
    assert (result.summary.balanced, result.summary.rows.unknown) == (True, 0)
    assert set(world.applied().values()) == {1}
    assert len(idle.cancelled) > 4


def test_a_hand_with_other_credentials_is_refused(world: World, tmp_path: Path) -> None:
    """What its machine lacks is said with the machine's name, and nothing is sent by it."""
    world.seed(people())
    other = world.context(home=tmp_path / "elsewhere")

    def begins(order: AnyOrder) -> None:
        if isinstance(order, Order):
            crowd.context = other

    crowd = Crowd(world.context(), begins=begins)
    result = spread(world, crowd)
    assert (result.exit_code, result.summary.status) == (5, "interrupted")
    assert "a worker on" in str(result.error)
    assert world.mutations() == []


def test_a_hand_that_does_not_see_the_folder_plans_nothing(world: World, tmp_path: Path) -> None:
    """The coordinator plans those shards, as where a home is shared by what is published of it."""
    world.seed(people())

    def begins(order: AnyOrder) -> None:
        crowd.context = world.context(home=tmp_path / "elsewhere") if isinstance(order, PlanOrder) else world.context()

    crowd = Crowd(world.context(), begins=begins)
    result = spread(world, crowd)
    assert (result.summary.balanced, result.summary.rows.unknown) == (True, 0)
    assert {said.planned for said in crowd.told} == {None}


def test_a_list_that_has_grown_since_the_plan_binds_the_hands(world: World) -> None:
    """Whoever is on it by then is held by them too, and the manifest says how many."""
    world.seed(people())
    mapping = world.mapping(batch_size=3)
    mapping.write_text(mapping.read_text().replace("policy: {", "policy: {suppression: list.txt, "))
    (mapping.parent / "list.txt").write_text("nobody@example.com\n")
    planned = world.plan(mapping, world.export(rows()))
    (mapping.parent / "list.txt").write_text("c0001@example.com\n")
    crowd = Crowd(world.context())
    result = run.apply(planned.summary.run_id, world.context(hands=crowd))
    assert world.outcomes(result)[key_of(1)]["reason"] == "suppressed"
    assert key_of(1) not in world.applied()
    assert any(isinstance(order, Order) and order.lists for order in crowd.orders)
    _, manifest = standing.existing(result.summary.run_id, world.context())
    assert [facts.held for facts in manifest.suppression_since] == [1]


def test_a_canary_goes_first_and_by_itself(world: World) -> None:
    """One that differs stops the rest: no hand is given anything to deliver."""
    world.seed(people())
    world.sandbox.faults([{"fault": "poison_row", "key": key_of(3), "code": "BAD_USER_INPUT", "message": "no"}])
    crowd = Crowd(world.context())
    asked = Request(world.mapping(batch_size=3), world.export(rows()), canary=COUNT // 3)
    result = run.sync(asked, world.context(hands=crowd))
    assert result.exit_code == 4
    assert not [order for order in crowd.orders if isinstance(order, Order)]
    again = run.apply(result.summary.run_id, world.context(hands=crowd), approve=result.summary.plan_hash)
    assert again.summary.rows.unknown == 0, str(again.error)
    assert [order for order in crowd.orders if isinstance(order, Order)]
    assert set(world.applied().values()) == {1}
