"""States: where a request leads, and what it must say for that."""

from __future__ import annotations

import pytest

from .client import CONFIRMED, NOW, PHONE, STATES, Client, address, consent, violations

LINKS = {"PENDING": "CONFIRMATION", "CONFIRMED": "REVOKE_CONFIRMATION"}
NEEDED = {
    "PENDING": "lastConfirmationActivity",
    "CONFIRMED": "lastConfirmationActivity",
    "REVOKED": "lastRevokeActivity",
}


@pytest.mark.rule("WX-02")
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("text", ["new@example.com", "+447700900123"])
def test_upsert_of_a_new_address(client: Client, text: str, state: str) -> None:
    """All five states can be set on a new consent, with its first revision."""
    answer = client.upsert(consent(text, state))["marketingConsent"]
    assert (answer["state"], answer["revision"], answer["details"]) == (state, "1", address(text))
    assert answer["createdDate"] == answer["updatedDate"] == NOW
    assert answer == client.stored(text)


@pytest.mark.rule("WX-10")
@pytest.mark.parametrize("state", STATES)
def test_link_goes_with_the_state(client: Client, state: str) -> None:
    """CONFIRMATION for PENDING, REVOKE_CONFIRMATION for CONFIRMED, none for the others; `links` turns them off."""
    link = client.upsert(consent("new@example.com", state)).get("link")
    assert (link and link["type"]) == LINKS.get(state)
    client.set(links=False)
    assert "link" not in client.upsert(consent("new@example.com", state))


@pytest.mark.rule("WX-10")
def test_link_begins_as_set(client: Client) -> None:
    """Two consents have two links, below the address that the switch names."""
    client.set(link_base_url="https://other.example.org/")
    one, two = (client.upsert(consent(text, "PENDING"))["link"]["url"] for text in ("a@example.com", "b@example.com"))
    assert one.startswith("https://other.example.org/_manage-consent/subscribe?token=JWE.")
    assert one != two


@pytest.mark.rule("WX-02")
@pytest.mark.parametrize("state", ["NEVER_CONFIRMED", "REVOKED", "PENDING", "CONFIRMED"])
@pytest.mark.parametrize("text", ["ann@example.com", "bob@example.com", "cleo@example.org", PHONE])
def test_upsert_of_a_stored_address(client: Client, text: str, state: str) -> None:
    """No transition is refused, not even from REVOKED to CONFIRMED; id and creation stay."""
    before = client.stored(text)
    client.clock.now += 60
    answer = client.upsert(consent(text, state))["marketingConsent"]
    assert (answer["state"], answer["revision"], answer["id"]) == (state, "2", before["id"])
    assert (answer["createdDate"], answer["updatedDate"]) == (NOW, "2026-09-04T10:01:00.000Z")


@pytest.mark.rule("WX-06")
@pytest.mark.parametrize("text", ["ann@example.com", "bob@example.com", "cleo@example.org"])
def test_unknown_state_by_email_is_silently_not_applied(client: Client, text: str) -> None:
    """The state is kept without an error, what else is sent is applied, and the revision rises."""
    before = client.stored(text)
    sent = consent(text, "UNKNOWN_STATE", extendedFields={"namespaces": {"crm": {"tier": "gold"}}})
    answer = client.upsert(sent)["marketingConsent"]
    assert (answer["state"], answer["revision"]) == (before["state"], "2")
    assert answer["extendedFields"] == {"namespaces": {"crm": {"tier": "gold"}}}
    item = client.bulk(consent(text, "UNKNOWN_STATE"))["results"][0]
    assert item["marketingConsent"]["state"] == before["state"]
    assert "error" not in item


@pytest.mark.rule("WX-06")
def test_unknown_state_by_phone(client: Client) -> None:
    """It is set, or kept as for an email address, as the switch says."""
    client.set(unknown_state_on_phone="keep")
    assert client.upsert(consent(PHONE, "UNKNOWN_STATE"))["marketingConsent"]["state"] == "NEVER_CONFIRMED"
    client.set(unknown_state_on_phone="set")
    assert client.upsert(consent(PHONE, "UNKNOWN_STATE"))["marketingConsent"]["state"] == "UNKNOWN_STATE"


@pytest.mark.rule("WX-06")
def test_kept_state_is_checked_if_so_set(client: Client) -> None:
    """Then UNKNOWN_STATE on a confirmed address asks for what CONFIRMED asks for."""
    client.set(kept_state_checked=True)
    answer = client.upsert(consent("ann@example.com", "UNKNOWN_STATE"))
    assert violations(answer) == [("marketingConsent.lastConfirmationActivity", "REQUIRED_FIELD")]
    assert "details" not in client.upsert(consent("new@example.com", "UNKNOWN_STATE"))


