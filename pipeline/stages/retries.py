"""Records that failed in earlier runs and are tried again: what of them still counts beside what was said since.

They are older than the export: whatever it says of an identity stands against them, unless they forbid something or
permit, provably later, what it permits too. A permission without a time counts for nothing once the contact was told
something else; an opt-out always counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.job import part_of
from pipeline.model import Column, Reason, Status
from pipeline.stages.fold import address_text
from pipeline.stages.precedence import forbids, raises
from pipeline.stages.seen import SEEN
from pipeline.stages.told import SAME, fingerprint
from pipeline.values import JSON_NULL

if TYPE_CHECKING:
    from pipeline.job import Attribute, Job, Target

SAID_AT: Final = "said_at"
"""When the export was read that the record is of."""
LACKING: Final = "lacking"
"""Columns of the mapping that this export did not have: list[str]."""
TOLD_AT: Final = "told_at"
_TOLD: Final = "@told_since"
_SINCE: Final = "_since"
_MOVED: Final = "@moved"
_NO: Final = pl.lit(value=False)


@dataclass(frozen=True, slots=True)
class Earlier:
    """The retries of a plan; their numbers follow those of the export's records."""

    exported: int
    """The number of the export's records, and of its last one."""
    records: pl.DataFrame
    """Column.RECORD, SAID_AT and LACKING of each"""

    @property
    def retried(self) -> pl.Expr:
        """Whether a record is a retry."""
        return pl.col(Column.RECORD) > self.exported


def stale_of(target: Target) -> str:
    """The column that says whether a status is a permission of a retry without a time."""
    return f"{target.part}@stale"


@dataclass(frozen=True, slots=True)
class Since:
    """The records of earlier runs, and what was told to the account until now: its state."""

    earlier: Earlier
    told: pl.DataFrame


