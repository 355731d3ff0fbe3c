"""The chain: plan, apply, sync and resume. The command line and the Prefect flow both call it."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline import delivering, lock, mapping_file, planning, reporting, reverting
from pipeline.errors import ConsentSyncError, DestinationBusy, GuardTripped, RunFolderError
from pipeline.ledger import Ledger
from pipeline.model import RunStatus
from pipeline.run_folder import Manifest, RunFolder, restrict_new_files
from pipeline.session import connect
from pipeline.subject import Subject, bound, destination_of, job_as_planned, renamed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.context import Context, Request
    from pipeline.destinations.interface import Audience
    from pipeline.job import Job
    from pipeline.mapping_file import MappingFile
    from pipeline.session import Session
    from pipeline.summary import Summary

SHORTEST_APPROVAL = 12


@dataclass(frozen=True, slots=True)
class Result:
    """What a command came to: its summary, and what stopped it, if anything did."""

    summary: Summary
    error: ConsentSyncError | None = None

    @property
    def exit_code(self) -> int:
        """0 all settled and clean, 3 finished with exceptions, else the error's."""
        if self.error is not None:
            return self.error.exit_code
        return 0 if self.summary.clean or self.summary.status is RunStatus.PLANNED else 3


@dataclass(frozen=True, slots=True)
class Run:
    """A plan and what it is carried out with."""

    folder: RunFolder
    manifest: Manifest
    job: Job
    context: Context
    ledger: Ledger


def plan(request: Request, context: Context) -> Result:
    """Everything but the writing: the run folder with the plan, its figures and its hash. Sends no mutation."""
    file = mapping_file.load(request.mapping)
    with _ledger(context) as ledger, _opened(file, context) as (session, job, audience):
        # A run that holds the destination now records itself, and makes this plan stale.
        with suppress(DestinationBusy), lock.holding(context.home, job.destination, job.account):
            _record_earlier(job, context, ledger)
        run = _plan(request, Subject(file, job, audience), context, ledger, session)
        return Result(reporting.write_plan(run), _tripped(run.manifest))


def sync(request: Request, context: Context) -> Result:
    """Plan, guards, apply, report."""
    file = mapping_file.load(request.mapping)
    with (
        _ledger(context) as ledger,
        _opened(file, context) as (session, job, audience),
        lock.holding(context.home, job.destination, job.account) as held,
    ):
        _record_earlier(job, context, ledger)
        run = _plan(request, Subject(file, job, audience), context, ledger, session)
        held.name(run.folder.run_id)
        if (error := _tripped(run.manifest)) is not None:
            return Result(reporting.write_stopped(run), error)
        return _carry_out(run, session, watchful=False)


def revert(run_id: str, context: Context) -> Result:
    """The plan of a run of its own that gives back the consents that a run has changed. Sends no mutation."""
    folder, manifest = existing(run_id, context)
    file = mapping_file.load(folder.path / "mapping.yaml")
    with _ledger(context) as ledger, _opened(file, context) as (session, now_bound, audience):
        _require_account(now_bound, folder, manifest)
        with suppress(DestinationBusy), lock.holding(context.home, now_bound.destination, now_bound.account):
            _record_earlier(now_bound, context, ledger)
        subject = Subject(file, renamed(now_bound, manifest), audience)
        plan_of = reverting.plan(reverting.past(folder, manifest, ledger), subject, context, ledger, session)
        run = Run(*plan_of, renamed(now_bound, plan_of[1]), context, ledger)
        return Result(reporting.write_plan(run), _tripped(run.manifest))


def apply(run_id: str, context: Context, *, approve: str | None = None) -> Result:
    """Carries out exactly the plan of a run. `approve`: the plan's hash; it lets tripped guards pass."""
    folder, manifest = existing(run_id, context)
    _require_approval(manifest, approve)
    return _go_on(folder, manifest, context)


def resume(run_id: str, context: Context) -> Result:
    """Goes on after a crash or an outage: reads back what was in flight before anything is sent again."""
    folder, manifest = existing(run_id, context)
    if manifest.status in {RunStatus.PLANNED, RunStatus.STOPPED}:
        with _ledger(context) as ledger:
            begun = bool(ledger.batches(folder.run_id))
        if not begun:
            _require_approval(manifest, None)
    return _go_on(folder, manifest, context)


def report(run_id: str, context: Context) -> Result:
    """Writes the report again from the run folder and the ledger; asks the destination nothing."""
    folder, manifest = existing(run_id, context)
    job = job_as_planned(folder)
    with _ledger(context) as ledger:
        run = Run(folder, manifest, job, context, ledger)
        if manifest.status == RunStatus.PLANNED:
            return Result(reporting.write_plan(run))
        return Result(reporting.write(run, RunStatus(manifest.status)))


def runs(context: Context) -> list[dict[str, Any]]:
    """All runs of the ledger, the last first."""
    with _ledger(context) as ledger:
        return ledger.runs()


def _record_earlier(job: Job, context: Context, ledger: Ledger) -> None:
    """Runs that were killed have told contacts what the state does not know; whoever plans next must know it."""
    for run_id in ledger.unrecorded(job.destination, job.account):
        with suppress(RunFolderError):
            folder, manifest = existing(run_id, context)
            delivering.record(Run(folder, manifest, job_as_planned(folder), context, ledger))
        ledger.set_status(run_id, str(RunStatus.INTERRUPTED), None)


