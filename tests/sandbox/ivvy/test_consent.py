"""Email status, SMS status and privacy consent."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from .client import (
    BOUNCED,
    NO_MARKETING,
    REGISTERING,
    SUBSCRIBED,
    UNSUBSCRIBED,
    Client,
    invalid,
    last_entry,
    person,
    reasons,
    seed,
    stored,
)

STATUSES = (SUBSCRIBED, UNSUBSCRIBED, BOUNCED, REGISTERING, NO_MARKETING)
WRITABLE = (SUBSCRIBED, UNSUBSCRIBED, BOUNCED, NO_MARKETING)
SWITCHES = {
    UNSUBSCRIBED: "resubscribe",
    BOUNCED: "bounced_to_subscribed",
    NO_MARKETING: "no_marketing_to_subscribed",
}
"""Who decides of the way back to Subscribed, by the present status."""


@pytest.mark.rule("IV-07")
@pytest.mark.parametrize(("present", "wanted"), [*product(STATUSES, (UNSUBSCRIBED, BOUNCED, NO_MARKETING))])
def test_towards_suppression_every_way_is_open(client: Client, present: int, wanted: int) -> None:
    """Whatever a contact's status is, it can be made 2, 3 or 5."""
    assert client.write(id=present, status=wanted) == {"id": present}
    assert client.status(present) == wanted


@pytest.mark.rule("IV-07")
@pytest.mark.parametrize(
    ("present", "left"),
    [
        (SUBSCRIBED, SUBSCRIBED),
        (UNSUBSCRIBED, UNSUBSCRIBED),
        (BOUNCED, BOUNCED),
        (REGISTERING, SUBSCRIBED),
        (NO_MARKETING, SUBSCRIBED),
    ],
)
def test_back_to_subscribed_by_default(client: Client, present: int, left: int) -> None:
    """The answer is a success in any case; 2 and 3 stay as they are, which only a read shows."""
    assert client.write(id=present, status=SUBSCRIBED) == {"id": present}
    assert client.status(present) == left
    assert client.sandbox.requests("ivvy")[0].write_applied is (present != left)


@pytest.mark.rule("IV-07")
@pytest.mark.parametrize("present", SWITCHES)
@pytest.mark.parametrize("mode", ["allow", "ignore", "reject"])
def test_back_to_subscribed_is_a_switch(client: Client, present: int, mode: str) -> None:
    """It is done, silently left undone, or refused; the other fields of the write go the same way."""
    client.settings(**{SWITCHES[present]: mode})
    answer = client.write(id=present, status=SUBSCRIBED, phone="1")
    contact = client.contact(present)
    if mode == "reject":
        assert reasons(answer) == invalid("status", f"Status {present} cannot become 1")
        assert (contact["status"], contact["phone"]) == (present, "")
    else:
        assert answer == {"id": present}
        assert (contact["status"], contact["phone"]) == (SUBSCRIBED if mode == "allow" else present, "1")


@pytest.mark.rule("IV-07")
@pytest.mark.parametrize("present", SWITCHES)
def test_the_other_statuses_are_not_the_switch(client: Client, present: int) -> None:
    """Each switch is about its own status, and about the way to Subscribed only."""
    client.settings(**dict.fromkeys(SWITCHES.values(), "reject") | {SWITCHES[present]: "allow"})
    answers = {other: "id" in client.write(id=other, status=SUBSCRIBED) for other in SWITCHES}
    assert answers == {other: other == present for other in SWITCHES}
    assert client.write(id=1, status=SUBSCRIBED) == {"id": 1}


@pytest.mark.rule("IV-07")
def test_an_update_by_triple_is_guarded_too(client: Client) -> None:
    """updateIfExists is no way around."""
    params = {"firstName": "Bob", "lastName": "Lake", "email": "bob@example.com"}
    assert client.write(**params, updateIfExists=True, status=SUBSCRIBED) == {"id": 2}
    assert client.status(2) == UNSUBSCRIBED


