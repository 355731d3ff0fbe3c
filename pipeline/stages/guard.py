"""Compares the plan's figures with the mapping's limits and with history: go, or stop."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.mapping_file import Guards

FEWEST: Final = 100
"""A share of fewer contacts or records than these says little: it is judged only by a limit that the mapping names."""


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


@dataclass(frozen=True, slots=True)
class Judged:
    """One guard with its figure: tripped where `figure` is above `limit`; `figure` None: nothing to judge by."""

    name: str
    limit: float
    figure: float | None
    says: str

    @property
    def tripped(self) -> bool:
        """Whether the run must stop."""
        return self.figure is not None and self.figure > self.limit


def judge(figures: Figures, guards: Guards, history: Sequence[int]) -> tuple[Judged, ...]:
    """Every guard with its figure. `history`: the record counts of the last finished runs of this mapping."""

    def fewest(name: str) -> int:
        return 1 if name in guards.model_fields_set else FEWEST

    usual = median(history) if history else None
    change = abs(figures.read - usual) / usual if usual and usual >= fewest("row_count_change") else None
    shares: Mapping[str, tuple[float | None, int, int, str]] = {
        "max_opt_out_share": (
            guards.max_opt_out_share,
            figures.opt_outs,
            figures.known,
            "known contacts would be opted out, or restricted",
        ),
        "max_opt_in_share": (
            guards.max_opt_in_share,
            figures.opt_ins,
            figures.known,
            "known contacts would be opted in",
        ),
        "max_reject_share": (guards.max_reject_share, figures.rejected, figures.read, "records are rejected"),
    }
    judged = [
        Judged(name, limit, count / of if of >= fewest(name) else None, f"{count:,} of {of:,} {what}")
        for name, (limit, count, of, what) in shares.items()
        if limit is not None
    ]
    if guards.row_count_change is not None:
        says = f"{figures.read:,} records, usually {usual:,.0f}" if usual else f"{figures.read:,} records, no history"
        judged.append(Judged("row_count_change", guards.row_count_change, change, says))
    judged.append(Judged("empty_export", 0, 1.0 if figures.read == 0 else 0.0, f"{figures.read:,} records"))
    return tuple(judged)
