"""HTTP, GraphQL envelopes, and batches."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .client import Client, attributes, channel, codes

UPDATE = 'mutation($r:[UpdateContactInput!]){updateContacts(dataSetId:"ds-1",updateContactInputs:$r){modifiedCount}}'


WHATSAPP = """mutation { updateContacts(dataSetId: "ds-1", updateContactInputs:
  {key: "M-1", to: {consent: {channels: {channel: WHATSAPP, status: OPT_IN}}}}) { modifiedCount } }"""


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "wrong"}])
def test_missing_or_wrong_key_is_forbidden(client: Client, headers: dict[str, str]) -> None:
    """A bare message with status 403, neither data nor errors."""
    response = client.http.post(client.sandbox.url, json={"query": "{__typename}"}, headers=headers)
    assert (response.status_code, response.json()) == (403, {"message": "Forbidden"})


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{}", "text/plain", 415),
        (b"not json", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"variables":{}}', "application/json", 400),
        (b'{"query":"{__typename}","variables":[1]}', "application/json", 400),
        (b'{"query":"' + b" " * 2000 + b'"}', "application/json", 413),
    ],
)
def test_request_that_is_no_graphql(client: Client, body: bytes, content_type: str, status: int) -> None:
    """The content type, the size and the shape of the body are held to what is documented."""
    client.sandbox.settings(max_body_bytes=1000)
    headers = {"x-api-key": "sandbox-key", "content-type": content_type}
    assert client.http.post(client.sandbox.url, content=body, headers=headers).status_code == status


def test_other_methods_are_not_served(client: Client) -> None:
    """Queries and mutations alike are POSTs."""
    assert client.http.get(client.sandbox.url).status_code == 405


@pytest.mark.parametrize(
    "query",
    [
        "mutation { createContacts(contactsInput: []) { items { contactId } } }",
        'mutation { createContacts(dataSetId: "ds-1", contactsInput: []) { items { contactKey } } }',
        "{ contacts { nodes { name } } }",
        "{ contacts(first: $n) { totalCount } }",
        "{ contacts(first: ",
        WHATSAPP,
        "query($n: Int) { contacts(first: $n) { totalCount } }",
    ],
)
def test_document_that_does_not_fit_the_schema(client: Client, query: str) -> None:
    """Errors without data; in the dataset generation there is no contactKey, and WHATSAPP is no channel."""
    response = client.post(query)
    assert response.status_code == 400
    assert "data" not in response.json()
    assert set(codes(response.json())) == {"GRAPHQL_VALIDATION_FAILED"}


def test_variables_that_do_not_fit_the_schema(client: Client) -> None:
    """Refused before anything is carried out, without data."""
    answer = client.ask(UPDATE, r=[{"key": "M-1", "to": {"attributes": attributes(Nick="x")}}, {"to": {}}])
    assert codes(answer) == ["BAD_USER_INPUT"]
    assert "data" not in answer
    assert "Nick" not in client.contact("M-1")["attributes"]


def test_http_status_of_errors_is_a_switch(client: Client) -> None:
    """A5: 200 for errors in carrying out, 400 for a document that does not fit, unless set."""
    missing: list[dict[str, Any]] = [{"key": "M-9", "to": {}}]
    assert [client.post(UPDATE, r=missing).status_code, client.post("{ nope }").status_code] == [200, 400]
    client.sandbox.settings(graphql_error_status=422, validation_error_status=200)
    assert [client.post(UPDATE, r=missing).status_code, client.post("{ nope }").status_code] == [422, 200]


def test_introspection_can_be_off(client: Client) -> None:
    """A39: the schema is shown unless it is switched off."""
    query = "{ __schema { __typename } }"
    assert client.ask(query) == {"data": {"__schema": {"__typename": "__Schema"}}}
    client.sandbox.settings(introspection=False)
    assert codes(client.ask(query)) == ["GRAPHQL_VALIDATION_FAILED"]


def test_operation_is_chosen_by_name(client: Client) -> None:
    """A document may hold several named operations."""
    query = "query A { contacts { totalCount } } query B { dataSets { nodes { name } } }"
    body = {"query": query, "variables": None, "operationName": "B"}
    answer = client.http.post(client.sandbox.url, json=body, headers={"X-API-Key": "sandbox-key"}).json()
    assert list(answer["data"]) == ["dataSets"]
    assert client.sandbox.requests()[-1].operation == "dataSets"


def test_batch_size_is_limited(client: Client) -> None:
    """A1: a larger batch is refused as a whole, with a code of its own."""
    client.sandbox.settings(max_batch=2)
    rows = [{"key": key, "to": {"attributes": attributes(Nick="x")}} for key in ("M-1", "M-2", "M-3")]
    assert codes(client.update(*rows)) == ["BATCH_TOO_LARGE"]
    assert codes(client.update(*rows[:2])) == []


@pytest.mark.rule("AC-14")
@pytest.mark.rule("AC-15")
@pytest.mark.parametrize(
    ("mode", "report", "nicks", "codes_answered"),
    [
        ("atomic", "first", [None, None, None], ["CONTACT_NOT_FOUND_BY_KEY"]),
        ("atomic", "all", [None, None, None], ["CONTACT_NOT_FOUND_BY_KEY", "ATTRIBUTE_NOT_DEFINED"]),
        ("partial_applied", "first", ["x", None, "x"], ["CONTACT_NOT_FOUND_BY_KEY"]),
        ("partial_applied", "all", ["x", None, "x"], ["CONTACT_NOT_FOUND_BY_KEY", "ATTRIBUTE_NOT_DEFINED"]),
    ],
)
def test_bad_rows_of_a_batch(
    client: Client, mode: str, report: str, nicks: list[str | None], codes_answered: list[str]
) -> None:
    """A6, A7: all or nothing, or each row by itself; one error or all; never an index of the row, data always null."""
    client.sandbox.settings(batch_mode=mode, error_report=report)
    answer = client.update(
        {"key": "M-1", "to": {"attributes": attributes(Nick="x")}},
        {"key": "M-9", "to": {}},
        {"key": "M-2", "to": {"attributes": attributes(Nope="x")}},
        {"key": "M-3", "to": {"attributes": attributes(Nick="x")}},
    )
    assert codes(answer) == codes_answered
    assert answer["data"] is None
    assert {tuple(error["path"]) for error in answer["errors"]} == {("updateContacts",)}
    assert [contact["attributes"].get("Nick") for contact in client.contacts()] == nicks
    assert client.sandbox.requests()[-1].write_applied == (mode == "partial_applied")


GOOD = st.sampled_from(["M-1", "M-2", "M-3"]).map(
    lambda key: {
        "key": key,
        "to": {"attributes": attributes(Nick=key), "consent": {"channels": [channel("EMAIL", "OPT_OUT")]}},
    }
)
BAD = st.sampled_from(
    [
        {"key": "M-9", "to": {}},
        {"key": "M-1", "to": {"attributes": attributes(Points="many")}},
        {"key": "M-2", "to": {"consent": {"channels": [channel("SMS", "OPT_OUT")]}}},
    ]
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(GOOD, max_size=4), bad=BAD, at=st.integers(0, 4))
def test_atomic_batch_with_a_bad_row_changes_nothing(
    client: Client, rows: list[dict[str, Any]], bad: dict[str, Any], at: int
) -> None:
    """Wherever the bad row stands, everything is as before."""
    before = client.contacts()
    assert len(client.update(*rows[:at], bad, *rows[at:])["errors"]) == 1
    assert client.contacts() == before
