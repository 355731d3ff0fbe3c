"""Keys and values that other programs lose or misread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sample_data.story import Oddity, without

if TYPE_CHECKING:
    from sample_data.acoustic_connect.stories import Story

BAD_DATES: Final = ("31/02/1990", "1990-05-13", "13/13/1985", "1985", "01.02.1990", "00/00/0000", "unknown", "01/02/90")
BAD_NUMBERS: Final = ("1,234", "120 pts", "abc", "1e3", "1 234", "12.", "~50", "-", "?", "0x1F")


def _rekey(story: Story, key: str) -> None:
    story.say(contact_id=key)
    story.stored.attributes["Contact key"] = key
    story.then["Last Name"] = story.person.last


def leading_zeros(story: Story, number: int) -> None:
    _rekey(story, f"{7001 + number * 17:06d}")


def without_the_zeros(story: Story, number: int) -> None:
    _rekey(story, str(7001 + number * 17))


def padded_identity(story: Story, _number: int) -> None:
    story.say(contact_id=f"  {story.person.key} ")
    story.then["Last Name"] = story.person.last


def bad_date(story: Story, number: int) -> None:
    story.say(dob=BAD_DATES[number % len(BAD_DATES)])


def bad_number(story: Story, number: int) -> None:
    story.say(points=BAD_NUMBERS[number % len(BAD_NUMBERS)])


def mangled_points(story: Story, number: int) -> None:
    story.say(points=f"1.{number}E+05")


def bad_boolean(story: Story, number: int) -> None:
    story.say(vip=("gold", "2", "?", "yes!")[number % 4])


def null_words(story: Story, _number: int) -> None:
    columns = ("mobile", "first_name", "dob", "points", "vip", "email_opt_in", "sms_opt_in", "newsletter")
    story.say(**dict.fromkeys(columns, "NULL"))
    story.stored.attributes["First Name"] = story.person.first
    story.then |= {"First Name": story.person.first, "Cell Phone": story.person.phone, "EMAIL": "OPT_IN"}


def named_null(story: Story, _number: int) -> None:
    story.say(last_name="Null")
    story.then["Last Name"] = "Null"


ATTRIBUTES: Final = (
    Oddity("leading_zeros", "`contact_id` begins with zeros, which count", 40, leading_zeros),
    Oddity("without_the_zeros", "The same number without its zeros: somebody else", 5, without_the_zeros),
    Oddity("padded_identity", "Spaces around `contact_id`", 8, padded_identity),
    Oddity(
        "bad_date",
        "`dob` is no date, or not written dd/mm/yyyy",
        30,
        bad_date,
        without("Birthday", reason="date_invalid"),
        without("Birthday", reason="date_invalid"),
    ),
    Oddity(
        "bad_number",
        "`points` with commas, units or words",
        25,
        bad_number,
        without("Points", reason="number_invalid"),
        without("Points", reason="number_invalid"),
    ),
    Oddity(
        "mangled_number",
        "A spreadsheet made `points` 1.2E+05",
        5,
        mangled_points,
        without("Points", reason="mangled_number"),
        without("Points", reason="mangled_number"),
    ),
    Oddity(
        "bad_boolean",
        "`vip` is neither yes nor no",
        8,
        bad_boolean,
        without("VIP", reason="boolean_invalid"),
        without("VIP", reason="boolean_invalid"),
    ),
    Oddity("null_words", "NULL in many columns: blank, so nothing changes", 25, null_words),
    Oddity("named_null", "A person whose last name is Null", 3, named_null),
)
