"""Folds the records of one identity into one, so that no intent is lost to a later record that is silent about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from pipeline.model import Column
from pipeline.stages.precedence import winning
from pipeline.values import JSON_NULL

if TYPE_CHECKING:
    from pipeline.binding import Attribute, Job
_LATEST = "_latest_at"


@dataclass(frozen=True, slots=True)
class Folded:
    """`identities`: one row per identity, carried by its last record; `superseded`: the others, with their `winner`."""

    identities: pl.DataFrame
    superseded: pl.DataFrame


def fold(valid: pl.DataFrame, job: Job) -> Folded:
    """Each target takes its winning intent, each attribute the latest non-blank value.

    Records are ordered by the latest of their times, unknown first, then by number; the last one carries the outcome.
    `ADDRESS@broken` keeps why some record's address was withheld.
    """
    valid = valid.with_columns(pl.col(a.reason).alias(broken_of(a)) for a in job.addresses)
    twice = pl.col(Column.IDENTITY).is_duplicated()
    several = valid.filter(twice)
    if several.is_empty():
        return Folded(valid, several.with_columns(pl.lit(None, pl.Int64).alias(Column.WINNER)))
    times = [pl.col(target.at_column) for target in job.targets]
    latest = pl.max_horizontal(times) if times else pl.lit(None, pl.Datetime("us", "UTC"))
    ordered = several.with_columns(latest.alias(_LATEST)).sort(
        Column.IDENTITY, _LATEST, Column.RECORD, nulls_last=False, maintain_order=True
    )
    folded = _one_per_identity(ordered, job)
    superseded = ordered.join(
        folded.select(Column.IDENTITY, pl.col(Column.RECORD).alias(Column.WINNER)), on=Column.IDENTITY, how="left"
    ).filter(pl.col(Column.RECORD) != pl.col(Column.WINNER))
    identities = pl.concat([valid.filter(~twice), folded.select(valid.columns)])
    return Folded(identities, superseded.drop(_LATEST))


def broken_of(address: Attribute) -> str:
    """The column that holds why an address of some record of the identity was withheld."""
    return f"{address.part}@broken"


def _one_per_identity(ordered: pl.DataFrame, job: Job) -> pl.DataFrame:
    by_time = job.policy.duplicates == "latest"
    own = [Column.RECORD, Column.LINE, *(a.reason for a in job.attributes), *(t.reason for t in job.targets)]
    folded = ordered.group_by(Column.IDENTITY, maintain_order=True).agg(
        *(pl.col(column).last() for column in own),
        *(_latest_value(attribute) for attribute in job.attributes),
        *(pl.col(broken_of(a)).drop_nulls().last() for a in job.addresses),
        *(
            winning(t.part, t.at_column, (t.part, t.at_column, t.source), by_time=by_time).alias(f"_{t.part}")
            for t in job.targets
        ),
    )
    return folded.unnest(*(f"_{target.part}" for target in job.targets)) if job.targets else folded


def _latest_value(attribute: Attribute) -> pl.Expr:
    """A value outranks a blank that clears: blank says the least."""
    value = pl.col(attribute.part)
    return pl.coalesce(value.filter(value != JSON_NULL).last(), value.drop_nulls().last()).alias(attribute.part)
