"""Contacts that get another address: nobody who is not opted out is moved to where somebody has opted out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from pipeline.job import kin_of, part_of
from pipeline.model import Channel, Column, Reason
from pipeline.stages.fold import ADDRESS_OUT, address_text
from pipeline.stages.precedence import forbids, permits
from pipeline.stages.seen import SEEN
from pipeline.stages.suppress import PREFIX
from pipeline.stages.told import OUT, SAME, TOLD

if TYPE_CHECKING:
    from pipeline.job import Attribute, Job

_NO = pl.lit(value=False)


def moves(address: Attribute, job: Job) -> pl.Expr:
    """Whether a known contact gets an address that it is not known to have."""
    if address not in job.written_attributes:
        return _NO
    brought, stored = address_text(pl.col(address.part)), address_text(pl.col(address.part + SEEN))
    there = ~pl.col(Column.EXISTS).eq_missing(pl.lit(value=False))
    return there & brought.is_not_null() & ~pl.col(address.part + SAME) & ~brought.eq_missing(stored)


def why_not_moved(address: Attribute, job: Job, columns: list[str]) -> pl.Expr:
    """Why an address is withheld: it is suppressed, or opted out by another contact; null: it goes.

    It goes with the contact's own opt-out, and with a permission that stands against the others.
    """
    reasons = []
    for channel in address.channels:
        stays_out = _stays_out(channel, job, columns)
        marks = [c for c in columns if c.startswith(f"{PREFIX}{channel}@") and not c.endswith(SEEN)]
        if marks:
            listed = pl.any_horizontal(pl.col(c).fill_null(value=False) for c in marks) & ~stays_out
            reasons.append(pl.when(listed).then(pl.lit(str(Reason.SUPPRESSED))))
        if channel == job.kin:
            others = pl.col(ADDRESS_OUT) if ADDRESS_OUT in columns else _NO
            if kin_of(channel) + SEEN in columns:
                others |= forbids(pl.col(kin_of(channel) + SEEN))
            permitted = [
                permits(pl.col(t.part)) & pl.col(t.reason).is_null() for t in job.targets if t.channel == channel
            ]
            opted_out = others & ~stays_out & ~pl.any_horizontal(*permitted, _NO)
            reasons.append(pl.when(opted_out).then(pl.lit(str(Reason.ADDRESS_OPTED_OUT))))
    return pl.when(moves(address, job)).then(pl.coalesce(*reasons, pl.lit(None, pl.String)))


def _stays_out(channel: Channel, job: Job, columns: list[str]) -> pl.Expr:
    """Whether the contact is, or will be, opted out or restricted itself."""
    status = part_of(channel)
    said = [
        forbids(pl.col(t.part)) & pl.col(t.reason).is_null() & ~pl.col(t.part + SAME)
        for t in job.targets
        if t.channel == channel
    ]
    if status + SEEN in columns:
        asked = pl.col(Column.EXISTS).eq_missing(pl.lit(value=True))
        said.append(pl.when(asked).then(forbids(pl.col(status + SEEN))).otherwise(forbids(pl.col(status + TOLD + OUT))))
    return pl.any_horizontal(*said, _NO)
