"""Fault schedules as they meet the emulated iVvy."""

from __future__ import annotations

import threading
from typing import Any

import httpx
import pytest

from .client import NEWS, Client, by_id, invalid, job, last_entry, person, reasons

PROMPT = httpx.Timeout(30, read=0.05)
"""Gives up an answer that takes longer, and nothing else."""


def written(client: Client, contact_id: int = 1) -> bool:
    """Whether the test's write to a contact took effect."""
    contact = next(contact for contact in client.contacts() if contact["id"] == contact_id)
    return bool(contact["phone"] == "new")


def send(client: Client, **fault: Any) -> httpx.Response:
    """A write of contact 1 under one fault."""
    client.sandbox.faults([fault])
    return client.post("contact", "addOrUpdateContact", id=1, phone="new")


@pytest.mark.rule("IV-13")
def test_throttle_speaks_as_the_vendor_does(client: Client) -> None:
    """429 in its envelope, with Retry-After if the rule says so; nothing is written."""
    response = send(client, fault="throttle", retry_after=3)
    assert (response.status_code, response.json()) == (
        429,
        {"errorCode": 429, "message": "Too Many Requests", "specificCode": 23000},
    )
    assert response.headers["retry-after"] == "3"
    assert not written(client)
    client.settings(specific_codes={"throttled": 29001})
    assert send(client, fault="throttle").json()["specificCode"] == 29001
    assert send(client, fault="throttle", body={"message": "Slow down"}).json() == {"message": "Slow down"}


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize("fault", [{"fault": "server_error", "status": 502}, {"fault": "gateway_timeout"}])
def test_errors_of_the_gateway(client: Client, fault: dict[str, Any], write: bool) -> None:
    """They are not in the vendor's envelope, and come before or after the write."""
    response = send(client, **fault, write=write)
    assert response.status_code in {502, 504}
    assert "errorCode" not in response.text
    assert written(client) == bool(last_entry(client).write_applied) == write


@pytest.mark.parametrize(("at", "write"), [("before_write", False), ("after_write", True), ("mid_answer", True)])
def test_reset(client: Client, at: str, write: bool) -> None:
    """The connection breaks before or after the write; the next request finds the server as it was."""
    with pytest.raises(httpx.ReadError):
        send(client, fault="reset", at=at)
    assert written(client) == write
    client.sandbox.faults([])
    assert client.write(id=1, status=2) == {"id": 1}


@pytest.mark.rule("IV-14")
def test_lost_answer_to_a_run(client: Client) -> None:
    """The batch is carried out all the same, though its id is not known."""
    client.sandbox.faults([{"fault": "reset", "at": "after_write", "operation": "batch.run"}])
    with pytest.raises(httpx.ReadError):
        client.run(job(id=1, phone="new"))
    assert written(client)


@pytest.mark.parametrize(
    ("fault", "readable"), [("truncated_json", False), ("invalid_json", False), ("content_type", True), ("drip", True)]
)
def test_spoiled_answers(client: Client, fault: str, readable: bool) -> None:
    """The write took effect, whether its answer can be read or not."""
    response = send(client, fault=fault, **({"seconds": 0.03} if fault == "drip" else {}))
    assert response.status_code == 200
    assert (response.text == '{"id":1}') == readable
    assert (response.headers["content-type"] == "text/html") == (fault == "content_type")
    assert written(client)


def test_latency(client: Client) -> None:
    """The write takes effect after the client has given up."""
    client.sandbox.faults([{"fault": "latency", "seconds": 1, "times": 1}])
    target = "/api/1.0/contact?action=addOrUpdateContact"
    body = b'{"id":1,"phone":"new"}'
    with pytest.raises(httpx.ReadTimeout):
        client.http.post(
            client.sandbox.url + target, content=body, headers=client.headers(target, body), timeout=PROMPT
        )
    assert not written(client)
    while not client.sandbox.requests():
        threading.Event().wait(0.01)
    assert written(client)


def test_answer_of_any_kind(client: Client) -> None:
    """Such as the vendor's documented 500."""
    body = {"errorCode": 500, "message": "An error has occurred", "specificCode": 23000, "additionalMessages": []}
    response = send(client, fault="answer", status=500, body=body)
    assert (response.status_code, response.json()) == (500, body)
    assert not written(client)


def test_wrong_number(client: Client) -> None:
    """An id of another contact is answered."""
    assert send(client, fault="wrong_number", field="id", delta=1).json() == {"id": 2}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("drop_first", [2, 3, 4, 5]),
        ("repeat_first", [1, 2, 3, 4, 5, 1]),
        ("shuffle", None),
    ],
)
@pytest.mark.rule("IV-14")
def test_wrong_results(client: Client, change: str, expected: list[int] | None) -> None:
    """Entries are missing, repeated or in another order: of a batch, and of getContactList."""
    async_id = client.run(*[job(id=contact_id, phone="new") for contact_id in range(1, 6)])
    client.sandbox.faults([{"fault": "wrong_list", "field": "results", "change": change}])
    of_batch = [entry["request"]["id"] for entry in client.batch("results", **by_id(async_id))["results"]]
    of_list = [entry["id"] for entry in client.ask("getContactList")["results"]]
    for ids in (of_batch, of_list):
        if expected is None:
            assert sorted(ids) == [1, 2, 3, 4, 5] != ids
        else:
            assert ids == expected


def poison(client: Client, key: str, **more: Any) -> None:
    """Have one row refused."""
    client.sandbox.faults([{"fault": "poison_row", "key": key, "message": "No", **more}])


