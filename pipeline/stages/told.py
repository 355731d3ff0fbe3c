"""Sets beside what the export says what each contact was last told, and who the destination must be asked about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.hashing import xxhash64
from pipeline.job import part_of
from pipeline.model import Column, Status
from pipeline.stages.precedence import forbids, is_opt_out, raises

if TYPE_CHECKING:
    from pipeline.job import Attribute, Job, Target

TOLD: Final = "@told"
SAME: Final = "@same"
OUT: Final = "@out"
"""What was told and forbids: an opt-out, of a contact that is gone too, or a restriction; else null."""
DOUBTFUL: Final = "_doubtful"
"""Whether something was sent since the contact was told; null where it was never told anything."""


def fingerprint(value: pl.Expr) -> pl.Expr:
    """A stable 64-bit fingerprint of a value's JSON text: what the state keeps instead of the value."""
    return xxhash64(value).reinterpret(signed=True)


def against_state(identities: pl.DataFrame, state: pl.DataFrame, job: Job, *, full: bool = False) -> pl.DataFrame:
    """Adds what each contact was last told (`@told`) and which parts are told already (`@same`; `full`: none is).

    A part is told already when its value is the same and its evidence is not newer: nothing is sent twice.
    """
    wanted = [part_of(k) for k in job.known_keys] + [f"{part_of(k)}@at" for k in job.known_keys]
    wanted += [a.part for a in job.attributes]
    known = state.select(
        pl.col(Column.IDENTITY),
        pl.col("told_run").is_null().alias(DOUBTFUL),
        *(pl.col(c).alias(c + TOLD) for c in wanted if c in state.columns),
    ).unique(Column.IDENTITY, keep="last")
    absent = [c for c in wanted if c not in state.columns]
    types = {c: _told_type(c) for c in absent}
    joined = identities.join(known, on=Column.IDENTITY, how="left", maintain_order="left").with_columns(
        pl.lit(None, types[c]).alias(c + TOLD) for c in absent
    )
    statuses = [part_of(k) + TOLD for k in job.known_keys]
    joined = joined.with_columns(_told_out(pl.col(c)).alias(c + OUT) for c in statuses)
    joined = joined.with_columns(pl.when(~_was_out(pl.col(c))).then(pl.col(c)).alias(c) for c in statuses)
    certain = ~pl.col(DOUBTFUL).fill_null(value=True) & (not full)
    return joined.with_columns(
        *((_attribute_same(a) & certain).alias(a.part + SAME) for a in job.attributes),
        *((_target_same(t) & certain).alias(t.part + SAME) for t in job.targets),
    )


def _was_out(told: pl.Expr) -> pl.Expr:
    return told.eq_missing(pl.lit(str(Status.WAS_OPT_OUT)))


def _told_out(told: pl.Expr) -> pl.Expr:
    return pl.when(_was_out(told)).then(pl.lit(str(Status.OPT_OUT))).when(forbids(told)).then(told)


def _told_type(column: str) -> pl.DataType:
    if column.endswith("@at"):
        return pl.Datetime("us", "UTC")
    return pl.String() if column.startswith("consent:") else pl.Int64()


def _attribute_same(attribute: Attribute) -> pl.Expr:
    return (fingerprint(pl.col(attribute.part)) == pl.col(attribute.part + TOLD)).fill_null(value=False)


def _target_same(target: Target) -> pl.Expr:
    newer = (pl.col(target.at_column) > pl.col(target.at_column + TOLD)).fill_null(value=False)
    # An opt-out without a time forbids more than a dated one, so it is told once more.
    dateless = pl.col(target.at_column).is_null() & pl.col(target.at_column + TOLD).is_not_null()
    stricter = is_opt_out(pl.col(target.part)) & dateless
    return (pl.col(target.part) == pl.col(target.part + TOLD)).fill_null(value=False) & ~newer & ~stricter


def to_ask(frame: pl.DataFrame, job: Job) -> pl.Series:
    """Identities that the destination must be asked about before anything is decided.

    All that would change, where the operation depends on whether they exist or a write needs what only reading gives.
    Else those that were never told anything (is there such a contact, and what is its status?), those that would change
    a status (what was told may have ended since, and a revert gives back only what was there), and those whose consent
    is for an address that this record does not bring.
    """
    written = [*(t.part for t in job.targets), *(a.part for a in job.written_attributes)]
    some_change = pl.any_horizontal(*(_changed(part) for part in written), pl.lit(value=False))
    # What identifies is never told of a known contact; of a stranger it may be all that there is.
    said = pl.any_horizontal(*(pl.col(a.part).is_not_null() for a in job.attributes), pl.lit(value=False))
    some_change |= said & pl.col(DOUBTFUL).is_null()
    if job.delivery.mode == "update" and not job.asks_first:
        if "destination" not in job.policy.witnesses:
            # Whom a suppression list forbids to contact is known by the stored address too.
            unknown = [_changed(t.part) & raises(pl.col(t.part)) & _elsewhere(t, job) for t in job.targets]
            listed = pl.any_horizontal(*unknown, pl.lit(value=False)) & bool(job.policy.suppression)
            return frame.filter(listed).get_column(Column.IDENTITY)
        asked = [_changed(target.part) & _in_doubt(target, job) for target in job.targets]
        some_change = pl.any_horizontal(*asked, some_change & _stranger(job))
    return frame.filter(some_change).get_column(Column.IDENTITY)


def _changed(part: str) -> pl.Expr:
    return pl.col(part).is_not_null() & ~pl.col(part + SAME)


def _in_doubt(target: Target, job: Job) -> pl.Expr:
    never_told = pl.col(target.part + TOLD).is_null() | pl.col(DOUBTFUL).fill_null(value=True)
    moves = pl.col(target.part) != pl.col(target.part + TOLD)
    return raises(pl.col(target.part)) | moves | never_told | unaddressed(target, job)


def _stranger(job: Job) -> pl.Expr:
    """Whether the contact was never told anything of what this job says."""
    parts = [*(t.part for t in job.targets), *(a.part for a in job.attributes)]
    return pl.all_horizontal(*(pl.col(part + TOLD).is_null() for part in parts), pl.lit(value=True))


def _elsewhere(target: Target, job: Job) -> pl.Expr:
    """Whether an address that the target's consent is for may be one that this record does not bring."""
    brought = {channel: a.part for a in job.written_attributes for channel in a.channels}
    channels = [target.channel] if target.channel is not None else list(job.channel_fields)
    missing = [pl.col(brought[c]).is_null() if c in brought else pl.lit(value=True) for c in channels]
    return pl.any_horizontal(*missing, pl.lit(value=False))


def unaddressed(target: Target, job: Job) -> pl.Expr:
    """Whether no address that the target's consent is for travels with it; of a group's channels, one is enough."""
    channels = [target.channel] if target.channel is not None else list(job.channel_fields)
    brought = [a for a in job.written_attributes if set(a.channels) & set(channels)]
    return pl.all_horizontal(*(pl.col(a.part).is_null() for a in brought), pl.lit(value=True))
