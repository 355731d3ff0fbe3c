"""One kind of oddity, and the words to say what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sample_data.stories import COLUMNS, NEWSLETTERS, Expected, Story

Plant = Callable[[Story, int], None]
"""Changes a calm story; the number tells the stories of one oddity apart."""

UPDATED: Final = (Expected(),)
PROMOTIONS_EMAIL: Final = "Promotions/EMAIL"
RESUBSCRIBE: Final = "resubscribe_without_evidence"
UNLISTED: Final = "unknown_consent_value"
YES: Final = {"email_opt_in": "Y", "newsletter": "Y"}
NO: Final = {"email_opt_in": "N", "newsletter": "N"}


@dataclass(frozen=True, slots=True)
class Oddity:
    """One row of the README's table. `channels` and `groups`: what becomes of each record of a story, by mapping."""

    name: str
    what: str
    stories: int
    plant: Plant
    channels: tuple[Expected, ...] = UPDATED
    groups: tuple[Expected, ...] = UPDATED


def without(*parts: str, reason: str) -> tuple[Expected]:
    """The record goes, its named parts do not."""
    return (Expected(withheld=_entries(parts, reason)),)


def held(part: str) -> tuple[Expected]:
    """Nothing goes, as the only thing that the record says would end an opt-out."""
    return (Expected("held", RESUBSCRIBE, _entries((part,), RESUBSCRIBE)),)


def rejected(*parts: str, reason: str) -> tuple[Expected]:
    """Nothing goes, as nothing valid is left."""
    return (Expected("rejected", reason, _entries(parts, reason)),)


def _entries(parts: tuple[str, ...], reason: str) -> str:
    return "; ".join(f"{part}: {reason}" for part in parts)


def at_minute(year: int, number: int) -> dict[str, str]:
    """The same minute of that year in both columns of times."""
    day, minute = 1 + number % 28, number % 60
    return {
        "email_opt_in_at": f"{year}-05-{day:02d}T10:{minute:02d}:00Z",
        "preferences_at": f"{day:02d}/05/{year} 11:{minute:02d}",
    }


def mailbox(story: Story) -> str:
    """The person's address up to the @."""
    return story.person.email.partition("@")[0]


def opts_out(story: Story) -> None:
    """After the run the platform has the opt-out, by channel or by group."""
    story.then |= {"EMAIL": "OPT_OUT", NEWSLETTERS: "OPT_OUT"}


def stays_opted_out(story: Story) -> None:
    """The platform has recorded an opt-out by itself, and it outlives the run."""
    story.stored.opted_out("EMAIL")
    opts_out(story)


def only(story: Story, **cells: str) -> None:
    """The record says nothing but who it is about and the given cells."""
    story.say(**dict.fromkeys(COLUMNS, "") | {"contact_id": story.person.key} | cells)


def learns_phone(story: Story) -> None:
    """The platform has no number before the run."""
    del story.stored.attributes["Cell Phone"], story.stored.channels["SMS"]
    del story.stored.groups[NEWSLETTERS]["SMS"]
    story.then["Cell Phone"] = story.person.phone
