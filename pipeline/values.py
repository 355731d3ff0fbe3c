"""Typed values as JSON text, by polars expressions: what a cell becomes, and what a value read back compares with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ISO_FORMATS: Final = (
    "%+",
    "%Y-%m-%dT%H:%M%#z",
    "%Y-%m-%d %H:%M%#z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d",
)
"""ISO 8601 as exports write it."""
WIRE_DATE: Final = "%Y-%m-%dT%H:%M:%S%.3fZ"
TRUE_WORDS: Final = ("true", "t", "yes", "y", "1")
FALSE_WORDS: Final = ("false", "f", "no", "n", "0")
NUMBER: Final = r"^[+-]?[0-9]+(?:\.[0-9]+)?$"
"""JSON knows no digits but these, while \\d takes those of every script."""
CLOCK: Final = re.compile(r"%[-_0]?[HIklTRXrc]")
"""The codes that read a time of day; a format without any is of a day."""
FIRST_YEAR: Final = 1000
"""%Y takes a year of two digits as one of antiquity, which would be older than every other time."""
UTC_TIME: Final = pl.Datetime("us", "UTC")
JSON_NULL: Final = "null"
"""Clears an attribute; a polars null says nothing about it."""


def json_text(text: pl.Expr) -> pl.Expr:
    """Text as a JSON string, null where it is null."""
    encoded = pl.struct(text.alias("v")).struct.json_encode()
    return pl.when(text.is_not_null()).then(encoded.str.slice(len('{"v":')).str.head(-1))


def typed(
    text: pl.Expr,
    type: str,  # noqa: A002 - the mapping's own word
    format: str | None = None,  # noqa: A002 - as above
    choices: Mapping[str, str] | None = None,
) -> pl.Expr:
    """Text as JSON text of a type: text, number, boolean, date or list. Null where it is null or does not fit.

    `format` is a date's strftime format (None: ISO 8601) or a list's separator (None: a semicolon). `choices`: the only
    texts, or items of a list, that fit, in lower case, and the word that each stands for.
    """
    match type:
        case "number":
            return pl.when(text.str.contains(NUMBER)).then(_shortest_number(text))
        case "boolean":
            word = text.str.to_lowercase()
            return pl.coalesce(
                pl.when(word.is_in(TRUE_WORDS)).then(pl.lit("true")),
                pl.when(word.is_in(FALSE_WORDS)).then(pl.lit("false")),
            )
        case "date":
            return json_text(instant(text, format, "UTC").dt.strftime(WIRE_DATE))
        case "list":
            items = list_items(text, format).list.eval(json_text(_chosen(pl.element(), choices)))
            whole = ~items.list.eval(pl.element().is_null()).list.any()
            joined = pl.concat_str(pl.lit("["), items.list.join(","), pl.lit("]"))
            return pl.when(text.is_not_null() & whole).then(joined)
        case _:
            return json_text(_chosen(text, choices))


def list_items(text: pl.Expr, separator: str | None) -> pl.Expr:
    """The trimmed items of a list's cell."""
    return text.str.split(separator or ";").list.eval(pl.element().str.strip_chars())


def _chosen(text: pl.Expr, choices: Mapping[str, str] | None) -> pl.Expr:
    """The word that a text stands for; null where it stands for none."""
    if choices is None:
        return text
    return text.str.to_lowercase().replace_strict(
        list(choices), list(choices.values()), default=None, return_dtype=pl.String
    )


def _shortest_number(text: pl.Expr) -> pl.Expr:
    """The one spelling of a number, as digits: a float would change long decimals, and destinations drop zeros."""
    whole = text.str.replace(r"^\+?(-?)0*([0-9])", "${1}${2}")
    shortest = whole.str.replace(r"(\.[0-9]*?)0+$", "${1}").str.strip_suffix(".")
    return shortest.replace("-0", "0")


def instant(text: pl.Expr, format: str | None, timezone: str) -> pl.Expr:  # noqa: A002 - the mapping's own word
    """A time in UTC, null where the text does not fit. `timezone` is that of times without an offset."""
    formats = (format,) if format else ISO_FORMATS
    return text.map_batches(lambda texts: _instants(texts, formats, timezone), UTC_TIME, is_elementwise=True)


def _instants(texts: pl.Series, formats: Sequence[str], timezone: str) -> pl.Series:
    """Each format is tried on what those before it leave: as a rule all times of an export are written alike."""
    found = pl.repeat(None, len(texts), dtype=UTC_TIME, eager=True)
    left = texts
    for form in formats:
        if left.null_count() == len(left):
            break
        parsed = left.to_frame("text").select(_parsed(pl.col("text"), form, timezone)).to_series()
        parsed = parsed.set((parsed.dt.year() < FIRST_YEAR).fill_null(value=False), None)
        found = found.zip_with(parsed.is_null(), parsed)
        left = left.set(found.is_not_null(), None)
    return found


def _parsed(text: pl.Expr, format: str, timezone: str) -> pl.Expr:  # noqa: A002 - the mapping's own word
    if any(absolute in format for absolute in ("%+", "%z", "%#z", "%:z", "%s")):
        return text.str.to_datetime(format, time_unit="us", time_zone="UTC", strict=False)
    if CLOCK.search(format):
        naive = text.str.to_datetime(format, time_unit="us", strict=False)
    else:
        naive = text.str.to_date(format, strict=False).cast(pl.Datetime("us"))
    return naive.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null").dt.convert_time_zone("UTC")
