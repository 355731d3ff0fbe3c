"""Makes a plan: reads the export into shards, decides every record, and seals the result with a hash."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.destinations.interface import audience_json
from pipeline.errors import ExportError, MappingErrors
from pipeline.model import Column, Operation, Outcome, RunStatus
from pipeline.rejects import MALFORMED, REJECT_COLUMNS
from pipeline.run_folder import GuardFigure, Manifest, RunFolder
from pipeline.stages import records, suppress
from pipeline.stages.batch import batch
from pipeline.stages.guard import Figures, Judged, judge
from pipeline.stages.intents import intents
from pipeline.stages.map import identity_of
from pipeline.stages.resolve import decide
from pipeline.stages.seen import one_row_per_identity
from pipeline.stages.split import gather
from pipeline.stages.told import against_state, to_ask
from pipeline.state import BUCKETS, State, bucket_of, buckets_of_shard
from pipeline.subject import Origin, export_of
from pipeline.summary import opt_out_of_opt_in, opted_out_kin, raised_to_opt_in, transitions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from pipeline.context import Context, Request
    from pipeline.destinations.interface import Audience
    from pipeline.job import Job
    from pipeline.mapping_file import MappingFile
    from pipeline.session import Session
    from pipeline.stages.read import Export
    from pipeline.stages.resolve import Resolved
    from pipeline.subject import Subject

SHARD_BYTES: Final = 256 * 1024 * 1024
"""An export of up to so many bytes is one shard."""
PACKED: Final = 8
"""How much larger a compressed export is taken to be."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A plan in the making: everything is known but the records."""

    file: MappingFile
    origin: Origin
    export: Export | None
    """None: the records are those of another run."""
    job: Job
    audience: Audience
    folder: RunFolder
    shards: int
    full: bool
    begun_at: datetime
    """Before anything was read: whatever is written to the destination from now on makes the plan stale."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What a shard would do, in numbers."""

    figures: Figures
    transitions: dict[str, dict[str, int]]
    batches: int
    items: int


def draft(request: Request, subject: Subject, context: Context) -> Draft:
    """Compares the export with the mapping, and opens the run folder."""
    file = subject.file
    export = export_of(file, request.export)
    packed = PACKED if request.export.suffix in {".gz", ".zip"} else 1
    # What an address or its kin says counts wherever it stands, so such an export is not divided.
    divisible = not (subject.job.by_address or subject.job.kin)
    shards = 1
    while divisible and shards < BUCKETS and export.size_bytes * packed > shards * SHARD_BYTES:
        shards *= 2
    now = context.clock()
    folder = RunFolder.create(context.home, file.path.stem, now)
    folder.write_bytes("mapping.yaml", file.path.read_bytes())
    folder.write_bytes("audience.json", audience_json(subject.audience))
    folder.write_bytes("header.json", json.dumps([c for c in export.header if c not in REJECT_COLUMNS]).encode())
    origin = Origin(str(export.container.path), export.sha256)
    return Draft(file, origin, export, subject.job, subject.audience, folder, shards, request.full, now)


def read(draft: Draft, context: Context) -> int:
    """Reads the export into the shards' folders; returns the number of its records, malformed ones included."""
    malformed: list[pl.DataFrame] = []
    read = 0
    for number, chunk in enumerate(draft.export.chunks() if draft.export else ()):
        context.check_stop()
        read += chunk.records.height + chunk.malformed.height
        malformed.append(chunk.malformed)
        for shard, rows in _by_shard(chunk.records, draft):
            draft.folder.write_parquet(draft.folder.source(shard) / f"{number:05d}.parquet", rows)
        context.progress("read", read, None)
    apart = pl.concat(malformed) if malformed else None
    if apart is not None and not apart.is_empty():
        draft.folder.write_parquet(draft.folder.path / "source" / MALFORMED, apart)
    return read


def _by_shard(records: pl.DataFrame, draft: Draft) -> Iterable[tuple[int, pl.DataFrame]]:
    if draft.shards == 1:
        return ((0, records),) if not records.is_empty() else ()
    numbered = records.with_columns((bucket_of(identity_of(draft.job)) % draft.shards).fill_null(0).alias("_shard"))
    return tuple(
        (int(key[0]), rows) for key, rows in numbered.partition_by("_shard", include_key=False, as_dict=True).items()
    )


def plan_shard(draft: Draft, shard: int, context: Context, session: Session) -> Planned:
    """Decides every record of a shard and writes its part of the plan; only reads from the destination."""
    context.check_stop()
    job = draft.job
    said = intents(source_of(draft.folder, shard, draft.file), job, context.clock())
    identities = said.folded.identities
    suppression = suppression_of(draft)
    if suppression is not None:
        identities = suppress.mark(identities, suppression, job)
    told = State(context.home, job.destination, job.account).read(buckets_of_shard(shard, draft.shards))
    compared = against_state(identities, told, job, full=draft.full)
    asked = to_ask(compared, job)
    context.progress(f"shard {shard + 1} of {draft.shards}: asking the destination about contacts", 0, asked.len())
    wanted = compared.filter(pl.col(Column.IDENTITY).is_in(asked.implode()))
    seen = one_row_per_identity(session.read(job, wanted))
    if suppression is not None:
        seen = suppress.mark(seen, suppression, job)
    resolved = decide(compared, seen, asked, job)
    decided = pl.concat([records.decided(resolved, job), records.superseded(said.folded, job)])
    if said.split is not None:
        draft.folder.write_parquet(draft.folder.plan_file("addresses", shard), decided)
        decided = gather(decided, said.split.records)
    apart = [records.rejected(said.validated.rejected), *(_malformed(draft) if shard == 0 else ())]
    whole = pl.concat([decided, *apart]).sort(Column.RECORD)
    return write_shard(draft, shard, whole, resolved, session)


