"""Settled outcomes -> what each contact was last told, for the state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from pipeline.model import Column, Operation, Outcome, Reason
from pipeline.stages.resolve import fingerprint
from pipeline.state import TOLD_AT, TOLD_RUN

if TYPE_CHECKING:
    from datetime import datetime

    from pipeline.binding import Job


@dataclass(frozen=True, slots=True)
class Told:
    """`rows`: identity, told_run, told_at, afresh and what was told; `gone`: identities without a contact."""

    rows: pl.DataFrame
    gone: pl.Series


def told(items: pl.DataFrame, outcomes: pl.DataFrame, job: Job, run_id: str, now: datetime) -> Told:
    """What the destination confirmed, and who it does not know. What is unknown is not told, so it is sent again."""
    confirmed = outcomes.filter(pl.col(Column.OUTCOME).is_in([Outcome.CREATED, Outcome.UPDATED]))
    rows = items.join(confirmed.select(Column.RECORD), on=Column.RECORD, how="semi").select(
        pl.col(Column.IDENTITY),
        pl.lit(run_id).alias(TOLD_RUN),
        pl.lit(now).cast(pl.Datetime("us", "UTC")).alias(TOLD_AT),
        (pl.col(Column.OPERATION) == Operation.CREATE).alias("afresh"),
        *(fingerprint(pl.col(a.part)).alias(a.part) for a in job.attributes),
        *(pl.col(c) for t in job.targets for c in (t.part, t.at_column)),
    )
    missing = outcomes.filter(pl.col(Column.REASON).eq_missing(pl.lit(str(Reason.CONTACT_NOT_FOUND))))
    return Told(rows, missing.get_column(Column.IDENTITY).drop_nulls())
