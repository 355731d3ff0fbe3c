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
    kind = [Column.PHASE, Column.OPERATION, *row_key(job)[1:]]
    usual = limits.usual_rows_per_request or limits.rows_per_request
    rows = min(job.delivery.batch_size or usual, limits.rows_per_request)
    numbered = (
        encoded.with_columns(phase.alias(Column.PHASE))
        .sort(*kind, Column.RECORD)
        .with_columns((pl.int_range(pl.len()).over(kind) // rows).alias("_chunk"))
        .with_columns(_parts_by_bytes(limits.bytes_per_request // 2).over([*kind, "_chunk"]).alias("_part"))
        .with_columns(pl.struct(*kind, "_chunk", "_part").rle_id().cast(pl.Int32).alias(Column.BATCH))
    )
    return numbered.drop("_chunk", "_part")


def _parts_by_bytes(most: int) -> pl.Expr:
    """Numbers stretches of at most `most` bytes plus one row: half the limit leaves room for that row."""
    return (pl.col(Column.WIRE).str.len_bytes() + 1).cum_sum() // most
