"""The current API generation, by switch."""

from __future__ import annotations

from typing import Any

import pytest

from .client import DATA_SET, NEWS, Client, attributes, channel, codes, seed, stored

KEYLESS = [a if a["name"] != "Member No" else {"name": "Member No", "type": "TEXT"} for a in DATA_SET["attributes"]]


@pytest.fixture
def current(client: Client) -> Client:
    """The same contacts, served by the current schema."""
    client.sandbox.settings(api_generation="current")
    return client


@pytest.fixture
def keyless(current: Client) -> Client:
    """An audience without key attribute; two contacts share an email address."""
    current.sandbox.load(
        seed(
            stored("A", mail="ann@example.com", mobile="+12125550101"),
            stored("B", mail="Ann@example.com", mobile="+12125550102"),
            attributes=KEYLESS,
        ),
        replace=True,
    )
    return current


def addressable(*pairs: tuple[str, str], nick: str = "x") -> dict[str, Any]:
    """A row found by addresses."""
    selectors = [{"field": field, "eq": value} for field, value in pairs]
    return {"addressable": selectors, "to": {"attributes": attributes(Nick=nick)}}


def nicks(client: Client) -> list[str | None]:
    """The attribute that the rows above set."""
    return [contact["attributes"].get("Nick") for contact in client.contacts()]


@pytest.mark.rule("AC-17")
def test_create_answers_contact_keys(current: Client) -> None:
    """Items carry the key and a message; no email is opted in implicitly."""
    answer = current.create({"attributes": attributes(Member_No="M-4", Mail="dan@example.com")})
    assert answer == {"data": {"createContacts": {"items": [{"contactKey": "M-4", "message": "Contact created"}]}}}
    assert current.statuses("M-4") == {}


@pytest.mark.rule("AC-17")
def test_created_contact_is_identified(keyless: Client) -> None:
    """Without a key the identifying field is an address, and contactKey is null."""
    answer = keyless.ask(
        """mutation { createContacts(
             dataSetId: "ds-1", contactsInput: {attributes: {name: "Mail", value: "zoe@example.com"}}) {
             items { contactKey identifyingField { value attributeData { name identifyAs { channels } } } } } }"""
    )
    assert answer["data"]["createContacts"]["items"] == [
        {
            "contactKey": None,
            "identifyingField": {
                "value": "zoe@example.com",
                "attributeData": {"name": "Mail", "identifyAs": {"channels": ["EMAIL"]}},
            },
        }
    ]


@pytest.mark.rule("AC-17")
def test_update_has_no_data_set_id(current: Client) -> None:
    """By key as before; the older argument does not fit the schema."""
    assert current.update({"key": "M-1", "to": {}}) == {"data": {"updateContacts": {"modifiedCount": 1}}}
    older = 'mutation { updateContacts(dataSetId: "ds-1", updateContactInputs: []) { modifiedCount } }'
    assert codes(current.ask(older)) == ["GRAPHQL_VALIDATION_FAILED"]


@pytest.mark.rule("AC-17")
def test_channel_status_is_not_nullable(current: Client) -> None:
    """Null for a channel is refused by the schema, in `channels` and inside a group."""
    assert codes(current.consent("M-3", channels=[channel("EMAIL", None)])) == ["BAD_USER_INPUT"]
    groups = [{"consentGroupId": NEWS, "channels": [channel("EMAIL", None)]}]
    assert codes(current.consent("M-3", consentGroups=groups)) == ["BAD_USER_INPUT"]


@pytest.mark.rule("AC-17")
def test_null_group_status_counts_as_not_given(current: Client) -> None:
    """Beside channels it is no second route; alone it says nothing and is refused."""
    entry = {"consentGroupId": NEWS, "status": None}
    current.consent("M-3", consentGroups=[{**entry, "channels": [channel("EMAIL", "OPT_OUT")]}])
    assert current.groups("M-3")[NEWS]["EMAIL"] == "OPT_OUT"
    assert codes(current.consent("M-3", consentGroups=[entry])) == ["BAD_USER_INPUT"]


@pytest.mark.rule("AC-17")
def test_addressable_finds_contacts(keyless: Client) -> None:
    """Emails compare without case; two selectors narrow the match (A21: several matches are all updated)."""
    assert (
        codes(keyless.update(addressable(("Mail", " ANN@example.com "), ("Mobile", "12125550102"), nick="one"))) == []
    )
    assert nicks(keyless) == [None, "one"]
    answer = keyless.update(addressable(("Mail", "ann@example.com"), nick="both"))
    assert answer == {"data": {"updateContacts": {"modifiedCount": 2}}}
    assert nicks(keyless) == ["both", "both"]


