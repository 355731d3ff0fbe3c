"""Which opt-outs are still owed, and how many business days old they are."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.model import Column
from pipeline.stages.opt_outs import AT, GOES, TARGET, business_days, still_open
from tests.jobs import NOW, job_of, records_of
from tests.properties.chain import Person, world_of

DATES = st.dates(date(2000, 1, 1), date(2060, 12, 31))


def aged(since: datetime, today: date) -> int:
    """The age of one opt-out."""
    frame = pl.DataFrame({"since": [since]}, schema={"since": pl.Datetime("us", "UTC")})
    return int(frame.select(business_days(pl.col("since"), today)).item())


@given(DATES, st.integers(0, 800), st.times())
def test_business_days_are_those_of_a_plain_loop(first: date, days: int, at: time) -> None:
    """Monday to Friday after the day of the opt-out, today included."""
    today = first + timedelta(days=days)
    counted, day = 0, first
    while day < today:
        day += timedelta(days=1)
        counted += day.weekday() < 5
    assert aged(datetime.combine(first, at, UTC), today) == counted


@given(DATES, st.integers(0, 30))
def test_what_is_dated_after_today_has_no_age(today: date, ahead: int) -> None:
    """Clocks differ: nothing is younger than nothing."""
    assert aged(datetime.combine(today + timedelta(days=ahead), time(), UTC), today) == 0


@pytest.mark.parametrize(
    ("since", "today", "age"),
    [
        ("2026-11-20T23:59:59Z", "2026-11-20", 0),
        ("2026-11-20T00:00:00Z", "2026-11-22", 0),
        ("2026-11-20T00:00:00Z", "2026-11-23", 1),
        ("2026-11-21T12:00:00Z", "2026-11-23", 1),
        ("2026-11-09T08:00:00Z", "2026-11-23", 10),
        ("2026-11-20T23:30:00-05:00", "2026-11-23", 1),
    ],
    ids=["the same day", "over a weekend", "from Friday to Monday", "on a Saturday", "two weeks", "in UTC"],
)
def test_days_known_by_heart(since: str, today: str, age: int) -> None:
    """A weekend adds nothing, and an opt-out on a weekend is a day old on Monday."""
    assert aged(datetime.fromisoformat(since), date.fromisoformat(today)) == age


OUT = {"id": "1", "email": "ann@example.org", "email_ok": "N", "email_at": "2025-05-30T10:00:00Z"}
KNOWN = {"1": Person(attributes={"Email": "ann@example.org"})}
SAID: dict[str, tuple[list[dict[str, str]], list[tuple[str | None, bool]]]] = {
    "one that goes": ([OUT], [("EMAIL", True)]),
    "a permission": ([OUT | {"email_ok": "Y"}], []),
    "nobody there": ([OUT | {"id": "9"}], [("contact_not_found", False)]),
    "a later permission": ([OUT, OUT | {"email_ok": "Y", "email_at": "2025-05-31T10:00:00Z"}], []),
    "said twice": ([OUT, OUT], [("EMAIL", True)]),
    "without identity": ([OUT | {"id": ""}, OUT | {"id": ""}], [("identity_missing", False)] * 2),
    "a rejected record beside a valid one": ([OUT, OUT | {"first_name": ""}], [("EMAIL", True)]),
    "rejected records of one person": (
        [OUT | {"first_name": ""}, OUT | {"first_name": "", "email_at": ""}],
        [("attribute_blank", False)],
    ),
}


@pytest.mark.parametrize(("rows", "owed"), SAID.values(), ids=SAID)
def test_an_opt_out_is_owed_once_until_it_was_told(
    rows: list[dict[str, str]], owed: list[tuple[str | None, bool]]
) -> None:
    """Of each identity and target the one that stands, sent or not; of rejected records what stands alone."""
    job = job_of(attributes={"First Name": {"column": "first_name", "blank": "reject"}})
    world = world_of(job, NOW, KNOWN)
    planned = world.plan(records_of(job, *({"first_name": "Ann", **row} for row in rows)))
    found = planned.opt_outs.select(TARGET, GOES, Column.REASON).rows()
    assert [(target if goes else reason, goes) for target, goes, reason in found] == owed


def test_what_was_told_is_not_owed_again() -> None:
    """The second run of the same export owes nothing; a run of everything owes what it sends."""
    world = world_of(job_of(), NOW, KNOWN)
    records = records_of(world.job, OUT)
    world.sync(records)
    assert world.plan(records).opt_outs.is_empty()
    assert world.plan(records, full=True).opt_outs.get_column(GOES).to_list() == [True]


OUTCOMES: dict[str, tuple[dict[str, Any], bool]] = {
    "confirmed": ({"outcome": "updated"}, False),
    "created": ({"outcome": "created"}, False),
    "refused": ({"outcome": "failed", "reason": "refused_by_destination"}, True),
    "held": ({"outcome": "held", "reason": "suppressed"}, True),
    "not sent": ({"outcome": "unknown", "reason": "not_sent"}, True),
}


@pytest.mark.parametrize(("settled", "is_open"), OUTCOMES.values(), ids=OUTCOMES)
def test_it_is_open_until_the_destination_confirmed_it(settled: dict[str, Any], is_open: bool) -> None:
    """What goes is open while its item is neither created nor updated; what does not go is open in any case."""
    job = job_of()
    said = pl.DataFrame(
        {Column.RECORD: [1, 2], TARGET: ["EMAIL", "EMAIL"], AT: [None, None], GOES: [True, False]}
    ).with_columns(pl.Series(Column.REASON, [None, "contact_not_found"]))
    schema = {Column.RECORD: pl.Int64, "outcome": pl.String, "reason": pl.String}
    items = pl.DataFrame([{Column.RECORD: 1, "reason": None, **settled}], schema=schema)
    left = still_open(said, items, job)
    assert left.get_column(Column.RECORD).to_list() == ([1, 2] if is_open else [2])
    assert left.get_column(Column.REASON).to_list()[-1] == "contact_not_found"
    if is_open:
        assert left.item(0, Column.REASON) == settled["reason"]
    assert still_open(said, None, job).get_column(Column.RECORD).to_list() == [2]
