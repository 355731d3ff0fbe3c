"""What a contact's records say, what the platform has of it, and what is to become of both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sample_data.story import ORDINARY, Record, Told

if TYPE_CHECKING:
    from sample_data.people import Dice, Person

COLUMNS: Final = (
    *("contact_id", "email", "mobile", "first_name", "last_name", "dob", "points", "vip"),
    *("email_opt_in", "email_opt_in_at", "email_opt_in_source", "sms_opt_in"),
    *("newsletter", "promo_email", "preferences_at", "internal_note"),
)
NEWSLETTERS: Final = "Newsletters"
PROMOTIONS: Final = "Promotions"
GROUP_IDS: Final = {NEWSLETTERS: "cg-101", PROMOTIONS: "cg-102", "Information": "cg-103"}
SOURCES: Final = ("web form", "store form", "checkout", "call centre", "trade fair, Bergen", 'app "Lakeside"')
NOTES: Final = ("", "", "", "called back", 'says "no calls, please"', "see ticket; paid")
TWO_LINES: Final = "has moved\nnew address to follow"


@dataclass(slots=True)
class Stored:
    """What the platform has of a contact before the run; `groups` by name."""

    attributes: dict[str, str]
    channels: dict[str, str]
    groups: dict[str, dict[str, str]]

    def opted_out(self, channel: str) -> None:
        """The person has used the unsubscribe link or sent STOP: the platform's own opt-out, everywhere."""
        self.channels[channel] = "OPT_OUT"
        for statuses in self.groups.values():
            if channel in statuses:
                statuses[channel] = "OPT_OUT"


@dataclass(slots=True)
class Story(Told):
    """One contact from the export to the platform. `is_stored` false: the platform does not have it.

    `then`: what the platform shows after the run. Channels hold for the mapping by channels, groups (their EMAIL) for
    the mapping by groups, attributes for both.
    """

    stored: Stored
    is_stored: bool = True
    then: dict[str, str] = field(default_factory=dict)


def calm(oddity: str, person: Person, dice: Dice) -> Story:
    """A contact that has agreed to everything, in the export and on the platform: the ground that oddities stand on."""
    year, month, day = 2019 + dice.below(6), 1 + dice.below(12), 1 + dice.below(28)
    hour, minute = 9 + dice.below(9), dice.below(60)
    cells = dict.fromkeys(COLUMNS, "") | {
        "contact_id": person.key,
        "email": person.email,
        "mobile": person.phone,
        "first_name": person.first,
        "last_name": person.last,
        "dob": person.born,
        "points": str(dice.below(5000)),
        "vip": dice.one_of(("yes", "no")),
        "email_opt_in": "Y",
        "email_opt_in_at": f"{year}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:00{dice.one_of(('Z', '+02:00'))}",
        "email_opt_in_source": dice.one_of(SOURCES),
        "sms_opt_in": "true",
        "newsletter": "Y",
        "promo_email": "Y",
        "preferences_at": f"{day:02d}/{month:02d}/{year} {hour:02d}:{minute:02d}",
        "internal_note": TWO_LINES if dice.chance(1) else dice.one_of(NOTES),
    }
    stored = Stored(
        {"Contact key": person.key, "Email": person.email, "Cell Phone": person.phone},
        {"EMAIL": "OPT_IN", "SMS": "OPT_IN"},
        {NEWSLETTERS: {"EMAIL": "OPT_IN", "SMS": "OPT_IN"}, PROMOTIONS: {"EMAIL": "OPT_IN"}},
    )
    return Story(oddity, person, [Record(cells)], stored)


def ordinary(person: Person, dice: Dice) -> Story:
    """A contact without anything odd: every record is `updated`, and nobody who had agreed is opted out."""
    story = calm(ORDINARY, person, dice)
    stored = story.stored
    if dice.chance(60):
        stored.attributes["First Name"] = person.first
    if dice.chance(3):
        stored.attributes["Email"] = "former." + person.email
    if dice.chance(20):
        _without_phone(story, stored)
    if dice.chance(6):
        story.say(dob="", points="")
    if dice.chance(10):
        _without_a_word_on_consent(story, stored, dice)
    elif dice.chance(10):
        _opted_out_long_ago(story, stored)
    elif dice.chance(40):
        _told_for_the_first_time(story, stored, dice)
    return story


def _without_phone(story: Story, stored: Stored) -> None:
    story.say(mobile="", sms_opt_in="")
    del stored.attributes["Cell Phone"], stored.channels["SMS"], stored.groups[NEWSLETTERS]["SMS"]


def _without_a_word_on_consent(story: Story, stored: Stored, dice: Dice) -> None:
    story.say(email_opt_in="", email_opt_in_at="", email_opt_in_source="", sms_opt_in="")
    story.say(newsletter="", promo_email="", preferences_at="")
    if dice.chance(30):
        stored.opted_out("EMAIL")


def _opted_out_long_ago(story: Story, stored: Stored) -> None:
    """Export and platform agree."""
    story.say(email_opt_in="N", newsletter="N", promo_email="N")
    stored.opted_out("EMAIL")


def _told_for_the_first_time(story: Story, stored: Stored, dice: Dice) -> None:
    """The platform has an address and no status of the channel; a few have not confirmed yet."""
    stored.channels.pop("EMAIL")
    stored.groups.clear()
    story.say(newsletter=dice.one_of(("Y", "N", "")), promo_email=dice.one_of(("Y", "N", "")))
    if dice.chance(10):
        story.say(email_opt_in="pending")
        stored.channels["EMAIL"] = "OPT_IN_UNVERIFIED"