def source_of(folder: RunFolder, shard: int, file: MappingFile) -> pl.DataFrame:
    """The records of a shard as they were read, in the columns that the mapping reads."""
    files = sorted(folder.source(shard).glob("*.parquet"))
    used = [Column.RECORD, Column.LINE, *file.mapping.columns()]
    columns = {c: pl.Int64 if c in (Column.RECORD, Column.LINE) else pl.String for c in used}
    return pl.read_parquet(files, columns=used) if files else pl.DataFrame(schema=columns)


def write_shard(draft: Draft, shard: int, whole: pl.DataFrame, resolved: Resolved, session: Session) -> Planned:
    """Writes a shard's part of the plan: all of its records, and what changes as items."""
    job = draft.job
    wires = {operation: session.destination.encode(job, operation) for operation in Operation}
    items = batch(resolved.changes, job, wires, session.destination.limits)
    draft.folder.write_parquet(draft.folder.plan_file("records", shard), whole)
    draft.folder.write_parquet(draft.folder.plan_file("items", shard), items)
    rejected = whole.filter(pl.col(Column.DECISION) == Outcome.REJECTED).height
    kin = sum(opted_out_kin(items, target, job) for target in job.targets)
    figures = Figures(
        read=whole.height,
        rejected=rejected,
        known=int(resolved.decided.get_column(Column.KNOWN).sum()) + kin,
        opt_outs=items.filter(opt_out_of_opt_in(job)).height + kin,
        opt_ins=items.filter(raised_to_opt_in(job)).height,
    )
    return Planned(figures, transitions(items, job), items.get_column(Column.BATCH).n_unique(), items.height)


def suppression_of(draft: Draft) -> suppress.Suppression | None:
    """The list that the mapping names, as it is now. Raises MappingErrors where it cannot be read."""
    named = draft.job.policy.suppression
    if named is None:
        return None
    path = draft.file.path.parent / named
    try:
        with path.open(encoding="utf-8-sig") as lines:
            listed = suppress.parse(lines)
    except (OSError, UnicodeDecodeError) as error:
        problem = f"the suppression list {path} cannot be read ({error}); without it nothing is sent"
        raise MappingErrors([draft.file.error(("policy", "suppression"), problem)]) from error
    if listed.unreadable:
        problem = (
            f"{len(listed.unreadable):,} lines of the suppression list {path}, the first of them line "
            f"{listed.unreadable[0]}, are no address and no SHA-256; it has one a line and no other columns; without "
            "it nothing is sent"
        )
        raise MappingErrors([draft.file.error(("policy", "suppression"), problem)])
    return listed


def _malformed(draft: Draft) -> Iterable[pl.DataFrame]:
    path = draft.folder.path / "source" / MALFORMED
    return (records.malformed(pl.read_parquet(path)),) if path.exists() else ()


def seal(draft: Draft, shards: Sequence[Planned], history: Sequence[int], *more: Judged) -> Manifest:
    """Judges the guards and writes the manifest with the plan's hash; `more`: guards that were judged elsewhere."""
    figures = Figures(
        read=sum(s.figures.read for s in shards),
        rejected=sum(s.figures.rejected for s in shards),
        known=sum(s.figures.known for s in shards),
        opt_outs=sum(s.figures.opt_outs for s in shards),
        opt_ins=sum(s.figures.opt_ins for s in shards),
    )
    judged = (*judge(figures, draft.job.guards, history), *more)
    steps: dict[str, dict[str, int]] = {}
    for shard in shards:
        for label, counts in shard.transitions.items():
            mine = steps.setdefault(label, {})
            for step, count in counts.items():
                mine[step] = mine.get(step, 0) + count
    manifest = Manifest(
        run_id=draft.folder.run_id,
        status=RunStatus.PLANNED,
        destination=draft.job.destination,
        account=draft.job.account,
        audience=draft.audience.name,
        mapping=str(draft.file.path),
        mapping_sha256=draft.file.sha256,
        export=draft.origin.path,
        export_sha256=draft.origin.sha256,
        shards=draft.shards,
        read=figures.read,
        plan_hash="",
        planned_at=draft.begun_at.isoformat(),
        guards=[
            GuardFigure(name=g.name, limit=g.limit, figure=g.figure, says=g.says, tripped=g.tripped) for g in judged
        ],
        transitions=steps,
        batches=sum(s.batches for s in shards),
        items=sum(s.items for s in shards),
        versions={name: version(name) for name in ("consent-sync", "polars", "phonenumbers", "email-validator")},
        reverts=draft.origin.reverts,
    )
    manifest.plan_hash = draft.folder.sealed_hash(manifest)
    draft.folder.write_manifest(manifest)
    return manifest


def require_complete(draft: Draft, read_records: int, shards: Sequence[Planned]) -> None:
    """Raises ExportError unless every record that was read is in the plan."""
    planned = sum(s.figures.read for s in shards)
    if planned != read_records:
        raise ExportError(
            f"{draft.origin.path}: {read_records:,} records were read and {planned:,} planned; nothing "
            "was sent; report this with the run folder"
        )
