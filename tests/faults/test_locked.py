"""A ledger that another process holds: it is waited for, then told, and nothing is lost."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from pipeline import run
from pipeline.context import Request
from pipeline.errors import StorageError
from pipeline.sandbox.server import Options, Sandbox

from .destinations import WAYS, Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pipeline.context import Context

COUNT = 12


class Tripwire:
    """The sandbox's clock; at its next reading something happens, if that is asked for."""

    def __init__(self) -> None:
        self.then: Callable[[], object] | None = None

    def __call__(self) -> float:
        then, self.then = self.then, None
        if then is not None:
            then()
        return time.time()


@pytest.fixture(scope="module")
def wired() -> Iterator[tuple[Sandbox, Tripwire]]:
    """A sandbox with a tripwire."""
    tripwire = Tripwire()
    with Sandbox(Options(clock=tripwire)) as sandbox:
        yield sandbox, tripwire


class Hasty(Trial):
    """A stage that waits for its ledger for a moment only."""

    def context(self, **settings: str) -> Context:
        """A context with that ledger."""
        ledger = f"sqlite:///{self.home / 'ledger.db'}?timeout={self.seconds}"
        return super().context(consent_sync_database_url=ledger, **settings)

    seconds = 0.05


@pytest.fixture(params=["acoustic_connect", "ivvy", "wix"])
def trial(request: pytest.FixtureRequest, wired: tuple[Sandbox, Tripwire], tmp_path: Path) -> Hasty:
    """A destination where half of the contacts are there."""
    trial = Hasty(tmp_path, wired[0], WAYS[request.param].subject, count=COUNT)
    trial.home.mkdir()
    trial.prepare(frozenset(range(1, COUNT + 1, 2)), {})
    return trial


@pytest.fixture
def other(trial: Hasty) -> Iterator[sqlite3.Connection]:
    """Another writer of the ledger."""
    with closing(sqlite3.connect(trial.home / "ledger.db", isolation_level=None, check_same_thread=False)) as other:
        yield other


def planned(trial: Trial) -> str:
    """A plan."""
    request = Request(trial.quick_mapping(batch_size=3), trial.export(trial.rows()))
    return run.plan(request, trial.context()).summary.run_id


def test_a_ledger_that_stays_locked_is_told_and_nothing_is_sent(trial: Hasty, other: sqlite3.Connection) -> None:
    """Exit code 1 with the file and the next step after the wait; when it is free, `resume` ends as planned."""
    run_id = planned(trial)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match=r"ledger\.db.*locked.*resume") as raised:
        run.resume(run_id, trial.context())
    assert (raised.value.exit_code, trial.writes()) == (1, [])
    other.execute("COMMIT")
    trial.require_planned(run.resume(run_id, trial.context()), frozenset())


def test_a_ledger_that_is_locked_for_a_moment_is_waited_for(trial: Hasty, other: sqlite3.Connection) -> None:
    """A look into it does not end a run."""
    run_id = planned(trial)
    trial.seconds = 10
    other.execute("BEGIN IMMEDIATE")
    free = threading.Timer(0.2, other.execute, ("COMMIT",))
    free.start()
    trial.require_planned(run.resume(run_id, trial.context()), frozenset())
    free.join()


def test_a_ledger_that_is_locked_in_the_middle_of_a_run(
    trial: Hasty, other: sqlite3.Connection, wired: tuple[Sandbox, Tripwire]
) -> None:
    """What was sent by then is in flight in the ledger, and settled by `resume`; nobody is there twice."""
    run_id = planned(trial)
    first = trial.subject.writes[0] if trial.subject.name != "wix" else "bulkUpsert"
    trial.sandbox.faults([{"fault": "latency", "seconds": 0.1, "operation": first}])

    def hold() -> None:
        other.execute("BEGIN IMMEDIATE")

    stop = threading.Thread(target=until, args=(lambda: bool(trial.writes()), lambda: setattr(wired[1], "then", hold)))
    stop.start()
    with pytest.raises(StorageError):
        run.resume(run_id, trial.context())
    stop.join()
    other.execute("COMMIT")
    trial.sandbox.faults([])
    trial.require_planned(run.resume(run_id, trial.context()), frozenset())


def until(happened: Callable[[], bool], then: Callable[[], object]) -> None:
    """Waits for something, a while at most."""
    pause = threading.Event()
    for _ in range(2000):
        if happened():
            then()
            return
        pause.wait(0.005)
