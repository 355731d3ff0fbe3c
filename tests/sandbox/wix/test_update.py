"""Update: the field mask and the revision."""

from __future__ import annotations

from typing import Any

import pytest

from .client import CONFIRMED, NOW, PHONE, REVOKED, Client, address, code, consent, violations

ANN = address("ann@example.com")


def update(client: Client, sent: dict[str, Any], *paths: str) -> dict[str, Any]:
    """Ann's consent after an update."""
    found: dict[str, Any] = client.update("id-ann", {"details": ANN, **sent}, *paths)["marketingConsent"]
    return found


def patched(client: Client, mask: object, **sent: Any) -> dict[str, Any]:
    """The answer to an update of Ann's consent with any mask."""
    return client.ask(
        "PATCH", "/v1/marketing-consent/id-ann", {"marketingConsent": {"details": ANN, **sent}, "mask": mask}
    )


@pytest.mark.rule("WX-07")
def test_only_masked_fields_change(client: Client) -> None:
    """The rest of the request is not looked at; the revision rises by one, and a link may come back."""
    sent = {"state": "REVOKED", "lastRevokeActivity": REVOKED, "lastConfirmationActivity": {"source": "OTHER"}}
    found = update(client, sent, "state", "lastRevokeActivity")
    assert (found["state"], found["revision"]) == ("REVOKED", "2")
    assert (found["lastRevokeActivity"], found["lastConfirmationActivity"]) == (REVOKED, CONFIRMED)
    answer = client.update("id-ann", consent("ann@example.com"), "state", "lastConfirmationActivity")
    assert answer["link"]["type"] == "REVOKE_CONFIRMATION"
    assert answer["marketingConsent"]["lastRevokeActivity"] == REVOKED


@pytest.mark.rule("WX-07")
@pytest.mark.parametrize(
    "mask",
    [
        {"paths": ["lastConfirmationActivity.description", "lastConfirmationActivity.source"]},
        {"paths": "lastConfirmationActivity.description,lastConfirmationActivity.source"},
        "lastConfirmationActivity.description, lastConfirmationActivity.source",
        ["last_confirmation_activity.description", "last_confirmation_activity.source"],
    ],
)
def test_mask_in_every_encoding(client: Client, mask: object) -> None:
    """An object with a list, one comma-joined text, in either case."""
    answer = patched(client, mask, lastConfirmationActivity={"source": "OTHER", "description": "new"})
    activity = {**CONFIRMED, "source": "OTHER", "description": "new"}
    assert answer["marketingConsent"]["lastConfirmationActivity"] == activity


@pytest.mark.rule("WX-07")
@pytest.mark.parametrize(
    ("mask", "rule"),
    [
        (None, "REQUIRED_FIELD"),
        ({}, "REQUIRED_FIELD"),
        ({"paths": []}, "REQUIRED_FIELD"),
        ("", "REQUIRED_FIELD"),
        ({"paths": ["states"]}, "VALIDATION"),
        ({"paths": ["state.x"]}, "VALIDATION"),
        ({"paths": ["lastConfirmationActivity.x"]}, "VALIDATION"),
        ({"paths": ["extendedFields.x"]}, "VALIDATION"),
        ({"paths": ["extendedFields.namespaces."]}, "VALIDATION"),
        ({"paths": [1]}, "VALIDATION"),
        ({"paths": ["info.lastConfirmationActivity"]}, "VALIDATION"),
        (7, "VALIDATION"),
        ({"paths": ["revision"]}, "FIELD_NOT_ALLOWED"),
        ({"paths": ["id"]}, "FIELD_NOT_ALLOWED"),
    ],
)
def test_faulty_mask(client: Client, mask: object, rule: str) -> None:
    """Missing, unknown or read-only paths are refused, and nothing is written."""
    assert violations(patched(client, mask, state="REVOKED", lastRevokeActivity=REVOKED)) == [("mask", rule)]
    assert client.stored("ann@example.com")["revision"] == "1"


@pytest.mark.rule("WX-07")
def test_masked_field_without_a_value_is_cleared(client: Client) -> None:
    """A part of an activity goes; the whole may go where the state does not need it."""
    activity = update(client, {}, "lastConfirmationActivity.description")["lastConfirmationActivity"]
    assert "description" not in activity
    assert activity["source"] == "FORM"
    found = update(client, {"state": "NEVER_CONFIRMED"}, "state", "lastConfirmationActivity")
    assert "lastConfirmationActivity" not in found


@pytest.mark.rule("WX-11")
def test_extended_fields_by_path(client: Client) -> None:
    """Whole, by namespace, or by a name in it; names inside keep their case."""
    extended = {"namespaces": {"my_app": {"tier_level": "gold", "seat": 4}, "other": {"a": 1}}}
    assert update(client, {"extendedFields": extended}, "extendedFields")["extendedFields"] == extended
    changed = {"namespaces": {"my_app": {"tier_level": "silver"}}}
    found = update(client, {"extendedFields": changed}, "extendedFields.namespaces.my_app.tier_level")
    assert found["extendedFields"]["namespaces"]["my_app"] == {"tier_level": "silver", "seat": 4}
    found = update(client, {}, "extended_fields.namespaces.other", "extendedFields.namespaces.gone.x")
    assert found["extendedFields"]["namespaces"] == {"my_app": {"tier_level": "silver", "seat": 4}}
    assert update(client, {}, "extendedFields")["extendedFields"] == {}


