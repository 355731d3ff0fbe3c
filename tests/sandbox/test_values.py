"""Attribute names and values."""

from __future__ import annotations

import re
from typing import Any

import pytest

from .client import Client, attributes, codes


@pytest.mark.rule("AC-12")
@pytest.mark.rule("AC-14")
@pytest.mark.parametrize("name", ["nick", "NICK", "Shoe size", "Nick "])
def test_unknown_attribute_is_refused_in_the_observed_words(client: Client, name: str) -> None:
    """Names are case-sensitive; the message repeats the name."""
    answer = client.update({"key": "M-1", "to": {"attributes": [{"name": name, "value": "x"}]}})
    assert codes(answer) == ["ATTRIBUTE_NOT_DEFINED"]
    assert answer["errors"][0]["message"] == f"No defined Attribute with name: '{name}'"


@pytest.mark.rule("AC-12")
@pytest.mark.rule("AC-14")
@pytest.mark.parametrize(
    ("name", "value", "category"),
    [
        ("Mobile", "030-555", "PHONE_FORMAT"),
        ("Mobile", "+1 212 555 0101", "PHONE_FORMAT"),
        ("Mobile", "123456", "PHONE_FORMAT"),
        ("Mail", "not an address", "EMAIL_FORMAT"),
        ("Mail", "a@example", "EMAIL_FORMAT"),
        ("Mail", "", "EMAIL_FORMAT"),
        ("Points", "12", "NUMBER_FORMAT"),
        ("Points", True, "NUMBER_FORMAT"),
        ("Points", 1.25, "NUMBER_FORMAT"),
        ("Active", "true", "BOOLEAN_FORMAT"),
        ("Active", 1, "BOOLEAN_FORMAT"),
        ("Joined", "02/05/2024", "DATE_FORMAT"),
        ("Joined", "2024-02-30", "DATE_FORMAT"),
        ("Joined", 20240502, "DATE_FORMAT"),
        ("Nick", 7, "TEXT_FORMAT"),
        ("Score", 7, "BEHAVIOUR"),
        ("Member No", " ", "TEXT_FORMAT"),
    ],
)
def test_value_that_does_not_fit_is_refused(client: Client, name: str, value: Any, category: str) -> None:
    """The observed envelope: code, category, and a message that repeats field and value."""
    answer = client.create({"attributes": [*attributes(Mail="d@example.com"), {"name": name, "value": value}]})
    [error] = answer["errors"]
    assert error["extensions"] == {"code": "INVALID_ATTRIBUTE_VALUE", "category": category}
    shown = value if isinstance(value, str) else str(value).lower()
    assert re.fullmatch(
        rf"Field {name} has invalid value: {re.escape(shown)}\. Category: {category}\. Message: .+", error["message"]
    )


@pytest.mark.rule("AC-12")
@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("Mobile", "12125550109", "+12125550109"),
        ("Mobile", "+12125550109", "+12125550109"),
        ("Mail", " Ann@Example.com ", "Ann@Example.com"),
        ("Points", 1.5, 1.5),
        ("Points", 10**15, 10**15),
        ("Active", False, False),
        ("Joined", "2024-05-02T10:11:12.5Z", "2024-05-02T10:11:12.500Z"),
        ("Joined", "2024-05-02 10:11:12.345", "2024-05-02T10:11:12.345Z"),
        ("Joined", "2024-05-02", "2024-05-02T00:00:00.000Z"),
        ("Nick", "  spaced  ", "  spaced  "),
        ("Nick", "", ""),
    ],
)
def test_value_that_fits_is_kept(client: Client, name: str, value: Any, kept: Any) -> None:
    """Addresses are trimmed, phones get their `+`, dates one form; the rest is stored as sent."""
    assert codes(client.update({"key": "M-1", "to": {"attributes": [{"name": name, "value": value}]}})) == []
    assert client.contact("M-1")["attributes"][name] == kept


def test_phone_may_be_kept_as_sent(client: Client) -> None:
    """A27: without `add`, the `+` is neither added nor needed to find the contact."""
    client.sandbox.settings(phone_plus="keep")
    client.update({"key": "M-2", "to": {"attributes": attributes(Mobile="12125550102")}})
    assert client.contact("M-2")["attributes"]["Mobile"] == "12125550102"
    client.create({"attributes": attributes(Mobile="+12125550102", Nick="Bobby")})
    assert client.contact("M-2")["attributes"]["Nick"] == "Bobby"


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        ("iso_milliseconds", "2024-05-02T10:11:12.000Z"),
        ("date", "2024-05-02"),
        ("space_milliseconds", "2024-05-02 10:11:12.000"),
    ],
)
def test_dates_are_read_back_in_the_form_set(client: Client, form: str, shown: str) -> None:
    """A28: the form of a DATE on read is a switch."""
    client.sandbox.settings(date_out_format=form)
    client.update({"key": "M-1", "to": {"attributes": attributes(Joined="2024-05-02T10:11:12Z")}})
    query = '{contacts(filter:{field:"Member No",eq:"M-1"}){nodes{attributes(selectByName:"Joined"){value}}}}'
    assert client.ask(query)["data"]["contacts"]["nodes"] == [{"attributes": [{"value": shown}]}]
