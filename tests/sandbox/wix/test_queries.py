"""Reading: get, get-by and the filters of query."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.sandbox.wix.filters import condition_of
from pipeline.sandbox.wix.settings import Settings

from .client import ALL, CONSENTS, PHONE, Client, consent, violations


@pytest.mark.rule("WX-12")
def test_get(client: Client) -> None:
    """The consent by its id, without a link."""
    assert client.get("id-ann") == {"marketingConsent": client.stored("ann@example.com")}


@pytest.mark.rule("WX-12")
@pytest.mark.parametrize(
    ("text", "state", "granted"),
    [
        ("ann@example.com", "CONFIRMED", True),
        ("ann@example.com", "PENDING", False),
        ("ann@example.com", "REVOKED", False),
        ("ann@example.com", "NEVER_CONFIRMED", True),
        ("new@example.com", "UNKNOWN_STATE", True),
        (PHONE, "CONFIRMED", True),
        (PHONE, "REVOKED", False),
        (PHONE, "NEVER_CONFIRMED", False),
        (PHONE, "UNKNOWN_STATE", False),
    ],
)
def test_get_by_tells_eligibility(client: Client, text: str, state: str, granted: bool) -> None:
    """A cancelled or pending consent grants nothing; one that was never asked grants email and not the phone."""
    client.upsert(consent(text, state))
    answer = client.get_by(text)
    assert answer["marketingConsent"] == client.stored(text)
    eligibility = answer["communicationEligibility"]
    assert (eligibility["granted"], eligibility["reason"]) == (granted, "" if granted else state)
    assert ("revokeConfirmationLink" in eligibility) == (state == "CONFIRMED")
    assert list(answer) == ["marketingConsent", "communicationEligibility"]


@pytest.mark.rule("WX-12")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ("type", "REQUIRED_FIELD")),
        ("type=EMAIL", ("email", "REQUIRED_FIELD")),
        ("type=SMS&phone=%2B12025550101", ("type", "INVALID_ENUM_VALUE")),
        ("type=EMAIL&phone=%2B12025550101", ("phone", "ONE_OF_ALIGNMENT")),
        ("type=PHONE&phone=+12025550101", ("phone", "FORMAT")),
    ],
)
def test_faulty_get_by(client: Client, query: str, expected: tuple[str, str]) -> None:
    """Type and address are needed, and a phone's plus must be encoded."""
    response = client.send("GET", f"{CONSENTS}/get-by?{query}")
    assert (response.status_code, violations(response.json())) == (400, [expected])


@pytest.mark.rule("WX-12")
@pytest.mark.parametrize(
    ("filter_", "expected"),
    [
        (None, ALL),
        ({}, ALL),
        ({"id": "id-bob"}, ALL[1:2]),
        ({"id": {"$ne": "id-bob"}}, [ALL[0], *ALL[2:]]),
        ({"id": {"$in": ["id-phone", "id-ann", "id-nobody"]}}, [ALL[0], PHONE]),
        ({"id": {"$exists": True}}, ALL),
        ({"details.email": "bob@example.com"}, ALL[1:2]),
        ({"details.email": {"$eq": "BOB@example.com"}}, ALL[1:2]),
        ({"details.email": {"$in": ["cleo@example.org", "ann@example.com", "x@example.com"]}}, [ALL[0], ALL[2]]),
        ({"details.email": {"$in": []}}, []),
        ({"details.email": {"$ne": "bob@example.com"}}, [ALL[0], *ALL[2:]]),
        ({"details.email": {"$exists": False}}, [PHONE]),
        ({"details.email": {"$startsWith": "B"}}, ALL[1:2]),
        ({"details.email": {"$startsWith": ""}}, ALL[:3]),
        ({"details.phone": PHONE}, [PHONE]),
        ({"details.phone": {"$in": [PHONE]}, "state": "REVOKED"}, []),
        ({"details.phone": {"$startsWith": "+1202"}}, [PHONE]),
        ({"details.phone": {"$exists": True}}, [PHONE]),
        ({"state": "CONFIRMED"}, ALL[:1]),
        ({"state": {"$in": ["CONFIRMED", "PENDING"]}}, [ALL[0], ALL[2]]),
        ({"state": {"$ne": "CONFIRMED"}}, ALL[1:]),
        ({"state": {"$in": ["REVOKED", "PENDING"], "$ne": "PENDING"}}, ALL[1:2]),
        ({"$and": [{"state": {"$ne": "REVOKED"}}, {"details.email": {"$exists": True}}]}, [ALL[0], ALL[2]]),
        ({"$or": [{"id": "id-ann"}, {"details.phone": PHONE}]}, [ALL[0], PHONE]),
        ({"$or": [{"id": "id-ann"}, {"state": "REVOKED"}]}, ALL[:2]),
        ({"$not": {"details.email": {"$in": ALL[:2]}}}, ALL[2:]),
        ({"created_date": {"$lte": "2026-09-04T12:00:00+02:00"}}, ALL),
        ({"createdDate": "2026-09-04T10:00:00Z"}, ALL),
        ({"updatedDate": {"$gt": "2026-09-04T10:00:00Z"}}, []),
        ({"updatedDate": {"$gte": "2026-09-04T10:00:00Z", "$lt": "2026-09-04T10:00:00.001Z"}}, ALL),
        ({"updatedDate": {"$ne": "2026-09-04T10:00:00.000Z"}}, []),
    ],
)
def test_filter(client: Client, filter_: Any, expected: list[str]) -> None:
    """Every documented operator on every documented field, and their combinations; by id where no order is asked."""
    assert client.found(filter_) == expected


