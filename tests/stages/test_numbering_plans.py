"""Numbers that the metadata alone settles, against `phonenumbers` itself."""

from __future__ import annotations

import phonenumbers
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from pipeline.stages.numbering_plans import WORTH_COMPILING, settle

REGIONS = ("US", "CA", "DO", "GB", "GG", "IM", "DE", "FR", "IT", "VA", "RU", "KZ", "AU", "BR", "MX", "HU", "AR", "JP")
DIGITS = st.text("0123456789", min_size=3, max_size=16)


def settled(numbers: list[str], region: str | None) -> dict[str, str | None]:
    """What `settle` says of each number that it settles; the numbers are digits, perhaps after a plus."""
    frame = pl.DataFrame({"number": numbers}, schema={"number": pl.String}).with_row_index("row")
    columns = {"digits": pl.col("number").str.strip_chars_start("+"), "plus": pl.col("number").str.starts_with("+")}
    verdicts = settle(frame.select("row", **columns), region, at_least=1)
    return {numbers[row]: address for row, address in verdicts.rows()}


def library(number: str, region: str | None) -> str | None:
    """E.164 of a valid number by the library alone."""
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
    valid = phonenumbers.is_valid_number(parsed)
    return phonenumbers.format_number(parsed, PhoneNumberFormat.E164) if valid else None


def example(region: str, kind: int) -> phonenumbers.PhoneNumber:
    found = phonenumbers.example_number_for_type(region, kind) or phonenumbers.example_number(region)
    assert found is not None
    return found


@st.composite
def likely_numbers(draw: st.DrawFn) -> str:
    """An example number of some region, in one of the ways to write it, its last digits changed."""
    number = example(draw(st.sampled_from(REGIONS)), draw(st.sampled_from(PhoneNumberType.values()[:-1])))
    significant = phonenumbers.national_significant_number(number)
    prefix = draw(
        st.sampled_from(["", "0", "1", "8", "06", "CC", "CC0", "+CC", "+CC0", "00CC", "011CC", "0011CC", "810CC"])
    )
    tail = draw(st.text("0123456789", max_size=7))
    return prefix.replace("CC", str(number.country_code)) + significant[: len(significant) - len(tail)] + tail


@given(
    st.lists(likely_numbers() | DIGITS | DIGITS.map("+{}".format), min_size=1, max_size=40), st.sampled_from(REGIONS)
)
@settings(max_examples=60, deadline=None)
def test_settles_as_the_library_judges(numbers: list[str], region: str) -> None:
    """Whatever is settled, valid or not, is settled as the library does."""
    verdicts = settled(numbers, region)
    assert verdicts == {number: library(number, region) for number in verdicts}


@given(st.lists(likely_numbers(), min_size=1, max_size=40))
@settings(max_examples=20, deadline=None)
def test_without_a_region_only_international_numbers_are_settled(numbers: list[str]) -> None:
    """Without a region nothing is said of numbers without a plus, and of the others what the library says."""
    verdicts = settled(numbers, None)
    assert all(number.startswith("+") for number in verdicts)
    assert verdicts == {number: library(number, None) for number in verdicts}


@pytest.mark.parametrize("region", ["US", "CA", "GB", "DE", "FR", "ES", "IT", "NL", "RU", "KZ", "AU", "BR", "IN"])
def test_common_ways_to_write_are_settled(region: str) -> None:
    """National (with and without prefix) and international numbers need not be left to the library."""
    number = example(region, PhoneNumberType.MOBILE)
    address = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    written = ["".join(filter(str.isdecimal, national)), address, address.removeprefix("+")]
    assert settled(written, region) == {number: library(number, region) for number in written}


@pytest.mark.parametrize(
    ("number", "region", "reading"),
    [
        pytest.param("8361079227", "RU", "+78361079227", id="an area code that begins like the national prefix"),
        pytest.param("0078341623299", "GG", "+78341623299", id="the same, dialled from abroad"),
        pytest.param("44551234", "GG", "+441481551234", id="a calling code before a number without its area code"),
        pytest.param("00044205550123", "GB", None, id="a zero after the international prefix"),
        pytest.param("4915123456789", "DE", "+494915123456789", id="an area code that begins like the calling code"),
        pytest.param("12687641234", "AG", "+12687641234", id="a region that owns an area code of a shared code"),
    ],
)
def test_where_two_readings_compete_the_library_decides(number: str, region: str, reading: str | None) -> None:
    """A number with two readings is settled as the library reads it, or left to the library."""
    assert library(number, region) == reading
    assert settled([number], region).get(number, reading) == reading


def test_every_country_is_settled() -> None:
    """The metadata of every region and of every calling code without one runs in polars."""
    regions = [phonenumbers.example_number(region) for region in sorted(phonenumbers.SUPPORTED_REGIONS)]
    shared = [phonenumbers.example_number_for_non_geo_entity(c) for c in phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS]
    numbers = [number for number in (*regions, *shared) if number is not None]
    addresses = [phonenumbers.format_number(number, PhoneNumberFormat.E164) for number in numbers]
    verdicts = settled(addresses, None)
    left = {address[:3] for address in addresses if address not in verdicts}
    assert left == {"+54"}, "Argentina's prefix may be nothing at all, so each of its numbers is the library's"
    assert verdicts == {address: address for address in verdicts}


def test_few_numbers_of_a_calling_code_are_left_alone() -> None:
    """Making a country's expressions run costs more than asking the library about a few numbers."""
    digits = [f"4474001{n:05}" for n in range(WORTH_COMPILING - 1)] + ["12125550123"] * WORTH_COMPILING
    numbers = pl.DataFrame({"digits": digits, "plus": [True] * len(digits)}).with_row_index("row")
    assert set(settle(numbers, "US")["address"]) == {"+12125550123"}
