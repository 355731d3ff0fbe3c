"""Seeds, settings and the request log."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pipeline.sandbox.ivvy.settings import Settings

from .client import (
    ACCOUNT,
    AGREED,
    HOME,
    NEWS,
    OFFERS,
    REEF,
    TEXT,
    TOPICS,
    VISITS,
    Client,
    by_id,
    job,
    last_entry,
    person,
    seed,
    stored,
)

VENDOR = "/_control/ivvy"


def control(client: Client, method: str, path: str, document: object = None) -> Any:
    """A control request's status and JSON."""
    response = client.http.request(method, client.sandbox.url + path, json=document)
    return response.status_code, response.json()


def test_overview(client: Client) -> None:
    """How much there is, the switches, and what a client needs to know."""
    _, page = control(client, "GET", "/_control/")
    vendor = page["vendors"]["ivvy"]
    figures = {name: vendor[name] for name in ("groups", "custom_fields", "companies", "contacts")}
    assert figures == {"groups": 3, "custom_fields": 10, "companies": 2, "contacts": 5}
    assert vendor["environment"] == {
        "IVVY_URL": client.sandbox.url,
        "IVVY_API_KEY": "sandbox-key",
        "IVVY_API_SECRET": "sandbox-secret",
    }
    assert client.sandbox.environment.items() >= vendor["environment"].items()
    assert vendor["settings"] == client.settings()
    assert f"{VENDOR}/load" in page["routes"]


def test_dump_can_be_loaded_again(client: Client) -> None:
    """What is dumped is a seed of the same content: values of all types, dates, ids and cleared fields."""
    values = [
        {"fieldId": TOPICS, "value": ["art"]},
        {"fieldId": HOME, "value": {"line1": "1 Pier Rd"}},
        {"fieldId": VISITS, "value": 3},
    ]
    client.write(id=3, customFields=values, externalId=None, groups=[{"groupId": NEWS}], privacyConsent=True)
    client.sandbox.load(seed(stored(40, smsStatus=3, isAnonymised=True)))
    _, dump = control(client, "GET", f"{VENDOR}/dump")
    contacts = client.ask("getContactList")
    control(client, "POST", f"{VENDOR}/reset")
    assert client.contacts() == []
    status, overview = control(client, "POST", f"{VENDOR}/load", dump)
    assert (status, overview["contacts"]) == (200, 6)
    assert control(client, "GET", f"{VENDOR}/dump")[1] == dump
    assert client.ask("getContactList") == contacts


def test_shape_of_a_dumped_contact(client: Client) -> None:
    """In the vendor's names; statuses as they are stored."""
    assert client.contacts()[0] == {
        "id": 1,
        "firstName": "Ann",
        "lastName": "Lake",
        "email": "ann@example.com",
        "phone": "+61 491 570 006",
        "externalId": "crm-1",
        "status": 1,
        "smsStatus": None,
        "groups": [
            {"groupId": NEWS, "joinDate": "2025-05-01 10:00:00"},
            {"groupId": OFFERS, "joinDate": "2026-02-03 01:10:44"},
        ],
        "customFields": [
            {"fieldId": TEXT, "value": "Annie"},
            {"fieldId": AGREED, "value": "2025-05-01 00:00:00 UTC"},
        ],
        "companies": [REEF],
        "externalUrls": [{"ref": "consent", "url": "https://consent.example.org/1", "label": "Record"}],
        "privacyConsentData": {"source": 4, "dateTime": "2025-05-01 10:00:00 UTC"},
        "isAnonymised": False,
        "modifiedDate": "2025-06-01 00:00:00 UTC",
    }


def test_smallest_seed(client: Client) -> None:
    """Names and e-mail are enough: the contact is Subscribed, dated now, and gets the next id."""
    client.sandbox.load({"ivvy": {"contacts": [person("Gil"), person("Hal")]}})
    assert [(c["id"], c["status"], c["modifiedDate"]) for c in client.contacts()[5:]] == [
        (6, 1, "2026-02-03 01:10:44 UTC"),
        (7, 1, "2026-02-03 01:10:44 UTC"),
    ]


def test_ids_go_on_after_a_seed(client: Client) -> None:
    """A contact that is added gets an id that none had before; after a reset they begin again."""
    client.sandbox.load(seed(stored(500)))
    assert client.write(**person("Gil")) == {"id": 501}
    client.sandbox.reset()
    assert client.write(**person("Gil")) == {"id": 1}


