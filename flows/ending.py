"""What a run came to, as a Prefect state. Messages hold counts, never an address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect.states import Cancelled, Completed, Failed

from flows.approval import Declined
from flows.request import Failure
from pipeline.carried_out import Result
from pipeline.errors import ConsentSyncError, Interrupted
from pipeline.model import Outcome, RunStatus
from pipeline.reporting.drift_report import Drift

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

    from pipeline.reporting.summary import Summary

Ending = Result | Drift | ConsentSyncError
"""A run that came to its end or was stopped, an audit, or what came before a run."""
_FAILING = {
    Failure.FAILED: (Outcome.FAILED, Outcome.UNKNOWN),
    Failure.REJECTED: (Outcome.FAILED, Outcome.UNKNOWN, Outcome.REJECTED),
    Failure.HELD: (Outcome.FAILED, Outcome.UNKNOWN, Outcome.REJECTED, Outcome.HELD),
}


def state_of(ending: Ending, failure: Failure, *, cancelling: bool = False) -> State[Any]:
    """The state of the flow run, with `ending` as its data for who called the flow in this process.

    Prefect's own names: a state with another name is missing from a deployment's list of runs. `cancelling`: somebody
    asked Prefect to cancel this run; a signal from anywhere else is a failure that must be noticed.
    """
    message = message_of(ending)
    error = error_of(ending)
    if isinstance(error, Declined) or (cancelling and isinstance(error, Interrupted)):
        return Cancelled(message=message, data=ending)
    return (Failed if _failed(ending, failure) else Completed)(message=message, data=ending)


def error_of(ending: Ending) -> ConsentSyncError | None:
    """What stopped it."""
    if isinstance(ending, Drift):
        return None
    return ending if isinstance(ending, ConsentSyncError) else ending.error


def _failed(ending: Ending, failure: Failure) -> bool:
    if isinstance(ending, Drift):
        return ending.exit_code != 0
    if isinstance(ending, ConsentSyncError) or ending.error is not None:
        return True
    summary = ending.summary
    if summary.status is RunStatus.PLANNED:
        return False
    withheld = failure is Failure.HELD and bool(summary.withheld)
    return not summary.balanced or withheld or any(getattr(summary.rows, o) for o in _FAILING[failure])


def message_of(ending: Ending) -> str:
    """The sentence of the state."""
    if isinstance(ending, ConsentSyncError):
        return str(ending)
    if isinstance(ending, Drift):
        return (
            f"{ending.contacts:,} contacts of the {ending.compared_with}: {ending.match:,} match, {ending.differ:,} "
            f"differ, {ending.missing:,} missing, {ending.opted_out_since:,} opted out since (drift {ending.share:.2%})"
        )
    said = f"{ending.summary.run_id}: {counts(ending.summary)}"
    return f"{said}. {ending.error}" if ending.error is not None else said


def counts(summary: Summary) -> str:
    """`10 records: 4 updated, 3 rejected, 3 failed; 2 parts withheld`, with what is wrong or only planned in words."""
    found = [f"{getattr(summary.rows, o):,} {o}" for o in Outcome if getattr(summary.rows, o)]
    said = f"{summary.rows.read:,} records: {', '.join(found) or 'none settled'}"
    if summary.withheld:
        said += f"; {sum(summary.withheld.values()):,} parts withheld"
    if summary.status is RunStatus.PLANNED:
        said += "; planned, nothing was sent"
    return said if summary.balanced else f"{said}; NOT BALANCED, report this with the run folder"
