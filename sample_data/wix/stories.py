"""What a sign-up says, what Wix has of its addresses, and what is to become of both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sample_data.story import CREATED, ORDINARY, Record, Told

if TYPE_CHECKING:
    from sample_data.people import Dice, Person

COLUMNS: Final = (
    *("first_name", "email", "mobile", "tier", "points", "customer_since", "form"),
    *("email_consent", "email_consent_at", "email_consent_source", "sms_consent", "sms_consent_at", "internal_note"),
)
EMAIL: Final = ("email", "email_consent", "email_consent_at", "email_consent_source")
SMS: Final = ("mobile", "sms_consent", "sms_consent_at")
CONFIRMED: Final = "CONFIRMED"
REVOKED: Final = "REVOKED"
SOURCES: Final = ("web form", "checkout", "shop", "trade fair")
FORMS: Final = ("footer", "spring sale", "raffle, Boston")
NOTES: Final = ("", "", "", "twin stores", 'asked "how often?"')


@dataclass(slots=True)
class Consent:
    """A consent at Wix before the run: its state, and since when."""

    state: str
    since: str
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Story(Told):
    """Somebody who signed up, or several with an address in common. `stored`: Wix's consents by address.

    `then`: the state that Wix shows of an address after the run, or None where it has none.
    """

    stored: dict[str, Consent] = field(default_factory=dict)
    then: dict[str, str | None] = field(default_factory=dict)

    def has(self, address: str, state: str, since: str = "2022-05-13T10:00:00.000Z", **fields: Any) -> None:
        """Wix has a consent of the address."""
        self.stored[address] = Consent(state, since, fields)


def calm(oddity: str, person: Person, dice: Dice) -> Story:
    """Somebody new to Wix, who agrees to e-mail and texts: the ground that oddities stand on."""
    year, month, day = 2023 + dice.below(2), 1 + dice.below(12), 1 + dice.below(28)
    at = f"{year}-{month:02d}-{day:02d}T{9 + dice.below(9):02d}:{dice.below(60):02d}:00Z"
    cells = dict.fromkeys(COLUMNS, "") | {
        "first_name": person.first,
        "email": person.email,
        "mobile": person.phone,
        "tier": dice.one_of(("bronze", "silver", "gold")),
        "points": str(dice.below(900)),
        "customer_since": f"{day:02d}/{month:02d}/{2010 + dice.below(12)}",
        "form": dice.one_of(FORMS),
        "email_consent": "confirmed",
        "email_consent_at": at,
        "email_consent_source": dice.one_of(SOURCES),
        "sms_consent": "yes",
        "sms_consent_at": at,
        "internal_note": dice.one_of(NOTES),
    }
    return Story(oddity, person, [Record(cells)])


def ordinary(person: Person, dice: Dice) -> Story:
    """A sign-up without anything odd: every record is `created`."""
    story = calm(ORDINARY, person, dice)
    story.records[0].channels = CREATED
    if dice.chance(50):
        story.say(**dict.fromkeys(SMS, ""))
    elif dice.chance(10):
        story.say(**dict.fromkeys(EMAIL, ""))
    if dice.chance(15):
        story.say(email_consent="pending" if story.records[0].cells["email"] else "")
    return story
