"""Turns changes into items: wire JSON, a phase and a batch number; opt-outs first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.job import row_key
from pipeline.model import Column, Operation
from pipeline.stages.precedence import forbids

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.destinations.interface import Limits
    from pipeline.job import Job

    Kind = tuple[str | int, ...]
    """The values of `kinds_of`: phase and operation, and where items are of addresses, the channel."""

OPT_OUT_PHASE: Final = 0
"""Items that do nothing but forbid: they may go by themselves while the rest waits."""
MIXED_PHASE: Final = 1
"""Items that opt out of something and permit, or clear, something else."""
OPTING_OUT: Final = (OPT_OUT_PHASE, MIXED_PHASE)
OTHER_PHASE: Final = 2
PHASES: Final = (OPT_OUT_PHASE, MIXED_PHASE, OTHER_PHASE)


def batch(changes: pl.DataFrame, job: Job, wires: Mapping[Operation, pl.Expr], limits: Limits) -> pl.DataFrame:
    """Items in sending order. A batch is of one phase and one operation, and fits the row and byte limits.

    The first byte of a phase leaves after the last answer of the phase before. Where items are of addresses, a batch is
    of one channel, so that no record is in it twice.
    """
    opts_out = pl.any_horizontal(*(forbids(pl.col(t.part)) for t in job.targets), pl.lit(value=False))
    says_else = pl.any_horizontal(
        *(pl.col(t.part).is_not_null() & ~forbids(pl.col(t.part)) for t in job.targets), pl.lit(value=False)
    )
    encoded = pl.concat(
        [
            changes.filter(pl.col(Column.OPERATION) == operation)
            .lazy()
            .with_columns(wire.alias(Column.WIRE))
            .collect(engine="streaming")
            for operation, wire in wires.items()
        ]
    )
    phase = (
        pl.when(opts_out & ~says_else)
        .then(OPT_OUT_PHASE)
        .when(opts_out)
        .then(MIXED_PHASE)
        .otherwise(OTHER_PHASE)
        .cast(pl.Int8)
    )
    ordered = encoded.with_columns(phase.alias(Column.PHASE)).sort(*kinds_of(job), Column.RECORD)
    return numbered(ordered, job, limits, {})


def numbered(items: pl.DataFrame, job: Job, limits: Limits, filled: Mapping[Kind, int]) -> pl.DataFrame:
    """Items in sending order with the numbers of their batches, which begin at 0.

    `filled`: of a kind, as many rows travel with its first batch already.
    """
    kind, before = kinds_of(job), pl.lit(0)
    for values, rows in filled.items():
        mine = pl.all_horizontal(pl.col(column) == value for column, value in zip(kind, values, strict=True))
        before = pl.when(mine).then(rows).otherwise(before)
    place = pl.int_range(pl.len()).over(kind) + before
    divided = items.with_columns((place // rows_per_batch(job, limits)).alias("_chunk")).with_columns(
        _parts_by_bytes(bytes_per_batch(limits)).over([*kind, "_chunk"]).alias("_part")
    )
    number = pl.struct(*kind, "_chunk", "_part").rle_id().cast(pl.Int32).alias(Column.BATCH)
    return divided.with_columns(number).drop("_chunk", "_part")


def kinds_of(job: Job) -> list[str]:
    """The columns that are the same in all items of a batch."""
    return [Column.PHASE, Column.OPERATION, *row_key(job)[1:]]


def rows_per_batch(job: Job, limits: Limits) -> int:
    """How many items a batch has at most."""
    usual = limits.usual_rows_per_request or limits.rows_per_request
    return min(job.delivery.batch_size or usual, limits.rows_per_request)


def bytes_per_batch(limits: Limits) -> int:
    """At most so many bytes of a batch are not of its last item: half of the limit leaves room for that one."""
    return limits.bytes_per_request // 2


def _parts_by_bytes(most: int) -> pl.Expr:
    """Numbers stretches of at most `most` bytes plus one row."""
    return (pl.col(Column.WIRE).str.len_bytes() + 1).cum_sum() // most
