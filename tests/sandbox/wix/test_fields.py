"""What a consent may hold: addresses, enums, texts, times, and what is said of a faulty one."""

from __future__ import annotations

from typing import Any

import pytest

from .client import CONFIRMED, DOUBLE, Client, address, consent, violations

CONFIRMATION, REVOCATION = "lastConfirmationActivity", "lastRevokeActivity"


def refused(client: Client, sent: object) -> list[tuple[str, str]]:
    """The violations of an upsert, below the consent."""
    response = client.send("POST", "/v1/marketing-consent/upsert", {"marketingConsent": sent})
    assert response.status_code == 400
    return [(field.removeprefix("marketingConsent."), rule) for field, rule in violations(response.json())]


@pytest.mark.rule("WX-01")
@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ({}, ("details.type", "REQUIRED_FIELD")),
        (None, ("details", "REQUIRED_FIELD")),
        ("ann@example.com", ("details", "VALIDATION")),
        ({"type": "EMAIL"}, ("details.email", "REQUIRED_FIELD")),
        ({"type": "PHONE"}, ("details.phone", "REQUIRED_FIELD")),
        ({"type": "SMS", "phone": "+12025550101"}, ("details.type", "INVALID_ENUM_VALUE")),
        ({"type": "UNKNOWN_TYPE", "email": "a@example.com"}, ("details.type", "INVALID_ENUM_VALUE")),
        ({"type": 1, "email": "a@example.com"}, ("details.type", "VALIDATION")),
        ({"type": "EMAIL", "phone": "+12025550101"}, ("details.phone", "ONE_OF_ALIGNMENT")),
        ({"type": "PHONE", "email": "a@example.com"}, ("details.email", "ONE_OF_ALIGNMENT")),
        ({**address("a@example.com"), "phone": "+12025550101"}, ("details.phone", "ONE_OF_ALIGNMENT")),
        (address("a@b@example.com"), ("details.email", "FORMAT")),
        ({"type": "EMAIL", "email": "example.com"}, ("details.email", "FORMAT")),
        ({"type": "EMAIL", "email": "a b@example.com"}, ("details.email", "FORMAT")),
        ({"type": "EMAIL", "email": ""}, ("details.email", "FORMAT")),
        ({"type": "EMAIL", "email": 7}, ("details.email", "VALIDATION")),
        (address("a" * 309 + "@example.com"), ("details.email", "MAX_LENGTH")),
        (address("12025550101"), ("details.phone", "FORMAT")),
        (address("+02025550101"), ("details.phone", "FORMAT")),
        (address("+1 202 555 0101"), ("details.phone", "FORMAT")),
        (address("+120255"), ("details.phone", "FORMAT")),
        (address("+1202555010112345"), ("details.phone", "FORMAT")),
        (address("+١٢٠٢٥٥٥٠١٠١"), ("details.phone", "FORMAT")),
    ],
)
def test_faulty_details(client: Client, details: Any, expected: tuple[str, str]) -> None:
    """A type with the one address that goes with it, in its form."""
    assert refused(client, {"details": details, "state": "UNKNOWN_STATE"}) == [expected]


@pytest.mark.rule("WX-01")
@pytest.mark.parametrize("text", ["a@example.com", "a" * 308 + "@example.com", "+1202555", "+120255501010123"])
def test_longest_and_shortest_addresses(client: Client, text: str) -> None:
    """The limits themselves are allowed."""
    assert client.upsert(consent(text))["marketingConsent"]["details"] == address(text)