@pytest.mark.rule("AC-17")
def test_ambiguous_addressable_can_be_refused(keyless: Client) -> None:
    """A21 by switch."""
    keyless.sandbox.settings(ambiguous="error")
    assert codes(keyless.update(addressable(("Mail", "ann@example.com")))) == ["CONTACT_AMBIGUOUS"]


@pytest.mark.rule("AC-17")
@pytest.mark.parametrize(
    ("row", "code"),
    [
        (addressable(("Mail", "nobody@example.com")), "CONTACT_NOT_FOUND_BY_ADDRESSABLE"),
        (addressable(("Nick", "x")), "BAD_USER_INPUT"),
        (addressable(("Fax", "x")), "ATTRIBUTE_NOT_DEFINED"),
        (addressable(), "BAD_USER_INPUT"),
        ({"to": {}}, "BAD_USER_INPUT"),
        ({"key": "A", **addressable(("Mail", "ann@example.com"))}, "BAD_USER_INPUT"),
    ],
)
def test_selector_that_finds_nothing(keyless: Client, row: dict[str, Any], code: str) -> None:
    """A22, A23: none found, no address attribute, and neither or both of key and addressable."""
    assert codes(keyless.update(row)) == [code]


@pytest.mark.rule("AC-17")
def test_addressable_is_for_audiences_without_a_key(current: Client) -> None:
    """With a key attribute, contacts are updated by key; a switch allows both."""
    row = addressable(("Mail", "ann@example.com"))
    assert codes(current.update(row)) == ["BAD_USER_INPUT"]
    current.sandbox.settings(addressable_with_key_audience="allow")
    assert codes(current.update(row)) == []


@pytest.mark.rule("AC-17")
def test_missing_key_is_set_once(current: Client) -> None:
    """A24: a contact without key takes a free one, not another contact's, and then keeps it."""
    current.sandbox.settings(addressable_with_key_audience="allow")
    current.sandbox.load({"acoustic_connect": {"contacts": [stored(None, mail="eve@example.com")]}})
    selector = [{"field": "Mail", "eq": "eve@example.com"}]
    answers = [
        current.update({"addressable": selector, "to": {"attributes": attributes(Member_No=key)}})
        for key in ("M-1", "M-8", "M-9")
    ]
    assert [codes(answer) for answer in answers] == [["INVALID_ATTRIBUTE_VALUE"], [], ["INVALID_ATTRIBUTE_VALUE"]]
    assert current.contact("M-8")["attributes"]["Mail"] == "eve@example.com"


@pytest.mark.rule("AC-17")
@pytest.mark.parametrize(
    ("where", "deleted"),
    [
        ('keyList: ["A"]', 0),
        ('addressableList: [[{field: "Mobile", eq: "+12125550101"}], [{field: "Mail", eq: "x@example.com"}]]', 1),
        ('addressableList: {field: "Mail", eq: "ann@example.com"}', 2),
    ],
)
def test_delete_by_address(keyless: Client, where: str, deleted: int) -> None:
    """A flat selector coerces to a list of one list."""
    query = "mutation { deleteContacts(where: {%s, deleteReason: USER_REQUEST}) { deletedCount } }" % where  # noqa: UP031
    assert keyless.ask(query) == {"data": {"deleteContacts": {"deletedCount": deleted}}}


def test_delete_takes_one_kind_of_selector(keyless: Client) -> None:
    """keyList and addressableList are not used together, nor both left out."""
    query = "mutation { deleteContacts(where: {deleteReason: USER_REQUEST}) { deletedCount } }"
    assert codes(keyless.ask(query)) == ["BAD_USER_INPUT"]


@pytest.mark.rule("AC-03")
@pytest.mark.rule("AC-17")
def test_whatsapp_is_a_channel(current: Client) -> None:
    """It needs an attribute like the others."""
    assert codes(current.consent("M-1", channels=[channel("WHATSAPP", "OPT_IN")])) == ["CHANNEL_NOT_DEFINED"]
    mobile = {"name": "Mobile", "type": "TEXT", "identifyAs": {"channels": ["SMS", "WHATSAPP"]}}
    current.sandbox.load(seed(attributes=[mobile]))
    assert codes(current.consent("M-1", channels=[channel("WHATSAPP", "OPT_IN")])) == []


