"""Fault schedules as Wix's clients meet them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from .client import BULK, CONSENTS, Client, address, code, consent

INFO = [consent(f"user{at}@example.com") for at in range(6)]
SYSTEM = {"message": "", "details": {}}


def send(client: Client, **fault: Any) -> httpx.Response:
    """A bulk call under one fault."""
    client.sandbox.faults([{"vendor": "wix", "operation": "bulkUpsert", **fault}])
    return client.send("POST", BULK, {"info": INFO})


def written(client: Client) -> bool:
    """Whether the bulk call took effect; the request log must say the same."""
    dump: Any = client.sandbox.dump()["wix"]
    effect = len(dump["consents"]) > 4
    assert bool(client.sandbox.requests()[-1].write_applied) == effect
    return effect


@pytest.mark.rule("WX-12")
def test_throttle(client: Client) -> None:
    """429 in the vendor's envelope, or with the rule's own body; nothing is written."""
    response = send(client, fault="throttle", retry_after=3)
    assert (response.status_code, response.headers["retry-after"]) == (429, "3")
    assert code(response.json()) == "RESOURCE_EXHAUSTED"
    client.set(throttled_code="TOO_MANY")
    assert code(send(client, fault="throttle").json()) == "TOO_MANY"
    assert send(client, fault="throttle", body={"message": "slow"}).json() == {"message": "slow"}
    assert not written(client)


@pytest.mark.parametrize("write", [False, True])
def test_server_error(client: Client, write: bool) -> None:
    """A page of HTML, or the vendor's empty envelope, before or after the write."""
    response = send(client, fault="server_error", status=503, write=write)
    assert (response.status_code, response.text[:6]) == (503, "<html>")
    assert written(client) == write
    response = send(client, fault="server_error", status=500, body=SYSTEM, write=write, retry_after=1)
    assert (response.status_code, response.json(), response.headers["retry-after"]) == (500, SYSTEM, "1")


@pytest.mark.parametrize("write", [False, True])
def test_gateway_timeout(client: Client, write: bool) -> None:
    """Whether the items were carried out cannot be seen from the answer."""
    response = send(client, fault="gateway_timeout", body=SYSTEM, write=write)
    assert (response.status_code, response.json()) == (504, SYSTEM)
    assert written(client) == write


@pytest.mark.parametrize(("at", "write"), [("before_write", False), ("after_write", True), ("mid_answer", True)])
def test_reset(client: Client, at: str, write: bool) -> None:
    """The connection is reset before or after the items were carried out."""
    with pytest.raises(httpx.ReadError):
        send(client, fault="reset", at=at)
    assert written(client) == write


@pytest.mark.parametrize("fault", ["truncated_json", "invalid_json"])
def test_answer_that_is_no_json(client: Client, fault: str) -> None:
    """The items were carried out."""
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        send(client, fault=fault).json()
    assert written(client)


def test_answer_that_comes_otherwise(client: Client) -> None:
    """Another content type, in pieces, late, or another answer altogether."""
    assert send(client, fault="content_type").headers["content-type"] == "text/html"
    for fault in ({"fault": "drip", "pieces": 3, "seconds": 0.01}, {"fault": "latency", "seconds": 0.01}):
        assert send(client, **fault).json()["metadata"] == {"totalSuccess": 6, "totalFailure": 0}
    response = send(client, fault="answer", status=401, body={"message": "no"})
    assert (response.status_code, response.json()) == (401, {"message": "no"})


@pytest.mark.rule("WX-09")
def test_wrong_number(client: Client) -> None:
    """The totals say less than was done."""
    answer = send(client, fault="wrong_number", field="totalSuccess", delta=-2).json()
    assert answer["metadata"] == {"totalSuccess": 4, "totalFailure": 0}
    assert len(answer["results"]) == 6


@pytest.mark.rule("WX-09")
@pytest.mark.parametrize(
    ("change", "expected"),
    [("drop_first", [1, 2, 3, 4, 5]), ("repeat_first", [0, 1, 2, 3, 4, 5, 0]), ("shuffle", None)],
)
def test_wrong_list(client: Client, change: str, expected: list[int] | None) -> None:
    """Results are missing, doubled or in another order, each still under its own index."""
    answer = send(client, fault="wrong_list", field="results", change=change, seed=1).json()
    indexes = [result["originalIndex"] for result in answer["results"]]
    if expected is None:
        assert indexes != sorted(indexes) == [0, 1, 2, 3, 4, 5]
    else:
        assert indexes == expected
    for result in answer["results"]:
        assert result["marketingConsent"]["details"] == INFO[result["originalIndex"]]["details"]
    assert client.sandbox.dump()["wix"] != {"consents": []}


