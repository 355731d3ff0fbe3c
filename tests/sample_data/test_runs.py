"""Each example mapping makes of its sample what the generator says it planted."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import polars as pl
import pytest

from tests.sample_data.ran import DESTINATION_OF

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sample_data.ran import Ran


@pytest.fixture(params=DESTINATION_OF)
def ran(request: pytest.FixtureRequest, ran_of: Callable[[str], Ran]) -> Ran:
    """The runs of each mapping."""
    return ran_of(request.param)


def test_every_record_ends_as_planted(ran: Ran) -> None:
    """Outcome, reason and withheld parts of each record."""
    columns = [ran.outcomes.get_column(name).fill_null("") for name in ("outcome", "reason", "withheld")]
    found = list(zip(*columns, strict=True))
    expected = [(e.outcome, e.reason, e.withheld) for e in ran.sample.expected(ran.mapping)]

    wrong = [
        (number, row.story.oddity, found[number - 1], expected[number - 1])
        for number, row in enumerate(ran.sample.rows, start=1)
        if found[number - 1] != expected[number - 1]
    ]
    assert wrong == []
    assert len(found) == len(expected)


def test_folded_records_name_the_record_that_carries_them(ran: Ran) -> None:
    """The winner of a superseded record is another record of the same story, which is not superseded itself."""
    rows = ran.sample.rows
    folded = ran.outcomes.filter(pl.col("outcome") == "superseded").select("record", "winner").rows()

    assert folded
    for record, winner in folded:
        assert rows[int(winner) - 1].story is rows[int(record) - 1].story
        assert ran.outcomes.item(int(winner) - 1, "outcome") in {"updated", "created"}


def test_the_summary_adds_up_as_planted(ran: Ran) -> None:
    """Counts by outcome, by reason and withheld part; the run is balanced, no guard trips, the exit code is 3."""
    summary = ran.first.summary
    expected = ran.sample.expected(ran.mapping)
    undelivered = [e.reason for e in expected if e.outcome in {"held", "rejected", "failed", "unknown"}]
    withheld = [entry.partition(": ")[2] for e in expected for entry in e.withheld.split("; ") if entry]

    rows = summary.rows.model_dump()
    assert rows.pop("read") == len(expected)
    assert {k: v for k, v in rows.items() if v} == Counter(e.outcome for e in expected)
    assert summary.reasons == Counter(undelivered)
    assert summary.withheld == Counter(withheld)
    assert summary.balanced
    assert summary.guards_tripped == []
    assert ran.first.exit_code == 3


def test_a_second_run_writes_nothing_but_what_failed(ran: Ran) -> None:
    """The same export again: what was told is unchanged; only what was sent in vain is sent again."""
    first, second = ran.first.summary.rows, ran.second.summary.rows
    failed = ran.outcomes.filter(pl.col("outcome") == "failed").get_column("identity")

    assert ran.read
    assert ran.written <= set(failed)
    assert second.unchanged == first.created + first.updated + first.unchanged
    assert second.created == second.updated == 0
    assert second.failed == first.failed
    assert ran.second.summary.balanced
    assert ran.second.exit_code == 3