def test_contact_carries_more_fields(current: Client) -> None:
    """Tracking, types, selection by channel, reach, edges and counts."""
    answer = current.ask(
        """{ contacts(filter: {field: "Member No", eq: "M-3"}) {
               pageInfo { count } edges { cursor node { dataSetId } }
               nodes { tracking { createdBy } attributes(selectByChannel: SMS) { name type value }
                       consent { sms { doNotSend address } email { doNotSend } whatsApp { address }
                                 channels(selectByChannel: [SMS]) { channel status }
                                 consentGroups(selectById: ["nope"]) { id } } } }
             dataSets { nodes { type size attributes(selectByChannel: [EMAIL]) { name decimalPrecision } } } }"""
    )
    contacts = answer["data"]["contacts"]
    assert contacts["pageInfo"] == {"count": 1}
    assert contacts["edges"] == [{"cursor": "YXJyYXljb25uZWN0aW9uOjA=", "node": {"dataSetId": "ds-1"}}]
    assert contacts["nodes"][0]["attributes"] == [{"name": "Mobile", "type": "TEXT", "value": "+12125550103"}]
    assert contacts["nodes"][0]["consent"] == {
        "sms": {"doNotSend": True, "address": "+12125550103"},
        "email": {"doNotSend": False},
        "whatsApp": None,
        "channels": [channel("SMS", "OPT_OUT")],
        "consentGroups": [],
    }
    attribute = {"name": "Mail", "decimalPrecision": None}
    assert answer["data"]["dataSets"]["nodes"] == [{"type": "AUDIENCE", "size": 3, "attributes": [attribute]}]


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ('field: "Nick", neq: "x"', 3),
        ('field: "Mail", nin: ["ANN@example.com"]', 2),
        ('field: "Mobile", nin: ["+12125550101"]', 2),
        ('field: "Mobile", neq: "+12125550101"', 2),
        ('not: {field: "Mobile", eq: "+12125550101"}', 2),
        ('field: "Mobile", blank: true', 1),
        ('field: "Mobile", blank: false', 2),
        ('field: "Mail", startsWith: "B"', 1),
        ('field: "Mail", nstartsWith: "b"', 2),
        ('field: "Mobile", endsWith: "103"', 1),
        ('field: "Mobile", nendsWith: "103"', 2),
        ('field: "Mail", ncontains: "bob"', 2),
        ('field: "Member No", eqOneOf: ["M-1", "M-2"]', 2),
        ('field: "Member No", neqOneOf: ["M-1", "M-2"]', 1),
        ('or: [{field: "Member No", eq: "M-1"}, {field: "Member No", eq: "M-2"}]', 2),
        ('not: {field: "Member No", eq: "M-1"}', 2),
        ('and: [{field: "Mail", contains: "example"}, {field: "Mobile", blank: true}]', 1),
        ('field: "Points", gt: 1', 0),
        ('field: "Points", between: {from: 1, to: 2}', 0),
    ],
)
def test_filter_operators_of_the_current_generation(current: Client, rule: str, found: int) -> None:
    """The useful operators; a missing value fits only the negative ones."""
    answer = current.ask("{ contacts(filter: {%s}) { totalCount } }" % rule)  # noqa: UP031
    assert answer == {"data": {"contacts": {"totalCount": found}}}


@pytest.mark.parametrize(
    "rule", ['field: "Mail", channel: {sms: "x"}', 'field: "Mail", and: [{field: "Joined", isToday: true}]']
)
def test_filter_operators_that_are_not_emulated(current: Client, rule: str) -> None:
    """They are refused, not ignored."""
    answer = current.ask("{ contacts(filter: {%s}) { totalCount } }" % rule)  # noqa: UP031
    assert codes(answer) in (["BAD_USER_INPUT"], ["GRAPHQL_VALIDATION_FAILED"])


def test_file_import_is_not_emulated(current: Client) -> None:
    """A job that would never run is not accepted."""
    answer = current.ask(
        """mutation { createImportJob(importInput: {importType: ADD_UPDATE, jobName: "j",
             fileLocation: {type: SFTP}, mappings: []}) { id } }"""
    )
    assert codes(answer) == ["NOT_EMULATED"]
