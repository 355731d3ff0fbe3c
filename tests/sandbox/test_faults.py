"""Fault schedules over the socket."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from pipeline.sandbox.faults import Schedule
from pipeline.sandbox.vendor import Call, SandboxError

from .client import Client, attributes, codes

ROW: dict[str, Any] = {"key": "M-1", "to": {"attributes": attributes(Nick="x")}}
ROWS = [ROW, {"key": "M-2", "to": {"attributes": attributes(Nick="x")}}]
QUERY = 'mutation($r:[UpdateContactInput!]){updateContacts(dataSetId:"ds-1",updateContactInputs:$r){modifiedCount}}'

PROMPT = httpx.Timeout(30, read=0.05)
"""Gives up an answer that takes longer, and nothing else."""


def written(client: Client) -> bool:
    """Whether the update took effect; the request log must say the same."""
    effect: bool = client.contact("M-1")["attributes"].get("Nick") == "x"
    assert bool(client.sandbox.requests()[-1].write_applied) == effect
    return effect


def send(client: Client, **fault: Any) -> httpx.Response:
    """An update of M-1 under one fault."""
    client.sandbox.faults([fault])
    return client.post(QUERY, r=[ROW])


@pytest.mark.parametrize(("form", "seconds"), [("seconds", 3), ("date", 3), ("seconds", None)])
def test_throttle(client: Client, form: str, seconds: int | None) -> None:
    """429 with the gateway's body; Retry-After as seconds, as a date, or not at all; nothing is written."""
    response = send(client, fault="throttle", retry_after=seconds, retry_after_form=form)
    assert (response.status_code, response.json()) == (429, {"message": "Too Many Requests"})
    header = response.headers.get("retry-after")
    match seconds, form:
        case None, _:
            assert header is None
        case _, "seconds":
            assert header == "3"
        case _:
            assert 2 < parsedate_to_datetime(header).timestamp() - time.time() <= 4
    assert not written(client)


@pytest.mark.parametrize("status", [500, 502, 503])
@pytest.mark.parametrize("write", [False, True])
def test_server_error(client: Client, status: int, write: bool) -> None:
    """A page of HTML, before or after the write."""
    response = send(client, fault="server_error", status=status, write=write, retry_after=1)
    assert response.status_code == status
    assert response.headers["content-type"] == "text/html"
    assert response.headers["retry-after"] == "1"
    assert response.text.startswith("<html>")
    assert written(client) == write


@pytest.mark.parametrize("write", [False, True])
def test_gateway_timeout(client: Client, write: bool) -> None:
    """The observed body, neither data nor errors, whether the write took effect or not."""
    response = send(client, fault="gateway_timeout", write=write)
    assert (response.status_code, response.json()) == (504, {"message": "Endpoint request timed out"})
    assert written(client) == write


@pytest.mark.parametrize(("at", "write"), [("before_write", False), ("after_write", True), ("mid_answer", True)])
def test_reset(client: Client, at: str, write: bool) -> None:
    """The connection is truly reset; the next request finds the server as it was."""
    with pytest.raises(httpx.ReadError) as caught:
        send(client, fault="reset", at=at)
    assert "reset by peer" in str(caught.value)
    assert written(client) == write
    assert client.sandbox.requests()[-1].status == (200 if at == "mid_answer" else None)
    client.sandbox.faults([])
    assert codes(client.update(ROW)) == []


def test_answer_is_cut_off_in_the_middle(client: Client) -> None:
    """With a reset in the middle of the answer, status and half of the body have come."""
    client.sandbox.faults([{"fault": "reset", "at": "mid_answer"}])
    body, headers = {"query": "{contacts{totalCount}}"}, {"x-api-key": "sandbox-key"}
    with client.http.stream("POST", client.sandbox.url, json=body, headers=headers) as response:
        parts = response.iter_raw()
        assert (response.status_code, next(parts)) == (200, b'{"data":{"contacts"')
        with pytest.raises(httpx.ReadError):
            next(parts)


@pytest.mark.parametrize("fault", ["truncated_json", "invalid_json"])
def test_answer_that_is_no_json(client: Client, fault: str) -> None:
    """The HTTP answer is whole, its JSON is not; the write took effect."""
    response = send(client, fault=fault)
    assert response.status_code == 200
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        response.json()
    assert written(client)


def test_wrong_content_type(client: Client) -> None:
    """JSON that calls itself HTML."""
    response = send(client, fault="content_type")
    assert response.headers["content-type"] == "text/html"
    assert response.json()["data"]


