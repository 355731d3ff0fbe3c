"""What a destination shows of contacts: the columns of a reading, those that not every destination has among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.job import kin_of, part_of, reach_of, shown_at
from pipeline.model import Column
from pipeline.stages.precedence import strictness

if TYPE_CHECKING:
    from pipeline.job import Job

SEEN: Final = "@seen"
"""Ends the name of a column whose name the export's side has too."""
TIMES: Final = "@at"

EXTRAS: Final[dict[str, pl.DataType]] = {
    Column.EXISTS: pl.Boolean(),
    Column.HANDLE: pl.String(),
    Column.KIN: pl.List(pl.String()),
    Column.BARRED: pl.String(),
}
"""Beside parts and reach. A row that does not exist says what is known of contacts that share its address."""


def schema_of(job: Job) -> pl.Schema:
    """All columns of a reading in their order."""
    keys = job.known_keys
    return pl.Schema(
        [
            (Column.IDENTITY, pl.String()),
            *((a.part, pl.String()) for a in job.attributes),
            *((part_of(key), pl.String()) for key in keys),
            *((shown_at(key), pl.Datetime("us", "UTC")) for key in keys),
            *((kin_of(key), pl.String()) for key in keys),
            *((reach_of(channel), pl.Boolean()) for channel in job.channel_fields),
            *EXTRAS.items(),
        ]
    )


def complete(seen: pl.DataFrame, job: Job) -> pl.DataFrame:
    """A reading with all columns; one that the destination does not have is null, and whoever is there exists."""
    schema = schema_of(job)
    absent = [pl.lit(None, kind).alias(name) for name, kind in schema.items() if name not in seen.columns]
    whole = seen.with_columns(absent).with_columns(pl.col(Column.EXISTS).fill_null(value=True))
    others = [name for name in seen.columns if name not in schema]
    return whole.select(*schema, *others)


def one_row_per_identity(seen: pl.DataFrame) -> pl.DataFrame:
    """Several contacts of one identity as one: the strictest of each status, so that no opt-out is missed."""
    twice = pl.col(Column.IDENTITY).is_duplicated()
    several = seen.filter(twice)
    if several.is_empty():
        return seen
    one = several.group_by(Column.IDENTITY, maintain_order=True).agg(
        pl.col(c).max() if c.endswith(TIMES) else pl.col(c).all() if c.startswith("reach:") else pl.col(c).first()
        for c in seen.columns
        if c != Column.IDENTITY
    )
    for status in (c for c in seen.columns if c.startswith("consent:") and not c.endswith(TIMES)):
        # Not an aggregation: polars 2.1 reads beyond its buffers where one sorts by an expression.
        ranked = several.select(Column.IDENTITY, status).sort(strictness(pl.col(status)), nulls_last=False)
        strictest = ranked.unique(Column.IDENTITY, keep="last", maintain_order=True)
        one = one.drop(status).join(strictest, on=Column.IDENTITY, how="left", maintain_order="left")
    return pl.concat([seen.filter(~twice), one.select(seen.columns)])
