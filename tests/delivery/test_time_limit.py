"""A run that was given so much time stops by itself, as after a signal, and can be resumed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from pipeline.stopping import Stop, limited, why

from .world import contacts_of, rows_of

if TYPE_CHECKING:
    from .commands import Commands
    from .world import World

pytest_plugins = ["tests.delivery.fixtures"]


@pytest.mark.parametrize("given", ["option", "setting"])
def test_a_run_whose_time_is_over_settles_what_is_in_flight(
    world: World, command: Commands, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    """Exit code 5, a message that says it was the time limit, and the command that goes on; each contact once."""
    world.seed(contacts_of(60))
    world.faults([{"fault": "latency", "operation": "updateContacts", "seconds": 1}])
    mapping, export = world.mapping(batch_size=2), world.export(rows_of(60))
    if given == "setting":
        monkeypatch.setenv("CONSENT_SYNC_TIME_LIMIT_MINUTES", "0.05")
    more = ("--time-limit", "0.05") if given == "option" else ()
    ended = command("sync", mapping, "--export", export, *more)
    assert ended.code == 5
    assert "stopped by its time limit of 0.05 minutes; `consent-sync resume" in ended.err
    [run_id] = [path.name for path in world.home.glob("runs/*")]
    outcomes = world.outcomes(run_id)
    assert {key for key, row in outcomes.items() if row["outcome"] == "updated"} == set(world.applied())
    world.faults([])
    result = world.resume(run_id)
    assert (result.exit_code, result.summary.rows.updated) == (0, 60)
    assert set(world.applied().values()) == {1}


def test_a_plan_whose_time_is_over_says_so(world: World, command: Commands) -> None:
    """Nothing was sent; the same command starts again."""
    world.seed(contacts_of(3))
    world.faults([{"fault": "throttle", "operation": "contacts", "retry_after": 60}])
    ended = command("plan", world.mapping(), "--export", world.export(rows_of(3)), "--time-limit", "0.02")
    assert ended.code == 5
    assert "stopped by its time limit of 0.02 minutes" in ended.err
    assert "run the same command again" in ended.err


def test_the_first_reason_stays() -> None:
    """A signal that comes before the time is over is what stopped it; without either nothing is stopped."""
    stop = Stop()
    with limited(stop, 10):
        assert not stop.is_set()
    stop.set()
    stop.because("stopped by its time limit")
    assert (why(stop), why(threading.Event())) == ("stopped", "stopped")
