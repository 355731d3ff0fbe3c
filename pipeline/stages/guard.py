"""Compares the plan's figures with the mapping's limits and with history: go, or stop."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.mapping_file import Guards

FEWEST: Final = 100
"""A share of fewer contacts or records than these says little: it is judged only by a limit that the mapping names."""
TOO_FEW: Final = "; too few to judge by"
FIRST_RUN: Final = "first_run"
OF_THE_REST: Final = frozenset({"max_opt_in_share", "max_opt_ins", f"{FIRST_RUN}.max_opt_ins", "max_reject_share"})
"""Guards that speak against opt-ins or for rejected records: the opt-outs of a plan need not wait for them."""


class Unit(StrEnum):
    """What a figure and its limit are numbers of."""

    SHARE = "share"
    COUNT = "count"
    YES_OR_NO = "yes or no"


@dataclass(frozen=True, slots=True)
class Figures:
    """What a plan would do, in numbers. `known`: contacts whose status before the run is known for some target."""

    read: int
    rejected: int
    known: int
    opt_outs: int
    """OPT_IN -> OPT_OUT"""
    opt_ins: int
    """any other known status -> OPT_IN"""
    all_opt_outs: int = 0
    """Whatever their status was before, known or not."""
    all_opt_ins: int = 0
    retried: int = 0
    """Of the records read, those that are not the export's: they failed in earlier runs."""

    @property
    def exported(self) -> int:
        """The export's own records."""
        return self.read - self.retried

    def __add__(self, other: Figures) -> Figures:
        """The figures of two shards together."""
        return Figures(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Past:
    """What earlier runs say. `counts`: the record counts of the last finished runs of this mapping.

    `corrects`: the export is a rejects file that was corrected, whose size says nothing.
    """

    counts: Sequence[int] = ()
    corrects: bool = False

    @property
    def is_first(self) -> bool:
        """Whether there is nothing to compare with."""
        return not self.counts


@dataclass(frozen=True, slots=True)
class Judged:
    """One guard with its figure: tripped where `figure` is above `limit`; `figure` None: nothing to judge by."""

    name: str
    limit: float
    figure: float | None
    says: str
    unit: Unit = Unit.SHARE

    @property
    def tripped(self) -> bool:
        """Whether the run must stop."""
        return self.figure is not None and self.figure > self.limit


def judge(figures: Figures, guards: Guards, past: Past) -> tuple[Judged, ...]:
    """Every guard that has a limit, with its figure."""
    return (*_shares(figures, guards, past), *_counts(figures, guards, past), *_sizes(figures, guards, past))


def _shares(figures: Figures, guards: Guards, past: Past) -> Iterator[Judged]:
    shares = {
        "max_opt_out_share": (figures.opt_outs, figures.known, "known contacts", "would be opted out, or restricted"),
        "max_opt_in_share": (figures.opt_ins, figures.known, "known contacts", "would be opted in"),
        "max_reject_share": (figures.rejected, figures.read, "records", "are rejected"),
    }
    for name, (count, of, whom, what) in shares.items():
        share = count / of if of else 0.0
        says = f"{count:,} of {of:,} {whom} ({percent(share)}) {what}"
        why_not = TOO_FEW if of < _fewest(name, guards) else ""
        if past.corrects and name == "max_reject_share":
            # What nobody could correct is rejected again; that stops nobody else.
            why_not = "; of a rejects file, which is nothing unusual"
        yield Judged(name, getattr(guards, name), None if why_not else share, f"{says}{why_not}")


def _counts(figures: Figures, guards: Guards, past: Past) -> Iterator[Judged]:
    """Limits in numbers, judged however few the contacts are."""
    first = guards.first_run if past.is_first else None
    numbers = {
        "max_opt_outs": (figures.all_opt_outs, "contacts would be opted out, or restricted"),
        "max_opt_ins": (figures.all_opt_ins, "contacts would be opted in"),
        "max_rows": (figures.read, "records in the export"),
    }
    for prefix, named in (("", guards), (f"{FIRST_RUN}.", first)):
        when = ", and no run of this mapping has finished before" if prefix else ""
        for name, (count, what) in numbers.items():
            limit = getattr(named, name, None)
            if limit is not None:
                yield Judged(f"{prefix}{name}", limit, count, f"{count:,} {what}{when}", Unit.COUNT)


def _sizes(figures: Figures, guards: Guards, past: Past) -> Iterator[Judged]:
    if guards.row_count_change is not None:
        yield _change(figures.exported, guards.row_count_change, _fewest("row_count_change", guards), past)
    empty = "the export has no records" if figures.exported == 0 else f"{figures.exported:,} records"
    yield Judged("empty_export", 0, float(figures.exported == 0), empty, Unit.YES_OR_NO)


def _change(read: int, limit: float, fewest: int, past: Past) -> Judged:
    name, records = "row_count_change", f"{read:,} records"
    if past.corrects:
        return Judged(name, limit, None, f"{records} of a rejects file, not compared with the usual number")
    usual = median(past.counts) if past.counts else 0
    if not usual:
        return Judged(name, limit, None, f"{records}; no run of this mapping has finished before to compare with")
    change = abs(read - usual) / usual
    than = f"{percent(change)} {'fewer' if read < usual else 'more'}" if change else "no change"
    says = f"{records}, usually {usual:,.0f}: {than}"
    return Judged(name, limit, change, says) if usual >= fewest else Judged(name, limit, None, f"{says}{TOO_FEW}")


def _fewest(name: str, guards: Guards) -> int:
    return 1 if name in guards.model_fields_set else FEWEST


def percent(share: float) -> str:
    """`38 %`, `2.3 %`, `<0.1 %`."""
    if 0 < share < 0.001:
        return "<0.1 %"
    return f"{100 * share:,.{0 if share >= 1 else 1}f}".removesuffix(".0") + " %"
