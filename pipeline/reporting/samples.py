"""A few contacts of each consent transition, so that whoever looks at a plan can look up what it means."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from pipeline.masking import DOT, mask
from pipeline.model import Column, Status
from pipeline.stages.precedence import is_opt_out, permits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.job import Job, Target

MOST: Final = 3
_RUN: Final = re.compile(r"\d{8}T\d{6}-")
_PERSONAL: Final = re.compile(r"@|\d{5}|\d[\s().-]?\d{2,}[\s().-]?\d{3,}")
"""An address or a number in a source's words; times and versions are none."""
_FIRST: Final = "first"


class Sample(BaseModel):
    """A record that a transition is of; `identity` is masked unless addresses are shown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    record: int
    identity: str


class Resubscribed(Sample):
    """A record that lifts an opt-out: what it was, what it becomes, and the consent that this rests on."""

    before: str
    after: str
    at: datetime | None
    source: str | None


class Resubscriptions(BaseModel):
    """Contacts of a target whose opt-out is lifted."""

    contacts: int = 0
    samples: list[Resubscribed] = Field(default_factory=list)


class Samples:
    """Gathers samples shard by shard: of every transition, and of re-subscriptions with their evidence."""

    def __init__(self, job: Job, *, show_addresses: bool) -> None:
        self.steps: dict[str, dict[str, list[Sample]]] = {}
        """Target label -> `FROM->TO` -> the first records."""
        self.resubscriptions: dict[str, Resubscriptions] = {}
        self._job = job
        self._shown = str if show_addresses else mask
        self._show_addresses = show_addresses

    def add(self, items: pl.DataFrame) -> None:
        """Takes the items of one shard."""
        for target in self._job.targets:
            mine = items.filter(pl.col(target.part).is_not_null())
            first = pl.struct(Column.RECORD, Column.IDENTITY).sort_by(Column.RECORD).head(MOST).alias(_FIRST)
            for before, after, rows in mine.group_by(target.before, target.part).agg(first).iter_rows():
                kept = self.steps.setdefault(target.label, {}).setdefault(f"{before}->{after}", [])
                kept += [Sample(record=row[Column.RECORD], identity=self._identity(row)) for row in rows]
                kept.sort(key=lambda sample: sample.record)
                del kept[MOST:]
            lifted = mine.filter(is_opt_out(pl.col(target.before)) & permits(pl.col(target.part)))
            if not lifted.is_empty():
                self._lifted(target, lifted.sort(Column.RECORD))

    def _lifted(self, target: Target, items: pl.DataFrame) -> None:
        found = self.resubscriptions.setdefault(target.label, Resubscriptions())
        found.contacts += items.height
        for row in items.head(MOST).iter_rows(named=True):
            found.samples.append(
                Resubscribed(
                    record=row[Column.RECORD],
                    identity=self._identity(row),
                    before=row[target.before] or Status.UNSET,
                    after=row[target.part],
                    at=row[target.at_column],
                    source=self._source(row[target.source]),
                )
            )
        found.samples.sort(key=lambda sample: sample.record)
        del found.samples[MOST:]

    def _identity(self, row: Mapping[str, Any]) -> str:
        return self._shown(row[Column.IDENTITY] or "")

    def _source(self, words: str | None) -> str | None:
        """How consent was given; what looks like somebody's address or number is masked."""
        if words is None or self._show_addresses or not _PERSONAL.search(words):
            return words
        return " ".join(mask(word) if _is_personal(word) else word for word in words.split()) or DOT


def _is_personal(word: str) -> bool:
    """A run's id, which a revert names as its source, is nobody's number."""
    return any(c in "@0123456789" for c in word) and not _RUN.match(word)
