"""What each mode does, and whether it waits for an approval before anything is sent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, assert_never

from flows.approval import Decision, Declined
from flows.request import Approval, Mode, SyncRequest
from pipeline import run, verifying
from pipeline.carried_out import Result
from pipeline.context import Request
from pipeline.errors import GuardTripped
from pipeline.model import Extent, RunStatus

if TYPE_CHECKING:
    from pipeline.context import Context
    from pipeline.reporting.drift_report import Drift


class Approver(Protocol):
    """Somebody who can be asked about a plan."""

    def waiting(self) -> str | None:
        """The run whose plan somebody was asked about already."""

    def ask(self, result: Result) -> tuple[Decision, str]:
        """What is decided about the plan of a run that was stopped or only planned, and the hash it is decided by."""

    def decided(self, run_id: str) -> tuple[Decision, str]:
        """What was decided about the plan that somebody was asked about."""


def carry_out(
    request: SyncRequest, context: Context, approver: Approver | None = None, interrupted: str | None = None
) -> Result | Drift:
    """Does what is asked for. Without an approver a plan that needs an approval is not sent, and says so.

    `interrupted`: the run that was killed when the same was asked for before; it is gone on with.
    """
    if approver is not None and (run_id := approver.waiting()) is not None:
        return _as_decided(run_id, *approver.decided(run_id), context)
    if interrupted is not None:
        request = request.model_copy(update={"mode": Mode.RESUME, "run": interrupted})
    ending = _begun(request, context)
    if approver is None or not isinstance(ending, Result) or not _waits(request, ending):
        return ending
    return _as_decided(ending.summary.run_id, *approver.ask(ending), context)


def _begun(request: SyncRequest, context: Context) -> Result | Drift:
    asked = Request(Path(request.mapping), Path(request.export), request.full, request.force, request.canary)
    match request.mode:
        case Mode.PLAN:
            return run.plan(asked, context)
        case Mode.SYNC:
            return (run.plan if request.approval is Approval.ALWAYS else run.sync)(asked, context)
        case Mode.APPLY | Mode.RESUME:
            return _gone_on(request, context)
        case Mode.REVERT:
            return run.revert(request.run, context)
        case Mode.VERIFY:
            export = Path(request.export) if request.export else None
            audit = verifying.Audit(Path(request.mapping), export, request.destination_only, request.max_drift)
            return context.perform("verify", lambda: verifying.verify(audit, context))
        case _:
            assert_never(request.mode)


def _gone_on(request: SyncRequest, context: Context) -> Result:
    if request.approval is Approval.ALWAYS:
        return run.report(request.run, context)
    try:
        if request.mode is Mode.RESUME:
            return run.resume(request.run, context)
        approve = request.approve or None
        return run.apply(request.run, context, approve=approve, extent=request.only, first=request.canary)
    except GuardTripped as error:
        return replace(run.report(request.run, context), error=error)


def _waits(request: SyncRequest, ending: Result) -> bool:
    """Whether nothing of a plan was sent that would be sent if somebody approved it."""
    if request.mode is Mode.PLAN or request.approval is Approval.NEVER or request.only is Extent.OPT_OUTS:
        return False
    if isinstance(ending.error, GuardTripped):
        return True
    planned = ending.error is None and ending.summary.status is RunStatus.PLANNED
    return planned and (request.mode is Mode.REVERT or request.approval is Approval.ALWAYS)


def _as_decided(run_id: str, decision: Decision, approve: str, context: Context) -> Result:
    match decision:
        case Decision.APPROVE:
            return run.apply(run_id, context, approve=approve)
        case Decision.OPT_OUTS:
            return run.apply(run_id, context, approve=approve, extent=Extent.OPT_OUTS)
        case Decision.REJECT:
            said = f"the plan {approve} of run {run_id} was rejected, and nothing was sent"
            return replace(run.report(run_id, context), error=Declined(said))
        case _:
            assert_never(decision)