@pytest.mark.rule("WX-04")
@pytest.mark.parametrize(
    ("state", "activity", "expected"),
    [
        ("CONFIRMED", {**CONFIRMED, "source": "REVOKE_LINK"}, (f"{CONFIRMATION}.source", "INVALID_ENUM_VALUE")),
        ("CONFIRMED", {**CONFIRMED, "source": "form"}, (f"{CONFIRMATION}.source", "INVALID_ENUM_VALUE")),
        ("CONFIRMED", {**CONFIRMED, "optInLevel": "TRIPLE"}, (f"{CONFIRMATION}.optInLevel", "INVALID_ENUM_VALUE")),
        ("CONFIRMED", {**CONFIRMED, "description": 5}, (f"{CONFIRMATION}.description", "VALIDATION")),
        ("CONFIRMED", {**CONFIRMED, "description": "x" * 1001}, (f"{CONFIRMATION}.description", "MAX_LENGTH")),
        ("CONFIRMED", {**CONFIRMED, "updatedDate": "2026-09-03"}, (f"{CONFIRMATION}.updatedDate", "VALIDATION")),
        (
            "CONFIRMED",
            {**CONFIRMED, "updatedDate": "2026-02-30T00:00:00Z"},
            (f"{CONFIRMATION}.updatedDate", "VALIDATION"),
        ),
        ("CONFIRMED", "yes", (CONFIRMATION, "VALIDATION")),
        ("REVOKED", {"source": "EMAIL_SERVICE"}, (f"{REVOCATION}.source", "INVALID_ENUM_VALUE")),
        ("REVOKED", {"updatedDate": "2026-09-03T08:15:00"}, (f"{REVOCATION}.updatedDate", "VALIDATION")),
        ("REVOKED", [], (REVOCATION, "VALIDATION")),
    ],
)
def test_faulty_activity(client: Client, state: str, activity: Any, expected: tuple[str, str]) -> None:
    """Sources and levels are those of the activity, texts have a length, times an offset."""
    name = CONFIRMATION if state == "CONFIRMED" else REVOCATION
    assert refused(client, consent("a@example.com", state, **{name: activity})) == [expected]


@pytest.mark.rule("WX-04")
@pytest.mark.parametrize(
    ("state", "source"),
    [
        *(("CONFIRMED", s) for s in ("IN_PERSON", "FORM", "LINK_CONFIRMATION", "EMAIL_SERVICE", "WIX_USERS", "OTHER")),
        *(("REVOKED", s) for s in ("IN_PERSON", "FORM", "REVOKE_LINK", "WIX_USERS", "OTHER")),
    ],
)
def test_every_source_is_known(client: Client, state: str, source: str) -> None:
    """Those of the vendor's list are stored."""
    name = CONFIRMATION if state == "CONFIRMED" else REVOCATION
    answer = client.upsert(consent("a@example.com", state, **{name: {"source": source}}))
    assert answer["marketingConsent"][name]["source"] == source


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"state": "SUBSCRIBED"}, ("state", "INVALID_ENUM_VALUE")),
        ({"state": None, "revision": "x"}, ("revision", "VALIDATION")),
        ({"revision": -1}, ("revision", "VALIDATION")),
        ({"revision": True}, ("revision", "VALIDATION")),
        ({"extendedFields": []}, ("extendedFields", "VALIDATION")),
        ({"extendedFields": {"namespaces": {"a": 1}}}, ("extendedFields.namespaces", "VALIDATION")),
    ],
)
def test_other_faulty_fields(client: Client, change: dict[str, Any], expected: tuple[str, str]) -> None:
    """The field and the rule are named."""
    assert refused(client, consent("a@example.com") | change) == [expected]


def test_all_that_is_wrong_is_said_at_once(client: Client) -> None:
    """One violation for each field; nothing is written."""
    sent = {"details": address("nobody"), "state": "MAYBE", CONFIRMATION: {"source": "GUESS", "optInLevel": 1}}
    assert refused(client, sent) == [
        ("details.phone", "FORMAT"),
        ("state", "INVALID_ENUM_VALUE"),
        (f"{CONFIRMATION}.source", "INVALID_ENUM_VALUE"),
        (f"{CONFIRMATION}.optInLevel", "VALIDATION"),
    ]


def test_consent_that_is_no_object(client: Client) -> None:
    """The wrapper itself is named."""
    answer = client.ask("POST", "/v1/marketing-consent/upsert", {"marketingConsent": "a@example.com"})
    assert violations(answer)[0] == ("marketingConsent", "VALIDATION")


