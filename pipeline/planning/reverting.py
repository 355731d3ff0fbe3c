"""Makes a plan that takes back what a run told: the statuses that it found, for whoever nobody changed since.

The records are those that the run has applied, under their numbers there. Only consents go back: a run keeps what was
there before of statuses, not of attributes.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline import mapping_file, suppression
from pipeline.destinations.kept_audience import audience_json
from pipeline.erasure.forgotten import Forgotten
from pipeline.errors import RunFolderError, UsageError
from pipeline.job import Words, row_key
from pipeline.mapping.words import GROUP
from pipeline.model import Column, Outcome, Reason, Status
from pipeline.planning import filling, sealing
from pipeline.planning.deciding import Decided, write_shard
from pipeline.planning.drafting import Draft, source_of
from pipeline.planning.past import Finished
from pipeline.run_folder import Manifest, RunFolder
from pipeline.stages import records, revert, suppress
from pipeline.stages.forgotten import withheld, without_rest
from pipeline.stages.guard import Judged, Unit
from pipeline.stages.intents import intents
from pipeline.stages.map import map_records
from pipeline.stages.outcomes import APPLIED, settle_items
from pipeline.stages.resolve import decide
from pipeline.stages.revert import Reverted, Since
from pipeline.stages.seen import one_row_per_identity
from pipeline.stages.split import gather, people_of
from pipeline.stages.told import against_state
from pipeline.state import State, buckets_of_shard
from pipeline.subject import Origin, Subject, job_as_planned, restoring

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.context import Context
    from pipeline.job import Job
    from pipeline.ledger.ledger import Ledger
    from pipeline.planning.sealing import Planned
    from pipeline.session import Session

GUARD: Final = "reverted_opt_outs"


def plan(
    of: Finished, subject: Subject, context: Context, ledger: Ledger, session: Session
) -> tuple[RunFolder, Manifest]:
    """The plan of the revert in a run folder of its own. Only reads from the destination."""
    perform = context.perform
    draft = perform("open the run", lambda: _draft(of, subject, context, ledger))
    later = perform("what was said since", lambda: _since(of, draft.job, context, ledger))
    shards, counted = [], 0
    for shard in range(draft.shards):
        context.check_stop()
        planned, lifted = _plan_shard(of, draft, shard, later, context, session)
        counted += lifted
        shards.append(planned)
    if not sum(shard.figures.read for shard in shards):
        raise UsageError(f"run {of.folder.run_id} has changed nobody, so there is nothing to revert")
    says = f"{counted:,} contacts who are opted out or restricted now would no longer be"
    guard = Judged(GUARD, 0, float(counted), says, Unit.COUNT)
    manifest = sealing.seal(draft, filling.fill(draft, shards, context, session), (), session, [guard])
    ledger.add_run(manifest, f"revert of {subject.job.mapping}")
    ledger.log_requests(manifest.run_id, session.take_log())
    return draft.folder, manifest


def _draft(of: Finished, subject: Subject, context: Context, ledger: Ledger) -> Draft:
    """Opens the run folder. Raises RunFolderError where the mapping's targets mean something else by now."""
    if [t.key for t in subject.job.targets] != [t.key for t in job_as_planned(of.folder).targets]:
        raise RunFolderError(
            f"the groups that run {of.folder.run_id} wrote to are others at the destination now; nothing was sent; "
            "correct them there, or send the statuses by an export"
        )
    if not subject.job.targets:
        raise UsageError(f"run {of.folder.run_id} wrote no consent, and old values of attributes are kept nowhere")
    now = context.clock()
    file = replace(subject.file, path=Path(of.manifest.mapping))
    lists = suppression.load(file, now)
    folder = RunFolder.create(context.home, f"revert-{file.path.stem}", now, ledger.knows)
    folder.write_bytes("mapping.yaml", (of.folder.path / "mapping.yaml").read_bytes())
    folder.write_bytes("audience.json", audience_json(subject.audience))
    folder.write_bytes("header.json", json.dumps(["identity", *_columns(subject.job)]).encode())
    origin = Origin(str(of.folder.path), of.manifest.plan_hash, of.folder.run_id)
    job = restoring(subject.job)
    shards = of.manifest.shards
    return Draft(file, origin, None, job, subject.audience, folder, shards, full=False, lists=lists, begun_at=now)


def _columns(job: Job) -> dict[str, pl.Expr]:
    """What stands in place of an export's columns: what the run left of each target, and what was there before."""
    columns = {}
    for target in job.targets:
        columns[f"{target.key} left"] = pl.col(target.part)
        columns[f"{target.key} before"] = pl.col(target.before)
    return columns


