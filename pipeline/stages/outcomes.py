"""Plan joined with ledger: the outcome of every record, as a pure function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.model import SEND, BatchState, Column, Operation, Outcome, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.ledger_rows import BatchKey, BatchRow

SHARD: Final = "shard"
_STATE: Final = "state"


def settle(
    records: pl.DataFrame, items: pl.DataFrame, batches: Mapping[BatchKey, BatchRow], shard: int
) -> pl.DataFrame:
    """One row per record of a shard: what the plan decided, or what came of its batch.

    A batch that was not settled leaves its records unknown: `not_confirmed` where it had begun, else `not_sent`.
    """
    begun = {key[1]: row for key, row in batches.items() if key[0] == shard}
    states = pl.DataFrame(
        {
            Column.BATCH: list(begun),
            _STATE: [row.state for row in begun.values()],
            Column.ATTEMPTS: [row.attempts for row in begun.values()],
        },
        schema={Column.BATCH: pl.Int32, _STATE: pl.String, Column.ATTEMPTS: pl.Int32},
    )
    said = pl.DataFrame(
        [
            (e.record, e.outcome or Outcome.UNKNOWN, e.reason, e.message)
            for row in begun.values()
            for e in row.exceptional
        ],
        schema={Column.RECORD: pl.Int64, "said": pl.String, "said_reason": pl.String, "said_message": pl.String},
        orient="row",
    )
    joined = (
        records.join(items.select(Column.RECORD, Column.OPERATION, Column.BATCH), on=Column.RECORD, how="left")
        .join(states, on=Column.BATCH, how="left")
        .join(said, on=Column.RECORD, how="left")
    )
    sent = pl.col(Column.DECISION) == SEND
    settled = pl.col(_STATE).eq_missing(pl.lit(str(BatchState.SETTLED)))
    applied = (
        pl.when(pl.col(Column.OPERATION) == Operation.CREATE)
        .then(pl.lit(str(Outcome.CREATED)))
        .otherwise(pl.lit(str(Outcome.UPDATED)))
    )
    unsettled = (
        pl.when(pl.col(_STATE).is_null())
        .then(pl.lit(str(Reason.NOT_SENT)))
        .otherwise(pl.lit(str(Reason.NOT_CONFIRMED)))
    )
    return joined.select(
        Column.RECORD,
        Column.LINE,
        Column.IDENTITY,
        pl.when(~sent)
        .then(pl.col(Column.DECISION))
        .when(settled)
        .then(pl.coalesce("said", applied))
        .otherwise(pl.lit(str(Outcome.UNKNOWN)))
        .alias(Column.OUTCOME),
        pl.when(~sent)
        .then(pl.col(Column.REASON))
        .when(settled)
        .then(pl.col("said_reason"))
        .otherwise(unsettled)
        .alias(Column.REASON),
        pl.coalesce("said_message", Column.MESSAGE, pl.lit("")).alias(Column.MESSAGE),
        Column.WITHHELD,
        Column.WINNER,
        Column.OPERATION,
        pl.lit(shard, pl.Int32).alias(SHARD),
        Column.BATCH,
        pl.col(Column.ATTEMPTS).fill_null(0),
    ).sort(Column.RECORD)
