"""Who may come in: key, site, permission and rate."""

from __future__ import annotations

from typing import Any

import pytest

from .client import BULK, CONSENTS, KEY, SITE, Client, address, code, consent

ANN = consent("ann@example.com")
OPERATIONS: dict[str, tuple[str, str, Any, str]] = {
    "create": ("POST", CONSENTS, {"marketingConsent": consent("new@example.com")}, "UPSERT"),
    "upsert": ("POST", f"{CONSENTS}/upsert", {"marketingConsent": consent("new@example.com")}, "UPSERT"),
    "bulkUpsert": ("POST", BULK, {"info": [consent("new@example.com")]}, "UPSERT"),
    "remove": ("POST", f"{CONSENTS}/remove", {"details": address("bob@example.com")}, "UPSERT"),
    "update": ("PATCH", f"{CONSENTS}/id-ann", {"marketingConsent": ANN, "mask": {"paths": ["state"]}}, "UPDATE"),
    "delete": ("DELETE", f"{CONSENTS}/id-ann", None, "DELETE"),
    "get": ("GET", f"{CONSENTS}/id-ann", None, "READ"),
    "getBy": ("GET", f"{CONSENTS}/get-by?type=EMAIL&email=ann%40example.com&linkLanguage=pt", None, "READ"),
    "query": ("POST", f"{CONSENTS}/query", {"query": {}}, "READ"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("headers", "status", "expected"),
    [
        ({}, 200, None),
        ({"authorization": None}, 401, "UNAUTHENTICATED"),
        ({"authorization": "other-key"}, 401, "UNAUTHENTICATED"),
        ({"authorization": f"Bearer {KEY}"}, 401, "UNAUTHENTICATED"),
        ({"authorization": "other-key", "wix_site_id": None}, 401, "UNAUTHENTICATED"),
        ({"wix_site_id": None}, 403, "PERMISSION_DENIED"),
        ({"wix_site_id": "another-site"}, 403, "PERMISSION_DENIED"),
        ({"wix_site_id": None, "wix_account_id": "acc"}, 403, "PERMISSION_DENIED"),
        ({"wix_account_id": "acc"}, 403, "PERMISSION_DENIED"),
    ],
)
@pytest.mark.parametrize("operation", ["bulkUpsert", "get"])
def test_key_and_site(
    client: Client, operation: str, headers: dict[str, Any], status: int, expected: str | None
) -> None:
    """The raw key and its site are needed, and nothing else may stand in for them; nothing is written without."""
    method, path, body, _ = OPERATIONS[operation]
    response = client.send(method, path, body, **headers)
    assert response.status_code == status
    if expected is not None:
        assert code(response.json()) == expected
        assert set(response.json()) == {"message", "details"}
        assert client.sandbox.requests()[-1].error_code == expected
        assert client.found({"details.email": "new@example.com"}) == []


def test_switches_of_key_and_site(client: Client) -> None:
    """Key, site and the two open questions of the vendor's guides are set as wanted."""
    client.set(api_key="IST.other", site_id="site-2", missing_key_status=403, both_ids="accept")
    right: dict[str, Any] = {"authorization": "IST.other", "wix_site_id": "site-2"}
    path = f"{CONSENTS}/id-ann"
    assert client.send("GET", path).status_code == 401
    assert client.send("GET", path, **right).status_code == 200
    assert client.send("GET", path, **right, wix_account_id="acc").status_code == 200
    assert client.send("GET", path, **(right | {"authorization": None})).status_code == 403
    environment = client.sandbox.environment
    assert (environment["WIX_API_KEY"], environment["WIX_SITE_ID"]) == ("IST.other", "site-2")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_has_its_permission(client: Client, operation: str) -> None:
    """It succeeds with 200 if its permission is the only one, and is forbidden if it is the only one missing."""
    method, path, body, permission = OPERATIONS[operation]
    others = [name for name in ("READ", "UPSERT", "UPDATE", "DELETE") if name != permission]
    client.set(permissions=others)
    refused = client.send(method, path, body)
    assert (refused.status_code, code(refused.json())) == (403, "PERMISSION_DENIED")
    assert f"MARKETING.CONSENT_{permission}" in refused.json()["message"]
    client.set(permissions=[permission])
    assert client.send(method, path, body).status_code == 200
    assert [entry.operation for entry in client.sandbox.requests("wix")[-2:]] == [operation] * 2


def test_key_expires_if_so_set(client: Client) -> None:
    """401 until another key is set, which lives as long."""
    client.set(token_seconds=300)
    client.clock.now += 299
    assert "marketingConsent" in client.get("id-ann")
    client.clock.now += 1
    assert client.send("GET", f"{CONSENTS}/id-ann").status_code == 401
    client.set(api_key="fresh")
    assert client.send("GET", f"{CONSENTS}/id-ann", authorization="fresh").status_code == 200
    client.clock.now += 300
    assert client.send("GET", f"{CONSENTS}/id-ann", authorization="fresh").status_code == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/nothing"),
        ("GET", CONSENTS),
        ("GET", f"{CONSENTS}/"),
        ("PUT", f"{CONSENTS}/id-ann"),
        ("POST", f"{CONSENTS}/id-ann/more"),
        ("GET", BULK),
    ],
)
def test_unknown_path(client: Client, method: str, path: str) -> None:
    """404 in the vendor's envelope; the log has no operation for it."""
    response = client.send(method, path)
    assert (response.status_code, code(response.json())) == (404, "NOT_FOUND")
    entry = client.sandbox.requests()[-1]
    assert (entry.vendor, entry.operation, entry.write_applied) == ("wix", "", None)


