"""contacts and dataSets."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.sandbox.server import Options, Sandbox

from .client import DATA_SET, NEWS, OFFERS, Client, attributes, channel, codes, seed, stored

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYS = """query($filter: [RuleInput!], $order: [SortField!], $n: Float, $after: Cursor, $last: Float, $before: Cursor) {
  contacts(filter: $filter, orderBy: $order, first: $n, after: $after, last: $last, before: $before) {
    totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    nodes { attributes(selectByName: ["Member No"]) { value } } } }"""


def keys(answer: dict[str, Any]) -> list[str | None]:
    """The keys on a page."""
    nodes = answer["data"]["contacts"]["nodes"]
    return [node["attributes"][0]["value"] if node["attributes"] else None for node in nodes]


def cursor(offset: int) -> str:
    """The documented form of a cursor."""
    return base64.b64encode(f"arrayconnection:{offset}".encode()).decode()


@pytest.mark.rule("AC-13")
def test_data_sets_list_attributes_and_groups(client: Client) -> None:
    """The audience describes itself as the vendor's does: key and channels are null where they do not apply."""
    answer = client.ask(
        """{ dataSets(filter: [{field: "type", eq: "AUDIENCE"}]) { nodes { dataSetId name
             attributes { name type category identifyAs { key channels } } consentGroups { id name } } } }"""
    )
    [node] = answer["data"]["dataSets"]["nodes"]
    assert (node["dataSetId"], node["name"]) == ("ds-1", "Lakeside members")
    assert node["consentGroups"][0] == {"id": NEWS, "name": "News"}
    assert node["attributes"][0]["identifyAs"] == {"key": True, "channels": None}
    assert node["attributes"][1]["identifyAs"] == {"key": None, "channels": ["EMAIL"]}
    assert node["attributes"][3] == {"name": "Nick", "type": "TEXT", "category": "Demographic", "identifyAs": None}


@pytest.mark.rule("AC-13")
@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ({"field": "type", "eq": "REFERENCE_SET"}, 0),
        ({"field": "name", "contains": "side"}, 1),
        ({"field": "dataSetId", "in": ["ds-1", "ds-2"]}, 1),
    ],
)
def test_data_sets_are_filtered(client: Client, rule: dict[str, Any], found: int) -> None:
    """The one data set is listed if it fits."""
    answer = client.ask("query($f:[RuleInput!]){dataSets(filter:$f){nodes{dataSetId}}}", f=[rule])
    assert len(answer["data"]["dataSets"]["nodes"]) == found


@pytest.mark.rule("AC-13")
def test_empty_sandbox_has_no_audience(client: Client) -> None:
    """Nothing is made up: no data set, no contacts, and no mutation finds its data set."""
    client.sandbox.reset()
    answer = client.ask("{ dataSets { nodes { dataSetId } } contacts { totalCount nodes { __typename } } }")
    assert answer == {"data": {"dataSets": {"nodes": []}, "contacts": {"totalCount": 0, "nodes": []}}}
    assert codes(client.update({"key": "M-1", "to": {}})) == ["DATA_SET_NOT_FOUND"]


@pytest.mark.rule("AC-16")
def test_consent_is_read_back_by_channel_and_by_group(client: Client) -> None:
    """Only statuses that exist are listed; attributes come in an order of their own."""
    answer = client.ask(
        """{ contacts(filter: {field: "Member No", eq: "M-3"}, first: 2) { totalCount nodes {
             attributes(selectByName: ["Member No", "Mail"]) { name value }
             consent { channels { channel status } consentGroups { id channels { channel status } } } } } }"""
    )
    statuses = [channel("EMAIL", "OPT_IN"), channel("SMS", "OPT_OUT")]
    assert answer["data"]["contacts"] == {
        "totalCount": 1,
        "nodes": [
            {
                "attributes": [{"name": "Mail", "value": "cleo@example.com"}, {"name": "Member No", "value": "M-3"}],
                "consent": {"channels": statuses, "consentGroups": [{"id": NEWS, "channels": statuses}]},
            }
        ],
    }