@pytest.mark.rule("IV-07")
@pytest.mark.parametrize("value", [REGISTERING, 0, 6, "2", True, None, 2.0, [2]])
def test_statuses_that_cannot_be_written(client: Client, value: Any) -> None:
    """4 can be read and not be written; texts are no statuses."""
    assert client.write(id=1, status=value)["message"] == "'status' does not validate"
    assert client.write(**person("Gil", status=value))["message"] == "'status' does not validate"
    assert client.status(1) == SUBSCRIBED
    assert client.status(4) == REGISTERING


@pytest.mark.rule("IV-07")
def test_status_left_out_of_an_update(client: Client) -> None:
    """It stays as it is."""
    for contact_id in STATUSES:
        client.write(id=contact_id, phone="1")
        assert client.status(contact_id) == contact_id


@pytest.mark.rule("IV-07")
@pytest.mark.parametrize("status", WRITABLE)
def test_status_on_add(client: Client, status: int) -> None:
    """Every writable status can be given."""
    assert client.write(**person("Gil", status=status)) == {"id": 6}
    assert client.status(6) == status


@pytest.mark.rule("IV-07")
@pytest.mark.parametrize("default", [None, SUBSCRIBED, UNSUBSCRIBED, NO_MARKETING])
def test_status_left_out_of_an_add(client: Client, default: int | None) -> None:
    """Subscribed, which catches a forgetful client, or what the switch says; updateIfExists adds alike."""
    if default is not None:
        client.settings(status_on_add=default)
    client.write(**person("Gil"))
    client.write(**person("Hal"), updateIfExists=True)
    assert [client.status(6), client.status(7)] == [default or SUBSCRIBED] * 2


@pytest.mark.rule("IV-07")
def test_another_address_clears_bounced(client: Client) -> None:
    """Bounced becomes Subscribed when the address changes, also if nobody asks for it."""
    client.write(id=3, email="cleo.new@example.com")
    assert client.status(3) == SUBSCRIBED


@pytest.mark.rule("IV-07")
@pytest.mark.parametrize("email", ["cleo@example.com", "Cleo@Example.com"])
def test_the_same_address_does_not_clear_bounced(client: Client, email: str) -> None:
    """Nor does another spelling of it; asked for Subscribed, it stays."""
    client.write(id=3, email=email)
    assert client.status(3) == BOUNCED
    client.write(id=3, email=email, status=SUBSCRIBED)
    assert client.status(3) == BOUNCED


@pytest.mark.rule("IV-07")
def test_bounced_need_not_clear(client: Client) -> None:
    """With the switch off the address alone does not do it; Subscribed asked for with it does."""
    client.settings(email_change_clears_bounce=False, bounced_to_subscribed="reject")
    client.write(id=3, email="cleo.new@example.com")
    assert client.status(3) == BOUNCED
    client.write(id=3, email="cleo.newer@example.com", status=SUBSCRIBED)
    assert client.status(3) == SUBSCRIBED


@pytest.mark.rule("IV-07")
@pytest.mark.parametrize("present", [UNSUBSCRIBED, NO_MARKETING])
def test_another_address_clears_nothing_else(client: Client, present: int) -> None:
    """Unsubscribed and No Marketing outlast the address."""
    client.write(id=present, email="new@example.com")
    assert client.status(present) == present


@pytest.mark.rule("IV-07")
def test_a_status_beside_another_address_is_kept(client: Client) -> None:
    """The address does not undo what the same write says."""
    client.write(id=3, email="cleo.new@example.com", status=UNSUBSCRIBED)
    assert client.status(3) == UNSUBSCRIBED


@pytest.mark.rule("IV-07")
def test_the_platform_may_record_an_opt_out_itself(client: Client) -> None:
    """A seed sets the status of a stored contact, as a click on Unsubscribe would; then 1 does not bring it back."""
    [ann] = [contact for contact in client.contacts() if contact["id"] == 1]
    client.sandbox.load({"ivvy": {"contacts": [{**ann, "status": UNSUBSCRIBED}]}})
    assert client.status(1) == UNSUBSCRIBED
    client.write(id=1, status=SUBSCRIBED)
    assert client.status(1) == UNSUBSCRIBED


