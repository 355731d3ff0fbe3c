"""How long opt-outs have waited for the destination: by age, the oldest as masked examples, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pipeline.model import Column, Reason
from pipeline.stages.opt_outs import AGE, AT, TARGET

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

    from pipeline.reporting.open_opt_outs import OpenOptOuts
    from pipeline.stages.report.causes import Causes
    from pipeline.stages.report.view import Example

SHOWN: Final = 5
STEPS: Final = (0, 1, 2, 5, 10)
"""The last ages of the rows, in business days; the limits of laws are among them."""


@dataclass(frozen=True, slots=True)
class AgeRow:
    """Open opt-outs of an age. `near`: the limit is near; `late`: it is past."""

    label: str
    count: int
    near: bool
    late: bool


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """An open opt-out. `at_least`: it has no time of its own."""

    example: Example
    target: str
    business_days: int
    at_least: bool
    reason: str


@dataclass(frozen=True, slots=True)
class OptOutClock:
    """How long opt-outs have waited for the destination; `oldest` are examples."""

    open: int
    limit: int
    due: int
    overdue: int
    unknown: int
    ages: tuple[AgeRow, ...]
    oldest: tuple[WaitingRow, ...]
    steps: tuple[str, ...]


def clock_of(rows: pl.DataFrame, figures: OpenOptOuts, causes: Causes) -> OptOutClock:
    """`rows`: the open opt-outs, the oldest first."""
    shown = rows.head(SHOWN).iter_rows(named=True)
    return OptOutClock(
        open=figures.open,
        limit=figures.limit_business_days,
        due=figures.due_within_a_day,
        overdue=figures.overdue,
        unknown=figures.age_unknown,
        ages=tuple(_ages(rows.get_column(AGE), figures.limit_business_days)),
        oldest=tuple(
            WaitingRow(causes.example(row), row[TARGET], row[AGE], row[AT] is None, row[Column.REASON] or "")
            for row in shown
        ),
        steps=tuple(_steps(rows.get_column(Column.REASON))),
    )


def _ages(ages: pl.Series, limit: int) -> Iterator[AgeRow]:
    """Rows that end at the limit and one day before it, so that what is near it and past it stand by themselves."""
    ends = sorted({*STEPS, limit - 2, limit})
    for first, last in zip([0, *(end + 1 for end in ends)], [*ends, None], strict=True):
        count = int(ages.is_between(first, last).sum()) if last is not None else int((ages >= first).sum())
        if count:
            label = f"more than {first - 1}" if last is None else str(first) if first == last else f"{first} to {last}"
            yield AgeRow(label, count, near=limit - 1 <= first <= limit, late=first > limit)


def _steps(reasons: pl.Series) -> Iterator[str]:
    unsettled = {str(Reason.NOT_SENT), str(Reason.NOT_CONFIRMED)}
    found = set(reasons.drop_nulls().unique())
    if found & unsettled:
        yield "Resume the run, or carry its plan out: what was not sent or not confirmed goes, opt-outs first."
    if str(Reason.CONTACT_NOT_FOUND) in found:
        yield "For `contact_not_found`, see if the person is there under another key; if so, opt them out by hand."
    if found - unsettled - {str(Reason.CONTACT_NOT_FOUND)}:
        yield "Correct the others by their reason in rejects.csv or withheld.csv and run it again."
    if not reasons.is_empty():
        yield "What cannot be corrected within the limit: opt the person out at the destination by hand."
