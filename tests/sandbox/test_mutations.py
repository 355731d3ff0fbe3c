"""createContacts, updateContacts and deleteContacts."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from .client import DATA_SET, NEWS, Client, attributes, channel, codes, seed, stored

DELETE = 'mutation{deleteContacts(where:{dataSetId:"ds-1",keyList:%s,deleteReason:USER_REQUEST}){deletedCount}}'


@pytest.mark.rule("AC-01")
def test_update_finds_many_contacts_by_key(client: Client) -> None:
    """Each row changes the contact with its key; the answer is a count."""
    rows = [{"key": key, "to": {"attributes": attributes(Nick=key.lower())}} for key in ("M-1", "M-3")]
    assert client.update(*rows) == {"data": {"updateContacts": {"modifiedCount": 2}}}
    assert [c["attributes"].get("Nick") for c in client.contacts()] == ["m-1", None, "m-3"]


@pytest.mark.rule("AC-01")
@pytest.mark.rule("AC-14")
def test_update_of_an_unknown_key_is_refused(client: Client) -> None:
    """The message names the key; `data` is null as a whole."""
    answer = client.update({"key": "M-9", "to": {}})
    assert answer["data"] is None
    assert codes(answer) == ["CONTACT_NOT_FOUND_BY_KEY"]
    assert answer["errors"][0]["message"] == "Contact not found by key: M-9"


@pytest.mark.rule("AC-01")
@pytest.mark.parametrize("data_set_id", ["ds-2", ""])
def test_another_data_set_is_refused(client: Client, data_set_id: str) -> None:
    """The audience is named by its id in each mutation of the dataset generation."""
    query = "mutation($d: ID!){updateContacts(dataSetId:$d){modifiedCount}}"
    assert codes(client.ask(query, d=data_set_id)) == ["DATA_SET_NOT_FOUND"]
    assert client.ask(query, d="ds-1") == {"data": {"updateContacts": {"modifiedCount": 0}}}


@pytest.mark.rule("AC-02")
def test_update_takes_attributes_and_consent_together_or_alone(client: Client) -> None:
    """Either part of `to` may be absent, or both be present."""
    consent = {"channels": [channel("EMAIL", "OPT_IN")]}
    answer = client.update(
        {"key": "M-1", "to": {"attributes": attributes(Nick="Annie"), "consent": consent}},
        {"key": "M-2", "to": {"consent": consent}},
        {"key": "M-3", "to": {}},
    )
    assert answer == {"data": {"updateContacts": {"modifiedCount": 3}}}
    assert client.contact("M-1")["attributes"]["Nick"] == "Annie"
    assert client.statuses("M-1") == client.statuses("M-2") == {"EMAIL": "OPT_IN"}


@pytest.mark.rule("AC-07")
def test_one_object_stands_for_a_list(client: Client) -> None:
    """Rows, channels, groups and attributes are accepted without brackets, as the vendor's samples write them."""
    answer = client.ask(
        """mutation { updateContacts(dataSetId: "ds-1", updateContactInputs: {
             key: "M-1", to: { attributes: { name: "Nick", value: "Annie" },
                               consent: { channels: { channel: EMAIL, status: OPT_OUT } } } }) { modifiedCount } }"""
    )
    assert answer == {"data": {"updateContacts": {"modifiedCount": 1}}}
    assert client.contact("M-1")["attributes"]["Nick"] == "Annie"
    assert client.statuses("M-1") == {"EMAIL": "OPT_OUT"}


@pytest.mark.rule("AC-08")
def test_create_answers_one_item_for_each_contact_in_order(client: Client) -> None:
    """The ids are UUIDs of version 5, and the same contact keeps its id."""
    rows = [{"attributes": attributes(Member_No=f"N-{at}", Mail=f"n{at}@example.com")} for at in range(5)]
    first = client.create(*rows)["data"]["createContacts"]["items"]
    again = client.create(*reversed(rows))["data"]["createContacts"]["items"]
    assert again == first[::-1]
    assert len({item["contactId"] for item in first}) == 5
    assert {uuid.UUID(item["contactId"]).version for item in first} == {5}