def weigh(valid: pl.DataFrame, witnesses: pl.DataFrame, since: Since, job: Job) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows with what still counts of the retries, and which identities have a stale permission for what.

    `witnesses`: what rejected records say. What does not count and nobody stands for is withheld as `overtaken`.
    """
    earlier = since.earlier
    about = valid.filter(earlier.retried).select(Column.IDENTITY).unique()
    if about.is_empty():
        return valid, about
    others = valid.join(about, on=Column.IDENTITY, how="anti", maintain_order="left")
    mine = valid.join(about, on=Column.IDENTITY, how="semi", maintain_order="left")
    mine = mine.join(earlier.records.select(Column.RECORD, SAID_AT, LACKING), on=Column.RECORD, how="left")
    mine = mine.with_columns(_moved(a, earlier).alias(a.part + _MOVED) for a in job.addresses)
    mine = mine.with_columns(part for t in job.targets for part in _against(t, witnesses, earlier))
    mine = behind_the_export(mine, earlier, job)
    mine = _behind_what_was_told(mine, earlier, since.told, job)
    stale = mine.group_by(Column.IDENTITY).agg(_undated(t, earlier).any().alias(stale_of(t)) for t in job.targets)
    return pl.concat([others, mine.select(valid.columns)]), stale


def behind_the_export(rows: pl.DataFrame, earlier: Earlier, job: Job) -> pl.DataFrame:
    """Takes out of the retries what the export's own records of the identity stand for.

    Each attribute that they speak of; each permission of what they forbid, or that is not newer than what they say.
    """
    retried, own = earlier.retried, ~earlier.retried
    taken = []
    for attribute in job.attributes:
        value, reason = pl.col(attribute.part), pl.col(attribute.reason)
        spoken = (own & (value.is_not_null() | reason.is_not_null())).any().over(Column.IDENTITY)
        unread = pl.col(LACKING).list.contains(attribute.column).fill_null(value=False) & (value == JSON_NULL)
        gone = retried & (spoken | unread.fill_null(value=False))
        taken.append(pl.when(~gone).then(value).alias(attribute.part))
    for target in job.targets:
        status, at, reason = pl.col(target.part), pl.col(target.at_column), pl.col(target.reason)
        said = own & (status.is_not_null() | reason.is_not_null())
        undated = (said & at.is_null()).any().over(Column.IDENTITY)
        latest = pl.when(said).then(at).max().over(Column.IDENTITY)
        newer = (at > latest).fill_null(value=False) & ~undated
        spoken, withheld = (flag.any().over(Column.IDENTITY) for flag in (said, said & status.is_null()))
        forbidden = (own & (forbids(status) | (status == Status.UNLISTED))).any().over(Column.IDENTITY)
        gone = retried & _permits(status) & spoken & (withheld | forbidden | ~newer)
        taken.append(pl.when(~gone).then(status).alias(target.part))
    return rows.with_columns(taken)


def _against(target: Target, witnesses: pl.DataFrame, earlier: Earlier) -> tuple[pl.Expr, pl.Expr]:
    """Withholds permissions of retries that a rejected record of the export may forbid."""
    status = pl.col(target.part)
    doubtful = (status == Status.UNLISTED).fill_null(value=False)
    against = witnesses.filter(~earlier.retried & (forbids(status) | doubtful)).get_column(Column.IDENTITY)
    forbidden = pl.col(Column.IDENTITY).is_in(against.drop_nulls().unique().implode())
    return _without(target, earlier.retried & _permits(status) & forbidden)


def _behind_what_was_told(rows: pl.DataFrame, earlier: Earlier, told: pl.DataFrame, job: Job) -> pl.DataFrame:
    """Withholds from the retries what may be older than what the contact was told since, by whatever mapping."""
    keys = [part_of(key) for key in job.known_keys]
    wanted = [*keys, *(f"{key}@at" for key in keys), *(a.part for a in job.attributes)]
    there = [column for column in dict.fromkeys(wanted) if column in told.columns]
    known = told.select(Column.IDENTITY, TOLD_AT, *(pl.col(c).alias(c + _TOLD) for c in there))
    joined = rows.join(known.unique(Column.IDENTITY), on=Column.IDENTITY, how="left", maintain_order="left")
    since = earlier.retried & (pl.col(TOLD_AT) > pl.col(SAID_AT)).fill_null(value=False)
    joined = joined.with_columns(since.alias(_SINCE))
    withheld: list[pl.Expr] = []
    for attribute in job.attributes:
        withheld += _without(attribute, pl.col(_SINCE) & _told_otherwise(attribute, there))
    for target in job.targets:
        address = job.address_of(target.channel)
        elsewhere = _NO
        if address is not None:
            elsewhere = pl.col(address.part + _MOVED) | (pl.col(_SINCE) & _told_otherwise(address, there))
        gone = _permits(pl.col(target.part)) & (elsewhere | (pl.col(_SINCE) & ~_newer(target, there)))
        withheld += _without(target, earlier.retried & gone)
    return joined.with_columns(withheld)


def _without(part: Attribute | Target, gone: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    reason = pl.when(gone).then(pl.coalesce(part.reason, pl.lit(str(Reason.OVERTAKEN)))).otherwise(pl.col(part.reason))
    return pl.when(~gone).then(pl.col(part.part)).alias(part.part), reason.alias(part.reason)


def _told_otherwise(attribute: Attribute, there: list[str]) -> pl.Expr:
    """Whether another value was told, which may be the newer one."""
    if attribute.part not in there:
        return _NO
    return (fingerprint(pl.col(attribute.part)) != pl.col(attribute.part + _TOLD)).fill_null(value=False)


def _moved(address: Attribute, earlier: Earlier) -> pl.Expr:
    """Whether the export brings another address than a retry, or one that cannot be read."""
    mine, own = address_text(pl.col(address.part)), ~earlier.retried
    others = pl.when(own).then(mine)
    least, most = others.min().over(Column.IDENTITY), others.max().over(Column.IDENTITY)
    broken = (own & pl.col(address.reason).is_not_null()).any().over(Column.IDENTITY)
    other = (least != mine).fill_null(value=False) | (most != mine).fill_null(value=False) | broken
    return earlier.retried & mine.is_not_null() & other


def _newer(target: Target, there: list[str]) -> pl.Expr:
    """Whether a status is what was told already, or provably later than all that was told of what it touches."""
    status, at = pl.col(target.part), pl.col(target.at_column)
    own = target.part
    same = (status == pl.col(own + _TOLD)).fill_null(value=False) if own in there else _NO
    later = [at.is_not_null()]
    for key in (part_of(key) for key in target.overlaps if part_of(key) in there):
        after = (at > pl.col(f"{key}@at{_TOLD}")).fill_null(value=False) if f"{key}@at" in there else _NO
        later.append(pl.col(key + _TOLD).is_null() | after)
    return same | pl.all_horizontal(*later)


def _undated(target: Target, earlier: Earlier) -> pl.Expr:
    return earlier.retried & _permits(pl.col(target.part)) & pl.col(target.at_column).is_null()


def _permits(status: pl.Expr) -> pl.Expr:
    """Whether a status lets somebody be contacted, or lifts what forbids it."""
    return (raises(status) & ~forbids(status) & (status != Status.UNLISTED)).fill_null(value=False)


def to_ask(frame: pl.DataFrame, job: Job) -> pl.Series:
    """Identities whose stale permission the destination must be asked about, whoever the witnesses are."""
    goes = [_is_stale(t, frame.columns) & ~pl.col(t.part + SAME) for t in job.targets]
    return frame.filter(pl.any_horizontal(*goes, _NO)).get_column(Column.IDENTITY)


def contradicted(target: Target, columns: list[str]) -> pl.Expr:
    """Why a stale permission is withheld: the destination has another status, which may be the newer one."""
    shown = [pl.col(part_of(key) + SEEN) for key in target.shown_keys if part_of(key) + SEEN in columns]
    other = pl.any_horizontal(*((seen != pl.col(target.part)).fill_null(value=False) for seen in shown), _NO)
    return pl.when(_is_stale(target, columns) & other).then(pl.lit(str(Reason.OVERTAKEN)))


def _is_stale(target: Target, columns: list[str]) -> pl.Expr:
    if stale_of(target) not in columns:
        return _NO
    undated = _permits(pl.col(target.part)) & pl.col(target.at_column).is_null()
    return undated & pl.col(stale_of(target)).fill_null(value=False)
