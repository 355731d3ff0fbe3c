"""Custom fields: each value is checked by its field's type."""

from __future__ import annotations

from typing import Any

import pytest

from .client import (
    AGREED,
    HINT,
    HOME,
    NOTES,
    PHOTO,
    PLAN,
    RETIRED,
    TEXT,
    TOPICS,
    VISITS,
    Client,
    invalid,
    missing,
    person,
    reasons,
)

ADDRESS = {"line1": "1 Pier Rd", "city": "Cairns", "postalCode": "4870", "countryCode": "AU", "stateName": None}


def field(field_id: Any, value: Any) -> list[dict[str, Any]]:
    """The parameter of a write."""
    return [{"fieldId": field_id, "value": value}]


def values(client: Client, contact_id: int) -> dict[int, Any]:
    """A contact's values by field."""
    return {entry["fieldId"]: entry["value"] for entry in client.contact(contact_id)["customFields"]}


@pytest.mark.rule("IV-05")
@pytest.mark.parametrize(
    ("field_id", "value", "read"),
    [
        (TEXT, "Annie", "Annie"),
        (NOTES, "two\nlines", "two\nlines"),
        (PLAN, "g", "g"),
        (TOPICS, ["art", "news", "art"], ["art", "news"]),
        (HOME, ADDRESS, ADDRESS),
        (AGREED, "2026-02-03", "2026-02-03 00:00:00 UTC"),
        (AGREED, "2026-02-03 04:05:06", "2026-02-03 04:05:06 UTC"),
        (AGREED, "2026-02-03 04:05:06 UTC", "2026-02-03 04:05:06 UTC"),
        (VISITS, 12, 12),
        (VISITS, "12", 12),
        (VISITS, "-3", -3),
        (VISITS, 0, 0),
    ],
)
def test_values_that_fit(client: Client, field_id: int, value: Any, read: Any) -> None:
    """Each type has its form, in which it is read back."""
    assert client.write(id=2, customFields=field(field_id, value)) == {"id": 2}
    assert values(client, 2) == {field_id: read}


@pytest.mark.rule("IV-05")
@pytest.mark.parametrize(
    ("field_id", "value", "reason"),
    [
        (TEXT, 5, "Nick: value is not a string"),
        (NOTES, ["x"], "Notes: value is not a string"),
        (PLAN, "Gold", "Plan: value is not an allowed option"),
        (PLAN, ["g"], "Plan: value is not an allowed option"),
        (TOPICS, "news", "Topics: value is not an array"),
        (TOPICS, ["news", "sport"], "Topics: value is not an allowed option"),
        (TOPICS, [{}], "Topics: value is not an allowed option"),
        (HOME, "1 Pier Rd", "Home: value is not an address"),
        (HOME, {"street": "1 Pier Rd"}, "Home: value is not an address"),
        (HOME, {"line1": 1}, "Home: a part of the address is not a string"),
        (AGREED, "03/02/2026", "Agreed: value is not a date or a timestamp"),
        (AGREED, "2026-02-30", "Agreed: value is not a date or a timestamp"),
        (AGREED, "2026-02-03T04:05:06Z", "Agreed: value is not a date or a timestamp"),
        (AGREED, 20260203, "Agreed: value is not a date or a timestamp"),
        (PHOTO, "x.png", "Photo: field cannot be written"),
        (HINT, "x", "Hint: field cannot be written"),
        (VISITS, "1.5", "Visits: value is not a whole number"),
        (VISITS, "--1", "Visits: value is not a whole number"),
        (VISITS, True, "Visits: value is not a whole number"),
        (RETIRED, "x", f"Field {RETIRED} does not exist"),
        (1, "x", "Field 1 does not exist"),
        ("x", "x", "Value is not a whole number"),
    ],
)
def test_values_that_do_not_fit(client: Client, field_id: Any, value: Any, reason: str) -> None:
    """The answer names the field; nothing of the write is done."""
    answer = client.write(id=1, phone="new", customFields=[*field(TEXT, "Other"), *field(field_id, value)])
    assert reasons(answer) == invalid("customFields", reason)
    assert (values(client, 1)[TEXT], client.contact(1)["phone"]) == ("Annie", "+61 491 570 006")