@pytest.mark.rule("AC-09")
@pytest.mark.parametrize("extra", [{}, {"Mail": None}])
def test_create_needs_an_address(client: Client, extra: dict[str, Any]) -> None:
    """A key alone does not make a contact; the code is a setting (A26)."""
    row = {"attributes": attributes(Member_No="M-4", **extra)}
    assert codes(client.create(row)) == ["ADDRESSABLE_ATTRIBUTE_REQUIRED"]
    client.sandbox.settings(addressable_required_code="NO_ADDRESS")
    assert codes(client.create(row)) == ["NO_ADDRESS"]


def test_create_updates_the_contact_with_that_key(client: Client) -> None:
    """A8: a known key is updated, attributes not named are kept."""
    client.create({"attributes": attributes(Member_No="M-1", Mail="ann2@example.com")})
    assert client.contact("M-1")["attributes"] == {
        "Member No": "M-1", "Mail": "ann2@example.com", "Mobile": "+12125550101",
    }  # fmt: skip


def test_create_gives_its_key_to_a_contact_without_one(client: Client) -> None:
    """A8: an address of a contact without a key is that contact."""
    client.sandbox.load({"acoustic_connect": {"contacts": [stored(None, mail="eve@example.com")]}})
    client.create({"attributes": attributes(Member_No="M-5", Mail="EVE@example.com")})
    assert len(client.contacts()) == 4
    assert client.contact("M-5")["attributes"]["Mail"] == "EVE@example.com"


def test_create_without_a_key_updates_the_owner_of_the_address(client: Client) -> None:
    """A8: a row without key matches by address, and the contact keeps its key."""
    client.create({"attributes": attributes(Mobile="12125550101", Nick="Annie")})
    assert client.contact("M-1")["attributes"]["Nick"] == "Annie"


@pytest.mark.parametrize(("mode", "contacts", "code"), [("error", 3, ["CONTACT_ALREADY_EXISTS"]), ("duplicate", 4, [])])
def test_create_of_an_existing_contact_is_a_switch(client: Client, mode: str, contacts: int, code: list[str]) -> None:
    """A8: it may be refused, or make a second contact with the same key."""
    client.sandbox.settings(create_existing=mode)
    answer = client.create({"attributes": attributes(Member_No="M-1", Mail="ann@example.com")})
    assert codes(answer) == code
    assert len(client.contacts()) == contacts


@pytest.mark.parametrize(
    ("mode", "keys", "code"),
    [
        ("new", ["M-1", "M-2", "M-3", "M-4"], []),
        ("update", ["M-1", "M-2", "M-3"], []),
        ("error", ["M-1", "M-2", "M-3"], ["CONTACT_ALREADY_EXISTS"]),
    ],
)
def test_create_with_the_address_of_another_key_is_a_switch(
    client: Client, mode: str, keys: list[str], code: list[str]
) -> None:
    """A9: it makes a new contact, updates the address's owner without touching its key, or is refused."""
    client.sandbox.settings(address_conflict=mode)
    answer = client.create({"attributes": attributes(Member_No="M-4", Mail="ann@example.com", Nick="Annie")})
    assert codes(answer) == code
    assert [c["attributes"]["Member No"] for c in client.contacts()] == keys
    assert (client.contact("M-1")["attributes"].get("Nick") == "Annie") == (mode == "update")


@pytest.mark.parametrize(("guard", "email", "news"), [(False, "OPT_IN", "OPT_IN"), (True, "OPT_OUT", "OPT_OUT")])
def test_create_raises_an_opt_out_unless_guarded(client: Client, guard: bool, email: str, news: str) -> None:
    """A10: the last write wins, or a stored opt-out stays, for channels and groups."""
    client.consent("M-3", channels=[channel("EMAIL", "OPT_OUT")])
    client.sandbox.settings(opt_out_guard=guard)
    groups = {"consentGroups": [{"consentGroupId": NEWS, "status": "OPT_IN"}]}
    client.create({"attributes": attributes(Member_No="M-3", Mail="cleo@example.com"), "consent": groups})
    assert client.statuses("M-3")["EMAIL"] == email
    assert client.groups("M-3")[NEWS]["EMAIL"] == news


