"""The two envelopes, and requests that lead to no action."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pipeline.sandbox.ivvy.refusals import Code

from .client import Client, invalid, last_entry, person, reasons

if TYPE_CHECKING:
    import httpx

PING = "/api/1.0/test?action=ping"


def error(response: httpx.Response) -> dict[str, Any]:
    """An error's envelope; its errorCode is the HTTP status."""
    answer: dict[str, Any] = response.json()
    assert response.status_code == answer["errorCode"]
    assert response.headers["content-type"] == "application/json"
    return answer


def test_ping_tells_the_time(client: Client) -> None:
    """In UTC, by the server's clock; an empty body will do."""
    client.clock.now += 1
    response = client.send("test", "ping", b"")
    assert (response.status_code, response.json()) == (200, {"ack": "2026-02-03 01:10:45 UTC"})
    assert response.headers["content-type"] == "application/json"


@pytest.mark.rule("IV-13")
@pytest.mark.parametrize(
    ("namespace", "action", "expected"),
    [
        ("contact", "deleteContact", {"errorCode": 501, "message": "Not Implemented", "specificCode": 23000}),
        ("contact", "addorupdatecontact", {"errorCode": 501, "message": "Not Implemented", "specificCode": 23000}),
        ("contact", "", {"errorCode": 501, "message": "Not Implemented", "specificCode": 23000}),
        ("venue", "ping", {"errorCode": 404, "message": "Not Found", "specificCode": 23000}),
    ],
)
def test_unknown_actions(client: Client, namespace: str, action: str, expected: dict[str, Any]) -> None:
    """501 for an action that the namespace does not have, 404 for a namespace that is not there."""
    assert error(client.post(namespace, action)) == expected


@pytest.mark.rule("IV-13")
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_wrong_method(client: Client, method: str) -> None:
    """405 in the vendor's envelope, before the signature is looked at."""
    assert error(client.http.request(method, client.sandbox.url + PING))["errorCode"] == 405


@pytest.mark.rule("IV-13")
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", None])
def test_wrong_content_type(client: Client, content_type: str | None) -> None:
    """Only JSON is acceptable."""
    headers = client.headers(PING, b"") | {"content-type": content_type or ""}
    assert error(client.http.post(client.sandbox.url + PING, headers=headers))["errorCode"] == 406


@pytest.mark.rule("IV-13")
@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"1", b'{"id": NaN}', b'{"firstName": "\\ud800"}', b'{"a":"\xff"}', b"null"]
)
def test_body_that_is_no_json_object(client: Client, body: bytes) -> None:
    """400 once the request has been let in; nothing is done."""
    answer = error(client.send("contact", "addOrUpdateContact", body))
    assert reasons(answer) == (23000, "Bad Request", ["The body is not a JSON object"])
    assert last_entry(client).write_applied is False


@pytest.mark.rule("IV-13")
def test_missing_parameter(client: Client) -> None:
    """The first that is missing is named, also where the body is empty."""
    expected = {"errorCode": 400, "message": "'id' is required", "specificCode": 23017}
    assert error(client.send("contact", "getContact", b"")) == expected
    assert error(client.post("contact", "getContact", id=None)) == expected
    assert error(client.post("contact", "getContact", id="")) == expected


@pytest.mark.rule("IV-13")
def test_invalid_parameter(client: Client) -> None:
    """The first bad parameter is named, with the reason beside it."""
    assert error(client.post("contact", "getContact", id="x", useEventSortOrder=1)) == {
        "errorCode": 400,
        "message": "'id' does not validate",
        "specificCode": 23016,
        "additionalMessages": ["Value is not a whole number"],
    }
    answer = client.ask("getContact", id=1, useEventSortOrder=1)
    assert reasons(answer) == invalid("useEventSortOrder", "Value is not true or false")


@pytest.mark.rule("IV-13")
def test_contact_not_found(client: Client) -> None:
    """The documented code under 400, or under 404 where the switch says so."""
    assert error(client.post("contact", "getContact", id=99)) == {
        "errorCode": 400,
        "message": "Unable to find contact",
        "specificCode": 24096,
    }
    client.settings(not_found_status=404)
    answers = [
        client.post("contact", "getContact", id=99),
        client.post("batch", "progress", **{"async": "0"}),
        client.post("batch", "results", **{"async": "0"}),
    ]
    assert [(error(answer)["errorCode"], answer.json()["specificCode"]) for answer in answers] == [
        (404, Code.CONTACT_NOT_FOUND),
        (404, Code.BATCH_NOT_FOUND),
        (404, Code.BATCH_RESULTS_NOT_FOUND),
    ]