@pytest.mark.rule("IV-05")
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "Value is not an array"),
        ({"fieldId": TEXT, "value": "x"}, "Value is not an array"),
        (["x"], "Value is not an object"),
        ([{"value": "x"}], "An entry has no fieldId"),
    ],
)
def test_malformed_lists(client: Client, value: Any, reason: str) -> None:
    """A list of objects is expected, each with a field."""
    assert reasons(client.write(id=1, customFields=value)) == invalid("customFields", reason)


@pytest.mark.rule("IV-05")
def test_fields_that_are_not_listed_are_kept(client: Client) -> None:
    """A write speaks of the fields it lists, by number or by a text of digits; the last word counts."""
    client.write(id=1, customFields=[*field(TEXT, "A"), *field(str(TEXT), "B")])
    assert values(client, 1) == {TEXT: "B", AGREED: "2025-05-01 00:00:00 UTC"}
    client.write(id=1, customFields=[])
    client.write(id=1, phone="1")
    assert values(client, 1) == {TEXT: "B", AGREED: "2025-05-01 00:00:00 UTC"}


@pytest.mark.rule("IV-05")
@pytest.mark.parametrize("blank", [[{"fieldId": AGREED, "value": None}], field(AGREED, ""), [{"fieldId": AGREED}]])
def test_clearing(client: Client, blank: list[dict[str, Any]]) -> None:
    """Null, an empty text or no value at all clear a field; it is not shown then."""
    client.write(id=1, customFields=blank)
    assert values(client, 1) == {TEXT: "Annie"}


@pytest.mark.rule("IV-05")
def test_an_empty_choice_clears(client: Client) -> None:
    """No topics are no value."""
    client.write(id=1, customFields=field(TOPICS, ["news"]))
    client.write(id=1, customFields=field(TOPICS, []))
    assert TOPICS not in values(client, 1)


@pytest.mark.rule("IV-05")
def test_required_fields(client: Client) -> None:
    """They are not asked for by default; with the switch an add needs them and an update cannot clear them."""
    assert client.write(**person("Gil")) == {"id": 6}
    client.settings(required_fields_enforced=True)
    required = missing("Nick")
    assert reasons(client.write(**person("Hal"))) == required
    assert client.write(**person("Hal", customFields=field(TEXT, "H"))) == {"id": 7}
    assert reasons(client.write(id=1, customFields=field(TEXT, ""))) == required
    assert client.write(id=2, status=2) == {"id": 2}


@pytest.mark.rule("IV-05")
def test_definitions(client: Client) -> None:
    """A bare array of the documented fields."""
    definitions = client.ask("getCustomFieldDefinition")
    assert [definition["fieldType"] for definition in definitions] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 0]
    assert definitions[2] == {
        "fieldId": PLAN,
        "fieldType": 2,
        "displayName": "Plan",
        "isRequired": False,
        "isActive": True,
        "sortOrder": 0,
        "selectValues": {"s": "Silver", "g": "Gold"},
        "fileTypes": None,
    }
    assert definitions[6]["fileTypes"] == ["images"]


@pytest.mark.rule("IV-05")
def test_values_are_read_in_the_order_of_the_account(client: Client) -> None:
    """By sort order, each with its field's name."""
    client.write(id=1, customFields=[*field(VISITS, 3), *field(NOTES, "n")])
    shown = [(entry["fieldId"], entry["displayName"]) for entry in client.contact(1)["customFields"]]
    assert shown == [(NOTES, "Notes"), (AGREED, "Agreed"), (VISITS, "Visits"), (TEXT, "Nick")]