def test_load_merges_or_replaces(client: Client) -> None:
    """Known ids are overwritten whole and others kept; with `replace` nothing old is left."""
    group = {"id": 400, "groupName": "Regatta"}
    renamed = {"id": NEWS, "groupName": "News"}
    document = {"groups": [group, renamed], "contacts": [stored(1, groups=[{"groupId": 400}]), stored(9)]}
    control(client, "POST", f"{VENDOR}/load", document)
    assert [contact["id"] for contact in client.contacts()] == [1, 2, 3, 4, 5, 9]
    assert [entry["groupId"] for entry in client.contact(1)["groups"]] == [400]
    assert (client.contact(1)["phone"], client.contact(1)["customFields"]) == ("", [])
    names = [listed["groupName"] for listed in client.ask("getSubscriptionGroupList")]
    assert names == ["News", "Offers", "Events", "Regatta"]
    control(client, "POST", f"{VENDOR}/load?mode=replace", {"contacts": [stored(9)]})
    assert [contact["id"] for contact in client.contacts()] == [9]
    assert client.ask("getSubscriptionGroupList") == []


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({"contacts": [stored(9), stored(10, groups=[{"groupId": 5}])]}, "contacts.1: not in the account: group 5"),
        ({"contacts": [stored(9, companies=[5])]}, "contacts.0: not in the account: company 5"),
        (
            {"contacts": [stored(9, customFields=[{"fieldId": 5, "value": 1}])]},
            "contacts.0: not in the account: custom field 5",
        ),
        ({"contacts": [stored(9, status=6)]}, "contacts.0.status: Input should be 1, 2, 3, 4 or 5"),
        ({"contacts": [stored(9, state=1)]}, "contacts.0.state: Extra inputs are not permitted"),
        ({"contacts": [{"id": 9}]}, "contacts.0.firstName: Field required"),
        ({"contacts": [stored(0)]}, "contacts.0.id"),
        ({"contacts": [stored(9, modifiedDate="today")]}, "contacts.0.modifiedDate"),
        ({"contact": []}, "contact: Extra inputs are not permitted"),
        ({"groups": ACCOUNT["groups"] * 2}, "the ids of groups, custom fields and companies must be unique"),
        ({"custom_fields": [{"fieldId": 1, "fieldType": 9, "displayName": "X"}]}, "custom_fields.0.fieldType"),
        ([], "Input should be"),
    ],
)
def test_load_of_a_faulty_seed_changes_nothing(client: Client, document: Any, fault: str) -> None:
    """The answer says where the seed is wrong, and all is as it was."""
    before = client.sandbox.dump()
    status, answer = control(client, "POST", f"{VENDOR}/load", document)
    assert (status, fault in answer["message"]) == (422, True), answer["message"]
    assert client.sandbox.dump() == before
    assert client.write(id=1, companies=[REEF], groups=[{"groupId": NEWS}]) == {"id": 1}


def test_replacing_by_a_faulty_seed_changes_nothing(client: Client) -> None:
    """Not even the definitions are lost."""
    before = client.sandbox.dump()
    document = {"contacts": [stored(9, groups=[{"groupId": NEWS}])]}
    assert control(client, "POST", f"{VENDOR}/load?mode=replace", document)[0] == 422
    assert client.sandbox.dump() == before
    assert len(client.ask("getSubscriptionGroupList")) == 3


def test_seeds_are_not_checked_as_writes_are(client: Client) -> None:
    """A seed may hold states that no request leads to."""
    urls = [{"ref": ref, "url": "http://www.example.org"} for ref in "abcd"]
    client.sandbox.load(seed(stored(9, status=4, email="nowhere", firstName="", externalUrls=urls)))
    contact = client.contact(9)
    assert (contact["status"], contact["email"], len(contact["externalUrls"])) == (4, "nowhere", 4)


def test_settings_are_read_and_changed(client: Client) -> None:
    """PATCH sets what it names; reset goes back to the settings of the start."""
    assert control(client, "PATCH", f"{VENDOR}/settings", {"batch_seconds": 2.5})[1]["batch_seconds"] == 2.5
    assert control(client, "GET", f"{VENDOR}/settings")[1]["sms_status"] == "reject"
    control(client, "POST", f"{VENDOR}/reset")
    assert client.settings()["batch_seconds"] == 0


@pytest.mark.parametrize(
    "changes", [{"batch_size": 25}, {"batch_max_jobs": 0}, {"resubscribe": "maybe"}, {"specific_codes": {"x": 1}}, []]
)
def test_unknown_settings_are_refused(client: Client, changes: Any) -> None:
    """A slip in a setting's name or value is an error."""
    before = client.settings()
    assert control(client, "PATCH", f"{VENDOR}/settings", changes)[0] == 422
    assert client.settings() == before


