"""What happens when a person follows the link of an answer."""

from __future__ import annotations

from datetime import datetime

import pytest

from .client import CONFIRMED, DOUBLE, START, Client, consent

LATER = "2026-09-05T10:00:00.000Z"


@pytest.mark.rule("WX-10")
def test_confirming(client: Client) -> None:
    """PENDING becomes CONFIRMED by LINK_CONFIRMATION, once; the address then has the other link."""
    url = client.upsert(consent("cleo@example.org", "PENDING"))["link"]["url"]
    client.clock.now = datetime.fromisoformat(LATER).timestamp()
    assert client.visit(url).status_code == 200
    found = client.stored("cleo@example.org")
    assert (found["state"], found["revision"], found["updatedDate"]) == ("CONFIRMED", "3", LATER)
    assert found["lastConfirmationActivity"] == {
        "source": "LINK_CONFIRMATION",
        "updatedDate": LATER,
        "optInLevel": "DOUBLE_CONFIRMATION",
    }
    assert client.visit(url).status_code == 200
    assert client.stored("cleo@example.org") == found
    assert client.get_by("cleo@example.org")["communicationEligibility"]["granted"]


@pytest.mark.rule("WX-10")
def test_revoking(client: Client) -> None:
    """CONFIRMED becomes REVOKED by REVOKE_LINK, the confirmation stays; get-by hands out the same link."""
    url = client.upsert(consent("ann@example.com"))["link"]["url"]
    assert client.get_by("ann@example.com")["communicationEligibility"]["revokeConfirmationLink"] == url
    client.clock.now = datetime.fromisoformat(LATER).timestamp()
    client.visit(url)
    found = client.stored("ann@example.com")
    assert (found["state"], found["revision"]) == ("REVOKED", "3")
    assert found["lastRevokeActivity"] == {"source": "REVOKE_LINK", "updatedDate": LATER}
    assert found["lastConfirmationActivity"] == CONFIRMED


@pytest.mark.rule("WX-08")
def test_visit_makes_a_revision_stale(client: Client) -> None:
    """An update that has not seen the person's choice is a conflict."""
    answer = client.upsert(consent("ann@example.com"))
    client.visit(answer["link"]["url"])
    refused = client.update(
        "id-ann", consent("ann@example.com", revision=answer["marketingConsent"]["revision"]), "state"
    )
    assert refused["details"]["applicationError"]["code"] == "INVALID_REVISION"


def test_link_that_has_nothing_to_change(client: Client) -> None:
    """An old link of a consent in another state, a token of nobody, no token and a scanner's HEAD change nothing."""
    pending = client.upsert(consent("cleo@example.org", "PENDING"))["link"]["url"]
    client.upsert(consent("cleo@example.org", "REVOKED"))
    revoking = client.upsert(consent("ann@example.com"))["link"]["url"]
    before = client.sandbox.dump()
    assert client.http.head(revoking.replace("https://shop.example.org", client.sandbox.url)).status_code == 200
    assert client.visit(pending).status_code == 200
    assert client.visit(pending.replace("emu-", "emu-9999")).status_code == 404
    assert client.visit(pending.partition("?")[0]).status_code == 404
    assert client.sandbox.dump() == before


def test_link_of_a_deleted_consent_leads_nowhere(client: Client) -> None:
    """Nor to the next consent for the same address."""
    url = client.upsert(consent("ann@example.com"))["link"]["url"]
    client.send("DELETE", "/v1/marketing-consent/id-ann")
    client.upsert(consent("ann@example.com"))
    assert client.visit(url).status_code == 404
    assert client.stored("ann@example.com")["state"] == "CONFIRMED"


def test_visits_are_logged_and_need_no_key(client: Client) -> None:
    """They are no requests of the client: the rate does not count them, and they go by names of their own."""
    client.set(requests_per_minute=2)
    one = client.upsert(consent("a@example.com", "PENDING", lastConfirmationActivity=DOUBLE))["link"]["url"]
    two = client.upsert(consent("b@example.com"))["link"]["url"]
    assert [client.visit(url).status_code for url in (one, two)] == [200, 200]
    entries = client.sandbox.requests("wix")[-2:]
    assert [(entry.operation, entry.keys, entry.write_applied) for entry in entries] == [
        ("subscribe", ("a@example.com",), True),
        ("unsubscribe", ("b@example.com",), True),
    ]
    assert client.clock.now == START
