"""Values that do not fit the account's fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sample_data.ivvy.stories import INTERESTS, MEMBERSHIP, VISITS
from sample_data.story import Oddity, without

if TYPE_CHECKING:
    from sample_data.ivvy.stories import Story

URL: Final = "externalUrl:ticket-office"
BROKEN_PHONES: Final = ("555-0123", "call me", "212 555 012", "212 555 0123 ext 4", "none")


def unlisted_choice(story: Story, number: int) -> None:
    story.contact.custom[MEMBERSHIP] = "pa"
    story.say(membership=("Platinum", "gold", "?", "Friend, Patron")[number % 4])
    story.then[MEMBERSHIP] = "pa"


def unlisted_interest(story: Story, number: int) -> None:
    story.contact.custom[INTERESTS] = ["jazz"]
    story.say(interests=("Jazz | Opera", "Orchestra, Jazz", "all")[number % 3])
    story.then[INTERESTS] = ["jazz"]


def choice_by_label(story: Story, number: int) -> None:
    story.say(membership=(" patron ", "PATRON", "pa")[number % 3], interests="JAZZ|family concerts")
    story.then |= {MEMBERSHIP: "pa", INTERESTS: ["jazz", "fam"]}


def url_not_https(story: Story, number: int) -> None:
    at = f"tickets.example.org/guests/{story.person.key}"
    story.say(record_url=(f"http://{at}", at, f"ftp://{at}", "see file")[number % 4])
    story.contact.urls = {"ticket-office": "https://tickets.example.org/old"}
    story.then["url"] = "https://tickets.example.org/old"


def url_taken_away(story: Story, _number: int) -> None:
    story.contact.urls = {"ticket-office": "https://tickets.example.org/old"}
    story.say(record_url="")
    story.then["url"] = None


def part_of_a_visit(story: Story, number: int) -> None:
    story.contact.custom[VISITS] = 3
    story.say(visits=("12.5", "1,200", "many")[number % 3])
    story.then[VISITS] = story.then_by_groups[VISITS] = 3


def no_date(story: Story, number: int) -> None:
    story.say(member_since=("2011", "31/02/2011", "05-13-2011")[number % 3])


def broken_phone(story: Story, number: int) -> None:
    story.say(mobile=BROKEN_PHONES[number % len(BROKEN_PHONES)])


VALUES: Final = (
    Oddity(
        "unlisted_choice",
        "`membership` is none of the field's choices",
        8,
        unlisted_choice,
        without("Membership", reason="choice_invalid"),
    ),
    Oddity(
        "unlisted_interest",
        "One of the `interests` is none of the field's choices",
        6,
        unlisted_interest,
        without("Interests", reason="choice_invalid"),
    ),
    Oddity("choice_by_label", "Choices by their labels, in any case", 6, choice_by_label),
    Oddity("url_not_https", "`record_url` is not https", 8, url_not_https, without(URL, reason="text_invalid")),
    Oddity("url_taken_away", "`record_url` is blank, which clears the stored one", 8, url_taken_away),
    Oddity(
        "part_of_a_visit",
        "`visits` is no whole number",
        6,
        part_of_a_visit,
        *[without("Visits", reason="number_invalid")] * 2,
    ),
    Oddity(
        "no_date",
        "`member_since` is no date, or not written dd/mm/yyyy",
        6,
        no_date,
        without("Member since", reason="date_invalid"),
    ),
    Oddity(
        "broken_phone",
        "A number that is none, or is too short, or has an extension",
        8,
        broken_phone,
        *[without("phone", reason="phone_not_e164")] * 2,
    ),
)
