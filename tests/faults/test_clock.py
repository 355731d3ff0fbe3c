"""A clock that goes back, between runs and within one, changes no outcome and loses nothing."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from pipeline import run
from pipeline.context import Request
from pipeline.errors import RunFolderError
from pipeline.ledger.ledger import opened
from pipeline.sandbox.server import Sandbox
from tests.destinations.conformance import row_of

from .destinations import WAYS, Trial

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.context import Context

COUNT = 12


class Backwards:
    """Each reading is three hours before the last one."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        self.now -= timedelta(hours=3)
        return self.now


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    """A sandbox."""
    with Sandbox() as sandbox:
        yield sandbox


class Late(Trial):
    """A stage whose clock goes back."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.clock = Backwards()

    def context(self, **settings: str) -> Context:
        """A context with that clock."""
        return replace(super().context(**settings), clock=self.clock)


@pytest.fixture(params=["acoustic_connect", "ivvy", "wix"])
def trial(request: pytest.FixtureRequest, running: Sandbox, tmp_path: Path) -> Late:
    """A destination where half of the contacts are there."""
    trial = Late(tmp_path, running, WAYS[request.param].subject, count=COUNT)
    trial.prepare(frozenset(range(1, COUNT + 1, 2)), {})
    return trial


def test_an_interrupted_run_ends_as_planned(trial: Late) -> None:
    """Cut off and resumed hours before it was planned; the same export again finds nothing to send."""
    mapping = trial.quick_mapping(batch_size=3)
    run_id = run.plan(Request(mapping, trial.export(trial.rows())), trial.context()).summary.run_id
    trial.sandbox.faults([{"fault": "server_error", "operation": name, "after": 1} for name in trial.subject.writes])
    trial.require_true(run.resume(run_id, trial.context()))
    trial.sandbox.faults([])
    trial.require_planned(run.resume(run_id, trial.context()), frozenset())
    trial.sandbox.clear_requests()
    again = trial.sync(trial.rows(), mapping)
    assert (again.summary.rows.unchanged, trial.writes()) == (COUNT, [])


def test_a_plan_is_stale_whatever_the_clock_says(trial: Late) -> None:
    """A run that wrote after another was planned, hours before it by the clock, has overtaken it."""
    mapping = trial.quick_mapping()
    planned = run.plan(Request(mapping, trial.export([row_of(1, note="old")])), trial.context()).summary
    newer = trial.sync([row_of(1, note="new")], mapping).summary.run_id
    trial.sandbox.clear_requests()
    with pytest.raises(RunFolderError, match=newer):
        run.apply(planned.run_id, trial.context(), approve=planned.plan_hash)
    assert trial.writes() == []


def test_a_plan_of_after_a_run_is_not_stale(trial: Late) -> None:
    """A run that had ended overtakes nobody, though its times are later than the plan's."""
    mapping = trial.quick_mapping()
    trial.sync([row_of(1, note="old")], mapping)
    planned = run.plan(Request(mapping, trial.export([row_of(1, note="new")])), trial.context()).summary
    assert run.apply(planned.run_id, trial.context(), approve=planned.plan_hash).summary.rows.updated == 1
    assert trial.stored()[1][0].note == "new"


def test_runs_are_in_the_order_in_which_they_were_planned(trial: Late) -> None:
    """So that a revert knows what was told after the run that it takes back."""
    mapping = trial.quick_mapping()
    ids = [trial.sync([row_of(1, note=note)], mapping).summary.run_id for note in ("a", "b", "c")]
    with opened(trial.context()) as ledger:
        assert [row["run_id"] for row in ledger.runs()] == ids[::-1]


def test_the_name_of_a_run_whose_folder_is_gone_is_not_given_again(trial: Late) -> None:
    """The ledger knows what that run has sent: another run of its name would take it for its own."""
    first = datetime.now(UTC)
    trial.clock.now = first
    mapping = trial.quick_mapping()
    gone = trial.sync([row_of(1, note="old")], mapping).summary
    shutil.rmtree(gone.run_dir)
    trial.clock.now = first
    result = trial.sync([row_of(1, note="new")], mapping)
    assert result.summary.run_id != gone.run_id
    assert (result.summary.rows.updated, trial.stored()[1][0].note) == (1, "new")
