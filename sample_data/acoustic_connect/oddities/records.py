"""Records that are damaged as a whole, or say nothing, or are of nobody that the platform knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sample_data.acoustic_connect.oddities.oddity import only
from sample_data.story import MALFORMED, NOTHING, Expected, Oddity

if TYPE_CHECKING:
    from collections.abc import Callable

    from sample_data.acoustic_connect.stories import Story

NO_IDENTITY: Final = (Expected("rejected", "identity_missing"),)
MANGLED_IDENTITY: Final = (Expected("rejected", "mangled_number"),)
NOT_FOUND: Final = (Expected("failed", "contact_not_found"),)


def _spoil(story: Story, spoil: Callable[[bytes], bytes]) -> None:
    """Damages the line of somebody named Lee; nothing in it needs quotes."""
    story.say(first_name="Lee", last_name="Young", email_opt_in_source="web form", internal_note="")
    story.records[0].spoil = spoil


def short(story: Story, number: int) -> None:
    _spoil(story, lambda line: line.rsplit(b",", 1 + number % 12)[0])


def long(story: Story, number: int) -> None:
    _spoil(story, lambda line: line + b"," + (b"", b"moved", b"see note")[number % 3])


def quote(story: Story, number: int) -> None:
    nickname = ("Bobby", "Red", "Doc")[number % 3]
    _spoil(story, lambda line: line.replace(b",Lee,", f',"Lee "{nickname}" Ann",'.encode()))


def open_quote(story: Story, _number: int) -> None:
    _spoil(story, lambda line: line.replace(b",Lee,", b',"Lee,'))


def latin_1(story: Story, number: int) -> None:
    name = ("José", "Renée", "Jürgen", "Åsa")[number % 4]
    _spoil(story, lambda line: line.replace(b",Lee,", f",{name},".encode("latin-1")))


def no_identity(story: Story, number: int) -> None:
    story.say(contact_id=("", "  ", "NULL")[number % 3])


def mangled_identity(story: Story, number: int) -> None:
    story.say(contact_id=("4.41E+11", "2.00013E+05", "2,1E+5")[number % 3])


def unknown(story: Story, _number: int) -> None:
    story.is_stored = False


def only_blanks(story: Story, _number: int) -> None:
    only(story)


WHOLE_RECORDS: Final = (
    Oddity("too_short", "The line breaks off: fields are missing at its end", 12, short, (MALFORMED,), (MALFORMED,)),
    Oddity("too_long", "A comma too many: one field more than the header has", 10, long, (MALFORMED,), (MALFORMED,)),
    Oddity("stray_quote", "Quotes within a quoted name are not doubled", 7, quote, (MALFORMED,), (MALFORMED,)),
    Oddity("open_quote", "A quote is opened and never closed", 3, open_quote, (MALFORMED,), (MALFORMED,)),
    Oddity("not_utf8", "A byte that is not UTF-8, from an older system", 8, latin_1, (MALFORMED,), (MALFORMED,)),
    Oddity("no_identity", "`contact_id` is empty, blank or NULL", 24, no_identity, NO_IDENTITY, NO_IDENTITY),
    Oddity(
        "mangled_identity",
        "A spreadsheet made `contact_id` 4.41E+11",
        10,
        mangled_identity,
        MANGLED_IDENTITY,
        MANGLED_IDENTITY,
    ),
    Oddity("unknown_contact", "The platform does not have the contact", 60, unknown, NOT_FOUND, NOT_FOUND),
    Oddity("only_blanks", "Nothing but a `contact_id`", 10, only_blanks, (NOTHING,), (NOTHING,)),
)
