"""Upsert, create, remove and delete: what becomes of the stored consent."""

from __future__ import annotations

from typing import Any

import pytest

from .client import CONFIRMED, DOUBLE, NOW, PHONE, REVOKED, STATES, Client, address, code, consent, violations


@pytest.mark.rule("WX-03")
def test_upsert_keeps_or_clears_what_it_does_not_name(client: Client) -> None:
    """The old confirmation stays beside the new revocation, or not, as the switch says."""
    client.upsert(consent("ann@example.com", "REVOKED"))
    stored = client.stored("ann@example.com")
    assert (stored["lastConfirmationActivity"], stored["lastRevokeActivity"]) == (CONFIRMED, REVOKED)
    client.set(upsert_absent="clear")
    client.upsert(consent("ann@example.com", "REVOKED"))
    assert "lastConfirmationActivity" not in client.stored("ann@example.com")


@pytest.mark.rule("WX-11")
def test_extended_fields_are_kept_whole(client: Client) -> None:
    """Namespaces are free inside; `{}` is shown where there are none."""
    assert client.stored("ann@example.com")["extendedFields"] == {}
    extended = {"namespaces": {"@app/crm": {"tier_level": "gold", "n": [1, {"a": None}]}, "other": {}}}
    answer = client.upsert(consent("ann@example.com", extendedFields=extended))
    assert answer["marketingConsent"]["extendedFields"] == extended
    assert client.upsert(consent("ann@example.com"))["marketingConsent"]["extendedFields"] == extended
    assert client.upsert(consent("ann@example.com", extendedFields={}))["marketingConsent"]["extendedFields"] == {}


@pytest.mark.rule("WX-01")
def test_one_consent_per_address(client: Client) -> None:
    """Email is unique without case and outer space, and stored as sent; a phone number is unique as it is."""
    answer = client.upsert(consent(" Ann@Example.com "))["marketingConsent"]
    assert (answer["id"], answer["details"]["email"]) == ("id-ann", " Ann@Example.com ")
    assert client.get_by("ANN@example.com")["marketingConsent"]["id"] == "id-ann"
    client.upsert(consent(PHONE, "REVOKED"))
    assert client.stored(PHONE)["id"] == "id-phone"


def test_upsert_that_changes_nothing(client: Client) -> None:
    """It moves revision and date, or neither, as the switch says."""
    sent = consent("ann@example.com")
    assert client.upsert(sent)["marketingConsent"]["revision"] == "2"
    client.set(bump_on_noop=False)
    client.clock.now += 60
    answer = client.upsert(sent)["marketingConsent"]
    assert (answer["revision"], answer["updatedDate"]) == ("2", NOW)
    assert client.upsert(consent("ann@example.com", "REVOKED"))["marketingConsent"]["revision"] == "3"


def test_upsert_looks_at_no_revision(client: Client) -> None:
    """The last write wins."""
    assert client.upsert(consent("ann@example.com", revision="77"))["marketingConsent"]["revision"] == "2"


def test_upsert_without_its_wrapper(client: Client) -> None:
    """A bare consent is refused, or taken, as the switch says."""
    sent = consent("new@example.com")
    path = "/v1/marketing-consent/upsert"
    assert violations(client.ask("POST", path, sent)) == [("marketingConsent", "REQUIRED_FIELD")]
    client.set(wrapper_required=False)
    assert client.ask("POST", path, sent)["marketingConsent"]["state"] == "CONFIRMED"
    assert client.ask("POST", path, {"marketingConsent": sent})["marketingConsent"]["revision"] == "2"


@pytest.mark.rule("WX-02")
@pytest.mark.parametrize("state", [*STATES, None])
def test_create_always_confirms(client: Client, state: str | None) -> None:
    """Whatever state and level are sent, a created consent is CONFIRMED, with the link that goes with it."""
    answer = client.create({**consent("new@example.com"), "state": state, "lastConfirmationActivity": DOUBLE})
    assert (answer["marketingConsent"]["state"], answer["marketingConsent"]["revision"]) == ("CONFIRMED", "1")
    assert answer["link"]["type"] == "REVOKE_CONFIRMATION"


