"""The sample for Acoustic Connect: a shop's contacts, and the audience that they belong to."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from sample_data.acoustic_connect.oddities import ODDITIES
from sample_data.acoustic_connect.stories import COLUMNS, GROUP_IDS, Story, calm, ordinary
from sample_data.people import Dice, invent
from sample_data.sample import Sample, compact, in_order, seed, tell

if TYPE_CHECKING:
    from sample_data.acoustic_connect.stories import Stored

EXPORT: Final = "contacts.csv"
RECORDS: Final = 5000
PLATFORM_ONLY: Final = 150
"""Contacts that the platform has and the export does not know."""
SEED: Final = 20250601
DATA_SET: Final = {
    "dataSetId": "4fe4136f-c007-44a3-b38f-922200000000",
    "name": "Lakeside Outfitters",
    "attributes": [
        {"name": "Contact key", "type": "TEXT", "identifyAs": {"key": True, "channels": None}},
        {"name": "Email", "type": "TEXT", "identifyAs": {"key": None, "channels": ["EMAIL"]}},
        {"name": "Cell Phone", "type": "TEXT", "identifyAs": {"key": None, "channels": ["SMS"]}},
        {"name": "First Name", "type": "TEXT"},
        {"name": "Last Name", "type": "TEXT"},
        {"name": "Birthday", "type": "DATE"},
        {"name": "Points", "type": "NUMBER"},
        {"name": "VIP", "type": "BOOLEAN"},
    ],
    "consentGroups": [{"id": group_id, "name": name} for name, group_id in GROUP_IDS.items()],
}


@cache
def planted() -> Sample[Story]:
    """Invents the contacts, plants the oddities, and puts the records in their order."""
    dice = Dice(SEED)
    stories = tell(ODDITIES, calm, ordinary, invent, RECORDS, dice)
    nobody_told = range(len(stories), len(stories) + PLATFORM_ONLY)
    strangers = tuple(ordinary(invent(number, dice), dice) for number in nobody_told)
    mappings = ("acoustic_channels", "acoustic_groups")
    return Sample(mappings, COLUMNS, ODDITIES, in_order(stories, dice), strangers)


def seed_json() -> bytes:
    """The sandbox's seed: the audience, and a line for each contact."""
    data = planted()
    everybody = [story.stored for story in (*data.stories, *data.strangers) if story.is_stored]
    everybody.sort(key=lambda stored: stored.attributes["Contact key"])
    definitions = f'"data_set":{compact(DATA_SET)},'
    return seed("acoustic_connect", definitions, "contacts", map(_contact, everybody))


def _contact(stored: Stored) -> dict[str, object]:
    groups = {GROUP_IDS[name]: statuses for name, statuses in stored.groups.items() if statuses}
    consent: dict[str, object] = {"channels": stored.channels} if stored.channels else {}
    return {"attributes": stored.attributes, "consent": consent | ({"consentGroups": groups} if groups else {})}
