"""External URLs: absent, null, an empty list and a null `url` are four different things."""

from __future__ import annotations

from typing import Any

import pytest

from .client import Client, invalid, person, reasons

CONSENT = {"ref": "consent", "url": "https://consent.example.org/1", "label": "Record"}


def entry(ref: str, path: str = "x", label: str | None = None) -> dict[str, Any]:
    """An entry as it is read back."""
    return {"ref": ref, "url": f"https://www.example.org/{path}", "label": label}


def urls(client: Client, contact_id: int = 1) -> list[dict[str, Any]]:
    """A contact's entries."""
    found: list[dict[str, Any]] = client.contact(contact_id)["externalUrls"]
    return found


@pytest.mark.rule("IV-09")
def test_absent_is_not_null(client: Client) -> None:
    """Left out, the entries stay; an empty list names none and changes none; null removes all."""
    client.write(id=1, phone="1")
    assert urls(client) == [CONSENT]
    client.write(id=1, externalUrls=[])
    assert urls(client) == [CONSENT]
    client.write(id=1, externalUrls=None)
    assert urls(client) == []


@pytest.mark.rule("IV-09")
def test_entries_are_set_by_ref(client: Client) -> None:
    """A known ref is changed in its place, a new one added, the others are kept."""
    client.write(id=1, externalUrls=[entry("shop", label="Shop")])
    client.write(id=1, externalUrls=[{"ref": "consent", "url": "https://www.example.org/2"}])
    assert urls(client) == [{**CONSENT, "url": "https://www.example.org/2"}, entry("shop", label="Shop")]
    client.write(id=1, externalUrls=[{"ref": "shop", "label": None}])
    assert urls(client)[1] == entry("shop")


@pytest.mark.rule("IV-09")
def test_null_url_removes_one(client: Client) -> None:
    """Only the entry of that ref goes; one that is not there is no error."""
    client.write(id=1, externalUrls=[entry("shop")])
    client.write(id=1, externalUrls=[{"ref": "consent", "url": None}, {"ref": "nobody", "url": None}])
    assert urls(client) == [entry("shop")]


@pytest.mark.rule("IV-09")
def test_at_most_three(client: Client) -> None:
    """Neither sent nor, with those that are stored, kept; one may take the place of another."""
    four = [entry(ref) for ref in "abcd"]
    assert reasons(client.write(**person("Gil", externalUrls=four))) == invalid("externalUrls", "More than 3 entries")
    assert client.write(**person("Gil", externalUrls=four[:3])) == {"id": 6}
    assert reasons(client.write(id=6, externalUrls=four[3:])) == invalid("externalUrls", "More than 3 entries")
    assert client.write(id=6, externalUrls=[{"ref": "a", "url": None}, four[3]]) == {"id": 6}
    assert urls(client, 6) == four[1:]


@pytest.mark.rule("IV-09")
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([{"ref": "a", "url": "http://www.example.org"}], "a: url is not https"),
        ([{"ref": "a", "url": "https://"}], "a: url is not https"),
        ([{"ref": "a", "url": "www.example.org"}], "a: url is not https"),
        ([{"ref": "a", "url": 5}], "Value is not a string"),
        ([{"ref": "a"}], "Value is not a string"),
        ([{"url": "https://www.example.org"}], "An entry has no ref"),
        ([{"ref": "", "url": "https://www.example.org"}], "An entry has no ref"),
        (["https://www.example.org"], "Value is not an object"),
        ({"ref": "a", "url": "https://www.example.org"}, "Value is not an array"),
        ("https://www.example.org", "Value is not an array"),
    ],
)
def test_bad_entries(client: Client, value: Any, reason: str) -> None:
    """Every entry has a ref and an https address; with one bad one nothing is written."""
    assert reasons(client.write(id=1, phone="new", externalUrls=value)) == invalid("externalUrls", reason)
    assert (urls(client), client.contact(1)["phone"]) == ([CONSENT], "+61 491 570 006")


@pytest.mark.rule("IV-09")
def test_label_must_be_a_text(client: Client) -> None:
    """The label is refused by its own name."""
    answer = client.write(id=1, externalUrls=[{"ref": "a", "url": "https://www.example.org", "label": 5}])
    assert reasons(answer) == invalid("label", "Value is not a string")