@pytest.mark.rule("WX-03")
def test_create_needs_a_confirmation(client: Client) -> None:
    """Even where the state sent would need none."""
    answer = client.create({"details": address("new@example.com"), "state": "NEVER_CONFIRMED"})
    assert violations(answer) == [("marketingConsent.lastConfirmationActivity", "REQUIRED_FIELD")]


@pytest.mark.rule("WX-01")
def test_create_of_a_stored_address(client: Client) -> None:
    """409 with the id of the consent that exists; or it is changed, as the switch says."""
    response = client.send("POST", "/v1/marketing-consent", {"marketingConsent": consent("BOB@example.com")})
    assert response.status_code == 409
    error = response.json()["details"]["applicationError"]
    assert (error["code"], error["data"]) == ("ALREADY_EXISTS", {"marketingConsentId": "id-bob"})
    client.set(already_exists_code="DUPLICATE")
    assert code(client.create(consent("bob@example.com"))) == "DUPLICATE"
    assert client.stored("bob@example.com")["state"] == "REVOKED"
    client.set(create_existing="upsert")
    answer = client.create(consent("bob@example.com"))["marketingConsent"]
    assert (answer["state"], answer["revision"], answer["id"]) == ("CONFIRMED", "2", "id-bob")


def test_remove_revokes_and_keeps_the_consent(client: Client) -> None:
    """State REVOKED with the activity sent, by address; the confirmation is kept, and there is no link."""
    answer = client.remove("Ann@example.com", lastRevokeActivity={"source": "FORM", "description": "STOP"})
    found = answer["marketingConsent"]
    assert (found["state"], found["revision"], found["id"]) == ("REVOKED", "2", "id-ann")
    assert found["lastRevokeActivity"] == {"source": "FORM", "description": "STOP", "updatedDate": NOW}
    assert found["lastConfirmationActivity"] == CONFIRMED
    assert list(answer) == ["marketingConsent"]


def test_remove_without_activity(client: Client) -> None:
    """Accepted, or refused, as the switch says."""
    assert "lastRevokeActivity" not in client.remove(PHONE)["marketingConsent"]
    client.set(remove_needs_activity=True)
    assert violations(client.remove(PHONE)) == [("lastRevokeActivity", "REQUIRED_FIELD")]


def test_delete_erases_once(client: Client) -> None:
    """The answer is empty, the consent is gone, and a second time there is nothing to delete."""
    response = client.send("DELETE", "/v1/marketing-consent/id-ann")
    assert (response.status_code, response.json()) == (200, {})
    assert client.send("DELETE", "/v1/marketing-consent/id-ann").status_code == 404
    assert "marketingConsent" not in client.get_by("ann@example.com")
    assert client.upsert(consent("ann@example.com"))["marketingConsent"]["revision"] == "1"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/marketing-consent/nobody", None),
        ("GET", "/v1/marketing-consent/get-by?type=EMAIL&email=nobody%40example.com", None),
        ("DELETE", "/v1/marketing-consent/nobody", None),
        ("POST", "/v1/marketing-consent/remove", {"details": address("nobody@example.com")}),
        (
            "PATCH",
            "/v1/marketing-consent/nobody",
            {"marketingConsent": consent("nobody@example.com"), "mask": {"paths": ["state"]}},
        ),
    ],
)
def test_unknown_consent(client: Client, method: str, path: str, body: Any) -> None:
    """404 in the vendor's envelope, its code as set."""
    client.set(not_found_code="NOTHING")
    response = client.send(method, path, body)
    assert (response.status_code, response.json()["message"]) == (404, "no such consent")
    assert code(response.json()) == "NOTHING"
