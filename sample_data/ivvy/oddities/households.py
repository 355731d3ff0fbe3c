"""Several records of one guest, and several guests of one address: an opt-out is for the address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sample_data.ivvy.oddities.guests import BOTH_GROUPS
from sample_data.ivvy.stories import SUBSCRIBED, UNSUBSCRIBED
from sample_data.story import FOLDED, RESUBSCRIBE, UPDATED, Oddity, without

if TYPE_CHECKING:
    from sample_data.ivvy.stories import Story

YES: Final = {"email_status": "subscribed", "newsletter": "Y"}
NO: Final = {"email_status": "unsubscribed", "newsletter": "N"}
RELATIVE: Final = "Ruth"


def _in(year: int) -> dict[str, str]:
    return {"email_status_at": f"{year}-05-13T10:00:00Z", "preferences_at": f"13/05/{year} 06:00"}


def _household(story: Story, first: dict[str, str], second: dict[str, str]) -> None:
    """Both are known to iVvy and to the export, each by a name and a number."""
    number = f"{story.records[0].cells['guest_no']}-2"
    story.twin(first, {"first_name": RELATIVE, "guest_no": number} | second)
    story.stored.append(type(story.contact)(RELATIVE, story.contact.last, story.contact.email, external_id=number))


def one_opts_out(story: Story, _number: int) -> None:
    _household(story, NO | _in(2024), YES | _in(2021))
    story.then["statuses"] = (UNSUBSCRIBED, UNSUBSCRIBED)
    story.then_by_groups["statuses"] = (SUBSCRIBED, SUBSCRIBED)


def the_other_came_later(story: Story, _number: int) -> None:
    _household(story, NO | _in(2021), YES | _in(2024))
    story.then["statuses"] = (UNSUBSCRIBED, SUBSCRIBED)
    story.then_by_groups["statuses"] = (SUBSCRIBED, SUBSCRIBED)


def unheard_relative(story: Story, _number: int) -> None:
    story.say(**NO | _in(2024))
    story.has_namesake(first=RELATIVE)
    story.then["statuses"] = (UNSUBSCRIBED, UNSUBSCRIBED)
    story.then_by_groups["statuses"] = (SUBSCRIBED, SUBSCRIBED)


def relative_unsubscribed(story: Story, _number: int) -> None:
    story.has_namesake(first=RELATIVE, status=UNSUBSCRIBED)
    story.ends(SUBSCRIBED, UNSUBSCRIBED)


def came_back(story: Story, _number: int) -> None:
    story.twin(NO | _in(2021), YES | _in(2024))
    story.ends(SUBSCRIBED)


def left_later(story: Story, _number: int) -> None:
    story.twin(NO | _in(2024), YES | _in(2021))
    story.then["statuses"] = (UNSUBSCRIBED,)


def same_time(story: Story, _number: int) -> None:
    story.twin(NO | _in(2023), YES | _in(2023))
    story.then["statuses"] = (UNSUBSCRIBED,)


LAST_OF_TWO: Final = [(FOLDED, UPDATED)] * 2
FIRST_OF_TWO: Final = [(UPDATED, FOLDED)] * 2

HOUSEHOLDS: Final = (
    Oddity(
        "household",
        "Two guests with one address: one opts out, the other opted in before that",
        3,
        one_opts_out,
        (UPDATED, *without("EMAIL", reason=RESUBSCRIBE)),
        (UPDATED, UPDATED),
    ),
    Oddity(
        "household_later",
        "The same, and the other opted in after that",
        2,
        the_other_came_later,
        *[(UPDATED, UPDATED)] * 2,
    ),
    Oddity("unheard_relative", "Opts out; iVvy has somebody else with the address", 2, unheard_relative),
    Oddity(
        "relative_unsubscribed",
        "Opt-in; somebody else with the address is unsubscribed at iVvy",
        5,
        relative_unsubscribed,
        without("EMAIL", reason=RESUBSCRIBE),
        without(*BOTH_GROUPS, reason=RESUBSCRIBE),
    ),
    Oddity("twin_came_back", "Older opt-out, newer opt-in: the opt-in counts", 5, came_back, *LAST_OF_TWO),
    Oddity("twin_left_later", "Newer opt-out, then older opt-in", 2, left_later, *FIRST_OF_TWO),
    Oddity("twin_same_time", "Opt-out and opt-in of the same time", 2, same_time, *LAST_OF_TWO),
)
