"""Settled outcomes -> what each contact was last told, for the state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from pipeline.job import row_key
from pipeline.model import Column, Operation, Reason
from pipeline.stages.outcomes import APPLIED
from pipeline.stages.told import fingerprint
from pipeline.state import TOLD_AT, TOLD_RUN
from pipeline.values import JSON_NULL

if TYPE_CHECKING:
    from datetime import datetime

    from pipeline.job import Attribute, Job


@dataclass(frozen=True, slots=True)
class Teller:
    """The run that told it, and when."""

    run_id: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """What the state learns from a run."""

    rows: pl.DataFrame
    """identity, told_run, told_at, afresh, and what was told of each part"""
    gone: pl.Series
    """identities without a contact"""
    doubtful: pl.Series
    """identities that something was sent of which may have taken effect or not"""


def told(items: pl.DataFrame, settled: pl.DataFrame, decided: pl.DataFrame, job: Job, by: Teller) -> Told:
    """What the destination confirmed, who it does not know, and who may have been told something else since.

    `settled`: the items' outcomes; `decided`: what the plan decided of each identity.
    """
    confirmed = settled.filter(pl.col(Column.OUTCOME).is_in(APPLIED))
    rows = items.join(confirmed.select(row_key(job)), on=row_key(job), how="semi").select(
        pl.col(Column.IDENTITY),
        pl.lit(by.run_id).alias(TOLD_RUN),
        pl.lit(by.now).cast(pl.Datetime("us", "UTC")).alias(TOLD_AT),
        (pl.col(Column.OPERATION) == Operation.CREATE).alias("afresh"),
        *(_told_value(a).alias(a.part) for a in job.attributes),
        *(pl.col(t.part) for t in job.targets),
        *(pl.when(pl.col(t.part).is_not_null()).then(pl.col(t.since)).alias(t.at_column) for t in job.targets),
    )
    said = pl.concat([frame.select(Column.IDENTITY, Column.REASON) for frame in (settled, decided)])
    missing = said.filter(pl.col(Column.REASON).eq_missing(pl.lit(str(Reason.CONTACT_NOT_FOUND))))
    unclear = settled.filter(pl.col(Column.REASON).is_in([str(Reason.NOT_CONFIRMED), str(Reason.NOT_APPLIED)]))
    return Told(
        rows,
        gone=missing.get_column(Column.IDENTITY).drop_nulls(),
        doubtful=unclear.get_column(Column.IDENTITY).drop_nulls(),
    )


def _told_value(attribute: Attribute) -> pl.Expr:
    """A fingerprint of the value; a new contact has nothing to clear, which is as good as cleared."""
    value = pl.col(attribute.part)
    if attribute.blank == "clear":
        created = pl.col(Column.OPERATION) == Operation.CREATE
        value = pl.when(created & value.is_null()).then(pl.lit(JSON_NULL)).otherwise(value)
    return fingerprint(value)
