"""Who a guest is: new ones, those who are not named, and those whom iVvy has twice or not any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sample_data.ivvy.stories import BOUNCED, NAMES, NO_MARKETING, PRESS, SUBSCRIBED, UNSUBSCRIBED
from sample_data.story import (
    CREATED,
    FOLDED,
    MALFORMED,
    RESUBSCRIBE,
    UPDATED,
    Expected,
    Oddity,
    entries,
    held,
    rejected,
    without,
)

if TYPE_CHECKING:
    from sample_data.ivvy.stories import Story

BOTH_GROUPS: Final = ("Newsletter", "Season programme")
FEW: Final = (*NAMES, "guest_no", "visits", "record_url", "email_status", "email_status_at")
"""Columns of a record that says little."""
FEW_PARTS: Final = ("EMAIL", "externalId", "Visits", "externalUrl:ticket-office")
AMBIGUOUS: Final = "contact_ambiguous"
ANONYMISED: Final = "contact_anonymised"


def new(story: Story, _number: int) -> None:
    story.stored.clear()
    story.ends(SUBSCRIBED)
    story.then_by_groups["statuses"] = (NO_MARKETING,)


def new_and_opting_out(story: Story, number: int) -> None:
    new(story, number)
    story.say(email_status="unsubscribed", newsletter="N", season_programme="N")
    story.then["statuses"] = (UNSUBSCRIBED,)
    story.then_by_groups["groups"] = ()


def new_and_silent(story: Story, number: int) -> None:
    new(story, number)
    story.say(email_status="", email_status_at="", newsletter="", season_programme="", preferences_at="")
    story.then["statuses"] = ()


def new_without_last_name(story: Story, number: int) -> None:
    story.stored.clear()
    story.say(last_name=("", "  ", "NULL")[number % 3])
    story.ends()


def no_number(story: Story, _number: int) -> None:
    story.say(guest_no="")
    story.then["groups"] = story.then_by_groups["groups"] = tuple(story.contact.groups)


def spelled_otherwise(story: Story, number: int) -> None:
    local, _, domain = story.person.email.partition("@")
    story.say(first_name=f" {story.person.first} ", email=f"{local.title() if number % 2 else local}@{domain.upper()} ")
    story.twin({}, {"first_name": story.person.first.swapcase(), "email": story.person.email.upper()})
    story.ends(SUBSCRIBED)


def known_by_name_alone(story: Story, _number: int) -> None:
    story.contact.external_id = None
    story.contact.groups = [PRESS]
    story.then["number"] = story.then_by_groups["number"] = story.records[0].cells["guest_no"]


def moved_after_a_bounce(story: Story, _number: int) -> None:
    story.contact.email = f"former.{story.person.email}"
    story.contact.status = BOUNCED
    story.then["statuses"] = (SUBSCRIBED,)
    story.then_by_groups["statuses"] = (BOUNCED,)


def twice_at_ivvy(story: Story, _number: int) -> None:
    story.only(*FEW)
    story.has_namesake()
    story.ends(SUBSCRIBED, SUBSCRIBED)


def twice_and_opting_out(story: Story, number: int) -> None:
    twice_at_ivvy(story, number)
    story.say(email_status="unsubscribed")
    story.then["statuses"] = (UNSUBSCRIBED, UNSUBSCRIBED)


def anonymised(story: Story, _number: int) -> None:
    story.only(*FEW, newsletter="Y")
    story.contact.is_anonymised = True
    story.ends(SUBSCRIBED)


def cut_short(story: Story, number: int) -> None:
    story.say(remarks="", email_status_source="phone")
    story.records[0].spoil = lambda line: line.rsplit(b",", 1 + number % 5)[0]


GUESTS: Final = (
    Oddity("cut_short", "The line breaks off: fields are missing at its end", 3, cut_short, (MALFORMED,), (MALFORMED,)),
    Oddity("new", "iVvy does not have the guest", 45, new, (CREATED,), (CREATED,)),
    Oddity("new_opt_out", "iVvy does not have the guest, who opts out", 5, new_and_opting_out, (CREATED,), (CREATED,)),
    Oddity(
        "new_and_silent",
        "A new guest of whose consent nothing is said",
        8,
        new_and_silent,
        held(reason="consent_missing"),
        (CREATED,),
    ),
    Oddity(
        "new_without_last_name",
        "A new guest without a last name",
        6,
        new_without_last_name,
        rejected(reason="identity_missing"),
        rejected(reason="attribute_missing"),
    ),
    Oddity("no_number", "`guest_no` is blank", 5, no_number, (UPDATED,), rejected(reason="identity_missing")),
    Oddity(
        "spelled_otherwise",
        "The same guest twice, with names and address in other cases and spaces",
        5,
        spelled_otherwise,
        *[(FOLDED, UPDATED)] * 2,
    ),
    Oddity("by_name_alone", "iVvy has no `guest_no` of the guest yet", 15, known_by_name_alone),
    Oddity(
        "moved_after_bounce",
        "Another e-mail address; the former one has bounced",
        4,
        moved_after_a_bounce,
        (CREATED,),
        without(*BOTH_GROUPS, reason=RESUBSCRIBE),
    ),
    Oddity(
        "twice_at_ivvy",
        "Two contacts of iVvy have the names and the address, one of them the number",
        4,
        twice_at_ivvy,
        rejected(*FEW_PARTS, reason=AMBIGUOUS),
    ),
    Oddity(
        "twice_opting_out",
        "The same, and the guest opts out",
        2,
        twice_and_opting_out,
        without(*FEW_PARTS[1:], reason=AMBIGUOUS),
    ),
    Oddity(
        "anonymised",
        "The contact was anonymised at iVvy",
        4,
        anonymised,
        rejected(*FEW_PARTS, reason=ANONYMISED),
        (
            Expected(
                "rejected",
                ANONYMISED,
                entries("Newsletter", "email", "firstName", "lastName", "Visits", reason=ANONYMISED),
            ),
        ),
    ),
)
