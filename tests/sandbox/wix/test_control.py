"""Seeds, settings and the request log."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.sandbox.vendor import SandboxError
from pipeline.sandbox.wix.settings import Settings

from .client import CONFIRMED, CONSENTS, KEY, NOW, PHONE, REVOKED, SITE, Client, address, consent

VENDOR = "/_control/wix"


def control(client: Client, method: str, path: str, document: object = None) -> Any:
    """A control request's status and JSON."""
    response = client.http.request(method, client.sandbox.url + path, json=document)
    return response.status_code, response.json()


def test_overview(client: Client) -> None:
    """How many consents there are, and what a client must know; WIX_URL stands before `/v1/...`."""
    page = control(client, "GET", "/_control/")[1]
    vendor = page["vendors"]["wix"]
    assert (vendor["consents"], vendor["settings"]["bulk_max_items"]) == (4, 500)
    assert vendor["environment"] == {
        "WIX_URL": f"{client.sandbox.url}/marketing-consent",
        "WIX_API_KEY": KEY,
        "WIX_SITE_ID": SITE,
    }
    assert f"{VENDOR}/load" in page["routes"]


def test_dump_can_be_loaded_again(client: Client) -> None:
    """What is dumped is a seed of the same content, ids, revisions and dates included."""
    client.clock.now += 60
    client.bulk(consent("Dan@example.com", extendedFields={"namespaces": {"a": {"b": 1}}}), consent(PHONE, "REVOKED"))
    client.remove("ann@example.com")
    _, dump = control(client, "GET", f"{VENDOR}/dump")
    assert control(client, "POST", f"{VENDOR}/reset") == (200, {"consents": 0})
    client.clock.now += 60
    assert control(client, "POST", f"{VENDOR}/load", dump) == (200, {"consents": 5})
    assert client.sandbox.dump()["wix"] == dump["wix"]


def test_seed_sets_what_no_request_leads_to(client: Client) -> None:
    """The platform's own record of a revocation, with its dates; and a state without the activity it asks for."""
    revoked = {
        "details": address("ann@example.com"),
        "state": "REVOKED",
        "updatedDate": "2026-09-01T02:00:00+02:00",
        "lastRevokeActivity": {"source": "REVOKE_LINK", "updatedDate": "2026-09-01T00:00:00Z"},
    }
    client.load(revoked, {"details": address("new@example.com"), "state": "CONFIRMED"})
    assert client.get_by("ann@example.com")["marketingConsent"] == {
        "id": "id-ann",
        "revision": "2",
        "details": address("ann@example.com"),
        "state": "REVOKED",
        "createdDate": NOW,
        "updatedDate": "2026-09-01T00:00:00.000Z",
        "lastRevokeActivity": {"source": "REVOKE_LINK", "updatedDate": "2026-09-01T00:00:00Z"},
        "extendedFields": {},
    }
    assert "lastConfirmationActivity" not in client.stored("new@example.com")


def test_seed_overwrites_by_address_and_by_id(client: Client) -> None:
    """A stored address keeps its consent unless another id is given; an id moves to the address given."""
    link = client.upsert(consent("ann@example.com"))["link"]["url"]
    client.load(consent("ANN@example.com", "PENDING", revision="9"))
    assert (client.stored("ANN@example.com")["id"], client.stored("ANN@example.com")["revision"]) == ("id-ann", "9")
    assert client.upsert(consent("ann@example.com"))["link"]["url"] == link
    client.load(consent("ann@example.com", id="id-new"))
    assert (client.get("id-new")["marketingConsent"]["revision"], "message" in client.get("id-ann")) == ("1", True)
    client.load(consent("moved@example.com", id="id-bob"))
    assert "message" in client.get_by("bob@example.com")
    assert client.get("id-bob")["marketingConsent"]["details"]["email"] == "moved@example.com"
    assert sorted(client.found(None)) == sorted(["ann@example.com", "cleo@example.org", "moved@example.com", PHONE])


def test_seed_in_snake_case(client: Client) -> None:
    """Names are read in either case, as the API does."""
    client.load({"details": address("x@example.com"), "state": "REVOKED", "created_date": "2020-01-01T00:00:00Z"})
    assert client.stored("x@example.com")["createdDate"] == "2020-01-01T00:00:00.000Z"


def test_seed_is_readable_at_once(client: Client) -> None:
    """Whatever lag is set, and whatever was written just before."""
    client.set(query_lag_ms=5000, get_by_lag_ms=5000)
    client.upsert(consent("ann@example.com", "NEVER_CONFIRMED"))
    client.load(consent("ann@example.com", "REVOKED"), consent("new@example.com", "REVOKED"))
    assert sorted(client.found({"state": "REVOKED"})) == ["ann@example.com", "bob@example.com", "new@example.com"]
    assert client.get_by("new@example.com")["marketingConsent"]["state"] == "REVOKED"


def test_load_merges_or_replaces(client: Client) -> None:
    """Other consents stay; with `replace` nothing old is left."""
    seed = {"consents": [consent("ann@example.com", "REVOKED"), consent("new@example.com")]}
    assert control(client, "POST", f"{VENDOR}/load", seed) == (200, {"consents": 5})
    assert client.stored("ann@example.com")["id"] == "id-ann"
    assert control(client, "POST", f"{VENDOR}/load?mode=replace", {"wix": seed}) == (200, {"consents": 2})
    found = client.stored("ann@example.com")
    assert (found["revision"], found["lastRevokeActivity"]) == ("1", REVOKED)
    assert found["id"] != "id-ann"
    assert "message" in client.get_by("bob@example.com")


