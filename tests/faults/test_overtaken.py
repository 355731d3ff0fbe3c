"""A run that was cut off and then overtaken by another: what it sent is settled by reading, and no more is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from pipeline import run
from pipeline.context import Request
from pipeline.errors import RunFolderError, Unreachable
from pipeline.ledger.ledger import opened
from pipeline.sandbox.server import Sandbox
from tests.destinations.conformance import key_of, row_of

from .destinations import WAYS, Trial

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.carried_out import Result

COUNT = 12


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    """A sandbox."""
    with Sandbox() as sandbox:
        yield sandbox


LOST: Final[dict[str, Any]] = {"fault": "gateway_timeout", "write": True, "operation": "updateContacts", "after": 1}
DOWN: Final[dict[str, Any]] = {"fault": "server_error", "operation": "contacts", "after": 1}
"""The look before the batch goes through, and the one after it does not."""


def cut_off(trial: Trial) -> str:
    """A run whose second batch took effect unseen, as the platform then went down; the third one never left."""
    mapping = trial.quick_mapping(batch_size=4, concurrency=1)
    run_id = run.plan(Request(mapping, trial.export(trial.rows())), trial.context()).summary.run_id
    trial.sandbox.faults([LOST, DOWN])
    assert isinstance(run.resume(run_id, trial.context()).error, Unreachable)
    trial.sandbox.faults([])
    return run_id


def unseen(trial: Trial, run_id: str) -> list[int]:
    """Who was changed by the run, and nobody knows."""
    result = run.report(run_id, trial.context())
    unknown = {key for key, row in trial.outcomes(result).items() if row["outcome"] == "unknown"}
    found = sorted(n for n, [of] in trial.stored().items() if of.note and key_of(n) in unknown)
    assert len(found) > 1
    return found


def unclear(trial: Trial, run_id: str) -> int:
    """How many batches nobody knows of."""
    with opened(trial.context()) as ledger:
        return sum(not row.clear for row in ledger.batches(run_id).values())


@pytest.fixture
def trial(running: Sandbox, tmp_path: Path) -> Trial:
    """An audience where half of the contacts are there."""
    trial = Trial(tmp_path, running, WAYS["acoustic_connect"].subject, count=COUNT)
    trial.prepare(frozenset(range(1, COUNT + 1)), {})
    return trial


def overtake(trial: Trial, number: int) -> Result:
    """Another run changes a contact."""
    return trial.sync([row_of(number, note="newer")], trial.quick_mapping())


def test_what_arrived_is_settled_and_the_rest_is_stale(trial: Trial) -> None:
    """Confirmed where it shows, failed where another run wrote since, not sent where it never left; then it stops."""
    run_id = cut_off(trial)
    assert unclear(trial, run_id) > 0
    arrived = {n for n, [of] in trial.stored().items() if of.note}
    changed = unseen(trial, run_id)[0]
    other = overtake(trial, changed)
    trial.sandbox.clear_requests()
    result = run.resume(run_id, trial.context())
    assert isinstance(result.error, RunFolderError)
    assert other.summary.run_id in str(result.error)
    assert (trial.writes(), unclear(trial, run_id), result.summary.balanced) == ([], 0, True)
    outcomes = trial.outcomes(result)
    said = {n: (outcomes[key_of(n)]["outcome"], outcomes[key_of(n)]["reason"]) for n in range(1, COUNT + 1)}
    assert {n for n, of in said.items() if of == ("updated", "")} == arrived - {changed}
    assert said[changed] == ("failed", "changed_meanwhile")
    assert {said[n] for n in said if n not in arrived} == {("unknown", "not_sent")}
    with pytest.raises(RunFolderError, match=other.summary.run_id):
        run.resume(run_id, trial.context())


def test_a_run_that_was_settled_so_can_be_reverted(trial: Trial) -> None:
    """Those whom it told are given back what they had; who was changed since is left alone."""
    run_id = cut_off(trial)
    arrived = [n for n, [of] in trial.stored().items() if of.note]
    overtake(trial, unseen(trial, run_id)[0])
    run.resume(run_id, trial.context())
    planned = run.revert(run_id, trial.context())
    assert planned.summary.rows.read == len(arrived) - 1


def test_settling_by_reading_overtakes_nobody(trial: Trial) -> None:
    """A plan of after it was cut off can still be carried out: nothing was written meanwhile."""
    run_id = cut_off(trial)
    overtake(trial, 1)
    path = trial.quick_mapping()
    later = run.plan(Request(path, trial.export([row_of(2, note="later")])), trial.context()).summary
    run.resume(run_id, trial.context())
    assert run.apply(later.run_id, trial.context(), approve=later.plan_hash).summary.rows.updated == 1
