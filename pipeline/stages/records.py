"""The plan's `records`: one row per record of the export, with what was decided and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.job import row_key
from pipeline.model import Column, Outcome, Reason
from pipeline.stages.withheld import NOTHING_WITHHELD, with_withheld

if TYPE_CHECKING:
    from pipeline.job import Job
    from pipeline.stages.fold import Folded
    from pipeline.stages.resolve import Resolved

RECORDS: Final = (
    Column.RECORD,
    Column.LINE,
    Column.IDENTITY,
    Column.DECISION,
    Column.REASON,
    Column.MESSAGE,
    Column.WITHHELD,
    Column.WINNER,
)
NO_WINNER: Final = pl.lit(None, pl.Int64).alias(Column.WINNER)


def decided(resolved: Resolved, job: Job) -> pl.DataFrame:
    """The records that carry the outcome of their identity; with the channel, where they are of addresses."""
    return resolved.decided.with_columns(NO_WINNER).select(*RECORDS, *row_key(job)[1:])


def superseded(folded: Folded, job: Job) -> pl.DataFrame:
    """The records that were folded into another, which they name."""
    settled = folded.superseded.with_columns(
        pl.lit(str(Outcome.SUPERSEDED)).alias(Column.DECISION),
        pl.lit(str(Reason.FOLDED)).alias(Column.REASON),
        pl.format("folded into record {}", Column.WINNER).alias(Column.MESSAGE),
    )
    return settled.pipe(with_withheld, job).select(*RECORDS, *row_key(job)[1:])


def rejected(records: pl.DataFrame) -> pl.DataFrame:
    """Records of which nothing can be sent; `records` have number, line, identity, reason and message."""
    return records.with_columns(
        pl.lit(str(Outcome.REJECTED)).alias(Column.DECISION), NOTHING_WITHHELD.alias(Column.WITHHELD), NO_WINNER
    ).select(RECORDS)


def malformed(apart: pl.DataFrame) -> pl.DataFrame:
    """Records that are none, as the read stage set them apart; the message has line, flaw and raw text."""
    said = pl.format("line {}: {}", "line", pl.col("reason").str.replace_all("_", " "))
    fields = pl.format(" ({} fields, the header has {})", "found", "expected")
    counted = pl.when(pl.col("found").is_not_null()).then(fields).otherwise(pl.lit(""))
    return rejected(
        apart.select(
            pl.col("record").alias(Column.RECORD),
            pl.col("line").alias(Column.LINE),
            pl.lit(None, pl.String).alias(Column.IDENTITY),
            pl.lit(str(Reason.MALFORMED_RECORD)).alias(Column.REASON),
            pl.concat_str(said, counted, pl.lit(": "), "raw").alias(Column.MESSAGE),
        )
    )