@pytest.mark.rule("AC-16")
@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ({"field": "Member No", "eq": "M-1"}, ["M-1"]),
        ({"field": "Member No", "eq": "m-1"}, []),
        ({"field": "Member No", "in": ["M-3", "M-9", "M-1"]}, ["M-1", "M-3"]),
        ({"field": "Mail", "eq": "ANN@example.COM"}, ["M-1"]),
        ({"field": "Mail", "in": ["ANN@example.COM"]}, ["M-1"]),
        ({"field": "Mobile", "eq": "12125550103"}, ["M-3"]),
        ({"field": "Mobile", "eq": None}, ["M-2"]),
        ({"field": "Mail", "contains": "BOB@"}, ["M-2"]),
    ],
)
def test_contacts_are_filtered(client: Client, rule: dict[str, Any], found: list[str]) -> None:
    """Keys compare exactly, emails without case, phone numbers without their plus."""
    assert keys(client.ask(KEYS, filter=[rule])) == found


def test_filter_rules_must_all_hold(client: Client) -> None:
    """A34: a list of rules is a conjunction."""
    rules = [{"field": "Mail", "contains": "example"}, {"field": "Member No", "in": ["M-2", "M-3"]}]
    assert keys(client.ask(KEYS, filter=rules)) == ["M-2", "M-3"]


@pytest.mark.parametrize(
    "arguments", [{"filter": [{"field": "Shoe size", "eq": 1}]}, {"order": [{"field": "Shoe size"}]}]
)
def test_unknown_attribute_in_a_query_is_refused(client: Client, arguments: dict[str, Any]) -> None:
    """Filters and orders name attributes that exist."""
    assert codes(client.ask(KEYS, **arguments)) == ["ATTRIBUTE_NOT_DEFINED"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"after": "nonsense"},
        {"after": base64.b64encode(b"arrayconnection:-1").decode()},
        {"n": -1},
        {"n": 1.5},
        {"filter": [{"field": "Mail"}]},
        {"filter": [{"field": "Mail", "eq": {"a": 1}}]},
    ],
)
def test_senseless_query_is_refused(client: Client, arguments: dict[str, Any]) -> None:
    """Cursors are those handed out, sizes whole numbers, and rules have an operator."""
    assert codes(client.ask(KEYS, **arguments)) == ["BAD_USER_INPUT"]


def test_order_is_by_attribute(client: Client) -> None:
    """Ascending unless told, missing values first."""
    assert keys(client.ask(KEYS, order=[{"field": "Member No", "sort": "DESC"}])) == ["M-3", "M-2", "M-1"]
    assert keys(client.ask(KEYS, order=[{"field": "Mobile"}])) == ["M-2", "M-1", "M-3"]


@pytest.mark.rule("AC-16")
def test_cursors_have_the_observed_form(client: Client) -> None:
    """Base64 of `arrayconnection:<offset>`; forwards and backwards."""
    page = client.ask(KEYS, n=2)
    assert page["data"]["contacts"]["pageInfo"] == {
        "hasNextPage": True, "hasPreviousPage": False, "startCursor": cursor(0), "endCursor": cursor(1),
    }  # fmt: skip
    last = client.ask(KEYS, n=2, after=cursor(1))
    assert keys(last) == ["M-3"]
    assert last["data"]["contacts"]["pageInfo"]["hasNextPage"] is False
    assert keys(client.ask(KEYS, last=2)) == ["M-2", "M-3"]
    assert keys(client.ask(KEYS, last=1, before=cursor(2))) == ["M-2"]


def test_page_size_has_a_default_and_a_maximum(client: Client) -> None:
    """A31: both are switches."""
    client.sandbox.settings(page_size_default=1, page_size_max=2)
    assert len(keys(client.ask(KEYS))) == 1
    assert len(keys(client.ask(KEYS, n=100))) == 2