@pytest.mark.rule("WX-03")
@pytest.mark.parametrize("state", STATES)
def test_state_without_its_activity(client: Client, state: str) -> None:
    """PENDING and CONFIRMED need a confirmation, REVOKED a revocation, the others nothing."""
    answer = client.upsert({"details": address("ann@example.com"), "state": state})
    if state in NEEDED:
        assert violations(answer) == [(f"marketingConsent.{NEEDED[state]}", "REQUIRED_FIELD")]
        assert answer["message"] == f'INVALID_ARGUMENT: "marketingConsent.{NEEDED[state]}" must be present'
        assert client.stored("ann@example.com")["revision"] == "1"
    else:
        assert answer["marketingConsent"]["revision"] == "2"


@pytest.mark.rule("WX-03")
@pytest.mark.parametrize("state", STATES)
def test_activities_in_the_wording_of_2023(client: Client, state: str) -> None:
    """All but REVOKED and NEVER_CONFIRMED need a confirmation, and nothing needs a revocation."""
    client.set(activity_rule="2023")
    answer = client.upsert({"details": address("new@example.com"), "state": state})
    needs = state not in {"REVOKED", "NEVER_CONFIRMED"}
    assert ("marketingConsent" not in answer) == needs
    if needs:
        assert violations(answer) == [("marketingConsent.lastConfirmationActivity", "REQUIRED_FIELD")]


@pytest.mark.rule("WX-03")
def test_activity_is_completed_only_if_so_set(client: Client) -> None:
    """An empty activity will do; strictly it must name source and level, and not as unknown."""
    empty = consent("new@example.com", lastConfirmationActivity={})
    assert client.upsert(empty)["marketingConsent"]["lastConfirmationActivity"] == {"updatedDate": NOW}
    client.set(activity_strict=True)
    prefix = "marketingConsent.lastConfirmationActivity"
    assert violations(client.upsert(empty)) == [
        (f"{prefix}.source", "REQUIRED_FIELD"),
        (f"{prefix}.optInLevel", "REQUIRED_FIELD"),
    ]
    unknown = {"source": "UNKNOWN_SOURCE", "optInLevel": "SINGLE_CONFIRMATION"}
    answer = client.upsert(consent("new@example.com", lastConfirmationActivity=unknown))
    assert violations(answer) == [(f"{prefix}.source", "INVALID_ENUM_VALUE")]
    answer = client.upsert(consent("new@example.com", "REVOKED", lastRevokeActivity={}))
    assert violations(answer) == [("marketingConsent.lastRevokeActivity.source", "REQUIRED_FIELD")]


@pytest.mark.rule("WX-05")
@pytest.mark.parametrize("level", ["SINGLE_CONFIRMATION", "UNKNOWN_OPT_IN_LEVEL", None])
def test_pending_goes_with_double_confirmation(client: Client, level: str | None) -> None:
    """Another level is accepted, or refused where the switch is strict; DOUBLE_CONFIRMATION is right in both."""
    activity = {"source": "FORM", "optInLevel": level}
    sent = consent("new@example.com", "PENDING", lastConfirmationActivity=activity)
    assert client.upsert(sent)["marketingConsent"]["state"] == "PENDING"
    client.set(pending_needs_double_opt_in=True)
    answer = client.upsert(sent)
    assert violations(answer) == [("marketingConsent.lastConfirmationActivity.optInLevel", "OTHER")]
    [violation] = answer["details"]["validationError"]["fieldViolations"]
    assert violation["ruleName"] == "PENDING_NEEDS_DOUBLE_CONFIRMATION"
    assert client.upsert(consent("new@example.com", "PENDING"))["marketingConsent"]["revision"] == "2"


@pytest.mark.rule("WX-03")
def test_activity_is_kept_as_sent_and_dated_where_it_is_not(client: Client) -> None:
    """The client's date stands, even if it is older than the one stored; without one the server's does."""
    older = {**CONFIRMED, "updatedDate": "2020-01-01T00:00:00+02:00"}
    client.upsert(consent("ann@example.com", lastConfirmationActivity=older))
    assert client.stored("ann@example.com")["lastConfirmationActivity"] == older
    undated = {name: value for name, value in CONFIRMED.items() if name != "updatedDate"}
    answer = client.upsert(consent("ann@example.com", lastConfirmationActivity=undated))
    assert answer["marketingConsent"]["lastConfirmationActivity"] == {**CONFIRMED, "updatedDate": NOW}


@pytest.mark.rule("WX-02")
def test_upsert_without_state(client: Client) -> None:
    """It means UNKNOWN_STATE, or is refused, as the switch says."""
    sent = {"details": address("new@example.com")}
    assert client.upsert(sent)["marketingConsent"]["state"] == "UNKNOWN_STATE"
    client.set(state_required=True)
    assert violations(client.upsert(sent)) == [("marketingConsent.state", "REQUIRED_FIELD")]
