"""The opt-outs of an export that the destination has yet to confirm, and how many business days they have waited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import polars as pl

from pipeline.job import row_key
from pipeline.model import SEND, Column, Operation, Reason
from pipeline.stages.outcomes import APPLIED
from pipeline.stages.precedence import is_opt_out
from pipeline.stages.told import SAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from pipeline.job import Job, Target
    from pipeline.stages.split import Split
    from pipeline.stages.validate import Validated

TARGET: Final = "target"
"""What was opted out of, as people know it."""
AT: Final = "at"
"""When, in UTC; null: unknown."""
GOES: Final = "goes"
"""Whether an item of the plan carries it."""
SINCE: Final = "since"
"""From when it is counted: `at`, or else when a run first saw it."""
AGE: Final = "business_days"


def owed_of(target: Target) -> str:
    """The column that says whether the destination has yet to be told an opt-out."""
    return f"{target.part}@owed"


def owed(target: Target) -> pl.Expr:
    """Whether there is an opt-out that was not told before; true of those that are withheld too."""
    is_new = pl.col(Column.OPERATION) == Operation.CREATE
    told = pl.col(target.part + SAME) & ~is_new & pl.col(target.reason).is_null()
    return is_opt_out(pl.col(target.part)) & ~told


def of_identities(decided: pl.DataFrame, job: Job) -> pl.DataFrame:
    """A row per identity and target that is owed: when it was said, whether it goes, and if not, why."""
    frames = []
    for target in job.targets:
        goes = (pl.col(Column.DECISION) == SEND) & pl.col(target.reason).is_null()
        reason = pl.coalesce(target.reason, Column.REASON)
        frames.append(_rows(decided.filter(owed_of(target)), target, job, goes, reason))
    return _whole(frames, job)


def of_others(validated: Validated, split: Split | None, identities: pl.DataFrame, job: Job) -> pl.DataFrame:
    """The same for what no identity carries: opt-outs of rejected records, and those without a usable address.

    Whatever else the export says of that identity and target stands for it; each identity counts once.
    """
    frames, reasons = [], validated.rejected.select(Column.RECORD, Column.REASON)
    said_of = split.witnesses if split is not None else validated.witnesses
    for target in job.targets:
        spoken = identities.filter(pl.col(target.part).is_not_null()).select(Column.IDENTITY)
        said = said_of.filter(is_opt_out(pl.col(target.part))).join(spoken, on=Column.IDENTITY, how="anti")
        said = said.join(reasons, on=Column.RECORD, how="left").sort(target.at_column, Column.RECORD)
        known = pl.col(Column.IDENTITY).is_not_null()
        once = pl.concat([said.filter(known).unique(Column.IDENTITY, keep="first"), said.filter(~known)])
        frames.append(_rows(once, target, job, pl.lit(value=False), pl.col(Column.REASON)))
        if split is not None:
            frames += _unaddressed(validated, target, job)
    return _whole(frames, job)


def _unaddressed(validated: Validated, target: Target, job: Job) -> Iterator[pl.DataFrame]:
    address = job.address_of(target.channel)
    nowhere = pl.lit(value=True) if address is None else pl.col(address.part).is_null()
    for records in (validated.valid, validated.witnesses):
        lost = records.filter(is_opt_out(pl.col(target.part)) & nowhere)
        lost = lost.with_columns(pl.lit(str(target.channel)).alias(Column.CHANNEL))
        yield _rows(lost, target, job, pl.lit(value=False), pl.lit(str(Reason.ADDRESS_MISSING)))


def _rows(frame: pl.DataFrame, target: Target, job: Job, goes: pl.Expr, reason: pl.Expr) -> pl.DataFrame:
    return frame.select(
        *row_key(job),
        Column.LINE,
        Column.IDENTITY,
        pl.lit(target.label).alias(TARGET),
        pl.col(target.at_column).alias(AT),
        goes.alias(GOES),
        reason.alias(Column.REASON),
    )


def _whole(frames: list[pl.DataFrame], job: Job) -> pl.DataFrame:
    schema: dict[str, Any] = {
        **dict.fromkeys((Column.RECORD, Column.LINE), pl.Int64),
        **dict.fromkeys((*row_key(job)[1:], Column.IDENTITY, TARGET, Column.REASON), pl.String),
        AT: pl.Datetime("us", "UTC"),
        GOES: pl.Boolean,
    }
    order = [*row_key(job), Column.LINE, Column.IDENTITY, TARGET, AT, GOES, Column.REASON]
    nobody = pl.DataFrame(schema={name: schema[name] for name in order})
    return pl.concat([nobody, *frames])


def still_open(said: pl.DataFrame, settled: pl.DataFrame | None, job: Job) -> pl.DataFrame:
    """What of it the destination has not confirmed. `settled` None: nothing was sent yet, so what goes will be."""
    if settled is None:
        return said.filter(~pl.col(GOES))
    outcomes = settled.select(*row_key(job), Column.OUTCOME, pl.col(Column.REASON).alias("_why"))
    joined = said.join(outcomes, on=row_key(job), how="left", maintain_order="left")
    confirmed = pl.col(GOES) & pl.col(Column.OUTCOME).is_in(APPLIED).fill_null(value=False)
    why = pl.when(GOES).then(pl.col("_why")).otherwise(pl.col(Column.REASON)).alias(Column.REASON)
    return joined.filter(~confirmed).with_columns(why).select(said.columns)


def business_days(since: pl.Expr, today: date) -> pl.Expr:
    """Monday to Friday after the day of `since`, today included, in UTC; holidays count as any other day."""
    passed = pl.business_day_count(since.dt.date() + pl.duration(days=1), pl.lit(today) + pl.duration(days=1))
    return passed.clip(lower_bound=0)
