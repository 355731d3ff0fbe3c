"""The control routes, and the same by direct methods."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.sandbox.vendor import SandboxError

from .client import DATA_SET, NEWS, Client, attributes, seed, stored

VENDOR = "/_control/acoustic_connect"


def control(client: Client, method: str, path: str, document: object = None) -> Any:
    """A control request's status and JSON."""
    response = client.http.request(method, client.sandbox.url + path, json=document)
    return response.status_code, response.json()


def test_overview_names_vendors_and_routes(client: Client) -> None:
    """A person finds the way from `/_control/`."""
    status, page = control(client, "GET", "/_control/")
    vendor = page["vendors"]["acoustic_connect"]
    assert status == 200
    assert (vendor["data_set"], vendor["contacts"], vendor["api_generation"]) == ("Lakeside members", 3, "dataset")
    assert vendor["environment"] == {
        "ACOUSTIC_CONNECT_URL": client.sandbox.url,
        "ACOUSTIC_CONNECT_API_KEY": "sandbox-key",
    }
    assert client.sandbox.environment.items() >= vendor["environment"].items()
    assert f"{VENDOR}/load" in page["routes"]


def test_dump_can_be_loaded_again(client: Client) -> None:
    """What is dumped is a seed of the same content."""
    _, dump = control(client, "GET", f"{VENDOR}/dump")
    control(client, "POST", f"{VENDOR}/reset")
    assert client.contacts() == []
    status, overview = control(client, "POST", f"{VENDOR}/load", dump)
    assert (status, overview["contacts"]) == (200, 3)
    assert client.sandbox.dump()["acoustic_connect"] == dump["acoustic_connect"]


def test_load_merges_or_replaces(client: Client) -> None:
    """Known keys are overwritten whole, attributes and groups added; with `replace` nothing old is left."""
    color = {"name": "Colour", "type": "TEXT"}
    more = {
        "data_set": {**DATA_SET, "attributes": [color], "consentGroups": []},
        "contacts": [stored("M-1", mail="new@example.com"), stored("M-4", mail="dan@example.com")],
    }
    control(client, "POST", f"{VENDOR}/load", more)
    assert [c["attributes"].get("Member No") for c in client.contacts()] == ["M-1", "M-2", "M-3", "M-4"]
    assert client.contact("M-1")["attributes"] == {"Member No": "M-1", "Mail": "new@example.com"}
    client.update({"key": "M-4", "to": {"attributes": attributes(Colour="red", Nick="x")}})
    assert client.contact("M-4")["attributes"]["Colour"] == "red"
    control(client, "POST", f"{VENDOR}/load?mode=replace", seed(stored("M-9", mail="z@example.com")))
    assert [c["attributes"]["Member No"] for c in client.contacts()] == ["M-9"]


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({"contacts": [{"attributes": {"Shoe size": 9}}]}, "contacts.0: not in the data_set: Shoe size"),
        ({"contacts": [stored("M-7", consentGroups={"nope": {}})]}, "contacts.0: not in the data_set: nope"),
        ({"contacts": [stored("M-7", channels={"EMAIL": "YES"})]}, "contacts.0.consent.channels.EMAIL"),
        ({"contact": []}, "contact: Extra inputs are not permitted"),
        ({"data_set": {**DATA_SET, "attributes": DATA_SET["attributes"] * 2}}, "data_set: Value error"),
    ],
)
def test_load_of_a_faulty_seed_changes_nothing(client: Client, document: Any, fault: str) -> None:
    """The answer says where the seed is wrong."""
    before = client.sandbox.dump()
    status, answer = control(client, "POST", f"{VENDOR}/load?mode=replace", {"data_set": DATA_SET, **document})
    assert status == 422
    assert fault in answer["message"]
    assert client.sandbox.dump() == before
    assert client.update({"key": "M-1", "to": {}})["data"] == {"updateContacts": {"modifiedCount": 1}}


def test_contacts_without_audience_cannot_be_loaded(client: Client) -> None:
    """There is no default audience."""
    client.sandbox.reset()
    with pytest.raises(SandboxError, match="no data_set"):
        client.sandbox.load({"acoustic_connect": {"contacts": [stored("M-1", mail="a@example.com")]}})
    with pytest.raises(SandboxError, match="unknown vendor: acoustic"):
        client.sandbox.load({"acoustic": {}})


