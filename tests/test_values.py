"""Cells as JSON text of a type, and texts as times."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.mapping_file import cell_key
from pipeline.values import instant, typed

TYPED = {
    "text is quoted": ("text", None, 'Ann "A" \\ é', '"Ann \\"A\\" \\\\ é"'),
    "a number travels as it is written": ("number", None, "12345678901234567890.123456789", None),
    "leading zeros and a plus are no part of a number": ("number", None, "+007.5", "7.5"),
    "trailing zeros are no part of it either": ("number", None, "1.50", "1.5"),
    "a whole number of decimals is whole": ("number", None, "100.00", "100"),
    "zeros before the point stay": ("number", None, "1000", "1000"),
    "zero": ("number", None, "000", "0"),
    "there is one zero": ("number", None, "-0.0", "0"),
    "a negative number": ("number", None, "-1.25", "-1.25"),
    "yes": ("boolean", None, "YES", "true"),
    "zero is false": ("boolean", None, "0", "false"),
    "a day is its midnight in UTC": ("date", None, "1990-05-17", '"1990-05-17T00:00:00.000Z"'),
    "a day in the mapping's format": ("date", "%d/%m/%Y", "17/05/1990", '"1990-05-17T00:00:00.000Z"'),
    "a time with an offset": ("date", None, "2024-03-01T10:00:00.25+02:00", '"2024-03-01T08:00:00.250Z"'),
    "a list by semicolons": ("list", None, "red; green", '["red","green"]'),
    "a list by the mapping's separator": ("list", "|", 'a|"b"', '["a","\\"b\\""]'),
}
UNFIT = {
    "words": ("number", "seven"),
    "a thousands separator": ("number", "1,000"),
    "no digit before the point": ("number", ".5"),
    "digits that JSON does not know": ("number", "١٢"),
    "full-width digits": ("number", "\uff11\uff12"),
    "an exponent": ("number", "1e5"),
    "two signs": ("number", "--1"),
    "not a number": ("number", "NaN"),
    "maybe": ("boolean", "maybe"),
    "two": ("boolean", "2"),
    "a day that is none": ("date", "2024-02-30"),
    "the other order of day and month": ("date", "17/05/1990"),
}


def cell(text: str | None, type_: str, format_: str | None = None) -> str | None:
    """One text, typed."""
    frame = pl.DataFrame({"a": [text]}, schema={"a": pl.String})
    return frame.select(typed(pl.col("a"), type_, format_)).item()  # type: ignore[no-any-return]


def time(text: str, format_: str | None = None, timezone: str = "UTC") -> datetime | None:
    """One text as a time."""
    return pl.DataFrame({"a": [text]}).select(instant(pl.col("a"), format_, timezone)).item()  # type: ignore[no-any-return]


@pytest.mark.rule("AC-12")
@pytest.mark.parametrize(("type_", "format_", "text", "expected"), TYPED.values(), ids=TYPED)
def test_a_cell_becomes_json_of_its_type(type_: str, format_: str | None, text: str, expected: str | None) -> None:
    """The JSON text of a cell is what the type says; a long number keeps all of its digits."""
    found = cell(text, type_, format_)
    assert found == (expected or text)
    json.loads(found or "")


@pytest.mark.rule("AC-12")
@pytest.mark.parametrize(("type_", "text"), UNFIT.values(), ids=UNFIT)
def test_what_does_not_fit_a_type_is_null(type_: str, text: str) -> None:
    """A cell that is not of the type has no value; it is never sent as something else."""
    assert cell(text, type_) is None


@pytest.mark.parametrize("type_", ["text", "number", "boolean", "date", "list"])
def test_null_stays_null(type_: str) -> None:
    """A blank cell has no value, whatever the type."""
    assert cell(None, type_) is None


@given(st.text())
def test_text_survives(text: str) -> None:
    """Any text comes out of its JSON as it went in."""
    assert json.loads(cell(text, "text") or "") == text


@given(st.one_of(st.text("0123456789+-. eE\u0661\uff11", max_size=12), st.text(max_size=4)))
def test_numbers_are_json(text: str) -> None:
    """Whatever is taken for a number is a JSON number of the same value."""
    found = cell(text, "number")
    if found is not None:
        assert float(json.loads(found)) == float(text)


TIMES: dict[str, tuple[str, str | None, str, tuple[int, ...] | None]] = {
    "a day": ("2024-03-01", None, "UTC", (2024, 3, 1)),
    "with a T": ("2024-03-01T10:20:30", None, "UTC", (2024, 3, 1, 10, 20, 30)),
    "with a space": ("2024-03-01 10:20:30.5", None, "UTC", (2024, 3, 1, 10, 20, 30, 500_000)),
    "without seconds": ("2024-03-01 10:20", None, "UTC", (2024, 3, 1, 10, 20)),
    "in UTC": ("2024-03-01T10:20:30Z", None, "Europe/Berlin", (2024, 3, 1, 10, 20, 30)),
    "with an offset": ("2024-03-01T10:20:30+02:00", None, "UTC", (2024, 3, 1, 8, 20, 30)),
    "with an offset and no seconds": ("2024-03-01T10:20+02:00", None, "UTC", (2024, 3, 1, 8, 20)),
    "in UTC and no seconds": ("2024-03-01 10:20Z", None, "UTC", (2024, 3, 1, 10, 20)),
    "in the mapping's time zone": ("2024-07-01 10:20", None, "Europe/Berlin", (2024, 7, 1, 8, 20)),
    "a day begins in the mapping's time zone": ("2024-07-01", None, "America/New_York", (2024, 7, 1, 4)),
    "twice in the night of the change: the first": ("2024-10-27 02:30", None, "Europe/Berlin", (2024, 10, 27, 0, 30)),
    "never in the night of the change": ("2024-03-31 02:30", None, "Europe/Berlin", None),
    "in the mapping's format": ("1.3.2024 10:20", "%d.%m.%Y %H:%M", "UTC", (2024, 3, 1, 10, 20)),
    "with a clock of twelve hours": ("03/01/2024 9:05 PM", "%m/%d/%Y %I:%M %p", "UTC", (2024, 3, 1, 21, 5)),
    "with hours that are not padded": ("1/3/2024 9:05", "%-d/%-m/%Y %-H:%M", "UTC", (2024, 3, 1, 9, 5)),
    "with hours padded by a space": ("03/01/2024  9:05", "%m/%d/%Y %k:%M", "UTC", (2024, 3, 1, 9, 5)),
    "with the whole clock in one code": ("03/01/2024 21:05:06", "%m/%d/%Y %X", "UTC", (2024, 3, 1, 21, 5, 6)),
    "with an offset in the format": ("2024-03-01 10:20 +0200", "%Y-%m-%d %H:%M %z", "UTC", (2024, 3, 1, 8, 20)),
    "in seconds since 1970, which have no time zone": ("1709283600", "%s", "Europe/Berlin", (2024, 3, 1, 9)),
    "another format": ("01.03.2024", None, "UTC", None),
    "words": ("yesterday", None, "UTC", None),
}


@pytest.mark.parametrize(("text", "format_", "timezone", "expected"), TIMES.values(), ids=TIMES)
def test_times_are_read(text: str, format_: str | None, timezone: str, expected: tuple[int, ...] | None) -> None:
    """A time is read with its hours and in its time zone; what cannot be read is unknown, not midnight."""
    found: Any = expected and datetime(*expected, tzinfo=UTC)  # type: ignore[arg-type, misc]
    assert time(text, format_, timezone) == found


@given(st.text(max_size=8))
def test_cells_compare_as_the_mapping_compares_them(text: str) -> None:
    """Lower case means the same to the mapping's words and to the export's cells."""
    stripped = text.strip()
    assert pl.Series([stripped]).str.to_lowercase().item() == cell_key(stripped)