def _plan(request: Request, subject: Subject, context: Context, ledger: Ledger, session: Session) -> Run:
    perform = context.perform
    draft = perform("open the export", lambda: planning.draft(request, subject, context))
    count = perform("read", lambda: planning.read(draft, context))
    shards = [
        perform(
            f"plan shard {shard + 1} of {draft.shards}", partial(planning.plan_shard, draft, shard, context, session)
        )
        for shard in range(draft.shards)
    ]
    planning.require_complete(draft, count, shards)
    history = ledger.history(subject.job.destination, subject.job.account, subject.job.mapping)
    manifest = perform("guard", lambda: planning.seal(draft, shards, history))
    ledger.add_run(manifest, subject.job.mapping)
    ledger.log_requests(manifest.run_id, session.take_log())
    return Run(draft.folder, manifest, subject.job, context, ledger)


def _carry_out(run: Run, session: Session, *, watchful: bool) -> Result:
    """deliver -> reconcile -> record -> report. What stops delivery is reported, and returned with the summary.

    `watchful`: the plan is not of this moment, so permissions are compared with the destination once more.
    """
    perform, error = run.context.perform, None
    # Until it is recorded what came of it, the run counts as killed, should it be.
    run.ledger.set_status(run.folder.run_id, str(RunStatus.PLANNED), None)
    status = None
    try:
        perform("deliver", lambda: delivering.deliver(run, session, watchful=watchful))
    except ConsentSyncError as stopped:
        error, status = stopped, delivering.status_after(stopped)
    finally:
        run.ledger.log_requests(run.folder.run_id, session.take_log())
    perform("record", lambda: delivering.record(run))
    summary = perform("report", lambda: reporting.write(run, status))
    return Result(summary, error)


def existing(run_id: str, context: Context) -> tuple[RunFolder, Manifest]:
    """A run as it was planned. Raises RunFolderError where its files were changed since."""
    folder = RunFolder.open(context.home, run_id)
    manifest = folder.manifest()
    folder.require_unchanged(manifest)
    return folder, manifest


def _go_on(folder: RunFolder, manifest: Manifest, context: Context) -> Result:
    file = mapping_file.load(folder.path / "mapping.yaml")
    with (
        _ledger(context) as ledger,
        _opened(file, context) as (session, now_bound, _),
        lock.holding(context.home, now_bound.destination, now_bound.account) as held,
    ):
        held.name(folder.run_id)
        _require_account(now_bound, folder, manifest)
        job = renamed(now_bound, manifest)
        ledger.add_run(manifest, job.mapping)
        later = ledger.overtaken_by(folder.run_id)
        if later is not None:
            raise RunFolderError(
                f"run {later} has written to this destination since {folder.run_id} was planned; its plan is stale: "
                + (
                    f"`consent-sync revert {manifest.reverts}` plans again"
                    if manifest.reverts
                    else "plan the export again"
                )
            )
        return _carry_out(Run(folder, manifest, job, context, ledger), session, watchful=True)


def _require_account(now_bound: Job, folder: RunFolder, manifest: Manifest) -> None:
    if now_bound.account != manifest.account:
        raise RunFolderError(
            f"run {folder.run_id} was planned for the account {manifest.account}, and the settings lead to "
            f"{now_bound.account}; nothing was done; correct the settings or plan the export again"
        )


def _tripped(manifest: Manifest) -> GuardTripped | None:
    if not manifest.tripped:
        return None
    said = "; ".join(f"{guard.name}: {guard.says} (limit {guard.limit:g})" for guard in manifest.tripped)
    return GuardTripped(
        f"stopped by its guards, nothing was sent: {said}. Look at the plan; if it is right, "
        f"`consent-sync apply {manifest.run_id} --approve {manifest.plan_hash[:SHORTEST_APPROVAL]}` carries it out"
    )


def _require_approval(manifest: Manifest, approve: str | None) -> None:
    """Raises RunFolderError for another plan's hash, GuardTripped where a tripped guard has no approval."""
    if approve is None:
        if (error := _tripped(manifest)) is not None:
            raise error
        return
    if len(approve) < SHORTEST_APPROVAL or not manifest.plan_hash.startswith(approve.lower()):
        raise RunFolderError(
            f"the plan of run {manifest.run_id} has the hash {manifest.plan_hash[:SHORTEST_APPROVAL]}, not "
            f"{approve[:SHORTEST_APPROVAL]}; nothing was sent; look at the plan again and approve its own hash"
        )


@contextmanager
def _ledger(context: Context) -> Iterator[Ledger]:
    restrict_new_files()
    ledger = Ledger.at(context.home, context.settings.database_url)
    try:
        yield ledger
    finally:
        ledger.close()


@contextmanager
def _opened(file: MappingFile, context: Context) -> Iterator[tuple[Session, Job, Audience]]:
    destination = destination_of(file, context.settings)
    with connect(destination, file.mapping.delivery, context.stop, context.patience) as session:
        job, audience = bound(file, session)
        yield session, job, audience
