"""Decides every record of a plan, shard by shard, and writes it down; `sealing` adds up and seals."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from pipeline import memory
from pipeline.erasure.forgotten import Forgotten
from pipeline.errors import ExportError
from pipeline.model import Column, Operation, Outcome
from pipeline.planning.drafting import source_of
from pipeline.planning.sealing import Planned
from pipeline.quarantine.plan import earlier_of
from pipeline.reporting.rejects import MALFORMED
from pipeline.reporting.summary import (
    opt_out_of_opt_in,
    opted_in,
    opted_out,
    opted_out_kin,
    raised_to_opt_in,
    transitions,
)
from pipeline.stages import opt_outs, permissions, records, retries, suppress
from pipeline.stages.batch import MIXED_PHASE, OPT_OUT_PHASE, batch
from pipeline.stages.forgotten import without_rest
from pipeline.stages.guard import Figures
from pipeline.stages.intents import intents_of
from pipeline.stages.map import map_records
from pipeline.stages.reconcile import looked_at
from pipeline.stages.resolve import decide
from pipeline.stages.seen import one_row_per_identity
from pipeline.stages.split import gather
from pipeline.stages.told import against_state, to_ask
from pipeline.stages.validate import validate
from pipeline.state import State, buckets_of_shard

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.context import Context
    from pipeline.planning.drafting import Draft
    from pipeline.session import Session
    from pipeline.stages.resolve import Resolved


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


def require_complete(draft: Draft, read_records: int, shards: Sequence[Planned]) -> None:
    """Raises ExportError unless every record that was read is in the plan."""
    planned = sum(s.figures.read for s in shards)
    if planned != read_records:
        raise ExportError(
            f"{draft.origin.path}: {read_records:,} records were read and {planned:,} planned; nothing "
            "was sent; report this with the run folder"
        )


def _malformed(draft: Draft) -> Iterable[pl.DataFrame]:
    path = draft.folder.path / "source" / MALFORMED
    return (records.malformed(pl.read_parquet(path)),) if path.exists() else ()