def test_every_answer_has_an_id(client: Client) -> None:
    """`x-wix-request-id`, another each time, on refusals too."""
    responses = [client.send("GET", f"{CONSENTS}/{name}", wix_site_id=SITE) for name in ("id-ann", "id-ann", "nobody")]
    assert len({response.headers["x-wix-request-id"] for response in responses}) == 3


@pytest.mark.rule("WX-12")
def test_rate_is_limited(client: Client) -> None:
    """200 requests in any 60 seconds by default; those refused do not count, nor do those without a right key."""
    path = f"{CONSENTS}/id-ann"
    for _ in range(3):
        client.send("GET", path, authorization="other-key")
    assert {client.send("GET", path).status_code for _ in range(100)} == {200}
    client.clock.now += 30
    assert {client.send("GET", path).status_code for _ in range(100)} == {200}
    refused = client.send("GET", path)
    assert (refused.status_code, code(refused.json())) == (429, "RESOURCE_EXHAUSTED")
    assert "retry-after" not in refused.headers
    assert client.sandbox.requests()[-1].error_code == "RESOURCE_EXHAUSTED"
    client.clock.now += 29.9
    assert client.send("GET", path).status_code == 429
    client.clock.now += 0.1
    assert {client.send("GET", path).status_code for _ in range(100)} == {200}
    assert client.send("GET", path).status_code == 429


@pytest.mark.rule("WX-12")
def test_form_of_a_429(client: Client) -> None:
    """Code, Retry-After and kind of body are switches; nothing is written."""
    client.set(requests_per_minute=1, throttled_code="TOO_MANY", retry_after_seconds=7)
    client.get("id-ann")
    response = client.send("POST", BULK, {"info": [consent("new@example.com")]})
    assert (response.status_code, code(response.json()), response.headers["retry-after"]) == (429, "TOO_MANY", "7")
    assert client.sandbox.requests()[-1].write_applied is False
    client.set(throttled_body="html")
    response = client.send("GET", f"{CONSENTS}/id-ann")
    assert (response.status_code, response.headers["retry-after"]) == (429, "7")
    assert response.text.startswith("<html>")
    client.set(requests_per_minute=None)
    assert "marketingConsent" in client.get("id-ann")


@pytest.mark.rule("WX-12")
@pytest.mark.parametrize(("counts_items", "expected"), [(False, [200] * 4), (True, [200, 200, 429, 429])])
def test_what_a_bulk_call_counts(client: Client, counts_items: bool, expected: list[int]) -> None:
    """One, or one for each item, as the switch says; a call that finds room left is let in whole."""
    client.set(requests_per_minute=4, rate_counts_items=counts_items)
    body = {"info": [consent(f"user{at}@example.com") for at in range(3)]}
    assert [client.send("POST", BULK, body).status_code for _ in range(4)] == expected
