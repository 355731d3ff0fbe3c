"""The order in which a plan is sent, opt-outs first, and what of it is still to be sent or settled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.destinations.bodies import batches_of
from pipeline.destinations.interface import Delivery, Exceptional
from pipeline.ledger import begun
from pipeline.model import BatchState, Column, Extent, Outcome, Reason
from pipeline.stages.batch import OPT_OUT_PHASE, PHASES
from pipeline.stages.deliver import Batch
from pipeline.stages.outcomes import SHARD

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline.carried_out import Run
    from pipeline.ledger.rows import BatchKey, BatchRow

PHASES_OF: Final = {Extent.OPT_OUTS: (OPT_OUT_PHASE,), Extent.WHOLE: PHASES}


@dataclass(slots=True)
class Budget:
    """How many items may still be taken, over all phases."""

    left: int

    def take(self, wanted: int) -> int:
        """So many of them, if there are as many."""
        taken = min(self.left, wanted)
        self.left -= taken
        return taken


def batches(
    run: Run,
    phase: int,
    done: Mapping[BatchKey, BatchRow],
    budget: Budget | None = None,
    shards: Sequence[int] | None = None,
) -> Iterator[Batch]:
    """What of a phase, or of some shards of it, is to be sent or asked for; with a budget only of its first items."""
    works = begun.of(run.ledger, run.folder.run_id)
    for shard in range(run.manifest.shards) if shards is None else shards:
        if budget is not None and not budget.left:
            return
        items = run.folder.read_plan("items", shard, pl.col(Column.PHASE) == phase)
        start = 0
        for number, height, body in batches_of(items):
            key, rows = (shard, number), items.slice(start, height)
            start += height
            most = height if budget is None else budget.take(height)
            batch = _to_do(key, rows, done.get(key), most if budget is not None else None)
            if batch is not None:
                whole = body if batch.items is rows else None
                yield replace(batch, works=works.get(key, ()) if batch.begun else (), body=whole)


def open_shards(run: Run, phase: int) -> list[int]:
    """The shards with something of a phase that is to be sent or asked for."""
    clear = {key for key, row in run.ledger.batches(run.folder.run_id).items() if row.clear}
    found = []
    for shard in range(run.manifest.shards):
        items = run.folder.read_plan("items", shard, pl.col(Column.PHASE) == phase, only=Column.BATCH)
        if any((shard, number) not in clear for number in items.get_column(Column.BATCH).unique()):
            found.append(shard)
    return found


def first(run: Run, extent: Extent, most: int) -> list[pl.DataFrame]:
    """The first items of what is to be sent, by shard and phase, without their wire JSON; their shard is a column."""
    budget, found = Budget(most), []
    for phase in PHASES_OF[extent]:
        for shard in range(run.manifest.shards if budget.left else 0):
            items = run.folder.read_plan("items", shard, pl.col(Column.PHASE) == phase, [Column.WIRE])
            found.append((shard, items.head(budget.take(items.height))))
    return [items.with_columns(pl.lit(shard, pl.Int32).alias(SHARD)) for shard, items in found if items.height]


def _to_do(key: BatchKey, rows: pl.DataFrame, row: BatchRow | None, most: int | None) -> Batch | None:
    """What is to be done of a batch: all that is open, or (`most`) what is open of its first items."""
    if most == 0:
        return None
    mine = rows if most is None else rows.head(most)
    if row is None or row.state != BatchState.SETTLED:
        held_back = rows.slice(mine.height).get_column(Column.RECORD)
        waits = tuple(Exceptional(record, Outcome.UNKNOWN, Reason.NOT_SENT) for record in held_back)
        return Batch(key, mine, begun=row is not None, before=Delivery(exceptional=waits))
    waiting = [e.record for e in row.exceptional if e.unknown and e.reason is Reason.NOT_SENT]
    is_rest = bool(waiting) and most is None
    asked = waiting if is_rest else [e.record for e in row.exceptional if e.unknown and e.record not in set(waiting)]
    open_items = mine.filter(pl.col(Column.RECORD).is_in(asked))
    if open_items.is_empty():
        return None
    taken = set(open_items.get_column(Column.RECORD))
    kept = tuple(e for e in row.exceptional if e.record not in taken)
    before = Delivery(row.expected, row.reported, kept)
    return Batch(key, open_items, begun=not is_rest, before=before, is_rest=is_rest)
