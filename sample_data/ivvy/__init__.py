"""The sample for iVvy: guests of a concert hall, and the account that they belong to."""

from __future__ import annotations

from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from sample_data.ivvy.oddities import ODDITIES
from sample_data.ivvy.stories import (
    COLUMNS,
    GENRES,
    GROUPS,
    INTERESTS,
    MEMBER_SINCE,
    MEMBERSHIP,
    MEMBERSHIPS,
    REMARKS,
    VISITS,
    Story,
    calm,
    ordinary,
    stranger,
)
from sample_data.people import Dice, american
from sample_data.sample import Sample, compact, in_order, seed, tell

if TYPE_CHECKING:
    from sample_data.ivvy.stories import Contact

EXPORT: Final = "ivvy_contacts.csv"
RECORDS: Final = 600
PLATFORM_ONLY: Final = 40
"""Contacts that iVvy has and the export does not know."""
SEED: Final = 20250602
FIRST_ID: Final = 50_001
CHANGED: Final = "2025-05-20 08:30:00 UTC"
CUSTOM_FIELDS: Final[list[dict[str, Any]]] = [
    {"fieldId": MEMBERSHIP, "fieldType": 2, "displayName": "Membership", "selectValues": MEMBERSHIPS},
    {"fieldId": INTERESTS, "fieldType": 3, "displayName": "Interests", "selectValues": GENRES},
    {"fieldId": MEMBER_SINCE, "fieldType": 5, "displayName": "Member since"},
    {"fieldId": VISITS, "fieldType": 8, "displayName": "Visits"},
    {"fieldId": REMARKS, "fieldType": 1, "displayName": "Remarks"},
]


@cache
def planted() -> Sample[Story]:
    """Invents the guests, plants the oddities, and puts the records in their order."""
    dice = Dice(SEED)
    stories = tell(ODDITIES, calm, ordinary, american, RECORDS, dice)
    nobody_told = range(len(stories), len(stories) + PLATFORM_ONLY)
    strangers = tuple(stranger(american(number, dice), dice) for number in nobody_told)
    return Sample(("ivvy", "ivvy_groups"), COLUMNS, ODDITIES, in_order(stories, dice), strangers)


def seed_json() -> bytes:
    """The sandbox's seed: the account's groups and custom fields, and a line for each contact."""
    data = planted()
    groups = [{"id": group_id, "groupName": name} for group_id, name in GROUPS.items()]
    definitions = f'"groups":{compact(groups)},"custom_fields":{compact(CUSTOM_FIELDS)},'
    contacts = [contact for story in (*data.stories, *data.strangers) for contact in story.stored]
    return seed("ivvy", definitions, "contacts", map(_contact, count(FIRST_ID), contacts))


def _contact(contact_id: int, contact: Contact) -> dict[str, object]:
    return {
        "id": contact_id,
        "firstName": contact.first,
        "lastName": contact.last,
        "email": contact.email,
        "phone": contact.phone,
        "externalId": contact.external_id,
        "status": contact.status,
        "groups": [{"groupId": group} for group in contact.groups],
        "customFields": [{"fieldId": field, "value": value} for field, value in contact.custom.items()],
        "externalUrls": [{"ref": ref, "url": url} for ref, url in contact.urls.items()],
        "isAnonymised": contact.is_anonymised,
        "modifiedDate": CHANGED,
    }