@pytest.mark.parametrize(
    ("consents", "fault"),
    [
        ([{"details": address("x@example.com")}], "consents.1.state: must be present"),
        ([consent("x", "REVOKED")], "consents.1: details.phone is not an E.164 number"),
        ([consent("x@example.com", "MAYBE")], "consents.1: state is not one of"),
        ([consent("x@example.com", lastConfirmation=CONFIRMED)], "consents.1: lastConfirmation is not a field"),
        ([consent("x@example.com", updatedDate="today")], "consents.1.updatedDate: is not an RFC 3339"),
        ([consent("x@example.com", createdDate=5)], "consents.1.createdDate: is not an RFC 3339"),
        ([7], "consents.1: is not an object"),
        ([consent("GOOD@example.com")], "consents.1: its id or its address is there twice"),
        ([consent("x@example.com", id="id-1"), consent("y@example.com", id="id-1")], "consents.2: its id"),
    ],
)
@pytest.mark.parametrize("mode", ["", "?mode=replace"])
def test_load_of_a_faulty_seed_changes_nothing(client: Client, mode: str, consents: list[Any], fault: str) -> None:
    """The answer says which consent is wrong, and where."""
    before = client.sandbox.dump()
    status, answer = control(
        client, "POST", f"{VENDOR}/load{mode}", {"consents": [consent("good@example.com"), *consents]}
    )
    assert status == 422
    assert fault in answer["message"]
    assert client.sandbox.dump() == before


@pytest.mark.parametrize("document", [{"consent": []}, {"consents": {}}, []])
def test_faulty_document(client: Client, document: Any) -> None:
    """A slip in the seed's own names is an error."""
    with pytest.raises(SandboxError):
        client.sandbox.load({"wix": document})


def test_reset_begins_anew(client: Client) -> None:
    """No consents, the settings of the start, an empty log, and a rate that has counted nothing."""
    client.set(requests_per_minute=1)
    client.get("id-ann")
    control(client, "POST", f"{VENDOR}/reset")
    assert client.sandbox.requests("wix") == []
    assert client.sandbox.settings("wix") == Settings().model_dump(mode="json")
    assert client.query()["marketingConsent"] == []


@pytest.mark.parametrize("changes", [{"bulk_size": 1}, {"bulk_max_items": 0}, {"stale_revision": "maybe"}, [], "x"])
def test_unknown_settings_are_refused(client: Client, changes: Any) -> None:
    """A slip in a setting's name or value is an error."""
    before = client.sandbox.settings("wix")
    assert control(client, "POST", f"{VENDOR}/settings", changes)[0] == 422
    assert client.sandbox.settings("wix") == before


def test_every_setting_says_what_it_assumes() -> None:
    """Each switch has a description, and each open question that the contract wants as a setting has a switch."""
    described = [str(field.description or "") for field in Settings.model_fields.values()]
    assert "" not in described
    letters = {part for text in described for part in text.partition(":")[0].replace(",", " ").split()}
    assert {*"acdfhiklmorstuvwx", "ad", "ae", "af", "ag", "ah", "aj"} <= letters


@pytest.mark.rule("WX-09")
def test_requests_are_logged(client: Client) -> None:
    """Operation, status, the addresses in the order sent, code and effect."""
    client.bulk(consent("NEW@example.com"), consent("912-bad"), 7, consent(PHONE, "REVOKED"))
    client.bulk(consent("b@example.com"), consent("912-bad", "REVOKED"))
    client.upsert(consent(" Ann@example.com"))
    client.create(consent("ann@example.com"))
    client.update("id-ann", consent("other@example.com", revision=1), "state")
    client.remove(PHONE)
    client.get("id-bob")
    client.get("nobody")
    client.get_by("cleo@example.org")
    client.query(filter={"details.email": {"$in": ["Ann@example.com", "x@example.com"]}, "state": "REVOKED"})
    client.query(filter={"$or": [{"details.email": "Bob@example.com"}, {"details.phone": {"$eq": PHONE}}]})
    client.query()
    client.send("DELETE", f"{CONSENTS}/id-ann")
    _, entries = control(client, "GET", f"{VENDOR}/requests")
    assert [(e["operation"], e["status"], e["keys"], e["error_code"], e["write_applied"]) for e in entries] == [
        ("bulkUpsert", 400, ["new@example.com", "912-bad", "", PHONE], "VALIDATION", False),
        ("bulkUpsert", 200, ["b@example.com", "912-bad"], "FORMAT", True),
        ("upsert", 200, ["ann@example.com"], None, True),
        ("create", 409, ["ann@example.com"], "ALREADY_EXISTS", False),
        ("update", 409, ["ann@example.com"], "INVALID_REVISION", False),
        ("remove", 200, [PHONE], None, True),
        ("get", 200, ["bob@example.com"], None, None),
        ("get", 404, ["nobody"], "NOT_FOUND", None),
        ("getBy", 200, ["cleo@example.org"], None, None),
        ("query", 200, ["ann@example.com", "x@example.com"], None, None),
        ("query", 200, ["bob@example.com", PHONE], None, None),
        ("query", 200, [], None, None),
        ("delete", 200, ["ann@example.com"], None, True),
    ]
    assert [e["rows"] for e in entries][:2] == [4, 2]