@pytest.fixture(scope="module")
def crowd() -> Iterator[Client]:
    """Contacts 0 to 249."""
    with Sandbox() as sandbox, httpx.Client(timeout=30) as http:
        contacts = [stored(f"K-{at:03}", mail=f"k{at}@example.com") for at in range(250)]
        sandbox.load(seed(*contacts))
        yield Client(sandbox, http)


@pytest.mark.rule("AC-16")
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.integers(11, 300), chosen=st.sets(st.integers(0, 249)), order=st.sampled_from(["ASC", "DESC"]))
def test_pages_cover_each_contact_exactly_once(crowd: Client, size: int, chosen: set[int], order: str) -> None:
    """Following the cursors to the end yields every contact that fits, once, in order."""
    wanted = [f"K-{at:03}" for at in sorted(chosen, reverse=order == "DESC")]
    rules = [{"field": "Member No", "in": wanted}]
    seen: list[str | None] = []
    after = None
    while True:
        sort = [{"field": "Member No", "sort": order}]
        answer = crowd.ask(KEYS, filter=rules, order=sort, n=size, after=after)
        seen += keys(answer)
        page = answer["data"]["contacts"]["pageInfo"]
        assert answer["data"]["contacts"]["totalCount"] == len(wanted)
        if not page["hasNextPage"]:
            break
        after = page["endCursor"]
    assert seen == wanted


def test_writes_become_visible_after_the_delay() -> None:
    """A33: until then queries answer with the old data, for a change, a new contact and a deletion."""
    now = [1_000_000.0]
    options = Options(
        data=seed(stored("M-1", mail="ann@example.com"), stored("M-2", mail="bob@example.com")),
        settings={"acoustic_connect": {"visibility_delay_ms": 500}},
        clock=lambda: now[0],
    )
    nick = [{"field": "Nick", "eq": "Annie"}]
    with Sandbox(options) as sandbox, httpx.Client(timeout=30) as http:
        client = Client(sandbox, http)
        client.update({"key": "M-1", "to": {"attributes": attributes(Nick="Annie")}})
        client.create({"attributes": attributes(Member_No="M-3", Mail="cleo@example.com")})
        client.ask(
            'mutation{deleteContacts(where:{dataSetId:"ds-1",keyList:"M-2",deleteReason:USER_REQUEST}){deletedCount}}'
        )
        assert sorted(map(str, keys(client.ask(KEYS)))) == ["M-1", "M-2"]
        assert keys(client.ask(KEYS, filter=nick)) == []
        now[0] += 0.5
        assert keys(client.ask(KEYS)) == ["M-1", "M-3"]
        assert keys(client.ask(KEYS, filter=nick)) == ["M-1"]


def test_channels_of_a_later_generation_are_not_shown(client: Client) -> None:
    """The dataset generation knows no WHATSAPP, whatever is stored."""
    mobile = {"name": "Mobile", "type": "TEXT", "identifyAs": {"channels": ["SMS", "WHATSAPP"]}}
    kept = [attribute if attribute["name"] != "Mobile" else mobile for attribute in DATA_SET["attributes"]]
    contact = stored("M-1", mobile="+12125550101", channels={"SMS": "OPT_IN", "WHATSAPP": "OPT_IN"})
    client.sandbox.load(seed(contact, attributes=kept), replace=True)
    answer = client.ask(
        """{ contacts { nodes { consent { channels { channel } } } }
             dataSets { nodes { attributes { identifyAs { channels } } } } }"""
    )
    assert answer["data"]["contacts"]["nodes"] == [{"consent": {"channels": [{"channel": "SMS"}]}}]
    assert answer["data"]["dataSets"]["nodes"][0]["attributes"][2] == {"identifyAs": {"channels": ["SMS"]}}
    client.consent("M-1", consentGroups=[{"consentGroupId": NEWS, "status": "OPT_OUT"}])
    assert client.groups("M-1") == {NEWS: {"SMS": "OPT_OUT"}}
    assert OFFERS not in client.groups("M-1")
