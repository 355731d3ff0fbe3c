"""Plan joined with ledger: the outcome of every item and of every record, as pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.model import SEND, BatchState, Column, Operation, Outcome, Reason
from pipeline.stages.withheld import NOTHING_WITHHELD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.ledger.rows import BatchKey, BatchRow

SHARD: Final = "shard"
APPLIED: Final = (str(Outcome.CREATED), str(Outcome.UPDATED))
_STATE: Final = "state"
_LEFT: Final = "_left"
"""Of a record with several items: the parts that were held while others were applied."""
_WEIGHT: Final = (Outcome.UNKNOWN, Outcome.FAILED, Outcome.UPDATED, Outcome.CREATED, Outcome.HELD)
"""Of a record with several items, one for each address, the first of these is its outcome."""
_OF_ITEMS: Final = (
    *(Column.OUTCOME, Column.REASON, Column.MESSAGE, Column.OPERATION),
    *(Column.BATCH, Column.ATTEMPTS, Column.LINK),
)


def settle_items(items: pl.DataFrame, batches: Mapping[BatchKey, BatchRow], shard: int) -> pl.DataFrame:
    """One row per item of a shard: what came of its batch.

    A batch that was not settled leaves its items unknown: `not_confirmed` where it had begun, else `not_sent`.
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
            (batch, e.record, e.outcome or Outcome.UNKNOWN, e.reason, e.message)
            for batch, row in begun.items()
            for e in row.exceptional
        ],
        schema=_said("said", "said_reason", "said_message"),
        orient="row",
    )
    links = pl.DataFrame(
        [(batch, record, link) for batch, row in begun.items() for record, link in row.links.items()],
        schema=_said(Column.LINK),
        orient="row",
    )
    own = [c for c in (Column.RECORD, Column.CHANNEL, Column.IDENTITY) if c in items.columns]
    joined = (
        items.select(*own, Column.OPERATION, Column.BATCH)
        .join(states, on=Column.BATCH, how="left", maintain_order="left")
        .join(said, on=[Column.BATCH, Column.RECORD], how="left", maintain_order="left")
        .join(links, on=[Column.BATCH, Column.RECORD], how="left", maintain_order="left")
    )
    settled = pl.col(_STATE).eq_missing(pl.lit(str(BatchState.SETTLED)))
    created = pl.col(Column.OPERATION) == Operation.CREATE
    applied = pl.when(created).then(pl.lit(str(Outcome.CREATED))).otherwise(pl.lit(str(Outcome.UPDATED)))
    not_begun = pl.col(_STATE).is_null()
    unsettled = pl.when(not_begun).then(pl.lit(str(Reason.NOT_SENT))).otherwise(pl.lit(str(Reason.NOT_CONFIRMED)))
    unknown = pl.lit(str(Outcome.UNKNOWN))
    return joined.select(
        *own,
        pl.when(settled).then(pl.coalesce("said", applied)).otherwise(unknown).alias(Column.OUTCOME),
        pl.when(settled).then(pl.col("said_reason")).otherwise(unsettled).alias(Column.REASON),
        pl.col("said_message").alias(Column.MESSAGE),
        Column.OPERATION,
        Column.BATCH,
        pl.col(Column.ATTEMPTS).fill_null(0),
        Column.LINK,
    )


def _said(*texts: str) -> dict[str, pl.DataType]:
    return {Column.BATCH: pl.Int32(), Column.RECORD: pl.Int64(), **dict.fromkeys(texts, pl.String())}


def settle(records: pl.DataFrame, settled_items: pl.DataFrame, shard: int) -> pl.DataFrame:
    """One row per record of a shard: what the plan decided, or what came of its items."""
    several = Column.CHANNEL in settled_items.columns
    mine = _by_record(settled_items) if several else settled_items.select(Column.RECORD, *_OF_ITEMS)
    said = {column: f"{column}@item" for column in (Column.REASON, Column.MESSAGE)}
    joined = records.join(mine.rename(said), on=Column.RECORD, how="left")
    sent = pl.col(Column.DECISION) == SEND
    withheld = pl.col(Column.WITHHELD)
    if several:
        withheld = pl.concat_list(withheld, pl.col(_LEFT).fill_null(NOTHING_WITHHELD)).alias(Column.WITHHELD)
    return joined.select(
        Column.RECORD,
        Column.LINE,
        Column.IDENTITY,
        pl.when(sent).then(pl.col(Column.OUTCOME)).otherwise(pl.col(Column.DECISION)).alias(Column.OUTCOME),
        pl.when(sent).then(pl.col(said[Column.REASON])).otherwise(pl.col(Column.REASON)).alias(Column.REASON),
        pl.coalesce(said[Column.MESSAGE], Column.MESSAGE, pl.lit("")).alias(Column.MESSAGE),
        withheld,
        Column.WINNER,
        Column.OPERATION,
        pl.lit(shard, pl.Int32).alias(SHARD),
        Column.BATCH,
        pl.col(Column.ATTEMPTS).fill_null(0),
        Column.LINK,
    ).sort(Column.RECORD)


def _by_record(items: pl.DataFrame) -> pl.DataFrame:
    """The outcome of a record with several items: the worst that needs somebody, else what was applied.

    An item that was held while another one was applied is a withheld part. Where one failed, the message says of each
    what came of it.
    """
    weights = {str(outcome): weight for weight, outcome in enumerate(_WEIGHT)}
    channel = pl.col(Column.CHANNEL)
    said = pl.when(pl.col(Column.MESSAGE) != "").then(pl.format("{}: {}", channel, Column.MESSAGE))
    each = pl.coalesce(said, pl.format("{}: {}", channel, pl.coalesce(Column.REASON, Column.OUTCOME)))
    part = pl.struct(pl.format("consent:{}", channel).alias("part"), pl.col(Column.REASON).alias("reason"))
    weight = pl.col(Column.OUTCOME).replace_strict(weights, return_dtype=pl.Int8).alias("_weight")
    ranked = items.with_columns(weight, said.alias(Column.MESSAGE), each.alias("_each")).sort(
        Column.RECORD, "_weight", Column.CHANNEL
    )
    held = (pl.col(Column.OUTCOME) == Outcome.HELD) & (pl.col("_weight") > pl.col("_weight").min().over(Column.RECORD))
    joined = (Column.LINK, Column.MESSAGE)
    firsts = [pl.col(column).first() for column in _OF_ITEMS if column not in joined]
    unlike = pl.col(Column.OUTCOME).first().is_in([str(Outcome.FAILED), str(Outcome.UNKNOWN)]) & (pl.len() > 1)
    told = pl.col("_each").str.join("; ")
    return (
        ranked.with_columns(pl.when(held).then(part).alias("_part"))
        .group_by(Column.RECORD, maintain_order=True)
        .agg(
            *firsts,
            pl.when(unlike).then(told).otherwise(pl.col(Column.MESSAGE).first()).alias(Column.MESSAGE),
            pl.col(Column.LINK).drop_nulls().str.join(" ").replace("", None),
            pl.col("_part").drop_nulls().alias(_LEFT),
        )
    )
