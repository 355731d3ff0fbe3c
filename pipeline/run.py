"""The chain: plan, apply, sync and resume. The command line and the Prefect flow both call it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pipeline import mapping_file, single_writer, suppression
from pipeline.carried_out import Result, Run
from pipeline.delivery import approval, canary, delivered_before, delivering, looking_back, origins, recording, standing
from pipeline.errors import ConsentSyncError, DestinationBusy, RunFolderError
from pipeline.hands import plan_spreading
from pipeline.ledger.ledger import opened
from pipeline.meeting import met
from pipeline.model import Extent, RunStatus
from pipeline.pacing.book import note_slowed
from pipeline.planning import arrival, deciding, drafting, filling, past, reverting, sealing
from pipeline.reporting import reporting
from pipeline.subject import Subject, job_as_planned, renamed

if TYPE_CHECKING:
    from pipeline.context import Context, Request
    from pipeline.job import Job
    from pipeline.ledger.ledger import Ledger
    from pipeline.mapping_file import MappingFile
    from pipeline.run_folder import Manifest, RunFolder
    from pipeline.session import Session


@dataclass(frozen=True, slots=True)
class Leave:
    """What somebody who applies or resumes a plan lets it do, and the hash they approved it by."""

    extent: Extent
    approved_hash: str | None
    canary: int | None
    notes: tuple[str, ...]


def plan(request: Request, context: Context) -> Result:
    """Everything but the writing: the run folder with the plan, its figures and its hash. Sends no mutation."""
    file = mapping_file.load(request.mapping)
    with opened(context) as ledger, met(file, context, ledger) as (session, job, audience):
        # A run that holds the destination now records itself, and makes this plan stale.
        with suppress(DestinationBusy), single_writer.writing(context, ledger, job):
            _record_earlier(job, context, ledger)
        run = _plan(request, Subject(file, job, audience), context, ledger, session)
        error = approval.stopped_by_guards(run.folder, run.manifest)
        return Result(reporting.write_plan(run, error), error)


def sync(request: Request, context: Context) -> Result:
    """Plan, guards, apply, report; nothing of it where the last run has delivered just this."""
    file = mapping_file.load(request.mapping)
    with opened(context) as ledger:
        before = delivered_before.found(request, file, context, ledger)
        return _sync(request, file, context, ledger) if before is None else before


def _sync(request: Request, file: MappingFile, context: Context, ledger: Ledger) -> Result:
    with (
        met(file, context, ledger) as (session, job, audience),
        single_writer.writing(context, ledger, job) as held,
    ):
        _record_earlier(job, context, ledger)
        run = _plan(request, Subject(file, job, audience), context, ledger, session)
        held.name(run.folder.run_id)
        context.announce(run.folder.run_id)
        if (error := approval.stopped_by_guards(run.folder, run.manifest)) is not None:
            return Result(reporting.write_stopped(run, error), error)
        ledger.permit(run.folder.run_id, Extent.WHOLE, None, context.clock())
        canary.admit(run, request.canary, begun=False, approved=False)
        return _carry_out(run, session, Extent.WHOLE, watchful=False)


def revert(run_id: str, context: Context) -> Result:
    """The plan of a run of its own that gives back the consents that a run has changed. Sends no mutation."""
    folder, manifest = standing.existing(run_id, context)
    standing.require_whole(manifest)
    file = mapping_file.load(folder.path / "mapping.yaml")
    with opened(context) as ledger, met(file, context, ledger) as (session, now_bound, audience):
        standing.require_account(now_bound, manifest)
        with suppress(DestinationBusy), single_writer.writing(context, ledger, now_bound):
            _record_earlier(now_bound, context, ledger)
        subject = Subject(file, renamed(now_bound, manifest), audience)
        plan_of = reverting.plan(past.finished(folder, manifest, ledger), subject, context, ledger, session)
        run = Run(*plan_of, renamed(now_bound, plan_of[1]), context, ledger)
        error = approval.stopped_by_guards(run.folder, run.manifest)
        return Result(reporting.write_plan(run, error), error)


def apply(
    run_id: str,
    context: Context,
    *,
    approve: str | None = None,
    extent: Extent = Extent.WHOLE,
    first: int | None = None,
) -> Result:
    """Carries out exactly the plan of a run, or its opt-outs while the rest waits.

    `approve`: the plan's hash; it lets tripped guards pass, and the rest follow a canary that differed. `first`: the
    canary's size. Raises RunFolderError where the export or the mapping has changed since.
    """
    folder, manifest = standing.existing(run_id, context)
    approval.require_approval(folder, manifest, approve, extent)
    begun, permitted = _standing(folder, context)
    if begun:
        approval.require_extent(manifest, extent, permitted)
    notes = origins.require_same(manifest, begun=begun)
    return _go_on(folder, manifest, context, Leave(extent, manifest.plan_hash if approve else None, first, notes))


def resume(run_id: str, context: Context) -> Result:
    """Goes on after a crash or an outage: reads back what was in flight before anything is sent again.

    It finishes what was begun, whatever became of export and mapping, and nothing that still waits for an approval.
    """
    folder, manifest = standing.existing(run_id, context)
    begun, permitted = _standing(folder, context)
    notes: tuple[str, ...] = ()
    if not begun:
        if permitted is None and manifest.status in {RunStatus.PLANNED, RunStatus.STOPPED}:
            approval.require_approval(folder, manifest, None, Extent.WHOLE)
        notes = origins.require_same(manifest, begun=False)
    return _go_on(folder, manifest, context, Leave(permitted or Extent.WHOLE, None, None, notes))


def report(run_id: str, context: Context) -> Result:
    """Writes the report again from the run folder and the ledger; asks the destination nothing."""
    folder, manifest = standing.existing(run_id, context)
    job = job_as_planned(folder)
    with opened(context) as ledger:
        run = Run(folder, manifest, job, context, ledger)
        if manifest.status == RunStatus.PLANNED and not ledger.batches(folder.run_id):
            return Result(reporting.write_plan(run))
        if manifest.status == RunStatus.PLANNED:
            # It was killed: what it told is recorded before anything calls it interrupted.
            with single_writer.holding(context, ledger, job.destination, job.account):
                recording.record(run)
                return Result(reporting.write(run, RunStatus.INTERRUPTED))
        return Result(reporting.write(run, RunStatus(manifest.status)))


def runs(context: Context) -> list[dict[str, Any]]:
    """All runs of the ledger, the last first."""
    with opened(context) as ledger:
        return ledger.runs()


def _record_earlier(job: Job, context: Context, ledger: Ledger) -> None:
    """Runs that were killed have told contacts what the state does not know; whoever plans next must know it."""
    for run_id in ledger.unrecorded(job.destination, job.account):
        try:
            folder, manifest = standing.existing(run_id, context)
            recording.record(Run(folder, manifest, job_as_planned(folder), context, ledger))
        except RunFolderError:
            if ledger.is_shared:  # It may be another machine's, which has its folder.
                continue
        ledger.set_status(run_id, str(RunStatus.INTERRUPTED), None)


def _plan(request: Request, subject: Subject, context: Context, ledger: Ledger, session: Session) -> Run:
    perform = context.perform
    draft, exported = arrival.read(request, subject, context, ledger)
    # Before the plan is sealed: a run that is killed from then on can be resumed, and has its canary.
    canary.ask(ledger, draft.folder.run_id, request.canary)
    count = exported + drafting.read_again(draft, exported, context, ledger)
    planned = plan_spreading.plan_shards(draft, context, ledger, session)
    deciding.require_complete(draft, count, planned)
    shards = filling.fill(draft, planned, context, session)
    history = ledger.history(subject.job.destination, subject.job.account, subject.job.mapping)
    manifest = perform("guard", lambda: sealing.seal(draft, shards, history, session))
    ledger.add_run(manifest, subject.job.mapping)
    ledger.log_requests(manifest.run_id, session.take_log())
    note_slowed(ledger, manifest.run_id, session.take_slowed(), context.clock())
    return Run(draft.folder, manifest, subject.job, context, ledger)


def _standing(folder: RunFolder, context: Context) -> tuple[bool, Extent | None]:
    """Whether something of a run was sent, and how much was let through."""
    with opened(context) as ledger:
        return bool(ledger.batches(folder.run_id)), ledger.permitted(folder.run_id)


def _carry_out(run: Run, session: Session, extent: Extent, *, watchful: bool) -> Result:
    """deliver -> reconcile -> record -> report. What stops delivery is reported, and returned with the summary.

    `watchful`: the plan is not of this moment, so permissions are compared with the destination once more.
    """
    perform = run.context.perform
    error: ConsentSyncError | None = None
    # Until it is recorded what came of it, the run counts as killed, should it be.
    run.ledger.set_status(run.folder.run_id, str(RunStatus.PLANNED), None)
    status: RunStatus | None = None
    with recording.Recording(run) as recorded:
        try:
            perform("deliver", lambda: delivering.deliver(run, session, extent, recorded.settled, watchful=watchful))
        except ConsentSyncError as stopped:
            error, status = stopped, delivering.status_after(stopped)
        finally:
            run.ledger.log_requests(run.folder.run_id, session.take_log())
            note_slowed(run.ledger, run.folder.run_id, session.take_slowed(), run.context.clock())
        if error is None and len(run.ledger.batches(run.folder.run_id)) < run.manifest.batches:
            error, status = approval.rest_waits(run.folder, run.manifest), RunStatus.STOPPED
        perform("record", recorded.finish)
    summary = perform("report", lambda: reporting.write(run, status, error))
    delivered_before.note(run, summary.status)
    return Result(summary, error)


def _go_on(folder: RunFolder, manifest: Manifest, context: Context, leave: Leave) -> Result:
    standing.require_whole(manifest)
    file = mapping_file.load(folder.path / "mapping.yaml")
    with (
        opened(context) as ledger,
        met(file, context, ledger) as (session, now_bound, _),
        single_writer.writing(context, ledger, now_bound) as held,
    ):
        held.name(folder.run_id)
        context.announce(folder.run_id)
        standing.require_account(now_bound, manifest)
        job = renamed(now_bound, manifest)
        ledger.add_run(manifest, job.mapping)
        lists = suppression.load_again(manifest, file, context.clock())
        run = Run(folder, manifest, job, context, ledger, lists)
        if (stale := standing.stale(manifest, ledger)) is not None:
            return looking_back.settle(run, session, stale)
        begun = bool(ledger.batches(folder.run_id))
        canary.admit(run, leave.canary, begun=begun, approved=leave.approved_hash is not None)
        ledger.permit(folder.run_id, leave.extent, leave.approved_hash, context.clock())
        return replace(_carry_out(run, session, leave.extent, watchful=True), notes=leave.notes)