def _plan_shard(
    of: Finished, draft: Draft, shard: int, since: Since, context: Context, session: Session
) -> tuple[Planned, int]:
    """The numbers of a shard, and how many opt-outs it ends."""
    job, applied = draft.job, of.applied(shard)
    mine = pl.col(Column.RECORD).is_in(applied.get_column(Column.RECORD).implode())
    people = of.folder.read_plan("records", shard, mine).select(Column.RECORD, Column.LINE, Column.IDENTITY)
    _write_source(draft, shard, applied, people)
    fitting = _fitting(draft, session)
    wanted = revert.wanted(applied, fitting, job, Reverted(of.folder.run_id, of.settled_at, draft.begun_at))
    forgotten = Forgotten(context.home).about(_known(of, shard, people, applied, job), job)
    wanted = withheld(wanted, forgotten, job)
    told = State(context.home, job.destination, job.account).read(buckets_of_shard(shard, draft.shards))
    compared = against_state(wanted, told, job)
    context.progress(f"shard {shard + 1} of {draft.shards}: asking the destination about contacts", 0, wanted.height)
    shown = session.read(job, wanted)
    listed = draft.lists.listed
    seen = one_row_per_identity(suppress.mark(shown, listed, job, stored=True) if listed else shown)
    if draft.lists.listed:
        compared = suppress.mark(compared, draft.lists.listed, job)
    frame = revert.unless_changed(compared, seen, since, job, of.settled_at)
    resolved = decide(frame, seen, wanted.get_column(Column.IDENTITY), job)
    resolved = without_rest(revert.with_notes(resolved, frame, job), forgotten, job)
    decided = records.decided(resolved, job)
    if job.by_address:
        draft.folder.write_parquet(draft.folder.plan_file("addresses", shard), decided)
        decided = gather(decided, people_of(people))
    draft.folder.write_parquet(draft.folder.plan_file("opt_outs", shard), resolved.opt_outs)
    whole = decided.sort(Column.RECORD)
    planned = write_shard(draft, shard, whole, Decided(resolved, wanted, shown), session)
    return planned, revert.lifted(resolved.changes, wanted, job)


def _known(of: Finished, shard: int, people: pl.DataFrame, applied: pl.DataFrame, job: Job) -> Iterator[pl.DataFrame]:
    """Identities and addresses of a shard's records: as they were sent, and as the export has them all.

    A revert of a revert finds them in the run that read the export; where that is gone, what was sent has to do.
    """
    yield people.with_columns(pl.lit(None, pl.String).alias(a.part) for a in job.addresses)
    yield applied
    folder, manifest = of.folder, of.manifest
    while manifest.reverts is not None:
        try:
            folder = RunFolder.open(folder.path.parent.parent, manifest.reverts)
        except RunFolderError:
            return
        manifest = folder.manifest()
    source = source_of(folder, shard, mapping_file.load(folder.path / "mapping.yaml"))
    yield map_records(source, job, datetime.fromisoformat(manifest.planned_at))


def _write_source(draft: Draft, shard: int, applied: pl.DataFrame, people: pl.DataFrame) -> None:
    columns = _columns(draft.job)
    statuses = applied.group_by(Column.RECORD).agg(e.drop_nulls().first().alias(n) for n, e in columns.items())
    rows = people.join(statuses, on=Column.RECORD, how="left", maintain_order="left")
    draft.folder.write_parquet(draft.folder.source(shard) / "00000.parquet", rows)


def _fitting(draft: Draft, session: Session) -> dict[str, frozenset[str]]:
    """Target's part -> the statuses that the destination can be given, CLEAR among them where it knows it."""
    job, known = draft.job, mapping_file.STATUSES[draft.file.mapping.destination]
    cleared = tuple(replace(t, status=Words(constant=str(Status.CLEAR))) for t in job.targets)
    refused = {path for path, _ in session.destination.check(replace(job, targets=cleared))}
    return {
        t.part: frozenset(known[t.channel or GROUP]) - ({str(Status.CLEAR)} if t.path in refused else set())
        for t in job.targets
    }


def _since(of: Finished, job: Job, context: Context, ledger: Ledger) -> Since:
    """What later runs told, and what the last export of each mapping says, of the same destination and account."""
    told: list[pl.DataFrame] = []
    last: dict[str, Finished] = {}
    for run in _later(of, context, ledger):
        told += [_told(run, shard, job) for shard in range(run.manifest.shards)]
        if run.manifest.reverts is None:
            last[run.manifest.mapping] = run
    said = [frame for run in last.values() for frame in _forbidden(run, context)]
    return Since(revert.merged(told), revert.merged(said))


def _later(of: Finished, context: Context, ledger: Ledger) -> Iterator[Finished]:
    """Later runs in the order of time. Raises RunFolderError where nobody can say what one of them told."""
    mine = [
        run
        for run in reversed(ledger.runs())
        if (run["destination"], run["account"]) == (of.manifest.destination, of.manifest.account)
    ]
    position = next(i for i, run in enumerate(mine) if run["run_id"] == of.folder.run_id)
    for run in mine[position + 1 :]:
        batches = ledger.batches(run["run_id"])
        try:
            folder = RunFolder.open(context.home, run["run_id"])
            yield Finished(folder, folder.manifest(), batches, of.settled_at)
        except RunFolderError as error:
            if batches:
                raise RunFolderError(
                    f"run {run['run_id']} has written since {of.folder.run_id}, and what it told cannot be read; "
                    "put its folder back, or send the statuses by an export"
                ) from error


def _told(run: Finished, shard: int, job: Job) -> pl.DataFrame:
    """What a run told of a shard's contacts, or may have told."""
    items = run.folder.read_plan("items", shard, without=[Column.WIRE])
    settled = settle_items(items, run.batches, shard)
    sent = pl.col(Column.OUTCOME).is_in([*APPLIED, str(Outcome.UNKNOWN)])
    some = settled.filter(sent & (pl.col(Column.REASON) != Reason.NOT_SENT).fill_null(value=True))
    rows = items.join(some, on=row_key(job), how="semi")
    return rows.select(Column.IDENTITY, *(t.part for t in job.targets if t.part in rows.columns))


def _forbidden(run: Finished, context: Context) -> Sequence[pl.DataFrame]:
    job = job_as_planned(run.folder)
    frames = []
    for shard in range(run.manifest.shards):
        source = source_of(run.folder, shard, mapping_file.load(run.folder.path / "mapping.yaml"))
        said = intents(source, job, context.clock())
        frames += [revert.forbidden(frame, job) for frame in (said.folded.identities, said.witnesses)]
    return frames
