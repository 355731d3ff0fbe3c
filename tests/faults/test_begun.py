"""iVvy carries out a batch after it was accepted: what is still to come of it is waited for, and not sent again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from pipeline import run
from pipeline.context import Request
from pipeline.ledger import begun
from pipeline.ledger.ledger import opened
from pipeline.sandbox.server import Options, Sandbox

from .destinations import WAYS, Trial

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COUNT = 12
QUEUE_SECONDS = 60


class Clock:
    """The platform's time; it passes when it is told to."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def timed() -> Iterator[tuple[Sandbox, Clock]]:
    """A sandbox whose batches take as long as the clock says."""
    clock = Clock()
    with Sandbox(Options(clock=clock)) as sandbox:
        yield sandbox, clock


@pytest.fixture
def trial(timed: tuple[Sandbox, Clock], tmp_path: Path) -> Trial:
    """An account whose batches wait, and where a contact that is added twice is there twice."""
    timed[1].now = time.time()
    trial = Trial(tmp_path, timed[0], WAYS["ivvy_batches"].subject, count=COUNT)
    trial.prepare(frozenset(), {"batch_queue_seconds": QUEUE_SECONDS, "duplicate_add": "duplicate"})
    return trial


def submitted(trial: Trial, run_id: str) -> int:
    """How many batches that write were accepted."""
    with opened(trial.context()) as ledger:
        return sum(map(len, begun.of(ledger, run_id).values()))


def test_what_is_still_queued_is_not_sent_again(trial: Trial, timed: tuple[Sandbox, Clock]) -> None:
    """However often it is resumed, its rows are unknown; when the batch has ended they are created, each sent once."""
    path = trial.quick_mapping(batch_size=COUNT, concurrency=1)
    brief = "poll_seconds: 0.001, batch_seconds: 0.01, find_by: scan"
    path.write_text(path.read_text().replace("poll_seconds: 0.001", brief))
    run_id = run.plan(Request(path, trial.export(trial.rows())), trial.context()).summary.run_id
    for _ in range(3):
        result = run.resume(run_id, trial.context())
        assert (result.error, result.summary.rows.unknown, trial.stored()) == (None, COUNT, {})
        assert submitted(trial, run_id) == 2
    timed[1].now += QUEUE_SECONDS
    trial.sandbox.settings("ivvy", batch_queue_seconds=0)
    trial.require_planned(run.resume(run_id, trial.context()), frozenset())
    assert submitted(trial, run_id) == 2
