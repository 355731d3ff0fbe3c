"""Consents of one guest: opt-outs, opt-ins that must not go, and cells that say nothing certain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sample_data.ivvy.oddities.guests import BOTH_GROUPS
from sample_data.ivvy.stories import BOUNCED, NO_MARKETING, PRESS, PROGRAMME, SUBSCRIBED, UNSUBSCRIBED
from sample_data.story import RESUBSCRIBE, UNLISTED, Oddity, held, rejected, without

if TYPE_CHECKING:
    from sample_data.ivvy.stories import Story

RESTRICTED: Final = {
    "channels": without("EMAIL", reason=RESUBSCRIBE),
    "groups": without(*BOTH_GROUPS, reason=RESUBSCRIBE),
}
UNLISTED_WORDS: Final = ("maybe", "?", "TBC", "subscribe", "ja")


def unsubscribed_at_ivvy(story: Story, _number: int) -> None:
    story.contact.status = UNSUBSCRIBED
    story.ends(UNSUBSCRIBED)


def newsletter_and_nothing_else(story: Story, number: int) -> None:
    unsubscribed_at_ivvy(story, number)
    story.only("guest_no", "newsletter", "preferences_at")


def bounced_at_ivvy(story: Story, _number: int) -> None:
    story.contact.status = BOUNCED
    story.ends(BOUNCED)


def no_marketing_at_ivvy(story: Story, _number: int) -> None:
    story.contact.status = NO_MARKETING
    story.ends(NO_MARKETING)


def opt_out(story: Story, number: int) -> None:
    story.say(email_status=("unsubscribed", "No", " UNSUBSCRIBED")[number % 3], newsletter="N", season_programme="N")
    story.contact.groups.append(PRESS)
    story.then["statuses"] = (UNSUBSCRIBED,)
    story.then_by_groups |= {"statuses": (SUBSCRIBED,), "groups": (PRESS,)}


def newsletter_opt_out(story: Story, _number: int) -> None:
    story.say(newsletter="N")
    story.ends(SUBSCRIBED)
    story.then_by_groups["groups"] = (PROGRAMME,)


def bounced_in_the_export(story: Story, number: int) -> None:
    story.say(email_status=("bounced", "Hard bounce")[number % 2])
    story.then["statuses"] = (BOUNCED,)


def bookings_only(story: Story, _number: int) -> None:
    story.say(email_status="bookings only")
    story.then["statuses"] = (NO_MARKETING,)


def blank_consent(story: Story, _number: int) -> None:
    story.say(email_status="", email_status_at="", newsletter="NULL", season_programme="", preferences_at="")
    story.contact.status = UNSUBSCRIBED
    story.contact.groups = [PRESS]
    story.ends(UNSUBSCRIBED)
    story.then_by_groups["groups"] = (PRESS,)


def unlisted_value(story: Story, number: int) -> None:
    word = UNLISTED_WORDS[number % len(UNLISTED_WORDS)]
    story.say(email_status=word, newsletter=word)
    story.ends(SUBSCRIBED)


CONSENTS: Final = (
    Oddity(
        "unsubscribed_at_ivvy", "Opt-in in the export, unsubscribed at iVvy", 16, unsubscribed_at_ivvy, **RESTRICTED
    ),
    Oddity(
        "newsletter_alone",
        "Nothing but `guest_no` and an opt-in to the newsletter, unsubscribed at iVvy",
        4,
        newsletter_and_nothing_else,
        rejected(reason="identity_missing"),
        held("Newsletter"),
    ),
    Oddity("bounced_at_ivvy", "Opt-in in the export, bounced at iVvy", 10, bounced_at_ivvy, **RESTRICTED),
    Oddity("no_marketing_at_ivvy", "Opt-in in the export, No Marketing at iVvy", 6, no_marketing_at_ivvy, **RESTRICTED),
    Oddity("opt_out", "Opts out of e-mail and of both groups; stays in another", 4, opt_out),
    Oddity("newsletter_opt_out", "Opts out of the newsletter only", 3, newsletter_opt_out),
    Oddity("bounced_in_export", "`email_status` is bounced", 3, bounced_in_the_export),
    Oddity("bookings_only", "`email_status` is bookings only", 2, bookings_only),
    Oddity("blank_consent", "Blank consent cells; what iVvy has stays", 15, blank_consent),
    Oddity(
        "unlisted_value",
        "`email_status` and `newsletter` hold maybe, ? and the like",
        8,
        unlisted_value,
        without("EMAIL", reason=UNLISTED),
        without("Newsletter", reason=UNLISTED),
    ),
)
