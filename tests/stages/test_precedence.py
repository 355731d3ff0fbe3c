"""Which status outranks which."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from pipeline.model import STRICTNESS, Status
from pipeline.stages.precedence import is_opt_out, permits, raises, strictness
from pipeline.stages.seen import one_row_per_identity


def of(expression: Any, status: str | None) -> Any:
    """An expression's value for one status."""
    return pl.DataFrame({"s": [status]}, schema={"s": pl.String}).select(expression(pl.col("s"))).item()


JUDGED = {
    "OPT_OUT": (5, True, False, False),
    "UNLISTED": (4, False, False, True),
    "CLEAR": (3, False, False, True),
    "OPT_IN_UNVERIFIED": (2, False, True, True),
    "OPT_IN": (1, False, True, True),
    "BOUNCED": (4, False, False, True),
}


@pytest.mark.parametrize(("status", "expected"), JUDGED.items(), ids=JUDGED)
def test_statuses_are_ranked(status: str, expected: tuple[int, bool, bool, bool]) -> None:
    """Opt-out is strictest, then doubt, clearing, unverified, opted in; a destination's own words rank with doubt."""
    assert tuple(of(e, status) for e in (strictness, is_opt_out, permits, raises)) == expected


def test_no_status_is_nothing() -> None:
    """Null is no opt-out and no permission, raises nothing and has no rank."""
    assert [of(e, None) for e in (strictness, is_opt_out, permits, raises)] == [None, False, False, False]


def test_every_status_of_a_mapping_has_a_rank() -> None:
    """All that a mapping or a cell can lead to is ranked, each differently; the rest is only remembered or shown."""
    assert set(STRICTNESS) == set(Status) - {Status.UNSET, Status.WAS_OPT_OUT, Status.ABSENT}
    assert len(set(STRICTNESS.values())) == len(STRICTNESS)


@pytest.mark.parametrize(
    ("statuses", "strictest"),
    [(["OPT_IN", "OPT_OUT"], "OPT_OUT"), ([None, "OPT_OUT"], "OPT_OUT"), (["OPT_IN", None], "OPT_IN")],
)
def test_two_contacts_of_one_identity_show_the_strictest(statuses: list[str | None], strictest: str) -> None:
    """Where a destination has an identity twice, no opt-out of either is missed."""
    for order in (statuses, statuses[::-1]):
        seen = pl.DataFrame({"identity": ["1", "1"], "consent:EMAIL": order, "reach:EMAIL": [True, False]})
        assert one_row_per_identity(seen).rows() == [("1", strictest, False)]