@pytest.mark.rule("WX-03")
def test_need_is_judged_on_stored_and_sent_together(client: Client) -> None:
    """A stored activity will do; where there is none, it must be sent and masked."""
    sent = {"details": address("bob@example.com"), "state": "CONFIRMED", "lastConfirmationActivity": CONFIRMED}
    answer = client.update("id-bob", sent, "state")
    assert violations(answer) == [("marketingConsent.lastConfirmationActivity", "REQUIRED_FIELD")]
    client.update("id-bob", sent, "state", "lastConfirmationActivity")
    client.update("id-bob", {**sent, "state": "REVOKED"}, "state")
    assert client.update("id-bob", sent, "state")["marketingConsent"]["state"] == "CONFIRMED"
    answer = client.update("id-bob", sent | {"lastConfirmationActivity": None}, "lastConfirmationActivity")
    assert violations(answer) == [("marketingConsent.lastConfirmationActivity", "REQUIRED_FIELD")]


@pytest.mark.rule("WX-07")
def test_refused_update_leaves_nothing_behind(client: Client) -> None:
    """Nor does one that is applied change what a lagging query still shows."""
    client.set(activity_strict=True, query_lag_ms=1000)
    answer = client.update("id-ann", {"details": ANN}, "lastConfirmationActivity.source")
    assert violations(answer) == [("marketingConsent.lastConfirmationActivity.source", "REQUIRED_FIELD")]
    assert client.stored("ann@example.com")["lastConfirmationActivity"] == CONFIRMED
    update(client, {}, "lastConfirmationActivity.description")
    assert client.query()["marketingConsent"][0]["lastConfirmationActivity"] == CONFIRMED


@pytest.mark.rule("WX-03")
def test_revoking_without_activity(client: Client) -> None:
    """Refused, or filled with OTHER, as the switch says."""
    answer = client.update("id-ann", {"details": ANN, "state": "REVOKED"}, "state")
    assert violations(answer) == [("marketingConsent.lastRevokeActivity", "REQUIRED_FIELD")]
    client.set(revoke_without_activity="fill")
    found = update(client, {"state": "REVOKED"}, "state")
    assert found["lastRevokeActivity"] == {"source": "OTHER", "updatedDate": NOW}


@pytest.mark.rule("WX-06")
def test_unknown_state_keeps_the_state_of_an_email(client: Client) -> None:
    """Other masked fields are applied and the revision rises; a phone's state becomes unknown."""
    found = update(
        client,
        {"state": "UNKNOWN_STATE", "lastConfirmationActivity": {"description": "new"}},
        "state",
        "lastConfirmationActivity.description",
    )
    assert (found["state"], found["revision"]) == ("CONFIRMED", "2")
    assert found["lastConfirmationActivity"]["description"] == "new"
    assert update(client, {}, "state")["state"] == "CONFIRMED"
    answer = client.update("id-phone", {"details": address(PHONE), "state": "UNKNOWN_STATE"}, "state")
    assert answer["marketingConsent"]["state"] == "UNKNOWN_STATE"


@pytest.mark.rule("WX-08")
@pytest.mark.parametrize("revision", ["1", 1])
def test_right_revision(client: Client, revision: str | int) -> None:
    """As text or as a number; it rises by one with each update, even with one that changes nothing."""
    client.set(bump_on_noop=False)
    assert update(client, {"state": "CONFIRMED", "revision": revision}, "state")["revision"] == "2"
    assert update(client, {"state": "CONFIRMED", "revision": "2"}, "state")["revision"] == "3"


@pytest.mark.rule("WX-08")
@pytest.mark.parametrize("revision", ["1", "3", 99])
def test_stale_revision(client: Client, revision: str | int) -> None:
    """409 with the documented message for any other revision, an older or a later one; or it is not looked at."""
    client.upsert(consent("ann@example.com"))
    body = {"marketingConsent": {**consent("ann@example.com"), "revision": revision}, "mask": {"paths": ["state"]}}
    response = client.send("PATCH", "/v1/marketing-consent/id-ann", body)
    assert (response.status_code, code(response.json())) == (409, "INVALID_REVISION")
    assert response.json()["message"] == "entity has already changed since the requested revision"
    assert response.json()["details"]["applicationError"]["data"] == {"sent": str(revision), "stored": "2"}
    client.set(revision_conflict_code="ABORTED")
    assert code(client.send("PATCH", "/v1/marketing-consent/id-ann", body).json()) == "ABORTED"
    assert client.stored("ann@example.com")["revision"] == "2"
    client.set(stale_revision="ignore")
    assert client.send("PATCH", "/v1/marketing-consent/id-ann", body).json()["marketingConsent"]["revision"] == "3"


@pytest.mark.rule("WX-08")
def test_update_without_revision(client: Client) -> None:
    """Unchecked, or refused, as the switch says."""
    assert update(client, {"state": "CONFIRMED"}, "state")["revision"] == "2"
    client.set(update_without_revision="refuse")
    answer = client.update("id-ann", consent("ann@example.com"), "state")
    assert violations(answer) == [("marketingConsent.revision", "REQUIRED_FIELD")]


@pytest.mark.rule("WX-01")
def test_details_stay(client: Client) -> None:
    """Others are not looked at unless they are masked, and refused then; they must be there in any case."""
    other = address("other@example.com")
    found = client.update("id-ann", {"details": other, "state": "CONFIRMED"}, "state")["marketingConsent"]
    assert found["details"] == ANN
    for path in ("details", "details.email"):
        answer = client.update("id-ann", {"details": other, "state": "CONFIRMED"}, "state", path)
        assert violations(answer) == [("marketingConsent.details", "FIELD_NOT_ALLOWED")]
        assert update(client, {"state": "CONFIRMED"}, path)["details"] == ANN
    answer = client.update("id-ann", {"state": "CONFIRMED"}, "state")
    assert violations(answer) == [("marketingConsent.details", "REQUIRED_FIELD")]
    assert violations(client.ask("PATCH", "/v1/marketing-consent/id-ann", {"mask": "state"})) == [
        ("marketingConsent", "REQUIRED_FIELD")
    ]
