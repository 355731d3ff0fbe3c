"""Fills the last batch of a shard up with the first items of the next one, so that a small change is few requests."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.destinations.foretelling import Foretold
from pipeline.model import Column
from pipeline.stages.batch import kinds_of, numbered
from pipeline.stages.loads import SIZE, Loads, Piece, travel_together
from pipeline.stages.reconcile import looked_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.context import Context
    from pipeline.planning.drafting import Draft
    from pipeline.planning.sealing import Planned
    from pipeline.session import Session

_SHARD: Final = "_shard"
_LOAD: Final = "_load"


def fill(draft: Draft, shards: Sequence[Planned], context: Context, session: Session) -> Sequence[Planned]:
    """Numbers the items of a small plan again, so that what is not full travels with what follows it.

    What it would do is the same, in fewer requests, unless bytes rather than rows divide its batches. The first shard
    has what is foretold of all. Hands send shards by themselves, so nothing of theirs travels together.
    """
    if context.hands is not None or not travel_together(draft.shards, sum(planned.items for planned in shards)):
        return shards
    limits, job = session.destination.limits, draft.job
    loads = Loads.within(job, limits)
    sent: list[tuple[Piece, ...]] = []
    filled, all_items = [], []
    for shard, planned in enumerate(shards):
        before = draft.folder.read_plan("items", shard)
        kinds = before.select(kinds_of(job)).unique().rows()
        now = numbered(before, job, limits, {kind: loads.filled(kind) for kind in kinds})
        if not now.equals(before):
            draft.folder.write_parquet(draft.folder.plan_file("items", shard), now)
        for piece in _pieces(now, shard, kinds_of(job)):
            sent += loads.add(piece)
        batches = now.get_column(Column.BATCH).n_unique()
        filled.append(replace(planned, batches=batches, loads=0, foretold=Foretold()))
        all_items.append(now.with_columns(pl.lit(shard).alias(_SHARD)))
    sent += loads.rest()
    numbers = [(*piece.key, number) for number, load in enumerate(sent) for piece in load]
    requests = pl.DataFrame(numbers, schema={_SHARD: pl.Int32, Column.BATCH: pl.Int32, _LOAD: pl.Int32}, orient="row")
    whole = pl.concat(all_items).join(requests, on=[_SHARD, Column.BATCH], how="left").drop(_SHARD, Column.BATCH)
    travelling = whole.rename({_LOAD: Column.BATCH})
    foretold = session.destination.foretell(job, travelling, looked_at(travelling, job))
    return [replace(filled[0], loads=len(sent), foretold=foretold), *filled[1:]]


def _pieces(items: pl.DataFrame, shard: int, kinds: list[str]) -> list[Piece]:
    """The batches of a shard in their order."""
    found = items.group_by(Column.BATCH, *kinds, maintain_order=True).agg(pl.len().alias("rows"), SIZE.alias("bytes"))
    return [Piece((shard, number), tuple(kind), rows, size) for number, *kind, rows, size in found.rows()]
