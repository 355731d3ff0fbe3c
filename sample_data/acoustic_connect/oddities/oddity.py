"""The words of this sample's oddities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sample_data.acoustic_connect.stories import COLUMNS, NEWSLETTERS

if TYPE_CHECKING:
    from sample_data.acoustic_connect.stories import Story

PROMOTIONS_EMAIL: Final = "Promotions/EMAIL"
YES: Final = {"email_opt_in": "Y", "newsletter": "Y"}
NO: Final = {"email_opt_in": "N", "newsletter": "N"}


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
