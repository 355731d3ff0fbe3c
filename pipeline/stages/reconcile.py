"""Compares what was sent with what the destination shows, for what is unclear: confirmed, different, or missing."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import polars as pl

from pipeline.job import part_of
from pipeline.model import Column, Operation, Status
from pipeline.stages.precedence import is_opt_out, raises
from pipeline.values import JSON_NULL

if TYPE_CHECKING:
    from pipeline.job import Attribute, Job, Target

FOUND = "found"
OPTED_OUT = "opted_out"
"""Whether the destination shows an opt-out that was not there when it was planned to raise the status."""
_SEEN = "@seen"


class Found(StrEnum):
    """What reading back says of an item."""

    CONFIRMED = "confirmed"
    DIFFERENT = "different"
    MISSING = "missing"


def compare(items: pl.DataFrame, seen: pl.DataFrame, job: Job) -> pl.DataFrame:
    """`items` with `found` and `opted_out`. Confirmed: every contact of its identity shows every part of the item."""
    there = pl.col(f"there{_SEEN}").fill_null(value=False)
    shown = seen.with_columns(pl.lit(value=True).alias("there")).rename(
        {c: c + _SEEN for c in (*seen.columns, "there") if c != Column.IDENTITY}
    )
    joined = items.join(shown, on=Column.IDENTITY, how="left", maintain_order="left")
    agrees = pl.all_horizontal(
        *(_attribute_agrees(a) for a in job.attributes),
        *(_target_agrees(t) for t in job.targets),
        pl.lit(value=True),
    )
    judged = joined.group_by(Column.RECORD, maintain_order=True).agg(
        there.any().alias("there"), agrees.all().alias("agrees"), _opted_out_since(job, items).any().alias(OPTED_OUT)
    )
    found = (
        pl.when(~pl.col("there"))
        .then(pl.lit(str(Found.MISSING)))
        .when(pl.col("agrees"))
        .then(pl.lit(str(Found.CONFIRMED)))
        .otherwise(pl.lit(str(Found.DIFFERENT)))
    )
    return items.join(judged.select(Column.RECORD, found.alias(FOUND), OPTED_OUT), on=Column.RECORD, how="left")


def _attribute_agrees(attribute: Attribute) -> pl.Expr:
    """Addresses are compared without case, as destinations do."""
    sent, shown = pl.col(attribute.part), pl.col(attribute.part + _SEEN)
    if attribute.channels:
        sent, shown = sent.str.to_lowercase(), shown.str.to_lowercase()
    cleared = pl.col(attribute.part) == JSON_NULL
    return sent.is_null() | pl.when(cleared).then(shown.is_null()).otherwise((sent == shown).fill_null(value=False))


def _target_agrees(target: Target) -> pl.Expr:
    sent, shown = pl.col(target.part), pl.col(part_of(target.key) + _SEEN)
    cleared = sent == Status.CLEAR
    return sent.is_null() | pl.when(cleared).then(shown.is_null()).otherwise((sent == shown).fill_null(value=False))


def permits_something(job: Job) -> pl.Expr:
    """Whether an item raises some status."""
    return pl.any_horizontal(*(raises(pl.col(t.part)) for t in job.targets), pl.lit(value=False))


def _opted_out_since(job: Job, items: pl.DataFrame) -> pl.Expr:
    since = [
        raises(pl.col(t.part)) & ~is_opt_out(pl.col(t.before)) & is_opt_out(pl.col(part_of(key) + _SEEN))
        for t in job.targets
        if t.before in items.columns
        for key in t.shown_keys
    ]
    return pl.any_horizontal(*since, pl.lit(value=False))


def creating(items: pl.DataFrame) -> bool:
    """Whether the items are new contacts; a batch is of one operation."""
    return items.height > 0 and items.item(0, Column.OPERATION) == Operation.CREATE
