"""What a destination shows beside what an export says, or what it was told: who differs, and in what."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.job import part_of
from pipeline.model import Column, Status
from pipeline.stages.precedence import forbids, is_opt_out, permits
from pipeline.stages.reconcile import attribute_agrees, shows
from pipeline.stages.seen import SEEN, complete
from pipeline.stages.told import fingerprint
from pipeline.values import JSON_NULL

if TYPE_CHECKING:
    from pipeline.job import Attribute, Job, Target

PART: Final = "part"
KIND: Final = "kind"
EXPECTED: Final = "expected"
SHOWN: Final = "destination"
DIFFERENCES: Final = pl.Schema(dict.fromkeys((Column.IDENTITY, PART, KIND, EXPECTED, SHOWN), pl.String()))
_TOLD_RUN: Final = "told_run"


class Kind(StrEnum):
    """What a difference is."""

    DIFFERS = "differs"
    OPTED_OUT_SINCE = "opted_out_since"
    """The platform's own opt-out or restriction, where something else was told: normal, and not to be overwritten."""
    RAISED_SINCE = "raised_since"
    """A permission where an opt-out or a restriction was told: serious."""
    MISSING = "missing"
    DESTINATION_ONLY = "destination_only"
    """Nobody here knows it."""


def said(identities: pl.DataFrame, job: Job) -> pl.DataFrame:
    """What an export says that can be compared: not what the mapping does not list, nor what it does not write."""
    listed = {t.part: pl.when(pl.col(t.part) != Status.UNLISTED).then(pl.col(t.part)) for t in job.targets}
    return identities.select(
        Column.IDENTITY,
        *(status.alias(part) for part, status in listed.items()),
        *(pl.col(a.part) for a in job.attributes),
    )


def told(state: pl.DataFrame, job: Job) -> pl.DataFrame:
    """What contacts were last told of what the job speaks of: statuses, and fingerprints of attributes.

    Of whom something was sent since and not confirmed, an opt-out alone is sure.
    """
    sure = pl.col(_TOLD_RUN).is_not_null()
    statuses = [t.part for t in job.targets if t.part in state.columns]
    values = [a.part for a in job.written_attributes if a.part in state.columns]
    gone = str(Status.WAS_OPT_OUT)
    rows = state.select(
        Column.IDENTITY,
        *(pl.when((sure | is_opt_out(pl.col(c))) & (pl.col(c) != gone)).then(pl.col(c)).alias(c) for c in statuses),
        *(pl.when(sure).then(pl.col(c)).alias(c) for c in values),
    )
    return rows.filter(pl.any_horizontal(*(pl.col(c).is_not_null() for c in (*statuses, *values)), pl.lit(value=False)))


def differences(expected: pl.DataFrame, seen: pl.DataFrame, job: Job, *, by_state: bool) -> pl.DataFrame:
    """One row per contact and part that differs, and one per contact that is missing. Values are not repeated."""
    whole = complete(seen, job).filter(Column.EXISTS)
    shown = whole.rename({c: c + SEEN for c in whole.columns if c != Column.IDENTITY})
    there = expected.join(shown, on=Column.IDENTITY, how="inner")
    missing = expected.join(shown, on=Column.IDENTITY, how="anti").select(
        Column.IDENTITY, *_columns("", Kind.MISSING, pl.lit(None, pl.String), pl.lit(None, pl.String))
    )
    found = [_target(there, target, by_state=by_state) for target in job.targets if target.part in expected.columns]
    found += [
        there.filter(~(_told_agrees(a) if by_state else attribute_agrees(a))).select(
            Column.IDENTITY, *_columns(a.name, Kind.DIFFERS, pl.lit(None, pl.String), pl.lit(None, pl.String))
        )
        for a in job.written_attributes
        if a.part in expected.columns
    ]
    return pl.concat([DIFFERENCES.to_frame(), missing, *found]).unique(maintain_order=True)


def _columns(part: str, kind: str | pl.Expr, expected: pl.Expr, shown: pl.Expr) -> list[pl.Expr]:
    kinds = pl.lit(str(kind)) if isinstance(kind, str) else kind
    return [pl.lit(part).alias(PART), kinds.alias(KIND), expected.alias(EXPECTED), shown.alias(SHOWN)]


def _target(there: pl.DataFrame, target: Target, *, by_state: bool) -> pl.DataFrame:
    mine, theirs = pl.col(target.part), pl.col(part_of(target.key) + SEEN)
    kind = pl.lit(str(Kind.DIFFERS))
    if by_state:
        out_since = forbids(theirs) & (is_opt_out(theirs) | ~forbids(mine))
        kind = (
            pl.when(out_since)
            .then(pl.lit(str(Kind.OPTED_OUT_SINCE)))
            .when(forbids(mine) & permits(theirs))
            .then(pl.lit(str(Kind.RAISED_SINCE)))
            .otherwise(kind)
        )
    shown = theirs.fill_null(str(Status.UNSET))
    return there.filter(~shows(theirs, mine)).select(Column.IDENTITY, *_columns(target.label, kind, mine, shown))


def _told_agrees(attribute: Attribute) -> pl.Expr:
    """Addresses are compared without case where the destination keeps none."""
    sent, shown = pl.col(attribute.part), pl.col(attribute.part + SEEN)
    texts = [shown.fill_null(JSON_NULL), *([shown.str.to_lowercase()] if attribute.channels else [])]
    return sent.is_null() | pl.any_horizontal(*((fingerprint(text) == sent).fill_null(value=False) for text in texts))


def spoken_of(rows: pl.DataFrame, job: Job) -> pl.DataFrame:
    """Who is known here, and of which targets something is: from what was said or told."""
    known = [
        (pl.col(t.part).is_not_null() if t.part in rows.columns else pl.lit(value=False)).alias(t.part)
        for t in job.targets
    ]
    return rows.select(Column.IDENTITY, *known)


def unknown_here(seen: pl.DataFrame, known: pl.DataFrame, job: Job) -> pl.DataFrame:
    """The contacts and consents of a reading that nobody here knows; a contact without consents has one row."""
    whole = complete(seen, job).filter(Column.EXISTS)
    joined = whole.select(Column.IDENTITY, *(pl.col(part_of(t.key)).alias(t.part + SEEN) for t in job.targets)).join(
        known.with_columns(pl.lit(value=True).alias("_known")), on=Column.IDENTITY, how="left"
    )
    nothing, kind = pl.lit(None, pl.String), Kind.DESTINATION_ONLY
    strangers = joined.filter(pl.col("_known").is_null())
    found = [strangers.select(Column.IDENTITY, *_columns("", kind, nothing, nothing))]
    for target in job.targets:
        status = pl.col(target.part + SEEN)
        alone = status.is_not_null() & (status != Status.ABSENT) & ~pl.col(target.part).fill_null(value=False)
        found.append(joined.filter(alone).select(Column.IDENTITY, *_columns(target.label, kind, nothing, status)))
    return pl.concat(found)