@pytest.mark.parametrize("forbidden", ["contact", "contact.addOrUpdateContact"])
def test_key_without_rights(client: Client, forbidden: str) -> None:
    """403 for a namespace or for one action, alone and as a job; the rest is let in."""
    client.settings(forbidden=[forbidden])
    expected = {"errorCode": 403, "message": "Not Allowed", "specificCode": 23000}
    assert error(client.post("contact", "addOrUpdateContact", **person("Gil"))) == expected
    async_id = client.run({"namespace": "contact", "action": "addOrUpdateContact", "params": person("Gil")})
    assert client.responses(async_id) == [expected]
    assert client.post("test", "ping").status_code == 200
    assert client.post("contact", "getContact", id=1).status_code == (403 if forbidden == "contact" else 200)


@pytest.mark.rule("IV-13")
def test_undocumented_codes_are_settings(client: Client) -> None:
    """So that no client can rely on them."""
    client.settings(specific_codes={"unknown_action": 29999, "method": 28888})
    assert error(client.post("contact", "deleteContact"))["specificCode"] == 29999
    assert error(client.http.get(client.sandbox.url + PING))["specificCode"] == 28888
    assert error(client.post("nowhere", "ping"))["specificCode"] == 23000


@pytest.mark.rule("IV-13")
def test_rate_limit(client: Client) -> None:
    """A bucket of tokens: a burst, then 429 in the envelope, then one request for each token that has come back."""
    client.settings(requests_per_second=2, burst=3)
    statuses = [client.post("test", "ping").status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    response = client.post("test", "ping")
    assert error(response) == {"errorCode": 429, "message": "Too Many Requests", "specificCode": 23000}
    assert "retry-after" not in response.headers
    statuses = []
    for _ in range(4):
        client.clock.now += 0.25
        statuses.append(client.post("test", "ping").status_code)
    assert statuses == [429, 200, 429, 200]
    client.clock.now += 60
    assert [client.post("test", "ping").status_code for _ in range(4)] == [200, 200, 200, 429]


def test_rate_limit_tells_when_to_come_back(client: Client) -> None:
    """With a Retry-After, if that is set; without a burst it is one second's worth of requests."""
    client.settings(requests_per_second=1, retry_after=7)
    assert client.post("test", "ping").status_code == 200
    response = client.post("test", "ping")
    assert (response.status_code, response.headers["retry-after"]) == (429, "7")
    assert "retry-after" not in client.http.get(client.sandbox.url + PING).headers


def test_jobs_may_count(client: Client) -> None:
    """A batch of four jobs takes four tokens, and leaves a debt where there were fewer."""
    client.settings(requests_per_second=1, burst=2, rate_counts_jobs=True)
    jobs = [{"namespace": "test", "action": "ping", "params": {}}] * 4
    assert client.post("batch", "run", jobs=jobs).status_code == 200
    client.clock.now += 2
    assert client.post("test", "ping").status_code == 429
    client.clock.now += 1
    assert client.post("test", "ping").status_code == 200


def test_unsigned_requests_take_no_token(client: Client) -> None:
    """Whoever is not let in does not use up the limit of the account."""
    client.settings(requests_per_second=1)
    for _ in range(3):
        assert (
            client.http.post(client.sandbox.url + PING, headers={"content-type": "application/json"}).status_code == 400
        )
    assert client.post("test", "ping").status_code == 200


@pytest.mark.rule("IV-11")
@pytest.mark.rule("IV-13")
def test_log_shows_both_channels_of_failure(client: Client) -> None:
    """Both codes of an error; a word of its own for `success: false` under HTTP 200."""
    client.write(**person("Gil"))
    client.write(**person("Gil"))
    client.write(firstName="Gil")
    entries = client.sandbox.requests("ivvy")
    assert [(entry.status, entry.error_code, entry.write_applied) for entry in entries] == [
        (200, None, True),
        (200, "success_false", False),
        (400, "400/23017", False),
    ]


@pytest.mark.parametrize("keys", ["ignore", "reject"])
@pytest.mark.parametrize(
    ("action", "params"),
    [
        ("addOrUpdateContact", {"id": 1}),
        ("getContact", {"id": 1}),
        ("getContactList", {}),
        ("getCompanyList", {}),
        ("getSubscriptionGroupList", {}),
        ("getCustomFieldDefinition", {}),
        ("addContactsToSubscriptionGroup", {"contacts": [], "group": 310}),
    ],
)
def test_unknown_parameters(client: Client, keys: str, action: str, params: dict[str, Any]) -> None:
    """They are passed over, or refused by name where the switch says so."""
    client.settings(unknown_keys=keys)
    answer = client.ask(action, **params, colour="red")
    if keys == "ignore":
        assert "errorCode" not in answer
    else:
        assert reasons(answer) == invalid("colour", "Unknown parameter")