def test_format_violation_names_the_format(client: Client) -> None:
    """In `expected` or in `type`, as the switch says."""
    sent = consent("912-bad", "NEVER_CONFIRMED")
    [violation] = client.upsert(sent)["details"]["validationError"]["fieldViolations"]
    assert violation["data"] == {"expected": "PHONE"}
    client.set(format_data="type")
    [violation] = client.upsert(sent)["details"]["validationError"]["fieldViolations"]
    assert violation["data"] == {"type": "PHONE"}


def test_length_violation_names_the_threshold(client: Client) -> None:
    """Both lengths are switches."""
    client.set(max_email_length=20, max_description_length=5)
    answer = client.upsert(consent("someone.else@example.com"))
    [email, description] = answer["details"]["validationError"]["fieldViolations"]
    assert (email["violatedRule"], email["data"]) == ("MAX_LENGTH", {"threshold": 20})
    assert (description["violatedRule"], description["data"]) == ("MAX_LENGTH", {"threshold": 5})


def test_missing_fields_may_be_another_status(client: Client) -> None:
    """428 where nothing else is wrong, if so set."""
    client.set(required_field_status=428)
    body: dict[str, Any] = {"marketingConsent": {"details": address("a@example.com"), "state": "CONFIRMED"}}
    assert client.send("POST", "/v1/marketing-consent/upsert", body).status_code == 428
    body["marketingConsent"] |= {"revision": "x", "details": {}}
    assert client.send("POST", "/v1/marketing-consent/upsert", body).status_code == 400


def test_unknown_fields(client: Client) -> None:
    """They are not looked at, or refused by name, as the switch says."""
    sent = consent("a@example.com", lastConfirmedActivity=DOUBLE, details={**address("a@example.com"), "fax": "1"})
    assert client.upsert(sent)["marketingConsent"]["state"] == "CONFIRMED"
    client.set(unknown_fields="refuse")
    assert sorted(refused(client, sent)) == [
        ("details.fax", "FIELD_NOT_ALLOWED"),
        ("lastConfirmedActivity", "FIELD_NOT_ALLOWED"),
    ]


def test_snake_case_is_read_too(client: Client) -> None:
    """Field names in either case mean the same; a namespace's own names are left as they are."""
    sent = {
        "details": address("a@example.com"),
        "state": "CONFIRMED",
        "last_confirmation_activity": {"source": "FORM", "opt_in_level": "SINGLE_CONFIRMATION"},
        "extended_fields": {"namespaces": {"my_app": {"first_seen": "2020"}}},
    }
    answer = client.ask("POST", "/v1/marketing-consent/upsert", {"marketing_consent": sent})["marketingConsent"]
    assert answer["lastConfirmationActivity"]["optInLevel"] == "SINGLE_CONFIRMATION"
    assert answer["extendedFields"] == {"namespaces": {"my_app": {"first_seen": "2020"}}}


def test_unset_fields(client: Client) -> None:
    """They are left out, or null, as the switch says."""
    assert set(client.get("id-phone")["marketingConsent"]["details"]) == {"type", "phone"}
    client.set(unset_fields="null")
    found = client.get("id-ann")["marketingConsent"]
    assert (found["details"]["phone"], found["lastRevokeActivity"]) == (None, None)
    assert list(found) == [
        *("id", "revision", "details", "state", "createdDate", "updatedDate"),
        *("lastConfirmationActivity", "lastRevokeActivity", "extendedFields"),
    ]


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b'{"a": NaN}', b'{"a": "\\ud800"}', b"\xff", b"[" * 100_000])
def test_body_that_is_no_object(client: Client, body: bytes) -> None:
    """400 with an application error; nothing is broken by it."""
    response = client.send("POST", "/v1/marketing-consent/upsert", body)
    assert response.status_code == 400
    assert response.json()["details"]["applicationError"]["code"] == "INVALID_ARGUMENT"
