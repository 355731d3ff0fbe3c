"""What of the items that were sent a destination does not show: which part, which status; no value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.job import part_of, row_key
from pipeline.model import Column
from pipeline.stages.reconcile import FOUND, Found, attribute_agrees, compare, shows
from pipeline.stages.seen import SEEN, complete

if TYPE_CHECKING:
    from pipeline.job import Attribute, Job, Target

DIFFERENCE: Final = "difference"
_WHOLE: Final = {
    str(Found.MISSING): "not there",
    str(Found.KIN): "others who share its address are not opted out",
}


def differences(items: pl.DataFrame, seen: pl.DataFrame, job: Job) -> pl.DataFrame:
    """A row for each item that is not shown as it was sent: its key, its identity, and in words what differs."""
    wrong = compare(items, seen, job).filter(pl.col(FOUND) != Found.CONFIRMED)
    whole = complete(seen, job)
    shown = whole.rename({c: c + SEEN for c in whole.columns if c != Column.IDENTITY})
    parts = pl.concat_list(
        *(_attribute(a) for a in job.attributes), *(_target(t) for t in job.targets), pl.lit(None, pl.String)
    ).list.drop_nulls()
    key = row_key(job)
    return (
        wrong.drop(Column.HANDLE, strict=False)
        .join(shown, on=Column.IDENTITY, how="left", maintain_order="left")
        .select(*key, Column.IDENTITY, FOUND, parts.list.join(", ").alias("_parts"))
        # Where several contacts have the identity, the first that says what differs.
        .sort(*key, pl.col("_parts") == "", maintain_order=True)
        .unique(list(key), keep="first", maintain_order=True)
        .select(
            *key,
            Column.IDENTITY,
            pl.coalesce(pl.col(FOUND).replace_strict(_WHOLE, default=None, return_dtype=pl.String), "_parts").alias(
                DIFFERENCE
            ),
        )
    )


def _attribute(attribute: Attribute) -> pl.Expr:
    return pl.when(~attribute_agrees(attribute)).then(pl.lit(f"{attribute.name} differs"))


def _target(target: Target) -> pl.Expr:
    found = pl.col(part_of(target.key) + SEEN)
    said = pl.format("{}: {} planned, {} found", pl.lit(target.label), target.part, found.fill_null("nothing"))
    return pl.when(~shows(found, pl.col(target.part))).then(said)