@pytest.mark.rule("IV-08")
def test_sms_status_is_withdrawn(client: Client) -> None:
    """By default a write that carries it is refused whole, and no read shows it."""
    answer = client.write(id=1, smsStatus=2, status=2)
    assert reasons(answer) == invalid("smsStatus", "Parameter is no longer supported")
    assert last_entry(client).error_code == "400/23016"
    assert client.status(1) == SUBSCRIBED
    assert "smsStatus" not in client.contact(1)


@pytest.mark.rule("IV-08")
def test_sms_status_may_be_ignored(client: Client) -> None:
    """The rest of the write is done; any value will do."""
    client.settings(sms_status="ignore")
    assert client.write(id=1, smsStatus="no matter", status=2) == {"id": 1}
    assert client.status(1) == UNSUBSCRIBED
    assert "smsStatus" not in client.contact(1)


@pytest.mark.rule("IV-08")
def test_sms_status_as_it_was(client: Client) -> None:
    """Accepted, it takes 1 to 4, is read back, and has nothing to do with the email status."""
    client.settings(sms_status="accept")
    for value in (1, 2, 3, 4):
        assert client.write(id=1, smsStatus=value) == {"id": 1}
        contact = client.contact(1)
        assert (contact["smsStatus"], contact["status"]) == (value, SUBSCRIBED)
    values: tuple[Any, ...] = (0, 5, "1", None)
    for value in values:
        assert client.write(id=1, smsStatus=value)["message"] == "'smsStatus' does not validate"
    client.write(id=1, status=2)
    assert client.contact(1)["smsStatus"] == 4


@pytest.mark.rule("IV-08")
@pytest.mark.parametrize(("email_status", "sms_status"), [(1, 1), (2, 2), (5, 4)])
def test_sms_status_left_out_of_an_add(client: Client, email_status: int, sms_status: int) -> None:
    """It follows the switch for the email status, in its own numbers."""
    client.settings(sms_status="accept", status_on_add=email_status)
    client.write(**person("Gil"))
    assert client.contact(6)["smsStatus"] == sms_status


@pytest.mark.rule("IV-08")
def test_sms_status_of_a_seed(client: Client) -> None:
    """It is kept though it is not shown, and is there when the switch is turned."""
    client.sandbox.load(seed(stored(8, smsStatus=3)))
    assert "smsStatus" not in client.contact(8)
    client.write(id=8, phone="1")
    client.settings(sms_status="accept")
    assert client.contact(8)["smsStatus"] == 3


@pytest.mark.rule("IV-10")
def test_privacy_consent(client: Client) -> None:
    """True is dated and says that it came by the API; false takes it away; absent leaves it."""
    client.write(id=2, privacyConsent=True)
    given = {"source": 5, "dateTime": "2026-02-03 01:10:44 UTC"}
    assert client.contact(2)["privacyConsentData"] == given
    client.clock.now += 60
    client.write(id=2, phone="1")
    assert client.contact(2)["privacyConsentData"] == given
    client.write(id=2, privacyConsent=False)
    assert client.contact(2)["privacyConsentData"] is None


@pytest.mark.rule("IV-10")
def test_privacy_consent_keeps_its_first_date(client: Client) -> None:
    """Given once, it stays as it was given."""
    client.write(id=1, privacyConsent=True)
    assert client.contact(1)["privacyConsentData"] == {"source": 4, "dateTime": "2025-05-01 10:00:00 UTC"}


@pytest.mark.rule("IV-10")
@pytest.mark.parametrize("value", [None, 1, "true"])
def test_privacy_consent_is_true_or_false(client: Client, value: Any) -> None:
    """Nothing else stands for either."""
    assert reasons(client.write(id=1, privacyConsent=value)) == invalid("privacyConsent", "Value is not true or false")