@pytest.mark.rule("WX-09")
def test_poison_row_fails_by_item(client: Client) -> None:
    """The item has the rule's code and message for its error; the others pass."""
    rule = {"fault": "poison_row", "key": "user2@example.com", "code": "INTERNAL", "message": "row refused"}
    answer = send(client, **rule).json()
    assert answer["metadata"] == {"totalSuccess": 5, "totalFailure": 1}
    assert answer["results"][2] == {"originalIndex": 2, "error": "INTERNAL: row refused"}
    entry = client.sandbox.requests()[-1]
    assert (entry.error_code, entry.write_applied, entry.faults) == ("INTERNAL", True, ("poison_row",))


@pytest.mark.parametrize("key", ["ann@example.com", "id-ann"])
def test_poison_row_in_single_calls(client: Client, key: str) -> None:
    """Every way to write it is refused with 400, by address or by id; reading is not."""
    client.sandbox.faults([{"fault": "poison_row", "key": key, "code": "BAD_ROW"}])
    sent = consent("ann@example.com", "REVOKED")
    answers = [
        client.send("PATCH", f"{CONSENTS}/id-ann", {"marketingConsent": sent, "mask": "state"}),
        client.send("DELETE", f"{CONSENTS}/id-ann"),
    ]
    if key != "id-ann":
        answers += [
            client.send("POST", f"{CONSENTS}/upsert", {"marketingConsent": sent}),
            client.send("POST", CONSENTS, {"marketingConsent": sent}),
            client.send("POST", f"{CONSENTS}/remove", {"details": address("Ann@example.com")}),
        ]
    assert {(answer.status_code, code(answer.json())) for answer in answers} == {(400, "BAD_ROW")}
    assert client.stored("ann@example.com")["revision"] == "1"
    assert "marketingConsent" in client.get("id-ann")
    assert "marketingConsent" in client.get_by("ann@example.com")


def test_rules_pick_by_operation_and_address(client: Client) -> None:
    """A rule meets the requests that name the address, whether in a body, a filter, a query or by its id."""
    client.sandbox.faults([{"fault": "answer", "status": 418, "body": {}, "key": "ann@example.com"}])
    ann = {"filter": {"details.email": {"$in": ["bob@example.com", "ANN@example.com"]}}}
    met = [
        client.send("GET", f"{CONSENTS}/id-ann"),
        client.send("GET", f"{CONSENTS}/get-by?type=EMAIL&email=ann@example.com"),
        client.send("POST", f"{CONSENTS}/query", {"query": ann}),
        client.send("POST", BULK, {"info": [consent("x@example.com"), consent("Ann@example.com")]}),
    ]
    assert [response.status_code for response in met] == [418] * 4
    assert client.send("POST", f"{CONSENTS}/query", {"query": {}}).status_code == 200
    client.sandbox.faults([{"fault": "answer", "status": 418, "body": {}, "operation": "getBy"}])
    assert client.send("GET", f"{CONSENTS}/get-by?type=EMAIL&email=ann@example.com").status_code == 418
    assert client.send("GET", f"{CONSENTS}/id-ann").status_code == 200


@pytest.mark.rule("WX-12")
def test_a_key_that_expires(client: Client) -> None:
    """401 in the vendor's envelope; nothing is written."""
    response = send(client, fault="expired_key")
    assert (response.status_code, code(response.json())) == (401, "UNAUTHENTICATED")
    assert not written(client)


@pytest.mark.rule("WX-12")
def test_what_is_written_shows_later(client: Client) -> None:
    """Queries show what was there before the write, for as long as the rule says, whatever was written since."""
    assert send(client, fault="read_lag", seconds=5).status_code == 200
    client.sandbox.faults([])
    client.upsert(consent("dan@example.com"))
    assert client.found({"details.email": {"$in": ["user0@example.com", "dan@example.com"]}}) == ["dan@example.com"]
    client.clock.now += 5
    assert len(client.found({"details.email": {"$in": ["user0@example.com", "dan@example.com"]}})) == 2