def test_drip(client: Client) -> None:
    """The answer is right and comes in pieces over the time set."""
    started = time.perf_counter()
    response = send(client, fault="drip", pieces=4, seconds=0.1)
    assert response.json() == {"data": {"updateContacts": {"modifiedCount": 1}}}
    assert time.perf_counter() - started >= 0.1


def test_latency_is_longer_than_the_client_waits(client: Client) -> None:
    """The write takes effect after the client has given up."""
    client.sandbox.faults([{"fault": "latency", "seconds": 1, "times": 1}])
    body = {"query": QUERY, "variables": {"r": [ROW]}}
    with pytest.raises(httpx.ReadTimeout):
        client.http.post(client.sandbox.url, json=body, headers={"x-api-key": "sandbox-key"}, timeout=PROMPT)
    assert "Nick" not in client.contact("M-1")["attributes"]
    while not client.sandbox.requests():
        threading.Event().wait(0.01)
    assert client.contact("M-1")["attributes"]["Nick"] == "x"


def test_wrong_number(client: Client) -> None:
    """The count is one too low; both rows were written."""
    client.sandbox.faults([{"fault": "wrong_number", "field": "modifiedCount", "delta": -1}])
    assert client.update(*ROWS) == {"data": {"updateContacts": {"modifiedCount": 1}}}
    assert [c["attributes"].get("Nick") for c in client.contacts()] == ["x", "x", None]


@pytest.mark.parametrize(("change", "length"), [("drop_first", 9), ("shuffle", 10)])
def test_wrong_list(client: Client, change: str, length: int) -> None:
    """Results are missing or in another order, and otherwise the same."""
    rows = [{"attributes": attributes(Member_No=f"N-{at}", Mail=f"n{at}@example.com")} for at in range(10)]
    right = client.create(*rows)["data"]["createContacts"]["items"]
    client.sandbox.faults([{"fault": "wrong_list", "field": "items", "change": change, "seed": 1}])
    wrong = client.create(*rows)["data"]["createContacts"]["items"]
    assert wrong != right
    assert len(wrong) == length
    assert {item["contactId"] for item in wrong} <= {item["contactId"] for item in right}


@pytest.mark.rule("AC-15")
def test_poison_row(client: Client) -> None:
    """Its batch is refused in the vendor's envelope without naming the row; others pass."""
    client.sandbox.faults([{"fault": "poison_row", "key": "M-2", "code": "INTERNAL_SERVER_ERROR", "message": "Oops"}])
    [error] = client.update(*ROWS)["errors"]
    assert (error["message"], error["path"]) == ("Oops", ["updateContacts"])
    assert error["extensions"] == {"code": "INTERNAL_SERVER_ERROR"}
    assert not written(client)
    assert codes(client.update(ROW)) == []
    client.sandbox.settings(batch_mode="partial_applied")
    assert codes(client.update(*ROWS)) == ["INTERNAL_SERVER_ERROR"]
    assert written(client)


def test_answer_of_any_kind(client: Client) -> None:
    """Any status and JSON can stand in for the real answer."""
    response = send(client, fault="answer", status=401, body={"message": "Unauthorized"})
    assert (response.status_code, response.json()) == (401, {"message": "Unauthorized"})


def test_several_faults_meet_one_request(client: Client) -> None:
    """Rules are applied in order: here the answer is changed and then lost."""
    client.sandbox.faults([{"fault": "wrong_number"}, {"fault": "gateway_timeout", "write": True}])
    assert client.post(QUERY, r=[ROW]).status_code == 504
    assert client.sandbox.requests()[-1].faults == ("wrong_number", "gateway_timeout")
    assert written(client)


UPDATE = Call("acoustic_connect", "updateContacts", ("M-1", "M-2"))
CREATE = Call("acoustic_connect", "createContacts", ("M-3",))


def hits(rule: dict[str, Any], calls: list[Call]) -> list[int]:
    """Which calls, from 1, a rule disturbs."""
    schedule = Schedule([{"fault": "server_error", **rule}])
    return [number for number, call in enumerate(calls, 1) if schedule.due(call)]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"operation": "createContacts"}, [2, 4, 6]),
        ({"operation": "createContacts", "nth": [1, 3]}, [2, 6]),
        ({"every": 4}, [4]),
        ({"times": 2}, [1, 2]),
        ({"every": 2, "times": 2}, [2, 4]),
        ({"key": "M-2"}, [1, 3, 5]),
        ({"vendor": "wix"}, []),
        ({"probability": 0.0}, []),
        ({"probability": 1.0}, [1, 2, 3, 4, 5, 6]),
    ],
)
def test_rules_pick_requests(rule: dict[str, Any], expected: list[int]) -> None:
    """Requests are counted by each rule among those that fit its vendor, operation and key."""
    assert hits(rule, [UPDATE, CREATE] * 3) == expected


