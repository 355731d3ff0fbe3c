"""The plan's figures against the mapping's limits and against history."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.mapping_file import Guards
from pipeline.stages.guard import FEWEST, Figures, Past, judge

FIGURES: dict[str, int] = {"read": 1000, "rejected": 0, "known": 1000, "opt_outs": 0, "opt_ins": 0}


def tripped(
    history: tuple[int, ...] = (), guards: Guards | None = None, *, corrects: bool = False, **figures: int
) -> list[str]:
    """The names of the guards that stop a plan."""
    judged = judge(Figures(**{**FIGURES, **figures}), guards or Guards(), Past(history, corrects))
    return [guard.name for guard in judged if guard.tripped]


CASES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "nothing out of the ordinary": ({}, []),
    "as many opt-outs as allowed": ({"opt_outs": 50}, []),
    "one opt-out more": ({"opt_outs": 51}, ["max_opt_out_share"]),
    "as many opt-ins as allowed": ({"opt_ins": 200}, []),
    "one opt-in more": ({"opt_ins": 201}, ["max_opt_in_share"]),
    "as many rejected as allowed": ({"rejected": 100}, []),
    "one rejected more": ({"rejected": 101}, ["max_reject_share"]),
    "shares are of the contacts known, not of the records": ({"known": 500, "opt_outs": 26}, ["max_opt_out_share"]),
    "a share of few contacts says nothing": ({"known": FEWEST - 1, "opt_outs": FEWEST - 1}, []),
    "a share of few records says nothing": ({"read": FEWEST - 1, "rejected": FEWEST - 1}, []),
    "of just enough contacts it does": ({"known": FEWEST, "opt_outs": FEWEST}, ["max_opt_out_share"]),
    "nobody is known yet": ({"known": 0}, []),
    "many more records than usual": ({"history": (700, 760, 800)}, ["row_count_change"]),
    "as many more as allowed": ({"read": 1300, "history": (1000, 1000)}, []),
    "many fewer": ({"read": 699, "history": (1000, 1000)}, ["row_count_change"]),
    "one odd run does not make the median": ({"history": (1000, 10, 1100)}, []),
    "little history says nothing": ({"history": (FEWEST - 1,)}, []),
    "no history": ({"history": ()}, []),
    "an empty export stops even without history": ({"read": 0, "known": 0}, ["empty_export"]),
}


@pytest.mark.parametrize(("case", "expected"), CASES.values(), ids=CASES)
def test_guards_trip_above_their_limit(case: dict[str, Any], expected: list[str]) -> None:
    """A figure above its limit stops the plan; at the limit, or of too few to say anything, it does not."""
    assert tripped(**case) == expected


def test_a_limit_of_one_switches_a_share_off() -> None:
    """`1` lets everything pass, and null leaves the row count alone."""
    off = Guards(max_opt_out_share=1, max_opt_in_share=1, max_reject_share=1, row_count_change=None)
    assert tripped(history=(1,) * 9, guards=off, opt_outs=1000, opt_ins=1000, rejected=1000) == []
    assert not [g for g in judge(Figures(**FIGURES), off, Past((1000,))) if g.name == "row_count_change"]


def test_a_limit_of_zero_lets_nothing_pass() -> None:
    """One opt-out of a hundred is above zero."""
    assert tripped(guards=Guards(max_opt_out_share=0), opt_outs=1) == ["max_opt_out_share"]


def test_figures_are_said_in_numbers() -> None:
    """A guard says what it counted, for the operator who must decide."""
    says = {
        guard.name: guard.says for guard in judge(Figures(**{**FIGURES, "opt_outs": 1000}), Guards(), Past((2000,)))
    }
    assert says["max_opt_out_share"] == "1,000 of 1,000 known contacts (100 %) would be opted out, or restricted"
    assert says["row_count_change"] == "1,000 records, usually 2,000: 50 % fewer"


def test_a_limit_that_the_mapping_names_is_judged_however_few_they_are() -> None:
    """Who writes a limit down means it for small exports too."""
    named = Guards(max_opt_out_share=0.05)
    assert tripped(guards=named, known=3, opt_outs=1) == ["max_opt_out_share"]
    assert tripped(guards=named, known=3, rejected=2, read=3) == []
