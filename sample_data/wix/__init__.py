"""The sample for Wix: sign-ups for a shop's news and texts, and the consents that its site has."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from sample_data.people import Dice, american
from sample_data.sample import Sample, in_order, seed, tell
from sample_data.story import ORDINARY
from sample_data.wix.oddities import ODDITIES
from sample_data.wix.stories import COLUMNS, CONFIRMED, REVOKED, Story, calm, ordinary

if TYPE_CHECKING:
    from sample_data.wix.stories import Consent

EXPORT: Final = "wix_subscribers.csv"
RECORDS: Final = 500
PLATFORM_ONLY: Final = 30
"""Consents that Wix has and the export does not know."""
SEED: Final = 20250603


@cache
def planted() -> Sample[Story]:
    """Invents the people, plants the oddities, and puts the records in their order."""
    dice = Dice(SEED)
    stories = tell(ODDITIES, calm, ordinary, american, RECORDS, dice)
    nobody_told = range(len(stories), len(stories) + PLATFORM_ONLY)
    strangers = tuple(calm(ORDINARY, american(number, dice), dice) for number in nobody_told)
    for story in strangers:
        story.has(story.person.email, dice.one_of((CONFIRMED, CONFIRMED, REVOKED, "PENDING", "NEVER_CONFIRMED")))
    return Sample(("wix",), COLUMNS, ODDITIES, in_order(stories, dice), strangers)


def seed_json() -> bytes:
    """The sandbox's seed: a line for each consent."""
    data = planted()
    stored = [
        (address, consent) for story in (*data.stories, *data.strangers) for address, consent in story.stored.items()
    ]
    documents = [_consent(number, address, consent) for number, (address, consent) in enumerate(stored, start=1)]
    return seed("wix", "", "consents", documents)


def _consent(number: int, address: str, consent: Consent) -> dict[str, object]:
    kind, name = ("EMAIL", "email") if "@" in address else ("PHONE", "phone")
    document: dict[str, object] = {
        "id": f"5c0ffee0-0000-4000-8000-{number:012d}",
        "revision": "1",
        "details": {"type": kind, name: address},
        "state": consent.state,
        "createdDate": consent.since,
        "updatedDate": consent.since,
    }
    activity = {"source": "WIX_USERS", "updatedDate": consent.since}
    if consent.state == REVOKED:
        document["lastRevokeActivity"] = activity
    elif consent.state in {CONFIRMED, "PENDING"}:
        level = "SINGLE_CONFIRMATION" if consent.state == CONFIRMED else "DOUBLE_CONFIRMATION"
        document["lastConfirmationActivity"] = activity | {"optInLevel": level}
    return document | ({"extendedFields": {"namespaces": {"shop": consent.fields}}} if consent.fields else {})
