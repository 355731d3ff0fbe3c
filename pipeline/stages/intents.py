"""What an export says of each contact: its records mapped, validated, split by address where consent belongs to those,
and folded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.model import Column
from pipeline.stages.fold import Folded, fold, hold_against
from pipeline.stages.map import map_records
from pipeline.stages.retries import Since, weigh
from pipeline.stages.split import Split, by_address
from pipeline.stages.validate import Validated, validate

if TYPE_CHECKING:
    from datetime import datetime

    import polars as pl

    from pipeline.job import Job


@dataclass(frozen=True, slots=True)
class Intents:
    """Records on their way to one row per identity."""

    validated: Validated
    split: Split | None
    """None: a record is of one identity."""
    folded: Folded

    @property
    def witnesses(self) -> pl.DataFrame:
        """What rejected records forbid, by identity."""
        return (self.split or self.validated).witnesses


def intents(source: pl.DataFrame, job: Job, now: datetime) -> Intents:
    """`source`: numbered records with the mapped columns as text."""
    return intents_of(validate(map_records(source, job, now), job), job)


def intents_of(validated: Validated, job: Job, since: Since | None = None) -> Intents:
    """What validated records say. `since`: some of them failed in earlier runs, and are tried again."""
    split = by_address(validated, job) if job.by_address else None
    said = split or validated
    if since is None:
        return Intents(validated, split, hold_against(fold(said.valid, job), said.witnesses, job))
    valid, stale = weigh(said.valid, said.witnesses, since, job)
    folded = hold_against(fold(valid, job, since.earlier.exported), said.witnesses, job)
    marked = folded.identities.join(stale, on=Column.IDENTITY, how="left", maintain_order="left")
    return Intents(validated, split, Folded(marked, folded.superseded))
