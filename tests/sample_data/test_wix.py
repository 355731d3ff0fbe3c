"""What Wix shows after a run of its mapping."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sample_data.ran import Ran

Consents = dict[str, dict[str, Any]]


@pytest.fixture
def ran(ran_of: Callable[[str], Ran]) -> Ran:
    """The runs of the mapping."""
    return ran_of("wix")


@pytest.fixture
def consents(ran: Ran) -> Consents:
    """Address -> consent."""
    details = [(consent["details"], consent) for consent in ran.platform["consents"]]
    return {(address.get("email") or address["phone"]).lower(): consent for address, consent in details}


def test_wix_shows_what_was_planted(ran: Ran, consents: Consents) -> None:
    """The state of each address whose end is known: opt-outs win, later revocations stay, earlier ones end."""
    shown = {address: consent["state"] for address, consent in consents.items()}
    wrong = [
        (story.oddity, address, shown.get(address), state)
        for story in ran.sample.stories
        for address, state in story.then.items()
        if shown.get(address) != state
    ]
    assert wrong == []


def test_every_address_has_one_consent(ran: Ran, consents: Consents) -> None:
    """However it was spelled, and in however many records it stood."""
    assert len(consents) == len(ran.platform["consents"])


def test_fields_that_the_export_does_not_know_stay(ran: Ran, consents: Consents) -> None:
    """An update names what it changes: of a known consent the tier is written, and its origin is left."""
    known = [story for story in ran.sample.stories if story.oddity == "known"]
    assert known
    for story in known:
        fields = consents[story.person.email]["extendedFields"]["namespaces"]["shop"]
        assert fields["origin"] == "import"
        assert fields["tier"] == story.records[0].cells["tier"]


def test_consents_say_how_they_were_given(ran: Ran, consents: Consents) -> None:
    """The export's words for sources are told in Wix's own, with the time of the export."""
    confirmed = [story for story in ran.sample.stories if story.oddity == "now_confirmed"]
    assert confirmed
    for story in confirmed:
        activity = consents[story.person.email]["lastConfirmationActivity"]
        assert activity["source"] == "LINK_CONFIRMATION"
        assert activity["updatedDate"][:19] == story.records[0].cells["email_consent_at"][:19]


def test_consents_that_the_export_does_not_know_are_left_alone(ran: Ran, consents: Consents) -> None:
    """What only Wix has is the same after the run."""
    for story in ran.sample.strangers:
        (stored,) = story.stored.values()
        consent = consents[story.person.email]
        assert (consent["state"], consent["revision"], consent["updatedDate"]) == (stored.state, "1", stored.since)