def test_every_setting_says_what_it_assumes() -> None:
    """Each switch has a description, and the contract's emulator switches are there."""
    descriptions = [str(field.description) for field in Settings.model_fields.values()]
    assert all(descriptions)
    said = " ".join(descriptions)
    numbers = (1, 2, 3, 4, 5, 8, 9, 14, 16, 18, 20, 21, 22, 23, 24, 25, 27, 29, 30, 31, 33, 34, 35, 36, 38, 39)
    assert [number for number in numbers if not re.search(rf"\bG{number}\b", said)] == []


def test_every_setting_is_tested() -> None:
    """Each switch is turned by a test of this folder."""
    tests = " ".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    assert [name for name in Settings.model_fields if not re.search(rf"\b{name}\b", tests)] == []


def test_requests_are_logged(client: Client) -> None:
    """A row is called by its externalId, sent or stored; else by its id, else by its e-mail."""
    client.write(id=1, status=2)
    client.write(id=2, externalId=None, phone="1")
    client.write(id=2, phone="2")
    client.write(**person("Gil"))
    client.write(id=3, externalId="crm-33")
    client.write(id=99)
    client.contact(3)
    client.ask("getContactList", filter={"externalId": "crm-5"})
    client.ask("getContactList", filter={"email": "Eve@example.com"})
    client.ask("getContactList")
    client.ask("addContactsToSubscriptionGroup", contacts=[1, 2, 99], group=NEWS)
    client.post("test", "ping")
    entries = client.sandbox.requests("ivvy")
    assert [(e.operation, e.keys, e.status, e.error_code, e.write_applied) for e in entries] == [
        ("addOrUpdateContact", ("crm-1",), 200, None, True),
        ("addOrUpdateContact", ("crm-2",), 200, None, True),
        ("addOrUpdateContact", ("2",), 200, None, True),
        ("addOrUpdateContact", ("gil@example.org",), 200, None, True),
        ("addOrUpdateContact", ("crm-33",), 200, None, True),
        ("addOrUpdateContact", ("99",), 400, "400/24096", False),
        ("getContact", ("crm-33",), 200, None, None),
        ("getContactList", ("crm-5",), 200, None, None),
        ("getContactList", ("eve@example.com",), 200, None, None),
        ("getContactList", (), 200, None, None),
        ("addContactsToSubscriptionGroup", ("crm-1", "2", "99"), 200, None, True),
        ("ping", (), 200, None, None),
    ]


def test_batches_are_logged(client: Client) -> None:
    """A run has one key for each job, in their order; what follows has none."""
    jobs = [
        job(id=1, status=2),
        job(**person("Gil", externalId="crm-6")),
        job("getContactList", filter={"externalId": "crm-5"}),
        job("addContactsToSubscriptionGroup", contacts=[1, 2], group=NEWS),
        job("ping", "test"),
    ]
    async_id = client.run(*jobs)
    client.batch("progress", **by_id(async_id))
    client.batch("results", **by_id(async_id))
    client.batch("restart", **by_id(async_id))
    client.batch("repost", **by_id(async_id))
    entries = client.sandbox.requests("ivvy")
    assert entries[0].keys == ("crm-1", "crm-6", "crm-5", "crm-1,crm-2", "")
    assert [(entry.operation, entry.rows, entry.write_applied) for entry in entries] == [
        ("batch.run", 5, True),
        ("batch.progress", 0, None),
        ("batch.results", 0, None),
        ("batch.restart", 0, False),
        ("batch.repost", 0, None),
    ]


@pytest.mark.parametrize(
    "params",
    [
        {"id": {"a": 1}, "externalId": [], "email": 5},
        {"jobs": "x"},
        {"jobs": [1, None, {"params": 5}, {"namespace": "batch", "action": "run", "params": {"jobs": [{}]}}]},
        {"contacts": "x"},
        {"contacts": [None, {}, 10**30, "\x00"]},
        {"filter": [1]},
        {"firstName": "\x00", "lastName": 5, "email": "x"},
    ],
)
@pytest.mark.parametrize(
    ("namespace", "action"),
    [
        ("contact", "addOrUpdateContact"),
        ("contact", "getContact"),
        ("contact", "getContactList"),
        ("contact", "addContactsToSubscriptionGroup"),
        ("batch", "run"),
        ("nowhere", "x"),
    ],
)
def test_any_request_can_be_logged(client: Client, namespace: str, action: str, params: dict[str, Any]) -> None:
    """Whatever it holds, it is described and answered in the vendor's envelope."""
    answer = client.post(namespace, action, **params).json()
    assert "errorCode" in answer or "results" in answer
    assert last_entry(client).operation == (f"batch.{action}" if namespace == "batch" else action)
