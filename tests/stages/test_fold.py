"""Records of one identity, folded into one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from pipeline.model import Column
from pipeline.stages.fold import Folded, broken_of, fold
from pipeline.stages.map import map_records
from pipeline.stages.validate import validate
from tests.jobs import NOW, job_of, records_of

Row = dict[str, str]


def folded(*rows: Row, **changes: Any) -> Folded:
    """Rows of contact 1, folded."""
    job = job_of(**changes)
    records = records_of(job, *({"id": "1", **row} for row in rows))
    return fold(validate(map_records(records, job, NOW), job).valid, job)


def one(*rows: Row, **changes: Any) -> dict[str, Any]:
    """What is left of the contact."""
    return folded(*rows, **changes).identities.row(0, named=True)


def said(status: str, at: str = "", **more: str) -> Row:
    """A record that says something of EMAIL."""
    return {"email_ok": status, "email_at": at, **more}


DAY_1, DAY_2, DAY_3 = "2024-01-01", "2024-01-02", "2024-01-03"
LATEST: dict[str, tuple[list[Row], str | None]] = {
    "the latest wins": ([said("N", DAY_1), said("Y", DAY_2)], "OPT_IN"),
    "whatever the order": ([said("Y", DAY_2), said("N", DAY_1)], "OPT_IN"),
    "at equal times the strictest": ([said("N", DAY_1), said("Y", DAY_1)], "OPT_OUT"),
    "an unknown time may be the latest": ([said("Y", DAY_3), said("N")], "OPT_OUT"),
    "an unknown time does not raise": ([said("N", DAY_1), said("Y")], "OPT_OUT"),
    "all unknown: the strictest": ([said("Y"), said("P"), said("C")], "CLEAR"),
    "unverified is stricter than opted in": ([said("P"), said("Y")], "OPT_IN_UNVERIFIED"),
    "clearing is stricter than unverified": ([said("P", DAY_1), said("C", DAY_1)], "CLEAR"),
    "doubt is stricter than every permission": ([said("Y"), said("maybe"), said("C")], "UNLISTED"),
    "an opt-out is stricter than doubt": ([said("maybe"), said("N")], "OPT_OUT"),
    "later doubt outdates a permission": ([said("Y", DAY_1), said("maybe", DAY_2)], "UNLISTED"),
    "a later permission outdates doubt": ([said("maybe", DAY_1), said("Y", DAY_2)], "OPT_IN"),
    "an older opt-out is outdated, an undated one stays": (
        [said("N", DAY_1), said("Y", DAY_3), said("P")],
        "OPT_IN_UNVERIFIED",
    ),
    "blank says nothing about it": ([said("N", DAY_1), said("", DAY_3)], "OPT_OUT"),
    "a future time is unknown, so the strictest": ([said("Y", "2031-01-01"), said("N", DAY_1)], "OPT_OUT"),
    "a time that cannot be read is unknown": ([said("N", "soon"), said("Y", DAY_3)], "OPT_OUT"),
    "nobody says anything": ([said(""), said("")], None),
}


@pytest.mark.parametrize("turn", [1, -1], ids=["in order", "reversed"])
@pytest.mark.parametrize(("rows", "status"), LATEST.values(), ids=LATEST)
def test_the_latest_intent_wins_and_doubt_is_strict(rows: list[Row], status: str | None, turn: int) -> None:
    """`latest`: by time; at equal or unknown times the strictest; in any order of the records."""
    assert one(*rows[::turn])["consent:EMAIL"] == status


STRICTEST = {
    "an older opt-out": ([said("N", DAY_1), said("Y", DAY_3)], "OPT_OUT"),
    "older doubt": ([said("maybe", DAY_1), said("Y", DAY_3)], "UNLISTED"),
    "the latest of the strictest": ([said("N", DAY_1), said("N", DAY_2), said("Y", DAY_3)], "OPT_OUT"),
}


@pytest.mark.parametrize(("rows", "status"), STRICTEST.values(), ids=STRICTEST)
def test_strictest_looks_at_no_time(rows: list[Row], status: str) -> None:
    """`strictest`: whatever the times say."""
    assert one(*rows, policy={"duplicates": "strictest"})["consent:EMAIL"] == status


def test_time_and_source_are_those_of_the_winner() -> None:
    """Evidence travels with its status; among equals, the latest and the one with a source count."""
    rows = [said("N", DAY_1, email_src="web"), said("N", DAY_2), said("N", DAY_2, email_src="form"), said("Y", DAY_1)]
    for turn in (1, -1):
        found = one(*rows[::turn])
        assert found["consent:EMAIL@at"] == datetime(2024, 1, 2, tzinfo=UTC)
        assert found["consent:EMAIL@source"] == "form"


def test_each_target_is_folded_by_itself() -> None:
    """An opt-out in an early record is not lost because a later one is silent about it."""
    found = one({"sms_ok": "N"}, {"email_ok": "Y", "email_at": DAY_3})
    assert (found["consent:SMS"], found["consent:EMAIL"]) == ("OPT_OUT", "OPT_IN")


GOOD, BROKEN = "212 555 0123", "12"
PHONES: dict[str, tuple[list[Row], str | None, str | None]] = {
    "an opt-out beside a broken phone has another record's phone": (
        [{"mobile": BROKEN, "sms_ok": "N"}, {"mobile": GOOD}],
        "OPT_OUT",
        "phone_not_e164",
    ),
    "an opt-out survives a later record whose phone is broken": (
        [{"mobile": GOOD, "sms_ok": "N"}, {"mobile": BROKEN, "sms_ok": "N"}],
        "OPT_OUT",
        None,
    ),
    "an opt-out survives a later permission that is withheld": (
        [{"mobile": GOOD, "sms_ok": "N", "sms_at": DAY_1}, {"mobile": BROKEN, "sms_ok": "Y", "sms_at": DAY_2}],
        "OPT_OUT",
        None,
    ),
    "a permission of a record with a good phone stands": (
        [{"mobile": GOOD, "sms_ok": "Y"}, {"mobile": BROKEN, "sms_ok": "Y"}],
        "OPT_IN",
        None,
    ),
    "doubt beside a broken phone still is doubt": (
        [{"mobile": GOOD, "sms_ok": "Y"}, {"mobile": BROKEN, "sms_ok": "maybe"}],
        "UNLISTED",
        None,
    ),
    "another record's broken phone does not touch an opt-out without one": (
        [{"sms_ok": "N"}, {"mobile": BROKEN}],
        "OPT_OUT",
        None,
    ),
    "all that speak of it have broken phones": (
        [{"mobile": BROKEN, "sms_ok": "N"}, {"mobile": "13", "sms_ok": "N"}],
        "OPT_OUT",
        "phone_not_e164",
    ),
}


@pytest.mark.parametrize("turn", [1, -1], ids=["in order", "reversed"])
@pytest.mark.parametrize(("rows", "status", "broken"), PHONES.values(), ids=PHONES)
def test_a_broken_address_touches_its_own_record_only(
    rows: list[Row], status: str | None, broken: str | None, turn: int
) -> None:
    """What one record says of SMS is not withheld for the broken phone of another."""
    found = one(*rows[::turn])
    target = job_of().targets[1]
    assert (found["consent:SMS"], found[target.reason], found[broken_of(target)]) == (status, None, broken)


def test_a_target_that_no_record_can_have_keeps_its_reason() -> None:
    """A withheld permission without another intent is still withheld after folding."""
    found = one({"first_name": "Ann"}, {"mobile": "12", "sms_ok": "Y"})
    assert (found["consent:SMS"], found["consent:SMS@reason"]) == (None, "phone_not_e164")


VALUES: dict[str, tuple[list[Row], str | None]] = {
    "the last value": ([{"first_name": "Ann"}, {"first_name": "Bea"}], '"Bea"'),
    "blank is no value": ([{"first_name": "Ann"}, {"first_name": ""}], '"Ann"'),
    "by time, not by number": (
        [{"first_name": "Ann", "email_at": DAY_2}, {"first_name": "Bea", "sms_at": DAY_1}],
        '"Ann"',
    ),
    "without a time first": ([{"first_name": "Ann", "email_at": DAY_1}, {"first_name": "Bea"}], '"Ann"'),
    "nothing": ([{}, {}], None),
}


@pytest.mark.parametrize(("rows", "value"), VALUES.values(), ids=VALUES)
def test_attributes_take_the_latest_value_that_is_not_blank(rows: list[Row], value: str | None) -> None:
    """Records are ordered by their latest time, unknown first, then by number."""
    assert one(*rows)["attribute:First Name"] == value


def test_a_value_outranks_a_later_blank_that_clears() -> None:
    """With `blank: clear`, a blank clears only where no record of the identity has a value."""
    attributes = {"First Name": {"column": "first_name", "blank": "clear"}}
    assert one({"first_name": "Ann"}, {}, attributes=attributes)["attribute:First Name"] == '"Ann"'
    assert one({}, {}, attributes=attributes)["attribute:First Name"] == "null"


def test_the_last_record_carries_the_outcome() -> None:
    """The others are superseded and name it; identities are told apart by their trimmed text."""
    job = job_of()
    rows = [{"id": "1", "email_at": DAY_3}, {"id": "2"}, {"id": " 1 "}, {"id": "1", "email_at": DAY_1}]
    found = fold(validate(map_records(records_of(job, *rows), job, NOW), job).valid, job)
    assert found.identities.get_column(Column.RECORD).sort().to_list() == [1, 2]
    assert found.superseded.select(Column.RECORD, Column.WINNER).sort(Column.RECORD).rows() == [(3, 1), (4, 1)]


def test_single_records_pass_as_they_are() -> None:
    """Without duplicates nothing is superseded, and the frame has the same columns."""
    job = job_of()
    valid = validate(map_records(records_of(job, {"id": "1"}, {"id": "2"}), job, NOW), job).valid
    alone, several = fold(valid, job), folded({}, {})
    assert alone.superseded.is_empty()
    assert alone.identities.columns == several.identities.columns
    assert alone.superseded.schema == several.superseded.schema


def test_many_identities_at_once_are_folded_like_one_at_a_time() -> None:
    """Folding a frame of many identities reads no other identity's cells."""
    job = job_of()
    statuses = ["Y", "N", "P", "", "maybe", "C"]
    rows = [
        {"id": f"C-{n % 97}", "email_ok": statuses[n % 6], "email_at": ["", DAY_1, DAY_2][n % 3], "email_src": f"s{n}"}
        for n in range(400)
    ]
    valid = validate(map_records(records_of(job, *rows), job, NOW), job).valid
    together = fold(valid, job).identities.sort(Column.IDENTITY)
    parts = [fold(own, job).identities for own in valid.partition_by(Column.IDENTITY)]
    assert together.equals(pl.concat(parts).sort(Column.IDENTITY))


def test_a_later_broken_address_leaves_an_older_one_and_is_said() -> None:
    """The latest value that can be used goes, and why the latest record has none is kept beside it."""
    found = one({"mobile": GOOD}, {"mobile": BROKEN}, {"mobile": ""})
    assert (found["attribute:Cell Phone"], found["attribute:Cell Phone@reason"]) == ('"+12125550123"', "phone_not_e164")
    corrected = one({"mobile": BROKEN}, {"mobile": GOOD})
    assert corrected["attribute:Cell Phone@reason"] is None
