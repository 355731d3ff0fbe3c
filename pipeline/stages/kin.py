"""Contacts that share an address, and identities that share a contact."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from pipeline.model import Column, Reason
from pipeline.stages.fold import address_text, forbidding, hold_at
from pipeline.stages.seen import SEEN

if TYPE_CHECKING:
    from pipeline.job import Job


def held_by_kin(frame: pl.DataFrame, job: Job) -> pl.DataFrame:
    """Withholds permissions against opt-outs of the export for the same address, where only the destination has it."""
    address = job.address_of(job.kin)
    if address is None:
        return frame
    brought, stored = address_text(pl.col(address.part)), address_text(pl.col(address.part + SEEN))
    written = address in job.written_attributes
    reached = pl.coalesce(brought, stored) if written else pl.coalesce(stored, brought)
    for other in (t for t in job.targets if t.channel == job.kin):
        frame = hold_at(frame, forbidding(frame, other, reached), reached, other, job)
    return frame


def named_twice(frame: pl.DataFrame, job: Job) -> pl.DataFrame:
    """Bars identities that are one contact: what one of them says would undo what another one does.

    Who is there is known by its handle, who is not by the names that a new contact would get.
    """
    person = pl.col(Column.HANDLE).str.json_path_match("$.id")
    if job.naming:
        names = pl.concat_str([pl.col(part).str.to_lowercase() for part in job.naming], separator="\0")
        person = pl.coalesce(person, pl.when(~pl.col(Column.EXISTS)).then(names))
    twice = person.is_not_null() & person.is_duplicated()
    barred = pl.when(twice).then(pl.lit(str(Reason.CONTACT_NAMED_TWICE)))
    return frame.with_columns(pl.coalesce(Column.BARRED, barred).alias(Column.BARRED))


def without_own_voice(frame: pl.DataFrame, job: Job) -> pl.DataFrame:
    """Leaves out of `kin` those whose own consent for the channel stands: it was heard against the others' already.

    Whose consent is withheld has no say: an opt-out for the address reaches it too.
    """
    if job.kin is None:
        return frame
    mine = [t for t in job.targets if t.channel == job.kin]
    stands = [pl.col(t.part).is_not_null() & pl.col(t.reason).is_null() for t in mine]
    speaking = frame.filter(pl.any_horizontal(*stands, pl.lit(value=False))).get_column(Column.HANDLE)
    speaking = speaking.drop_nulls().unique()
    return frame.with_columns(pl.col(Column.KIN).list.set_difference(speaking.implode()).alias(Column.KIN))
