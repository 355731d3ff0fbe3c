"""Compares a plan that is carried out later with its suppression lists as they are by then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from pipeline.job import row_key
from pipeline.model import Column, Outcome, Reason
from pipeline.stages import permissions, suppress
from pipeline.stages.outcomes import settle_items

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.carried_out import Run


def barred(run: Run, shards: Sequence[int] | None = None) -> pl.DataFrame:
    """Row key and list of every permission of the plan, or of some shards, for an address that a list has by now."""
    listed = run.lists.listed
    looked_at = (range(run.manifest.shards) if shards is None else shards) if listed else ()
    found = [permissions.barred(run.folder.read_plan("permissions", shard), listed) for shard in looked_at]
    nobody = pl.DataFrame(schema={Column.RECORD: pl.Int64, suppress.LIST: pl.Int32})
    return pl.concat(found) if found else nobody


def note(run: Run, forbidden: pl.DataFrame) -> None:
    """Puts the lists as they were into the manifest, with how many items each of them held."""
    if not run.lists.listed:
        return
    batches, key = run.ledger.batches(run.folder.run_id), row_key(run.job)
    counts = dict.fromkeys(range(len(run.lists.listed)), 0)
    for shard in range(run.manifest.shards if not forbidden.is_empty() else 0):
        items = run.folder.read_plan("items", shard, without=[Column.WIRE])
        settled = settle_items(items.join(forbidden, on=key, how="semi"), batches, shard)
        suppressed = (pl.col(Column.OUTCOME) == Outcome.HELD) & (pl.col(Column.REASON) == Reason.SUPPRESSED)
        held = forbidden.join(settled.filter(suppressed), on=key, how="semi")
        for number, count in held.group_by(suppress.LIST).len().iter_rows():
            counts[number] += count
    run.manifest.suppression_since = [
        facts.model_copy(update={"held": counts[number]}) for number, facts in enumerate(run.lists.facts)
    ]
