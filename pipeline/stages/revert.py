"""What a run left of each contact's consent, and what would give back what was there before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.job import part_of, row_key, shown_at
from pipeline.model import Column, Reason, Status
from pipeline.stages.fold import broken_of
from pipeline.stages.precedence import ends, forbids, is_opt_out
from pipeline.stages.reconcile import shows
from pipeline.stages.seen import SEEN, complete
from pipeline.stages.told import DOUBTFUL, OUT, SAME, TOLD

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from pipeline.job import Job, Target
    from pipeline.stages.resolve import Resolved

LEFT: Final = "@left"
"""What the run left of a target, and when it was said to have been given or withdrawn."""
LATER: Final = "@later"
"""What later runs told of a target."""
SAID: Final = "@said"
"""What the last export since forbids."""
_NOTE: Final = "_note"
_SCHEMA: Final = pl.Schema({Column.IDENTITY: pl.String})


@dataclass(frozen=True, slots=True)
class Reverted:
    """The run that is taken back, and when; `settled_at`: when its last batch was."""

    run_id: str
    settled_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class Since:
    """What was said of contacts since: one row per identity, and a column for each target that was spoken of."""

    told: pl.DataFrame
    """what later runs told"""
    said: pl.DataFrame
    """what the last export of each mapping forbids"""


def wanted(applied: pl.DataFrame, fitting: Mapping[str, frozenset[str]], job: Job, of: Reverted) -> pl.DataFrame:
    """Items that were applied -> one row each that says what was there before, as if an export said it.

    `fitting`: target's part -> the statuses that the destination can be given. What it cannot is withheld. A status
    that the run only repeated is not spoken of.
    """
    texts = [a.part for a in job.attributes] + [a.reason for a in job.attributes]
    texts += [broken_of(t) for t in job.targets]
    return (
        applied.with_columns(_note(job).alias(_NOTE))
        .select(
            *row_key(job),
            Column.LINE,
            Column.IDENTITY,
            _NOTE,
            *(_changed(t, pl.col(t.part)).alias(t.part + LEFT) for t in job.targets),
            *(_changed(t, pl.col(t.at_column)).alias(t.at_column + LEFT) for t in job.targets),
            *(_back(t, fitting[t.part], _read(applied), job).alias(t.part) for t in job.targets),
        )
        .with_columns(
            *(pl.lit(None, pl.String).alias(name) for name in texts),
            *(pl.lit(of.now).cast(pl.Datetime("us", "UTC")).alias(t.at_column) for t in job.targets),
            *(pl.lit(f"revert of {of.run_id}").alias(t.source) for t in job.targets),
            *(_nowhere(t).alias(t.reason) for t in job.targets),
        )
    )


def _changed(target: Target, value: pl.Expr) -> pl.Expr:
    return pl.when(pl.col(target.part) != pl.col(target.before)).then(value)


def _read(applied: pl.DataFrame) -> pl.Expr:
    """Whether the run has read the contact; else what it took for the status before may have ended long ago."""
    return pl.col(Column.EXISTS).is_not_null() if Column.EXISTS in applied.columns else pl.lit(value=False)


def _back(target: Target, fitting: frozenset[str], read: pl.Expr, job: Job) -> pl.Expr:
    """What was there before. Who was not in a group leaves it; where nothing was set, it is cleared.

    Of a contact that nobody had read, nothing comes back that lets it be contacted.
    """
    none = Status.OPT_OUT if job.groups_are_apart and target.group_id is not None else Status.CLEAR
    was = pl.col(target.before).replace(str(Status.UNSET), str(none))
    return _changed(target, pl.when(was.is_in(sorted(fitting)) & (read | is_opt_out(was))).then(was))


def _nowhere(target: Target) -> pl.Expr:
    lost = pl.col(target.part + LEFT).is_not_null() & pl.col(target.part).is_null()
    return pl.when(lost).then(pl.lit(str(Reason.BEFORE_UNKNOWN)))


def _note(job: Job) -> pl.Expr:
    """What of the run stays, in words: values that nobody kept, and what a group's permission did to its channels."""
    sent = [pl.when(pl.col(a.part).is_not_null()).then(pl.lit(a.name)) for a in job.attributes if not a.identifies]
    names = pl.concat_list(*sent, pl.lit(None, pl.String)).list.drop_nulls().list.join(", ")
    stays = pl.when(names != "").then(pl.format("attributes stay as the run wrote them: {}", names))
    groups = [t for t in job.targets if t.channel is None and not job.groups_are_apart]
    raised = pl.any_horizontal(*(pl.col(t.part) == Status.OPT_IN for t in groups), pl.lit(value=False))
    channels = pl.when(raised).then(pl.lit("channels stay as the group's permission raised them"))
    return pl.concat_str(stays, channels, separator="; ", ignore_nulls=True)


