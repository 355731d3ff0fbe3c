"""The Prefect state of each ending."""

from __future__ import annotations

import pytest

from flows.ending import state_of
from flows.request import Failure
from pipeline.carried_out import Result
from pipeline.errors import DestinationBusy, GuardTripped, Interrupted, MappingError, Unreachable
from pipeline.model import RunStatus
from pipeline.reporting.summary import Rows, Summary

CLEAN = {"read": 2, "updated": 2}


def ended(
    rows: dict[str, int], status: RunStatus = RunStatus.PARTIAL, *, withheld: int = 0, balanced: bool = True
) -> Result:
    """A run that came to its end with these outcomes."""
    summary = Summary(
        run_id="R-1",
        destination="acoustic_connect",
        status=status,
        plan_hash="0" * 64,
        balanced=balanced,
        rows=Rows(**rows),
        withheld={"email_invalid": withheld} if withheld else {},
        run_dir="home/runs/R-1",
        report="home/runs/R-1/report.html",
    )
    return Result(summary)


ENDINGS = {
    "clean": (ended(CLEAN, RunStatus.COMPLETED), "Completed"),
    "held": (ended({"read": 2, "updated": 1, "held": 1}), "Completed"),
    "withheld": (ended(CLEAN, withheld=1), "Completed"),
    "rejected": (ended({"read": 2, "updated": 1, "rejected": 1}), "Failed"),
    "failed": (ended({"read": 2, "updated": 1, "failed": 1}), "Failed"),
    "unknown": (ended({"read": 2, "updated": 1, "unknown": 1}), "Failed"),
    "unbalanced": (ended({"read": 3, "updated": 2}, balanced=False), "Failed"),
    "planned with rejects": (ended({"read": 2, "updated": 1, "rejected": 1}, RunStatus.PLANNED), "Completed"),
    "guard": (Result(ended({"read": 2}).summary, GuardTripped("stopped by its guards")), "Failed"),
    "destination down": (Result(ended({"read": 2}).summary, Unreachable("no answer")), "Failed"),
    "interrupted": (Result(ended({"read": 2}).summary, Interrupted("`consent-sync resume R-1` goes on")), "Failed"),
    "wrong mapping": (MappingError("unknown key", file="m.yaml", line=3), "Failed"),
    "held destination": (DestinationBusy("another run holds it"), "Failed"),
}


@pytest.mark.parametrize(("ending", "name"), ENDINGS.values(), ids=ENDINGS.keys())
def test_the_state_is_honest(ending: Result, name: str) -> None:
    """What needs somebody's attention is Failed, by one of Prefect's own names; the message says what it is."""
    state = state_of(ending, Failure.REJECTED)
    assert state.name == name
    assert str(ending.error if isinstance(ending, Result) and ending.error else "") in (state.message or "")


@pytest.mark.parametrize(
    ("failure", "failing"),
    [
        (Failure.FAILED, {"failed"}),
        (Failure.REJECTED, {"failed", "rejected"}),
        (Failure.HELD, {"failed", "rejected", "held"}),
    ],
)
def test_the_request_says_what_counts_as_failure(failure: Failure, failing: set[str]) -> None:
    """Each word includes those before it."""
    for outcome in ("held", "rejected", "failed"):
        state = state_of(ended({"read": 2, "updated": 1, outcome: 1}), failure)
        assert state.is_failed() == (outcome in failing), outcome
    assert state_of(ended(CLEAN, withheld=1), failure).is_failed() == (failure is Failure.HELD)


def test_the_message_counts() -> None:
    """It has every outcome that occurred, and nothing but counts."""
    message = state_of(ended({"read": 5003, "updated": 5000, "rejected": 3}, withheld=7), Failure.REJECTED).message
    assert message == "R-1: 5,003 records: 5,000 updated, 3 rejected; 7 parts withheld"


def test_a_cancelled_run_is_cancelled_only_where_somebody_asked_prefect_to() -> None:
    """A signal from anywhere else is a failure, and no other error hides behind a cancellation."""
    interrupted = Result(ended({"read": 2}).summary, Interrupted("`consent-sync resume R-1` goes on"))
    cancelled = state_of(interrupted, Failure.REJECTED, cancelling=True)
    assert (cancelled.name, "consent-sync resume R-1" in (cancelled.message or "")) == ("Cancelled", True)
    down = Result(ended({"read": 2}).summary, Unreachable("no answer"))
    assert state_of(down, Failure.REJECTED, cancelling=True).name == "Failed"
