"""Reading within the delays that are set: consents as they were."""

from __future__ import annotations

import pytest

from .client import ALL, CONSENTS, START, Client, consent


@pytest.mark.rule("WX-12")
def test_query_lags_behind(client: Client) -> None:
    """For the time set, it shows consents as they were: changed, new and deleted ones; get does not lag."""
    client.set(query_lag_ms=5000)
    old, new = client.stored("ann@example.com"), consent("dan@example.com", "REVOKED")
    client.upsert(consent("ann@example.com", "REVOKED"))
    client.upsert(consent("ann@example.com", "NEVER_CONFIRMED"))
    client.upsert(new)
    client.send("DELETE", f"{CONSENTS}/id-bob")
    client.clock.now = START + 4.9
    for filter_ in (None, {"details.email": {"$in": [*ALL, "dan@example.com"]}}):
        assert client.found(filter_) == (ALL if filter_ is None else ALL[:3])
        assert client.query(filter=filter_)["marketingConsent"][0] == old
    assert client.found({"state": "CONFIRMED"}, sort=[{"fieldName": "updatedDate"}]) == ALL[:1]
    assert client.get("id-ann")["marketingConsent"]["state"] == "NEVER_CONFIRMED"
    assert client.get_by("dan@example.com")["marketingConsent"]["state"] == "REVOKED"
    client.clock.now = START + 5
    assert sorted(client.found(None)) == sorted(["ann@example.com", "dan@example.com", *ALL[2:]])
    assert client.found({"details.email": "ann@example.com", "state": "NEVER_CONFIRMED"}) == ALL[:1]


@pytest.mark.rule("WX-12")
def test_get_by_lags_behind(client: Client) -> None:
    """By a time of its own."""
    client.set(get_by_lag_ms=1000, query_lag_ms=2000)
    client.upsert(consent("ann@example.com", "REVOKED"))
    client.upsert(consent("dan@example.com", "REVOKED"))
    assert client.get_by("ann@example.com")["marketingConsent"]["state"] == "CONFIRMED"
    assert "marketingConsent" not in client.get_by("dan@example.com")
    client.clock.now += 1
    assert client.get_by("ann@example.com")["marketingConsent"]["state"] == "REVOKED"
    assert client.get_by("dan@example.com")["marketingConsent"]["state"] == "REVOKED"
    assert client.found({"details.email": "dan@example.com"}) == []


@pytest.mark.rule("WX-12")
def test_deleted_and_created_again_within_the_lag(client: Client) -> None:
    """The address leads to the consent that it had, then to the new one."""
    client.set(query_lag_ms=1000)
    client.send("DELETE", f"{CONSENTS}/id-ann")
    client.upsert(consent("ann@example.com", "REVOKED"))
    [found] = client.query(filter={"details.email": "ann@example.com"})["marketingConsent"]
    assert found["id"] == "id-ann"
    client.clock.now += 1
    [found] = client.query(filter={"details.email": "ann@example.com"})["marketingConsent"]
    assert found == client.stored("ann@example.com")