def test_settings_are_read_and_changed(client: Client) -> None:
    """PATCH sets what it names; reset goes back to the settings of the start."""
    assert control(client, "PATCH", f"{VENDOR}/settings", {"max_batch": 25})[1]["max_batch"] == 25
    assert control(client, "GET", f"{VENDOR}/settings")[1]["batch_mode"] == "atomic"
    control(client, "POST", f"{VENDOR}/reset")
    assert client.sandbox.settings()["max_batch"] == 100


@pytest.mark.parametrize("changes", [{"batch_size": 25}, {"max_batch": 0}, {"batch_mode": "maybe"}, [], "x"])
def test_unknown_settings_are_refused(client: Client, changes: Any) -> None:
    """A slip in a setting's name or value is an error."""
    before = client.sandbox.settings()
    assert control(client, "POST", f"{VENDOR}/settings", changes)[0] == 422
    assert client.sandbox.settings() == before


def test_faults_are_scheduled_and_ended(client: Client) -> None:
    """The schedule shows how often each rule was met and applied."""
    rules = {"rules": [{"fault": "server_error", "nth": [2]}]}
    assert control(client, "POST", "/_control/faults", rules)[0] == 200
    statuses = [client.post("{__typename}").status_code for _ in range(3)]
    assert statuses == [200, 503, 200]
    _, [rule] = control(client, "GET", "/_control/faults")
    assert rule == {"fault": "server_error", "nth": [2], "met": 3, "applied": 1}
    assert control(client, "DELETE", "/_control/faults") == (200, [])
    assert control(client, "POST", "/_control/faults", [{"fault": "nope"}])[0] == 422


def test_requests_are_logged(client: Client) -> None:
    """Number, operation, status, keys in the order sent, code and effect; the keys of literals are read too."""
    start = client.sandbox.requests()
    assert start == []
    client.update({"key": "M-2", "to": {}}, {"key": "M-1", "to": {}})
    client.update({"key": "M-9", "to": {}})
    client.create({"attributes": attributes(Mail="dan@example.com")})
    client.ask(
        'mutation{deleteContacts(where:{dataSetId:"ds-1",keyList:"M-1",deleteReason:USER_REQUEST}){deletedCount}}'
    )
    client.ask("{ contacts { totalCount } }")
    _, entries = control(client, "GET", f"{VENDOR}/requests")
    assert [(e["operation"], e["status"], e["keys"], e["error_code"], e["write_applied"]) for e in entries] == [
        ("updateContacts", 200, ["M-2", "M-1"], None, True),
        ("updateContacts", 200, ["M-9"], "CONTACT_NOT_FOUND_BY_KEY", False),
        ("createContacts", 200, ["dan@example.com"], None, True),
        ("deleteContacts", 200, ["M-1"], None, True),
        ("contacts", 200, [], None, None),
    ]
    assert [e["number"] - entries[0]["number"] for e in entries] == [0, 1, 2, 3, 4]
    assert [e["rows"] for e in entries] == [2, 1, 1, 1, 0]
    assert control(client, "GET", "/_control/requests")[1] == entries
    assert control(client, "DELETE", f"{VENDOR}/requests") == (200, [])


def test_control_is_neither_logged_nor_disturbed(client: Client) -> None:
    """Faults and log are about the vendors' paths; an unknown path is logged without a vendor."""
    client.sandbox.faults([{"fault": "answer", "status": 418, "body": None}])
    assert control(client, "GET", f"{VENDOR}/dump")[0] == 200
    assert client.sandbox.requests() == []
    assert client.http.get(f"{client.sandbox.url}/nowhere").status_code == 418
    assert [(entry.vendor, entry.operation) for entry in client.sandbox.requests()] == [("", "/nowhere")]


def test_seed_keeps_groups_without_checking_addresses(client: Client) -> None:
    """A seed may hold states that no request would lead to."""
    client.sandbox.load(seed(stored("M-7", channels={"SMS": "OPT_IN"}, consentGroups={NEWS: {"SMS": "OPT_OUT"}})))
    assert client.statuses("M-7") == {"SMS": "OPT_IN"}
