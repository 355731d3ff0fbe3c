"""The opt-out clock: which opt-outs a run leaves open, since when, and how near the limit of the law they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import polars as pl
from pydantic import BaseModel, ConfigDict

from pipeline import memory
from pipeline.ahead import in_order
from pipeline.model import Column
from pipeline.stages import opt_outs
from pipeline.stages.batch import OPTING_OUT
from pipeline.stages.opt_outs import AGE, AT, SINCE, TARGET
from pipeline.stages.outcomes import settle_items
from pipeline.store import fetching

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.carried_out import Run
    from pipeline.ledger.rows import BatchKey, BatchRow
    from pipeline.run_folder import Manifest

FILE: Final = "open_opt_outs.parquet"
REMEMBERED: Final = 20
"""How many earlier runs are asked since when an opt-out without a time is open; each has it from those before it."""
NEAR: Final = 1
"""Business days before the limit from which on an open opt-out is near it."""


class OpenOptOuts(BaseModel):
    """Opt-outs of the export that the destination has not confirmed, in business days. Counts only."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    open: int = 0
    oldest_business_days: int | None = None
    """None: nothing is open."""
    limit_business_days: int = 10
    due_within_a_day: int = 0
    """Still within the limit, for one business day at most."""
    overdue: int = 0
    age_unknown: int = 0
    """Of those open, how many have no time of their own: they are counted from the first run that saw them."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The figures, and a row for each open opt-out with its age, the oldest first."""

    figures: OpenOptOuts
    rows: pl.DataFrame


def note(run: Run, batches: Mapping[BatchKey, BatchRow] | None) -> Clock:
    """What a run leaves open, kept in its folder for the runs that follow. `batches` None: what a plan would."""

    def still_open(shard: int) -> pl.DataFrame:
        said, settled = run.folder.read_plan("opt_outs", shard), None
        if batches is not None:
            items = run.folder.read_plan("items", shard, pl.col(Column.PHASE).is_in(OPTING_OUT), [Column.WIRE])
            settled = settle_items(items, batches, shard)
        return opt_outs.still_open(said, settled, run.job)

    frames = list(in_order(still_open, range(run.manifest.shards), memory.planners()))
    rows = _since(pl.concat(frames), run)
    rows = rows.with_columns(opt_outs.business_days(pl.col(SINCE), run.context.clock().date()).alias(AGE))
    rows = rows.sort(pl.col(AGE), pl.col(SINCE), Column.RECORD, TARGET, descending=[True, False, False, False])
    run.folder.write_parquet(run.folder.path / FILE, rows)
    return Clock(_figures(rows, run.context.settings.consent_sync_opt_out_limit_days), rows)


def _figures(rows: pl.DataFrame, limit: int) -> OpenOptOuts:
    ages = rows.get_column(AGE)
    return OpenOptOuts(
        open=rows.height,
        oldest_business_days=None if rows.is_empty() else int(rows.item(0, AGE)),
        limit_business_days=limit,
        due_within_a_day=int(ages.is_between(limit - NEAR, limit).sum()),
        overdue=int((ages > limit).sum()),
        age_unknown=rows.get_column(AT).null_count(),
    )


def _since(rows: pl.DataFrame, run: Run) -> pl.DataFrame:
    """Where no time was given, an opt-out is as old as the first of the latest runs that left it open, at least."""
    planned_at = datetime.fromisoformat(run.manifest.planned_at)
    undated = rows.filter(pl.col(AT).is_null())
    earlier = [] if undated.is_empty() else _earlier(run)
    seen = [kept.filter(pl.col(AT).is_null()).select(Column.IDENTITY, TARGET, SINCE) for kept in earlier]
    if not seen:
        return rows.with_columns(pl.coalesce(AT, pl.lit(planned_at)).cast(rows.schema[AT]).alias(SINCE))
    first = pl.concat(seen).group_by(Column.IDENTITY, TARGET).agg(pl.col(SINCE).min().alias("_seen"))
    joined = rows.join(first, on=[Column.IDENTITY, TARGET], how="left", maintain_order="left")
    since = pl.coalesce(AT, "_seen", pl.lit(planned_at)).cast(rows.schema[AT])
    return joined.with_columns(since.alias(SINCE)).drop("_seen")


def _earlier(run: Run) -> list[pl.DataFrame]:
    """What the latest runs before this one left open at the same destination and account."""
    manifest = run.manifest
    runs = [row["run_id"] for row in run.ledger.runs() if _same(row, manifest)]
    before = runs[runs.index(manifest.run_id) + 1 :] if manifest.run_id in runs else []
    found = (fetching.contents(run.context.home, run_id, FILE) for run_id in before)
    return [pl.read_parquet(BytesIO(kept)) for kept in islice(filter(None, found), REMEMBERED)]


def _same(row: dict[str, Any], manifest: Manifest) -> bool:
    return (row["destination"], row["account"]) == (manifest.destination, manifest.account)
