"""What a guest's records say, what iVvy has of the guest, and what is to become of both."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from sample_data.story import ORDINARY, Record, Told

if TYPE_CHECKING:
    from sample_data.people import Dice, Person

COLUMNS: Final = (
    *("guest_no", "first_name", "last_name", "email", "mobile"),
    *("membership", "interests", "member_since", "visits", "remarks", "record_url", "privacy"),
    *("email_status", "email_status_at", "email_status_source"),
    *("newsletter", "season_programme", "preferences_at"),
)
NAMES: Final = ("first_name", "last_name", "email")
SUBSCRIBED, UNSUBSCRIBED, BOUNCED, NO_MARKETING = 1, 2, 3, 5
NEWSLETTER, PROGRAMME, PRESS = 7101, 7102, 7103
MEMBERSHIP, INTERESTS, MEMBER_SINCE, VISITS, REMARKS = 3001, 3002, 3003, 3004, 3005
MEMBERSHIPS: Final = {"fr": "Friend", "pa": "Patron", "be": "Benefactor"}
GENRES: Final = {"orch": "Orchestra", "jazz": "Jazz", "song": "Song", "fam": "Family concerts"}
GROUPS: Final = {NEWSLETTER: "Newsletter", PROGRAMME: "Season programme", PRESS: "Press"}
SOURCES: Final = ("box office", "web form", "phone", "subscription form, spring")
NOTES: Final = ("", "", "", "aisle seat", 'prefers "the back row"', "wheelchair; two places")


@dataclass(slots=True)
class Contact:
    """A contact at iVvy before the run."""

    first: str
    last: str
    email: str
    status: int = SUBSCRIBED
    external_id: str | None = None
    groups: list[int] = field(default_factory=lambda: [NEWSLETTER, PROGRAMME])
    custom: dict[int, Any] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)
    phone: str = ""
    is_anonymised: bool = False


@dataclass(slots=True)
class Story(Told):
    """A guest, or several with one address. `stored`: iVvy's contacts; none: the guest is new.

    `then` and `then_by_groups`: what iVvy shows after a run of either mapping, of its contacts with this address:
    `statuses` of all of them, and `groups`, `number`, `url` or a custom field of the first.
    """

    stored: list[Contact]
    then: dict[str | int, Any] = field(default_factory=dict)
    then_by_groups: dict[str | int, Any] = field(default_factory=dict)

    @property
    def contact(self) -> Contact:
        """The guest at iVvy."""
        return self.stored[0]

    def has_namesake(self, **different: Any) -> None:
        """iVvy has the contact twice, but for what is different; the export knows one."""
        self.stored.append(replace(self.contact, external_id=None, **different))

    def ends(self, *statuses: int) -> None:
        """The statuses of those with the address after a run of either mapping."""
        self.then["statuses"] = self.then_by_groups["statuses"] = statuses


def calm(oddity: str, person: Person, dice: Dice) -> Story:
    """A guest that wants everything, in the export and at iVvy: the ground that oddities stand on."""
    year, month, day = 2019 + dice.below(6), 1 + dice.below(12), 1 + dice.below(28)
    hour, minute = 9 + dice.below(9), dice.below(60)
    genres = [genre for genre in GENRES if dice.chance(40)]
    cells = dict.fromkeys(COLUMNS, "") | {
        "guest_no": f"G{person.key}",
        "first_name": person.first,
        "last_name": person.last,
        "email": person.email,
        "mobile": person.phone,
        "membership": dice.one_of((*MEMBERSHIPS, *MEMBERSHIPS.values())),
        "interests": " | ".join(GENRES[genre] if dice.chance(50) else genre for genre in genres),
        "member_since": f"{day:02d}/{month:02d}/{2004 + dice.below(15)}",
        "visits": str(dice.below(90)),
        "remarks": dice.one_of(NOTES),
        "record_url": f"https://tickets.example.org/guests/{person.key}",
        "privacy": dice.one_of(("yes", "yes", "")),
        "email_status": "subscribed",
        "email_status_at": f"{year}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:00Z",
        "email_status_source": dice.one_of(SOURCES),
        "newsletter": "Y",
        "season_programme": "Y",
        "preferences_at": f"{day:02d}/{month:02d}/{year} {hour:02d}:{minute:02d}",
    }
    contact = Contact(person.first, person.last, person.email, external_id=cells["guest_no"], phone=person.phone)
    return Story(oddity, person, [Record(cells)], [contact])


def ordinary(person: Person, dice: Dice) -> Story:
    """A guest without anything odd: every record is `updated`, and nobody who is subscribed is unsubscribed."""
    story = calm(ORDINARY, person, dice)
    contact = story.contact
    if dice.chance(20):
        contact.external_id = None
    if dice.chance(30):
        contact.custom = {MEMBERSHIP: "fr", VISITS: dice.below(20)}
    if dice.chance(20):
        story.say(mobile="")
        contact.phone = ""
    if dice.chance(15):
        _without_a_word_on_consent(story)
    elif dice.chance(15):
        _unsubscribed_long_ago(story)
    elif dice.chance(20):
        contact.groups = [PRESS]
    return story


def stranger(person: Person, dice: Dice) -> Story:
    """Somebody whom only iVvy knows."""
    story = calm(ORDINARY, person, dice)
    story.contact.status = dice.one_of((SUBSCRIBED, SUBSCRIBED, UNSUBSCRIBED, BOUNCED, NO_MARKETING))
    story.contact.groups = dice.one_of(([], [NEWSLETTER], [PRESS]))
    return story


def _without_a_word_on_consent(story: Story) -> None:
    story.say(email_status="", email_status_at="", email_status_source="")
    story.say(newsletter="", season_programme="", preferences_at="")


def _unsubscribed_long_ago(story: Story) -> None:
    """Export and iVvy agree."""
    story.say(email_status="unsubscribed", newsletter="N", season_programme="N")
    story.contact.status = UNSUBSCRIBED
    story.contact.groups = []
