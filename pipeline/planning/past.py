"""A run that is finished, for a plan that takes back what it told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from pipeline.errors import UsageError
from pipeline.model import Column
from pipeline.stages.outcomes import APPLIED, settle_items

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.ledger.ledger import Ledger
    from pipeline.ledger.rows import BatchKey, BatchRow
    from pipeline.run_folder import Manifest, RunFolder


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that is finished, as it was carried out."""

    folder: RunFolder
    manifest: Manifest
    batches: Mapping[BatchKey, BatchRow]
    settled_at: datetime

    def applied(self, shard: int) -> pl.DataFrame:
        """The items of a shard that the destination confirmed."""
        items = self.folder.read_plan("items", shard, without=[Column.WIRE])
        settled = settle_items(items, self.batches, shard).filter(pl.col(Column.OUTCOME).is_in(APPLIED))
        key = [Column.RECORD, *([Column.CHANNEL] if Column.CHANNEL in items.columns else [])]
        return items.join(settled.select(key), on=key, how="semi")


def finished(folder: RunFolder, manifest: Manifest, ledger: Ledger) -> Finished:
    """Raises UsageError for a run that has sent nothing, or of which something may have arrived unseen."""
    run_id = folder.run_id
    batches = ledger.batches(run_id)
    if not batches:
        raise UsageError(f"run {run_id} has sent nothing, so there is nothing to revert")
    unsettled = sum(not row.clear for row in batches.values())
    if unsettled:
        raise UsageError(
            f"run {run_id} is not finished: of {unsettled:,} of its batches nobody knows yet what came of them; "
            f"`consent-sync resume {run_id}` settles them, then revert it"
        )
    ends = [r["at"] + timedelta(seconds=r["seconds"]) for r in ledger.requests(run_id) if r["batch"] is not None]
    if not ends:
        raise UsageError(f"run {run_id} has sent nothing, so there is nothing to revert")
    return Finished(folder, manifest, batches, max(ends))
