"""Bulk upsert: each item by itself, and what refuses the call as a whole."""

from __future__ import annotations

from typing import Any

import pytest

from .client import BULK, CONFIRMED, PHONE, Client, address, consent, violations

BAD_PHONE = consent("912-bad", "NEVER_CONFIRMED")
BAD_ENUM = consent("c@example.com", "MAYBE")


@pytest.mark.rule("WX-09")
@pytest.mark.rule("WX-10")
def test_results_by_index(client: Client) -> None:
    """Each item's consent and link, or its error as a text, under its position; HTTP 200 and totals."""
    info = [consent("a@example.com"), BAD_PHONE, consent("cleo@example.org", "PENDING"), consent(PHONE, "REVOKED")]
    response = client.send("POST", BULK, {"info": info})
    assert response.status_code == 200
    answer = response.json()
    assert answer["metadata"] == {"totalSuccess": 3, "totalFailure": 1}
    assert [result["originalIndex"] for result in answer["results"]] == [0, 1, 2, 3]
    created, bad, pending, revoked = answer["results"]
    assert created["marketingConsent"] == client.stored("a@example.com")
    assert created["link"]["type"] == "REVOKE_CONFIRMATION"
    assert bad == {"originalIndex": 1, "error": "INVALID_ARGUMENT: details.phone is not an E.164 number"}
    assert (pending["marketingConsent"]["revision"], pending["link"]["type"]) == ("2", "CONFIRMATION")
    assert (revoked["marketingConsent"]["state"], "link" in revoked) == ("REVOKED", False)


@pytest.mark.rule("WX-09")
def test_all_items_failed(client: Client) -> None:
    """It is HTTP 200 all the same."""
    response = client.send(
        "POST", BULK, {"info": [BAD_PHONE, {"details": address("a@example.com")} | {"state": "REVOKED"}]}
    )
    assert (response.status_code, response.json()["metadata"]) == (200, {"totalSuccess": 0, "totalFailure": 2})
    assert response.json()["results"][1]["error"] == "INVALID_ARGUMENT: lastRevokeActivity must be present"
    assert client.sandbox.requests()[-1].write_applied is False


@pytest.mark.rule("WX-09")
def test_same_address_twice(client: Client) -> None:
    """Items are carried out in order; the last one wins, and both are reported."""
    answer = client.bulk(consent("A@example.com"), consent("a@example.com", "REVOKED"))
    assert [result["marketingConsent"]["revision"] for result in answer["results"]] == ["1", "2"]
    stored = client.stored("a@example.com")
    assert (stored["state"], stored["lastConfirmationActivity"]) == ("REVOKED", CONFIRMED)


@pytest.mark.rule("WX-09")
@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (BAD_ENUM, ("info[1].state", "INVALID_ENUM_VALUE")),
        (7, ("info[1]", "VALIDATION")),
        (consent("a@example.com", lastConfirmationActivity={"description": "x" * 1001}),
         ("info[1].lastConfirmationActivity.description", "MAX_LENGTH")),
        ({"details": {"type": "EMAIL", "email": 5}, "state": "UNKNOWN_STATE"}, ("info[1].details.email", "VALIDATION")),
    ],
)  # fmt: skip
def test_fault_of_schema_refuses_the_call(client: Client, item: Any, expected: tuple[str, str]) -> None:
    """400 that names the item's field, and no item is carried out."""
    response = client.send("POST", BULK, {"info": [consent("b@example.com"), item, BAD_PHONE]})
    assert response.status_code == 400
    assert violations(response.json())[:1] == [expected]
    assert client.sandbox.requests()[-1].write_applied is False
    assert client.found({"details.email": "b@example.com"}) == []


@pytest.mark.rule("WX-09")
def test_whom_a_faulty_item_harms(client: Client) -> None:
    """Always itself, or always the call, as the switch says."""
    info = [consent("b@example.com"), BAD_ENUM, BAD_PHONE, {"details": address("d@example.com"), "state": "REVOKED"}]
    client.set(bulk_fault_scope="call")
    assert violations(client.bulk(*info)) == [
        ("info[1].state", "INVALID_ENUM_VALUE"),
        ("info[2].details.phone", "FORMAT"),
        ("info[3].lastRevokeActivity", "REQUIRED_FIELD"),
    ]
    assert client.found({"details.email": "b@example.com"}) == []
    client.set(bulk_fault_scope="item")
    answer = client.bulk(*info)
    assert answer["metadata"] == {"totalSuccess": 1, "totalFailure": 3}
    assert answer["results"][1]["error"].startswith("INVALID_ARGUMENT: state is not one of")


@pytest.mark.rule("WX-09")
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, ("info", "REQUIRED_FIELD")),
        ({"info": {}}, ("info", "VALIDATION")),
        ({"info": []}, ("info", "MIN_SIZE")),
        ({"info": [BAD_PHONE] * 501}, ("info", "MAX_SIZE")),
    ],
)
def test_faulty_info(client: Client, body: Any, expected: tuple[str, str]) -> None:
    """It is a list of 1 to 500."""
    response = client.send("POST", BULK, body)
    assert (response.status_code, violations(response.json())) == (400, [expected])


@pytest.mark.rule("WX-09")
def test_most_items_are_a_switch(client: Client) -> None:
    """The default's limit itself is allowed; the violation names the threshold."""
    assert client.bulk(*[BAD_PHONE] * 500)["metadata"]["totalFailure"] == 500
    client.set(bulk_max_items=2)
    [violation] = client.bulk(*[BAD_PHONE] * 3)["details"]["validationError"]["fieldViolations"]
    assert (violation["violatedRule"], violation["data"]) == ("MAX_SIZE", {"threshold": 2})


@pytest.mark.rule("WX-09")
def test_error_as_an_object(client: Client) -> None:
    """Code and description apart, if so set."""
    client.set(bulk_error_shape="object")
    [result] = client.bulk(BAD_PHONE)["results"]
    assert result["error"] == {"code": "INVALID_ARGUMENT", "description": "details.phone is not an E.164 number"}


@pytest.mark.rule("WX-09")
def test_shape_of_the_other_bulk_methods(client: Client) -> None:
    """Each result's metadata in one object, and the totals under the names of those methods, if so set."""
    client.set(bulk_error_shape="standard")
    answer = client.bulk(consent("ann@example.com"), BAD_PHONE)
    assert answer["bulkActionMetadata"] == {"totalSuccesses": 1, "totalFailures": 1, "undetailedFailures": 0}
    good, bad = answer["results"]
    assert good["itemMetadata"] == {"id": "id-ann", "originalIndex": 0, "success": True}
    assert good["marketingConsent"]["revision"] == "2"
    error = {"code": "INVALID_ARGUMENT", "description": "details.phone is not an E.164 number", "data": {}}
    assert bad == {"itemMetadata": {"originalIndex": 1, "success": False, "error": error}}


@pytest.mark.rule("WX-09")
@pytest.mark.parametrize(("said", "expected"), [("omit_zero", [None, 1, 2]), ("never", [None] * 3)])
def test_index_may_be_left_out(client: Client, said: str, expected: list[int | None]) -> None:
    """Of the first item, or of all, if so set."""
    client.set(bulk_original_index=said)
    answer = client.bulk(*[consent("a@example.com")] * 3)
    assert [result.get("originalIndex") for result in answer["results"]] == expected