@pytest.mark.parametrize("key", ["crm-1", "1", "ann@example.com"])
def test_poison_row(client: Client, key: str) -> None:
    """It is found by each of its names, those of the stored contact too, and refused as a bad value."""
    poison(client, key)
    assert reasons(client.write(id=1, phone="new")) == invalid("email", "No")
    assert not written(client)
    assert client.write(id=2, phone="new") == {"id": 2}


@pytest.mark.parametrize("key", ["crm-1", "1", "ann@example.com"])
def test_poison_row_by_its_triple(client: Client, key: str) -> None:
    """Also where the request finds the contact by names and e-mail."""
    poison(client, key)
    params = {"firstName": "Ann", "lastName": "Lake", "email": "Ann@example.com"}
    assert reasons(client.write(**params, updateIfExists=True, phone="new")) == invalid("email", "No")


@pytest.mark.rule("IV-11")
@pytest.mark.rule("IV-13")
@pytest.mark.parametrize(
    ("code", "category", "answer"),
    [
        ("success_false", None, {"success": False, "message": "No"}),
        ("400/24999", None, {"errorCode": 400, "message": "No", "specificCode": 24999}),
        ("500/23000", None, {"errorCode": 500, "message": "No", "specificCode": 23000}),
        (
            *("other", "phone"),
            {
                "errorCode": 400,
                "message": "'phone' does not validate",
                "specificCode": 23016,
                "additionalMessages": ["No"],
            },
        ),
    ],
)
def test_poison_speaks_in_either_channel(client: Client, code: str, category: str | None, answer: Any) -> None:
    """The rule's code picks the answer: a failure under HTTP 200, an error with both codes, or a bad parameter."""
    poison(client, "crm-1", code=code, **({"category": category} if category else {}))
    response = client.post("contact", "addOrUpdateContact", id=1, phone="new")
    assert response.json() == answer
    assert response.status_code == answer.get("errorCode", 200)


@pytest.mark.rule("IV-14")
@pytest.mark.parametrize("key", ["crm-2", "2", "bob@example.com"])
def test_poison_row_in_a_batch(client: Client, key: str) -> None:
    """Its job is refused, and the others pass."""
    poison(client, key)
    responses = client.responses(client.run(*[job(id=contact_id, phone="new") for contact_id in (1, 2, 3)]))
    assert ["errorCode" in response for response in responses] == [False, True, False]
    assert [written(client, contact_id) for contact_id in (1, 2, 3)] == [True, False, True]


@pytest.mark.rule("IV-14")
def test_poison_lasts_as_long_as_its_batch(client: Client) -> None:
    """Jobs that are carried out later are refused too, even when the schedule has ended by then."""
    client.settings(batch_seconds=10)
    poison(client, "crm-2")
    async_id = client.run(job(id=1, phone="new"), job(id=2, phone="new"))
    client.sandbox.faults([])
    client.clock.now += 10
    assert ["errorCode" in response for response in client.responses(async_id)] == [False, True]


def test_poison_of_a_new_contact(client: Client) -> None:
    """A contact that is yet to be added goes by what is sent."""
    poison(client, "gil@example.org")
    assert reasons(client.write(**person("Gil"))) == invalid("email", "No")
    poison(client, "crm-6")
    assert reasons(client.write(**person("Gil", externalId="crm-6"))) == invalid("email", "No")
    assert len(client.contacts()) == 5


def test_poison_in_a_group_call(client: Client) -> None:
    """Its status is false."""
    poison(client, "crm-2")
    answer = client.ask("addContactsToSubscriptionGroup", contacts=[2, 3], group=NEWS)
    assert answer == [{"contactId": 2, "status": False}, {"contactId": 3, "status": True}]


def test_poison_is_for_writes(client: Client) -> None:
    """The contact can still be read and found."""
    poison(client, "crm-1")
    assert client.status(1) == 1
    assert client.found(externalId="crm-1") == [1]


@pytest.mark.parametrize(
    ("operation", "key"),
    [("batch.run", "crm-2"), ("batch.run", "bob@example.com"), ("addOrUpdateContact", "2"), ("getContact", "crm-2")],
)
def test_rules_pick_by_operation_and_key(client: Client, operation: str, key: str) -> None:
    """Only the request of that operation with that row in it is disturbed."""
    client.sandbox.faults([{"fault": "server_error", "vendor": "ivvy", "operation": operation, "key": key}])
    calls = {
        "batch.run": client.post("batch", "run", jobs=[job(id=1, status=2), job(id=2, status=2)]),
        "addOrUpdateContact": client.post("contact", "addOrUpdateContact", id=2, status=2),
        "getContact": client.post("contact", "getContact", id=2),
        "other": client.post("contact", "getContact", id=1),
    }
    assert {name for name, response in calls.items() if response.status_code == 503} == {operation}


def test_a_key_that_expires(client: Client) -> None:
    """401 in the vendor's envelope, as for a key that nobody has; nothing is written."""
    client.write(id=2, phone="old")
    response = send(client, fault="expired_key", after=1, operation="addOrUpdateContact")
    assert response.status_code == 200
    response = client.post("contact", "addOrUpdateContact", id=1, phone="newer")
    assert (response.status_code, response.json()) == (
        401,
        {"errorCode": 401, "message": "Unauthorized", "specificCode": 23000},
    )
    assert written(client)


@pytest.mark.rule("IV-14")
def test_what_a_batch_writes_shows_later(client: Client) -> None:
    """Its results say that all is done, and reading shows it only after the lag; of single calls too."""
    client.sandbox.faults([{"fault": "read_lag", "seconds": 3}])
    client.run(job(id=1, phone="new"))
    client.write(id=2, phone="new")
    before = [client.contact(number).get("phone") for number in (1, 2)]
    client.clock.now += 3
    assert [client.contact(number).get("phone") for number in (1, 2)] == ["new", "new"]
    assert "new" not in before
