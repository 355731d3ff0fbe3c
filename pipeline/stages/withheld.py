"""The parts of a record that are withheld, as one list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.job import row_key
from pipeline.model import Column

if TYPE_CHECKING:
    from pipeline.job import Attribute, Job, Target

NOTHING_WITHHELD: Final = pl.lit([], pl.List(pl.Struct({"part": pl.String, "reason": pl.String})))


def with_withheld(frame: pl.DataFrame, job: Job) -> pl.DataFrame:
    """Adds `withheld`: list[struct[part, reason]], targets first; empty where nothing is.

    Only parts that are withheld are looked at: a list of structs for each record would be the plan's largest cost.
    """
    parts: list[Target | Attribute] = [*job.targets, *job.attributes]
    entries = [
        frame.lazy()
        .filter(pl.col(p.reason).is_not_null())
        .select(
            *row_key(job),
            pl.struct(pl.lit(p.part).alias("part"), pl.col(p.reason).alias("reason")).alias(Column.WITHHELD),
        )
        for p in parts
    ]
    if not entries:
        return frame.with_columns(NOTHING_WITHHELD.alias(Column.WITHHELD))
    lists = pl.concat(entries).collect().group_by(row_key(job), maintain_order=True).agg(Column.WITHHELD)
    joined = frame.join(lists, on=row_key(job), how="left", maintain_order="left")
    return joined.with_columns(pl.col(Column.WITHHELD).fill_null(NOTHING_WITHHELD))