def unless_changed(
    compared: pl.DataFrame, seen: pl.DataFrame, since: Since, job: Job, settled_at: datetime
) -> pl.DataFrame:
    """Withholds what is no longer as the run left it, and what the last export since forbids.

    `compared`: as `told.against_state` gives it. What is as it was before already counts as told.
    """
    shown = complete(seen, job)
    theirs = [part_of(t.key) for t in job.targets] + [shown_at(t.key) for t in job.targets]
    there = shown.filter(Column.EXISTS).select(Column.IDENTITY, *(pl.col(c).alias(c + SEEN) for c in theirs))
    frame = _beside(compared, there.with_columns(pl.lit(value=True).alias("_there")), "")
    frame = _beside(_beside(frame, since.told, LATER), since.said, SAID)
    is_there = pl.col("_there").fill_null(value=False)
    for target in job.targets:
        back = pl.col(target.part)
        same = is_there & back.is_not_null() & shows(pl.col(part_of(target.key) + SEEN), back)
        changed = is_there & ~same & _changed_since(target, frame.columns, settled_at)
        keys = [key for key in target.overlaps if part_of(key) + SAID in frame.columns]
        said = [ends(back, pl.col(part_of(key) + SAID)) for key in keys]
        reasons = {Reason.CHANGED_SINCE: changed, Reason.OPTED_OUT_ELSEWHERE: pl.any_horizontal(*said, False) & ~same}
        spoken = [pl.when(back.is_not_null() & wrong).then(pl.lit(str(why))) for why, wrong in reasons.items()]
        frame = frame.with_columns(
            same.fill_null(value=False).alias(target.part + SAME),
            pl.coalesce(pl.col(target.reason), *spoken).alias(target.reason),
        )
    return frame.select(compared.columns)


def _beside(frame: pl.DataFrame, others: pl.DataFrame, suffix: str) -> pl.DataFrame:
    named = others.rename({c: c + suffix for c in others.columns if c != Column.IDENTITY})
    return frame.join(named, on=Column.IDENTITY, how="left", maintain_order="left")


def _changed_since(target: Target, columns: list[str], settled_at: datetime) -> pl.Expr:
    """Whether the destination shows another status, or a later one; or the state or a later run knows of one."""
    back, left, part = pl.col(target.part), pl.col(target.part + LEFT), part_of(target.key)
    told, out = pl.col(part + TOLD), pl.col(part + TOLD + OUT)
    doubtful = pl.col(DOUBTFUL).fill_null(value=False) & ends(back, left)
    at, since = pl.col(shown_at(target.key) + SEEN), pl.lit(settled_at).cast(pl.Datetime("us", "UTC"))
    otherwise = told.is_not_null() & (told != left)
    return pl.any_horizontal(
        ~shows(pl.col(part + SEEN), left),
        (at > pl.coalesce(pl.col(target.at_column + LEFT), since)).fill_null(value=False),
        otherwise.fill_null(value=False),
        told.is_null() & out.is_not_null(),
        doubtful,
        *([pl.col(part + LATER).is_not_null()] if part + LATER in columns else []),
    )


def with_notes(resolved: Resolved, frame: pl.DataFrame, job: Job) -> Resolved:
    """Says with each contact what of the run stays."""
    notes = frame.select(*row_key(job), pl.col(_NOTE).replace("", None))
    message = pl.col(Column.MESSAGE).replace("", None)
    decided = resolved.decided.join(notes, on=row_key(job), how="left", maintain_order="left").with_columns(
        pl.concat_str(message, _NOTE, separator="; ", ignore_nulls=True).alias(Column.MESSAGE)
    )
    return replace(resolved, decided=decided.drop(_NOTE))


def lifted(changes: pl.DataFrame, wanted: pl.DataFrame, job: Job) -> int:
    """How many items end an opt-out or a restriction, by a permission or by clearing it: one that is shown, or that the
    reverted run left, whether anybody shows it or not.
    """
    left = wanted.select(*row_key(job), *(t.part + LEFT for t in job.targets))
    there = [pl.col(c) for t in job.targets for c in (t.before, t.part + LEFT)]
    said = [pl.col(t.part) for t in job.targets for _ in range(2)]
    ended = [ends(part, stood) & forbids(stood) for part, stood in zip(said, there, strict=True)]
    joined = changes.join(left, on=row_key(job), how="left")
    return joined.filter(pl.any_horizontal(*ended, pl.lit(value=False)).fill_null(value=False)).height


def merged(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """One row per identity: of each column the last that says something; the frames stand in the order of time."""
    whole = pl.concat([_SCHEMA.to_frame(), *frames], how="diagonal")
    rest = [c for c in whole.columns if c != Column.IDENTITY]
    return whole.group_by(Column.IDENTITY, maintain_order=True).agg(pl.col(c).drop_nulls().last() for c in rest)


def forbidden(identities: pl.DataFrame, job: Job) -> pl.DataFrame:
    """What folded records forbid, as rows for `Since.said`: a value in doubt forbids as an opt-out does."""
    doubt = str(Status.UNLISTED)
    words = {t.part: pl.col(t.part).replace(doubt, str(Status.OPT_OUT)) for t in job.targets}
    return identities.select(
        Column.IDENTITY, *(pl.when(forbids(word)).then(word).alias(part) for part, word in words.items())
    )
