"""Compares what was sent with what the destination shows, for what is unclear: confirmed, different, or missing."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import polars as pl

from pipeline.job import kin_of, part_of, shown_at
from pipeline.model import Column, Operation, Status
from pipeline.stages.precedence import ends, forbids, is_opt_out, raises
from pipeline.stages.seen import SEEN, complete
from pipeline.values import JSON_NULL

if TYPE_CHECKING:
    from pipeline.job import Attribute, Job, Target
    from pipeline.model import Channel

FOUND = "found"
OPTED_OUT = "opted_out"
"""Whether the destination shows an opt-out that was not there when it was planned to raise the status."""


class Found(StrEnum):
    """What reading back says of an item."""

    CONFIRMED = "confirmed"
    DIFFERENT = "different"
    MISSING = "missing"
    KIN = "kin"
    """The contact is as it was told, and others who share its address are not opted out yet."""


def compare(items: pl.DataFrame, seen: pl.DataFrame, job: Job) -> pl.DataFrame:
    """`items` with `found` and `opted_out`, and with the handles that were shown.

    Confirmed: every contact of its identity shows every part of the item, and nobody whom it opts out with the
    contact can be contacted still.
    """
    whole = complete(seen, job)
    shown = whole.rename({c: c + SEEN for c in whole.columns if c != Column.IDENTITY})
    joined = items.join(shown, on=Column.IDENTITY, how="left", maintain_order="left")
    agrees = pl.all_horizontal(
        *(attribute_agrees(a) for a in job.attributes),
        *(_target_agrees(t) for t in job.targets),
        pl.lit(value=True),
    )
    judged = joined.group_by(Column.IDENTITY, maintain_order=True).agg(
        pl.col(Column.EXISTS + SEEN).fill_null(value=False).any().alias("there"),
        agrees.all().alias("agrees"),
        _kin_left(job, items).any().alias("kin_left"),
        _opted_out_since(job, items).any().alias(OPTED_OUT),
        pl.col(Column.HANDLE + SEEN).first(),
    )
    found = (
        pl.when(~pl.col("there"))
        .then(pl.lit(str(Found.MISSING)))
        .when(pl.col("agrees") & pl.col("kin_left"))
        .then(pl.lit(str(Found.KIN)))
        .when(pl.col("agrees"))
        .then(pl.lit(str(Found.CONFIRMED)))
        .otherwise(pl.lit(str(Found.DIFFERENT)))
    )
    answers = judged.select(Column.IDENTITY, found.alias(FOUND), OPTED_OUT, Column.HANDLE + SEEN)
    compared = items.join(answers, on=Column.IDENTITY, how="left", maintain_order="left")
    if Column.HANDLE in items.columns:
        fresh = pl.coalesce(Column.HANDLE + SEEN, Column.HANDLE)
        compared = compared.with_columns(fresh.alias(Column.HANDLE))
    return compared.drop(Column.HANDLE + SEEN)


def attribute_agrees(attribute: Attribute) -> pl.Expr:
    """Addresses, and names that identify, are compared without case, as destinations do."""
    sent, shown = pl.col(attribute.part), pl.col(attribute.part + SEEN)
    if attribute.channels or attribute.identifies:
        sent, shown = sent.str.to_lowercase(), shown.str.to_lowercase()
    cleared = pl.col(attribute.part) == JSON_NULL
    return sent.is_null() | pl.when(cleared).then(shown.is_null()).otherwise((sent == shown).fill_null(value=False))


def _target_agrees(target: Target) -> pl.Expr:
    return shows(pl.col(part_of(target.key) + SEEN), pl.col(target.part))


def shows(shown: pl.Expr, sent: pl.Expr) -> pl.Expr:
    """Whether a reading is what a status leaves, or nothing was sent. Who is not in a group has none of its consent."""
    cleared = sent == Status.CLEAR
    absent = is_opt_out(sent) & (shown == Status.ABSENT).fill_null(value=False)
    same = (sent == shown).fill_null(value=False) | absent
    return sent.is_null() | pl.when(cleared).then(shown.is_null()).otherwise(same)


def _kin_left(job: Job, items: pl.DataFrame) -> pl.Expr:
    """Whether somebody is left whom an item opts out for the address; by their ids, as all else may have changed."""
    if job.kin is None or Column.KIN not in items.columns:
        return pl.lit(value=False)
    out = [is_opt_out(pl.col(t.part)) for t in job.targets if t.channel == job.kin]
    ids = [pl.col(c).list.eval(pl.element().str.json_path_match("$.id")) for c in (Column.KIN, Column.KIN + SEEN)]
    left = ids[0].list.set_intersection(ids[1]).list.len() > 0
    return pl.any_horizontal(*out, pl.lit(value=False)) & left.fill_null(value=False)


def permits_something(job: Job) -> pl.Expr:
    """Whether an item raises some status."""
    return pl.any_horizontal(*(raises(pl.col(t.part)) for t in job.targets), pl.lit(value=False))


def moving(channel: Channel, job: Job) -> pl.Expr:
    """Whether an item gives a known contact that is not opted out, nor by the item, an address of the channel."""
    gets = [pl.col(a.part).is_not_null() for a in job.written_attributes if channel in a.channels]
    mine = [t for t in job.targets if t.channel == channel]
    out = [forbids(pl.col(t.part)) | (pl.col(t.part).is_null() & forbids(pl.col(t.before))) for t in mine]
    known = pl.col(Column.OPERATION) == Operation.UPDATE
    return known & pl.any_horizontal(*gets, pl.lit(value=False)) & ~pl.any_horizontal(*out, pl.lit(value=False))


def watched(job: Job) -> pl.Expr:
    """Whether an item is compared with the destination once more before it is sent: it permits, or moves somebody to
    an address that others may have opted out.
    """
    return permits_something(job) | (pl.lit(value=False) if job.kin is None else moving(job.kin, job))


def looked_at(items: pl.DataFrame, job: Job) -> pl.DataFrame:
    """The items that are compared once more."""
    return items.filter(watched(job)) if "destination" in job.policy.witnesses else items.clear()


def _opted_out_since(job: Job, items: pl.DataFrame) -> pl.Expr:
    """Whether what is shown now forbids an item that nothing forbade when it was planned.

    Where the destination dates it, an opt-out from before the consent was known, and overruled, already.
    """
    since = []
    for target in (t for t in job.targets if t.before in items.columns):
        status, before = pl.col(target.part), pl.col(target.before)
        for key in target.shown_keys:
            shown, at = pl.col(part_of(key) + SEEN), pl.col(shown_at(key) + SEEN)
            left = (shown == Status.ABSENT) & (before == Status.OPT_IN)
            known = pl.lit(value=target.owns(key)) & (shown == before) if job.restores else pl.lit(value=True)
            overruled = known & forbids(before) & ~(at >= pl.col(target.at_column)).fill_null(value=False)
            since += [ends(status, shown) & ~overruled, raises(status) & left.fill_null(value=False)]
            since.append(ends(status, pl.col(kin_of(key) + SEEN)) & ~forbids(status))
    if job.kin in job.known_keys and all(t.before in items.columns for t in job.targets):
        since.append(moving(job.kin, job) & forbids(pl.col(kin_of(job.kin) + SEEN)))
    return pl.any_horizontal(*since, pl.lit(value=False))


def creating(items: pl.DataFrame) -> bool:
    """Whether the items are new contacts; a batch is of one operation."""
    return items.height > 0 and items.item(0, Column.OPERATION) == Operation.CREATE