@pytest.mark.parametrize(("switch", "status"), [(None, "OPT_IN"), (True, "OPT_IN"), (False, None)])
def test_email_without_consent_is_opted_in_by_the_dataset_generation(
    client: Client, switch: bool | None, status: str | None
) -> None:
    """A11: only where nothing is said for EMAIL; phones are never opted in, nor is an existing contact."""
    client.sandbox.settings(implicit_email_opt_in=switch)
    row = attributes(Member_No="M-4", Mail="dan@example.com", Mobile="+12125550104")
    spoken = {"consentGroups": [{"consentGroupId": NEWS, "channels": [channel("EMAIL", "OPT_IN_UNVERIFIED")]}]}
    client.create(
        {"attributes": row},
        {"attributes": attributes(Member_No="M-5", Mail="eve@example.com"), "consent": spoken},
        {"attributes": attributes(Member_No="M-2", Mail="bob@example.com")},
    )
    assert client.statuses("M-4") == ({"EMAIL": status} if status else {})
    assert client.statuses("M-5") == client.statuses("M-2") == {}


@pytest.mark.parametrize(("count_noop", "count"), [(True, 2), (False, 1)])
def test_modified_count_of_an_unchanged_contact(client: Client, count_noop: bool, count: int) -> None:
    """A19: every match counts, or only a change."""
    client.sandbox.settings(count_noop=count_noop)
    same = {"key": "M-3", "to": {"consent": {"channels": [channel("SMS", "OPT_OUT")]}}}
    changed = {"key": "M-1", "to": {"consent": {"channels": [channel("SMS", "OPT_OUT")]}}}
    assert client.update(same, changed) == {"data": {"updateContacts": {"modifiedCount": count}}}


def test_same_contact_twice_in_a_batch(client: Client) -> None:
    """A20: the rows are carried out in order and the last one wins."""
    rows = [{"key": "M-1", "to": {"attributes": attributes(Nick=nick)}} for nick in ("A", "B")]
    assert client.update(*rows) == {"data": {"updateContacts": {"modifiedCount": 2}}}
    assert client.contact("M-1")["attributes"]["Nick"] == "B"


@pytest.mark.rule("AC-12")
@pytest.mark.parametrize(("new", "refused"), [("M-7", True), (None, True), ("M-1", False)])
def test_key_never_changes(client: Client, new: str | None, refused: bool) -> None:
    """A24: another value and null are refused, the same value is harmless."""
    answer = client.update({"key": "M-1", "to": {"attributes": attributes(Member_No=new)}})
    assert codes(answer) == (["INVALID_ATTRIBUTE_VALUE"] if refused else [])
    assert client.contact("M-1")["attributes"]["Mail"] == "ann@example.com"


def test_null_removes_an_attribute(client: Client) -> None:
    """A null value is not stored; the channel's status stays."""
    client.update({"key": "M-3", "to": {"attributes": attributes(Mail=None)}})
    assert client.contact("M-3")["attributes"] == {"Member No": "M-3", "Mobile": "+12125550103"}
    assert client.statuses("M-3")["EMAIL"] == "OPT_IN"


def test_delete_removes_contacts_by_key(client: Client) -> None:
    """Contacts not found are not counted and are no error."""
    assert client.ask(DELETE % '["M-1", "M-9", "M-2"]') == {"data": {"deleteContacts": {"deletedCount": 2}}}
    assert [c["attributes"]["Member No"] for c in client.contacts()] == ["M-3"]
    assert client.ask(DELETE % '"M-3"') == {"data": {"deleteContacts": {"deletedCount": 1}}}


@pytest.mark.rule("AC-14")
def test_delete_can_be_made_to_fail(client: Client) -> None:
    """CONTACT_DELETE_FAILED comes by a poisoned row."""
    client.sandbox.faults([{"fault": "poison_row", "key": "M-1", "code": "CONTACT_DELETE_FAILED"}])
    assert codes(client.ask(DELETE % '"M-1"')) == ["CONTACT_DELETE_FAILED"]
    assert len(client.contacts()) == 3


def test_an_audience_without_key_has_no_contact_by_key(client: Client) -> None:
    """Without a key attribute no key is found, and create answers with ids all the same."""
    plain = [a if a["name"] != "Member No" else {"name": "Member No", "type": "TEXT"} for a in DATA_SET["attributes"]]
    client.sandbox.load(seed(stored("M-1", mail="ann@example.com"), attributes=plain), replace=True)
    assert codes(client.update({"key": "M-1", "to": {}})) == ["CONTACT_NOT_FOUND_BY_KEY"]
    client.create({"attributes": attributes(Mail="Ann@Example.com", Nick="Annie")})
    assert client.contact("M-1")["attributes"]["Nick"] == "Annie"
