"""Flow runs whose process is gone."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from prefect.client.orchestration import get_client
from prefect.states import Cancelling, Crashed, Pending, Running

from flows import reaper
from flows.sync_consent import sync_consent
from pipeline import pulse
from pipeline.alerting import EPISODES
from pipeline.ledger.ledger import Ledger
from tests.delivery.world import rows_of
from tests.flows.world import request_of

if TYPE_CHECKING:
    from prefect import State

    from tests.delivery.world import World

NOBODY = 2**22 + 1
"""A number that no process has."""


@pytest.fixture(autouse=True)
def _here(prefect_api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", prefect_api)


def begun(world: World, state: State[Any], pid: int | None = None) -> str:
    """A flow run that Prefect believes in."""
    parameters = {"request": request_of(world, rows_of(1)).model_dump(mode="json")}
    with get_client(sync_client=True) as client:
        made = client.create_flow_run(sync_consent, parameters=parameters, state=state)
        client.update_flow_run(made.id, infrastructure_pid=None if pid is None else str(pid))
    return str(made.id)


def state_of(flow_run: str) -> tuple[str, str]:
    """What Prefect believes now."""
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(flow_run).state  # type: ignore[arg-type]
    assert state is not None
    return str(state.name), str(state.message)


def died(world: World, flow_run: str, **facts: Any) -> None:
    """The file that its process has left behind."""
    with pulse.beating(world.home, flow_run):
        pass
    path = world.home / pulse.FOLDER / f"{flow_run}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pid": NOBODY} | facts))


def test_a_run_that_ended_unheard_gets_the_state_of_its_ledger(world: World) -> None:
    """Prefect was away at its end: it is Completed, as the run is."""
    result = world.sync(world.mapping(), world.export(rows_of(2, email_opt_in="N")))
    flow_run = begun(world, Running())
    died(world, flow_run, run_id=result.summary.run_id, ended=True, attempt=9)
    reaper.reap(world.home)
    name, said = state_of(flow_run)
    assert (name, "2 updated. By the ledger" in said) == ("Completed", True), said


def test_a_run_that_died_before_it_sent_anything_says_so(world: World) -> None:
    """Crashed, and it can be started again."""
    flow_run = begun(world, Running())
    died(world, flow_run, attempt=9)
    reaper.reap(world.home)
    assert state_of(flow_run)[0] == "Crashed"
    assert "nothing was sent" in state_of(flow_run)[1]


@pytest.mark.parametrize("state", [Running, Pending])
def test_a_run_that_lives_is_left_alone(world: World, state: Any) -> None:
    """While it holds its lock, or while it is about to begin."""
    flow_run = begun(world, state(), NOBODY)
    reaper.reap(world.home)
    assert state_of(flow_run)[0] == state().name, "it may be about to begin"
    with pulse.beating(world.home, flow_run):
        reaper.reap(world.home, now=datetime.now(UTC) + timedelta(hours=1))
    assert state_of(flow_run)[0] == state().name


def test_a_process_that_never_came_to_hold_its_lock_is_found_by_its_number(world: World) -> None:
    """After a while, and only if there is no process of that number."""
    dead, alive = begun(world, Pending(), NOBODY), begun(world, Pending(), 1)
    reaper.reap(world.home, now=datetime.now(UTC) + timedelta(minutes=3))
    assert state_of(dead)[0] == "Crashed"
    assert state_of(alive)[0] == "Pending"


def test_a_run_that_its_worker_saw_die_says_how_far_it_came(world: World) -> None:
    """Prefect's worker knows of an exit code alone; it is told once, and so are operators."""
    flow_run = begun(world, Crashed(message="Flow run process exited with non-zero status code -9."))
    died(world, flow_run, attempt=9)
    assert len(reaper.reap(world.home)) == 1
    assert (state_of(flow_run)[0], "nothing was sent" in state_of(flow_run)[1]) == ("Crashed", True)
    assert lasting(world) == [("mapping m", "failed")]
    assert reaper.reap(world.home) == []


def test_a_run_that_was_cancelled_while_it_died_is_no_trouble(world: World) -> None:
    """Somebody wished it to end."""
    flow_run = begun(world, Cancelling())
    died(world, flow_run, attempt=9)
    reaper.reap(world.home)
    assert state_of(flow_run)[0] == "Cancelled"
    assert lasting(world) == []


def test_a_run_that_was_asked_for_otherwise_is_ended_all_the_same(world: World) -> None:
    """Whatever an earlier version took as parameters."""
    with get_client(sync_client=True) as client:
        made = client.create_flow_run(sync_consent, parameters={"request": {"colour": "red"}}, state=Running())
    died(world, str(made.id), attempt=9)
    reaper.reap(world.home)
    assert state_of(str(made.id))[0] == "Crashed"


def lasting(world: World) -> list[tuple[str, str]]:
    """The episodes that operators were told of."""
    with closing(Ledger.at(world.home, None)) as ledger, ledger.transaction() as connection:
        return [tuple(row) for row in connection.execute(sa.select(EPISODES.c.subject, EPISODES.c.alert))]
