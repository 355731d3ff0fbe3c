"""Why records and parts of records were not sent: where it happened and a few examples, gathered shard by shard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.masking import mask
from pipeline.model import UNDELIVERED, Column, Outcome, Reason
from pipeline.reporting.advice import ADVICE
from pipeline.stages.report.view import CauseRow, Example

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.reporting.summary import Summary

EXAMPLES: Final = 3
PLACES: Final = 12
VENDOR_CODE: Final = r"^([A-Z]+(?:_[A-Z0-9]+)+): "
"""How a message of the destination begins. The rest of it may hold addresses and is not read."""
_PART: Final = "part"
_PLACE: Final = "place"
_COUNT: Final = "count"
_FIRST: Final = "first"


class Causes:
    """Counts reasons by place (a record's outcome, or the part that was withheld), and keeps the first examples."""

    def __init__(self, labels: Mapping[str, str], *, show_addresses: bool = False) -> None:
        self.show_addresses = show_addresses
        self._labels = labels
        self._places: dict[str, dict[str, int]] = {}
        self._examples: dict[str, dict[int, Example]] = {}

    def add(self, outcomes: pl.DataFrame) -> None:
        """Takes the outcomes of one shard."""
        shown = [Column.RECORD, Column.LINE, Column.IDENTITY]
        code = pl.col(Column.MESSAGE).str.extract(VENDOR_CODE)
        records = outcomes.filter(pl.col(Column.OUTCOME).is_in([str(o) for o in UNDELIVERED])).select(
            *shown,
            Column.REASON,
            pl.when(pl.col(Column.OUTCOME) == Outcome.FAILED)
            .then(pl.concat_str(Column.OUTCOME, code, separator=" with ", ignore_nulls=True))
            .otherwise(Column.OUTCOME)
            .alias(_PLACE),
        )
        parts = (
            outcomes.select(*shown, Column.WITHHELD)
            .explode(Column.WITHHELD)
            .select(
                *shown,
                pl.col(Column.WITHHELD).struct.field("reason").alias(Column.REASON),
                pl.col(Column.WITHHELD).struct.field(_PART).replace(self._labels).alias(_PLACE),
            )
        )
        for frame in (records, parts):
            self._gather(frame.drop_nulls(Column.REASON))

    def _gather(self, frame: pl.DataFrame) -> None:
        first = pl.struct(Column.RECORD, Column.LINE, Column.IDENTITY).sort_by(Column.RECORD).head(EXAMPLES)
        found = frame.group_by(Column.REASON, _PLACE).agg(pl.len().alias(_COUNT), first.alias(_FIRST))
        for row in found.iter_rows(named=True):
            places = self._places.setdefault(row[Column.REASON], {})
            places[row[_PLACE]] = places.get(row[_PLACE], 0) + row[_COUNT]
            kept = self._examples.setdefault(row[Column.REASON], {})
            for example in row[_FIRST]:
                kept[example[Column.RECORD]] = self.example(example)

    def example(self, row: Mapping[str, object]) -> Example:
        """A record of an outcome, as far as it may be shown."""
        identity = str(row[Column.IDENTITY] or "")
        line = row[Column.LINE]
        shown = identity if self.show_addresses else mask(identity)
        return Example(int(str(row[Column.RECORD])), int(str(line)) if line is not None else None, shown)

    def rows(self, summary: Summary, *, waiting: bool) -> tuple[CauseRow, ...]:
        """A row per reason of the summary, most first. `waiting`: what is not sent yet waits for an approval."""
        counts = {
            reason: (summary.reasons.get(reason, 0), summary.withheld.get(reason, 0))
            for reason in {**summary.reasons, **summary.withheld}
        }
        return tuple(
            self._row(reason, *counts[reason], waiting=waiting)
            for reason in sorted(counts, key=lambda reason: (-sum(counts[reason]), reason))
        )

    def _row(self, reason: str, records: int, parts: int, *, waiting: bool) -> CauseRow:
        meaning, advice = _ADVICE.get(reason, ("", ""))
        if waiting and reason == Reason.NOT_SENT:
            meaning, advice = "It waits until somebody approves the plan.", "See what to do next, above."
        places = sorted(self._places.get(reason, {}).items(), key=lambda place: (-place[1], place[0]))
        if len(places) > PLACES:
            others = places[PLACES:]
            places = [*places[:PLACES], (f"{len(others)} others", sum(count for _, count in others))]
        kept = self._examples.get(reason, {})
        return CauseRow(
            reason=reason,
            records=records,
            parts=parts,
            meaning=meaning,
            advice=advice,
            places=tuple(places),
            examples=tuple(kept[record] for record in sorted(kept)[:EXAMPLES]),
        )


_ADVICE: Final = {str(reason): said for reason, said in ADVICE.items()}
