"""Makes a plan: reads the export into shards, and decides every record; `sealing` adds up and seals."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline import memory, suppression
from pipeline.destinations.kept_audience import audience_json
from pipeline.dividing import Divider, by_shard
from pipeline.erasure.forgotten import Forgotten
from pipeline.errors import ExportChanged, ExportError
from pipeline.model import Column, Operation, Outcome
from pipeline.quarantine import taking_up
from pipeline.quarantine.plan import earlier_of
from pipeline.rejects import MALFORMED, REJECT_COLUMNS
from pipeline.run_folder import RunFolder, storing
from pipeline.sealing import Planned
from pipeline.shard_limit import ShardLimit
from pipeline.stages import opt_outs, permissions, records, retries, suppress
from pipeline.stages.batch import MIXED_PHASE, OPT_OUT_PHASE, batch
from pipeline.stages.forgotten import without_rest
from pipeline.stages.guard import Figures
from pipeline.stages.intents import intents_of
from pipeline.stages.map import identity_of, map_records
from pipeline.stages.reconcile import looked_at
from pipeline.stages.resolve import decide
from pipeline.stages.seen import one_row_per_identity
from pipeline.stages.split import gather
from pipeline.stages.told import against_state, to_ask
from pipeline.stages.validate import validate
from pipeline.state import BUCKETS, State, buckets_of_shard
from pipeline.subject import Origin, export_of
from pipeline.summary import opt_out_of_opt_in, opted_in, opted_out, opted_out_kin, raised_to_opt_in, transitions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from pipeline.context import Context, Request
    from pipeline.destinations.interface import Audience
    from pipeline.job import Job
    from pipeline.ledger.ledger import Ledger
    from pipeline.mapping_file import MappingFile
    from pipeline.session import Session
    from pipeline.stages.read import Export
    from pipeline.stages.resolve import Resolved
    from pipeline.subject import Subject
    from pipeline.suppression import Lists

RETRIES: Final = "retries.parquet"
PACKED_SUFFIXES: Final = (".gz", ".zip", ".parquet")
PACKED: Final = 8
"""How much larger a compressed export is taken to be."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A plan in the making: everything is known but the records."""

    file: MappingFile
    origin: Origin
    export: Export | None
    """None: the records are made of another run."""
    job: Job
    audience: Audience
    folder: RunFolder
    shards: int
    full: bool
    lists: Lists
    begun_at: datetime
    """Before anything was read: whatever is written to the destination from now on makes the plan stale."""


def draft(
    request: Request, subject: Subject, context: Context, taken: Callable[[str], bool] = lambda _: False
) -> Draft:
    """Compares the export with the mapping, and opens the run folder under a name that is not `taken`."""
    file = subject.file
    export = export_of(file, request.export)
    size = export.size_bytes * (PACKED if request.export.suffix in PACKED_SUFFIXES else 1)
    # What an address or its kin says counts wherever it stands, so such an export is not divided.
    divisible = not (subject.job.by_address or subject.job.kin)
    shards = memory.shards(size, context.settings, BUCKETS) if divisible else 1
    now = context.clock()
    lists = suppression.load(file, now)
    origin = Origin(str(export.container.path), export.sha256)
    folder = RunFolder.create(context.home, file.path.stem, now, taken)
    folder.write_bytes("mapping.yaml", file.path.read_bytes())
    folder.write_bytes("audience.json", audience_json(subject.audience))
    folder.write_bytes("header.json", json.dumps([c for c in export.header if c not in REJECT_COLUMNS]).encode())
    return Draft(file, origin, export, subject.job, subject.audience, folder, shards, request.full, lists, now)


def read(draft: Draft, context: Context) -> int:
    """Reads the export into the shards' folders; returns the number of its records, malformed ones included.

    Raises ExportChanged, and leaves no folder, where the export is another one by then.
    """
    try:
        return _read(draft, context)
    except ExportChanged:
        with storing(draft.folder.path):
            shutil.rmtree(draft.folder.path)
        raise


def _read(draft: Draft, context: Context) -> int:
    malformed: list[pl.DataFrame] = []
    read = 0
    limit = ShardLimit(draft.origin.path, context.settings.consent_sync_max_shard_records)
    with Divider(draft.folder, draft.shards, identity_of(draft.job), limit) as divider:
        for chunk in draft.export.chunks() if draft.export else ():
            context.check_stop()
            read += chunk.records.height + chunk.malformed.height
            malformed.append(chunk.malformed)
            divider.take(chunk.records)
            context.progress("read", read, None)
        divider.end()
    apart = pl.concat(malformed) if malformed else None
    if apart is not None and not apart.is_empty():
        draft.folder.write_parquet(draft.folder.path / "source" / MALFORMED, apart)
    return read


def read_again(draft: Draft, exported: int, context: Context, ledger: Ledger) -> int:
    """Reads in what is tried again of earlier runs, after the export's records; returns how many these are."""
    rows = taking_up.take_up(draft, exported, context, ledger)
    for shard, some in by_shard(rows, identity_of(draft.job), draft.shards) if not rows.is_empty() else ():
        draft.folder.write_parquet(draft.folder.source(shard) / RETRIES, some)
    return rows.height