def test_chance_is_repeatable() -> None:
    """The same seed picks the same requests."""
    rule = {"probability": 0.3, "seed": 5}
    chosen = hits(rule, [UPDATE] * 200)
    assert chosen == hits(rule, [UPDATE] * 200) != hits({**rule, "seed": 6}, [UPDATE] * 200)
    assert 30 < len(chosen) < 90


@pytest.mark.parametrize(
    "rules",
    [
        [{"fault": "gremlins"}],
        [{"fault": "reset", "when": "now"}],
        [{"fault": "poison_row"}],
        [{"fault": "throttle", "nth": [0]}],
        "all",
    ],
)
def test_schedule_that_cannot_be_read(rules: Any) -> None:
    """A slip in a schedule is an error, not a fault that never comes."""
    with pytest.raises(SandboxError):
        Schedule(rules)


def test_the_server_goes_down_and_comes_back_on_its_port(client: Client) -> None:
    """The request and idle connections are reset, new ones are refused; then the same address answers, unchanged."""
    with httpx.Client(timeout=30) as idle:
        idle.get(f"{client.sandbox.url}/_control/requests")
        with pytest.raises(httpx.ReadError):
            send(client, fault="refused", seconds=1.5, times=1)
    with pytest.raises(httpx.ConnectError):
        client.http.get(client.sandbox.url)
    answer = insist(client)
    assert answer.json()["data"]["updateContacts"]["modifiedCount"] == 1
    first, last = client.sandbox.requests()
    assert (first.status, first.faults, first.write_applied, last.write_applied) == (None, ("refused",), None, True)


def insist(client: Client) -> httpx.Response:
    """Asks until it is connected."""
    while True:
        try:
            return client.post(QUERY, r=[ROW])
        except httpx.ConnectError:
            continue


def test_going_down_time_and_again(client: Client) -> None:
    """Each time it comes back on its port."""
    client.sandbox.faults([{"fault": "refused", "seconds": 0.02, "times": 3}])
    for _ in range(3):
        with pytest.raises(httpx.ReadError):
            insist(client)
    assert insist(client).status_code == 200


def test_a_server_that_goes_down_carries_out_nothing_more(client: Client) -> None:
    """A request that was still on its way is reset with all others, and does not take effect later."""
    client.sandbox.faults(
        [{"fault": "latency", "seconds": 3, "key": "M-1"}, {"fault": "refused", "seconds": 0.02, "key": "M-2"}]
    )
    body = {"query": QUERY, "variables": {"r": ROWS[1:]}}

    def take_down() -> None:
        with suppress(httpx.ReadError):
            httpx.post(client.sandbox.url, json=body)

    down = threading.Timer(0.2, take_down)
    down.start()
    with pytest.raises(httpx.ReadError):
        client.post(QUERY, r=[ROW])
    down.join()
    while len(client.sandbox.requests()) < 2:
        threading.Event().wait(0.01)
    assert not any(entry.write_applied for entry in client.sandbox.requests())


def test_a_key_expires_from_a_request_on(client: Client) -> None:
    """The first so many pass, then the vendor's own refusal, so often or until the schedule is another."""
    client.sandbox.faults([{"fault": "expired_key", "after": 2, "times": 2}])
    answers = [client.post(QUERY, r=[ROW]) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 403, 403, 200]
    assert answers[2].json() == {"message": "Forbidden"}
    client.sandbox.faults([{"fault": "expired_key"}])
    assert [client.post(QUERY, r=[ROW]).status_code for _ in range(3)] == [403] * 3
    assert not client.sandbox.requests()[-1].write_applied
    client.http.delete(f"{client.sandbox.url}/_control/faults")
    assert client.post(QUERY, r=[ROW]).status_code == 200


def test_what_is_written_shows_later(client: Client) -> None:
    """Reading lags behind the write that the rule is about, and only behind that."""
    client.sandbox.faults([{"fault": "read_lag", "seconds": 30, "key": "M-1"}])
    client.post(QUERY, r=[ROW])
    client.post(QUERY, r=ROWS[1:])
    read = 'query($f:[RuleInput!]){contacts(filter:$f){nodes{attributes(selectByName:["Member No"]){value}}}}'
    answer = client.ask(read, f=[{"field": "Nick", "eq": "x"}])
    shown = [node["attributes"][0]["value"] for node in answer["data"]["contacts"]["nodes"]]
    assert (shown, client.contact("M-1")["attributes"]["Nick"]) == (["M-2"], "x")