@pytest.mark.rule("WX-12")
@pytest.mark.parametrize(
    ("filter_", "field"),
    [
        ([], "query.filter"),
        ({"details.type": "EMAIL"}, "query.filter.details.type"),
        ({"revision": "1"}, "query.filter.revision"),
        ({"id": {"$startsWith": "id"}}, "query.filter.id"),
        ({"state": {"$gt": "A"}}, "query.filter.state"),
        ({"state": {"$exists": True}}, "query.filter.state"),
        ({"details.email": {"$in": "ann@example.com"}}, "query.filter.details.email"),
        ({"details.email": {"$in": [1]}}, "query.filter.details.email"),
        ({"details.email": {"$exists": "yes"}}, "query.filter.details.email"),
        ({"details.email": None}, "query.filter.details.email"),
        ({"updatedDate": {"$gt": "yesterday"}}, "query.filter.updatedDate"),
        ({"$or": [{"nope": 1}]}, "query.filter.nope"),
        ({"$nor": []}, "query.filter.$nor"),
    ],
)
def test_faulty_filter(client: Client, filter_: Any, field: str) -> None:
    """A field or an operator that is not supported is named."""
    assert client.refused_query(filter=filter_) == [(field, "VALIDATION")]


@pytest.mark.rule("WX-12")
@pytest.mark.parametrize(
    ("filter_", "handles"),
    [
        ({"details.email": {"$in": ["A@example.com", "b@example.com"]}}, 2),
        ({"details.phone": PHONE, "state": "REVOKED"}, 1),
        ({"$or": [{"details.email": "a@example.com"}, {"details.phone": {"$in": [PHONE]}}, {"id": "id-ann"}]}, 3),
        ({"$or": [{"details.email": "a@example.com"}, {"state": "REVOKED"}]}, None),
        ({"$not": {"details.email": "a@example.com"}}, None),
        ({"state": "REVOKED"}, None),
    ],
)
def test_filter_by_address_looks_at_no_other_consent(filter_: Any, handles: int | None) -> None:
    """Where addresses or ids say all, no more consents are looked at than are named."""
    found = condition_of(filter_, Settings()).handles
    assert (None if found is None else len(found)) == handles


@pytest.mark.rule("WX-12")
def test_email_may_be_compared_exactly(client: Client) -> None:
    """If so set; without the switch as the uniqueness of addresses does."""
    client.upsert(consent("Dan@example.com"))
    assert client.found({"details.email": {"$in": ["dan@EXAMPLE.com"]}}) == ["Dan@example.com"]
    client.set(query_email_case="exact")
    assert client.found({"details.email": {"$in": ["dan@EXAMPLE.com"]}}) == []
    assert client.found({"details.email": "Dan@example.com"}) == ["Dan@example.com"]


@pytest.mark.rule("WX-12")
def test_query_is_needed(client: Client) -> None:
    """An empty one asks for everything."""
    assert violations(client.ask("POST", f"{CONSENTS}/query", {})) == [("query", "REQUIRED_FIELD")]
    assert client.found(None) == ALL