def plan_shards(draft: Draft, context: Context, session: Session) -> list[Planned]:
    """Plans every shard, as many at once as the machine has processors. What fails first ends it."""
    names = [f"plan shard {shard + 1} of {draft.shards}" for shard in range(draft.shards)]
    steps = [partial(plan_shard, draft, shard, context, session) for shard in range(draft.shards)]
    if draft.shards == 1:
        return [context.perform(names[0], steps[0])]
    with ThreadPoolExecutor(memory.planners(), thread_name_prefix="plan") as pool:
        # An orchestrator knows by the context which run a step is of.
        planned = [
            pool.submit(copy_context().run, context.perform, name, step)
            for name, step in zip(names, steps, strict=True)
        ]
        try:
            return [future.result() for future in planned]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def plan_shard(draft: Draft, shard: int, context: Context, session: Session) -> Planned:
    """Decides every record of a shard and writes its part of the plan; only reads from the destination."""
    context.check_stop()
    job = draft.job
    mapped = map_records(source_of(draft.folder, shard, draft.file), job, context.clock())
    context.check_stop()
    validated, forgotten = Forgotten(context.home).hold(validate(mapped, job), job)
    context.check_stop()
    told = State(context.home, job.destination, job.account).read(buckets_of_shard(shard, draft.shards))
    earlier = earlier_of(draft.folder)
    said = intents_of(validated, job, retries.Since(earlier, told) if earlier else None)
    identities = said.folded.identities
    listed = draft.lists.listed
    if listed:
        identities = suppress.mark(identities, listed, job)
    compared = against_state(identities, told, job, full=draft.full)
    asked = pl.concat([to_ask(compared, job), retries.to_ask(compared, job)]).unique()
    context.progress(f"shard {shard + 1} of {draft.shards}: asking the destination about contacts", 0, asked.len())
    wanted = compared.filter(pl.col(Column.IDENTITY).is_in(asked.implode()))
    shown = session.read(job, wanted)
    seen = one_row_per_identity(suppress.mark(shown, listed, job, stored=True) if listed else shown)
    context.check_stop()
    resolved = without_rest(decide(compared, seen, asked, job), forgotten, job)
    owed = pl.concat([resolved.opt_outs, opt_outs.of_others(validated, said.split, identities, job)])
    draft.folder.write_parquet(draft.folder.plan_file("opt_outs", shard), owed)
    decided = pl.concat([records.decided(resolved, job), records.superseded(said.folded, job)])
    if said.split is not None:
        draft.folder.write_parquet(draft.folder.plan_file("addresses", shard), decided)
        decided = gather(decided, said.split.records)
    apart = [records.rejected(validated.rejected), *(_malformed(draft) if shard == 0 else ())]
    whole = pl.concat([decided, *apart]).sort(Column.RECORD)
    context.check_stop()
    return write_shard(draft, shard, whole, Decided(resolved, identities, shown), session)


def source_of(folder: RunFolder, shard: int, file: MappingFile) -> pl.DataFrame:
    """The records of a shard as they were read, in the columns that the mapping reads."""
    files = sorted(folder.source(shard).glob("*.parquet"))
    used = [Column.RECORD, Column.LINE, *file.mapping.columns()]
    columns = {c: pl.Int64 if c in (Column.RECORD, Column.LINE) else pl.String for c in used}
    return pl.read_parquet(files, columns=used) if files else pl.DataFrame(schema=columns)


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided, of whom, and what the destination showed of them."""

    resolved: Resolved
    identities: pl.DataFrame
    shown: pl.DataFrame


def write_shard(draft: Draft, shard: int, whole: pl.DataFrame, decided: Decided, session: Session) -> Planned:
    """Writes a shard's part of the plan: all of its records, and what changes as items."""
    job, resolved = draft.job, decided.resolved
    wires = {operation: session.destination.encode(job, operation) for operation in Operation}
    items = batch(resolved.changes, job, wires, session.destination.limits)
    if draft.lists.listed:
        permitted = permissions.permissions(items, decided.identities, decided.shown, job)
        draft.folder.write_parquet(draft.folder.plan_file("permissions", shard), permitted)
    draft.folder.write_parquet(draft.folder.plan_file("records", shard), whole)
    draft.folder.write_parquet(draft.folder.plan_file("items", shard), items)
    figures = _figures(whole, items, int(resolved.decided.get_column(Column.KNOWN).sum()), draft)
    foretold = session.destination.foretell(job, items, looked_at(items, job))
    batches = items.get_column(Column.BATCH).n_unique()
    by_list = resolved.by_list
    ahead, mixed = (items.filter(pl.col(Column.PHASE) == phase).height for phase in (OPT_OUT_PHASE, MIXED_PHASE))
    return Planned(figures, transitions(items, job), batches, batches, items.height, ahead, mixed, foretold, by_list)


def _figures(decided: pl.DataFrame, items: pl.DataFrame, known: int, draft: Draft) -> Figures:
    """What the guards look at. Who is opted out with somebody who shares the address counts like anybody else."""
    job, earlier = draft.job, earlier_of(draft.folder)
    kin = sum(opted_out_kin(items, target, job) for target in job.targets)
    return Figures(
        read=decided.height,
        retried=decided.filter(earlier.retried).height if earlier else 0,
        rejected=decided.filter(pl.col(Column.DECISION) == Outcome.REJECTED).height,
        known=known + kin,
        opt_outs=items.filter(opt_out_of_opt_in(job)).height + kin,
        opt_ins=items.filter(raised_to_opt_in(job)).height,
        all_opt_outs=items.filter(opted_out(job)).height + kin,
        all_opt_ins=items.filter(opted_in(job)).height,
    )


def _malformed(draft: Draft) -> Iterable[pl.DataFrame]:
    path = draft.folder.path / "source" / MALFORMED
    return (records.malformed(pl.read_parquet(path)),) if path.exists() else ()


def require_complete(draft: Draft, read_records: int, shards: Sequence[Planned]) -> None:
    """Raises ExportError unless every record that was read is in the plan."""
    planned = sum(s.figures.read for s in shards)
    if planned != read_records:
        raise ExportError(
            f"{draft.origin.path}: {read_records:,} records were read and {planned:,} planned; nothing "
            "was sent; report this with the run folder"
        )
