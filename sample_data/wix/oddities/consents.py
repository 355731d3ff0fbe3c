"""Consents that are new or meet what Wix has: permissions, revocations, and cells that say nothing certain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sample_data.story import CREATED, RESUBSCRIBE, UNLISTED, Expected, held, without
from sample_data.wix.oddities.oddity import made, oddity
from sample_data.wix.stories import CONFIRMED, EMAIL, REVOKED, SMS

if TYPE_CHECKING:
    from sample_data.wix.stories import Story

LONG_AGO: Final = "2021-02-03T08:00:00.000Z"
LATER: Final = "2025-05-13T10:00:00.000Z"
UNLISTED_WORDS: Final = ("maybe", "?", "TBC", "double", "ja")
E_MAIL_ALONE: Final = dict.fromkeys(SMS, "")


def both_channels(story: Story, _number: int) -> None:
    story.then |= {story.person.email: CONFIRMED, story.person.phone: CONFIRMED}


def known(story: Story, _number: int) -> None:
    story.say(**E_MAIL_ALONE)
    story.has(story.person.email, CONFIRMED, tier="bronze", origin="import")
    story.then[story.person.email] = CONFIRMED


def pending(story: Story, _number: int) -> None:
    story.say(email_consent="pending", **E_MAIL_ALONE)
    story.then[story.person.email] = "PENDING"


def now_confirmed(story: Story, number: int) -> None:
    known(story, number)
    story.say(email_consent_source="confirmation link")
    story.has(story.person.email, "PENDING")


def never_asked(story: Story, _number: int) -> None:
    story.say(email_consent="never asked", email_consent_at="", email_consent_source="", **E_MAIL_ALONE)
    story.then[story.person.email] = "NEVER_CONFIRMED"


def opt_out(story: Story, number: int) -> None:
    known(story, number)
    story.say(email_consent=("withdrawn", "No")[number % 2], email_consent_source="unsubscribe link")
    story.then[story.person.email] = REVOKED


def new_opt_out(story: Story, number: int) -> None:
    opt_out(story, number)
    story.stored.clear()


def one_of_each(story: Story, _number: int) -> None:
    story.say(sms_consent="no")
    story.then |= {story.person.email: CONFIRMED, story.person.phone: REVOKED}


def revoked_before(story: Story, _number: int) -> None:
    story.say(**E_MAIL_ALONE)
    story.has(story.person.email, REVOKED, LONG_AGO)
    story.then[story.person.email] = CONFIRMED


def revoked_after(story: Story, _number: int) -> None:
    story.say(**E_MAIL_ALONE)
    story.has(story.person.email, REVOKED, LATER)
    story.then[story.person.email] = REVOKED


def revoked_after_and_nothing_else(story: Story, number: int) -> None:
    revoked_after(story, number)
    story.only(*EMAIL)


def revoked_and_undated(story: Story, number: int) -> None:
    revoked_after(story, number)
    story.has(story.person.email, REVOKED, LONG_AGO)
    story.only(*EMAIL[:2], "email_consent_source")


def stopped_texts(story: Story, _number: int) -> None:
    story.has(story.person.phone, REVOKED, LATER)
    story.then |= {story.person.email: CONFIRMED, story.person.phone: REVOKED}


def unknown_again(story: Story, number: int) -> None:
    known(story, number)
    story.say(email_consent="unknown", email_consent_source="")


def unknown_and_new(story: Story, number: int) -> None:
    unknown_again(story, number)
    story.stored.clear()
    story.then[story.person.email] = "UNKNOWN_STATE"


def unlisted_value(story: Story, number: int) -> None:
    known(story, number)
    story.say(email_consent=UNLISTED_WORDS[number % len(UNLISTED_WORDS)])


def blank_consent(story: Story, _number: int) -> None:
    story.only("email", "tier", "points")
    story.has(story.person.email, REVOKED, LATER)
    story.then[story.person.email] = REVOKED


def new_and_silent(story: Story, _number: int) -> None:
    story.only("email", "tier")
    story.then[story.person.email] = None


CONSENTS: Final = (
    oddity("both_channels", "E-mail and texts in one record, both new", 30, both_channels, CREATED),
    oddity("one_of_each", "Yes to e-mail and no to texts in one record", 8, one_of_each, CREATED),
    oddity("known", "Wix has the consent already; fields that the export does not know stay", 60, known),
    oddity("pending", "A double opt-in that is not confirmed yet", 12, pending, CREATED),
    oddity("now_confirmed", "PENDING at Wix, confirmed in the export", 8, now_confirmed),
    oddity("never_asked", "NEVER_CONFIRMED for a new address, without time and source", 6, never_asked, CREATED),
    oddity("opt_out", "Opts out (CONFIRMED at Wix)", 5, opt_out),
    oddity("new_opt_out", "Opts out, and Wix does not have the address", 5, new_opt_out, CREATED),
    oddity("revoked_before", "Revoked at Wix before the export's opt-in", 8, revoked_before),
    oddity(
        "revoked_after",
        "Revoked at Wix after the export's opt-in",
        10,
        revoked_after,
        *without("EMAIL", reason=RESUBSCRIBE),
    ),
    oddity(
        "revoked_and_nothing_else",
        "The same, and the record says nothing else",
        5,
        revoked_after_and_nothing_else,
        *held("EMAIL"),
    ),
    oddity(
        "revoked_and_undated",
        "Revoked at Wix, and the opt-in has no time",
        4,
        revoked_and_undated,
        *held("EMAIL"),
    ),
    oddity(
        "stopped_texts",
        "Texts revoked at Wix after the opt-in; a new e-mail address",
        5,
        stopped_texts,
        made("updated", "SMS", reason=RESUBSCRIBE),
    ),
    oddity(
        "unknown_again",
        "UNKNOWN_STATE for an e-mail consent that Wix has, which keeps its state",
        5,
        unknown_again,
        Expected("failed", "not_applied"),
    ),
    oddity("unknown_and_new", "UNKNOWN_STATE for a new address", 5, unknown_and_new, CREATED),
    oddity(
        "unlisted_value",
        "`email_consent` holds maybe, ? and the like",
        6,
        unlisted_value,
        *without("EMAIL", reason=UNLISTED),
    ),
    oddity("blank_consent", "Blank consent cells; what Wix has stays", 8, blank_consent),
    oddity(
        "new_and_silent",
        "A new address of whose consent nothing is said",
        5,
        new_and_silent,
        *held(reason="consent_missing"),
    ),
)
