"""Consents in one record: opt-outs, opt-ins that must not go, and cells that say nothing certain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sample_data.acoustic_connect.oddities.oddity import (
    NO,
    PROMOTIONS_EMAIL,
    YES,
    at_minute,
    only,
    opts_out,
    stays_opted_out,
)
from sample_data.acoustic_connect.stories import NEWSLETTERS
from sample_data.story import RESUBSCRIBE, UNLISTED, Oddity, held, without

if TYPE_CHECKING:
    from sample_data.acoustic_connect.stories import Story

UNLISTED_WORDS: Final = ("maybe", "?", "TBC", "opt-in", "ja", "Y/N", "-1", "unsure")
UNREADABLE_TIMES: Final = ("last summer", "2024-13-45", "14 May", "yesterday", "24-03-01", "00/00/0000 00:00")
FUTURE: Final = {"email_opt_in_at": "2099-01-01T09:00:00Z", "preferences_at": "01/01/2099 09:00"}
NO_TIME: Final = {"email_opt_in_at": "", "preferences_at": ""}


def blank_consent(story: Story, _number: int) -> None:
    story.say(email_opt_in="", sms_opt_in="", newsletter="", promo_email="", **NO_TIME)
    stays_opted_out(story)


def spelled_otherwise(story: Story, number: int) -> None:
    word = (" y", "YES", "Yes ", "1")[number % 4]
    story.say(email_opt_in=word, sms_opt_in=("TRUE", " True ")[number % 2], newsletter=word, promo_email=word)
    story.stored.channels.clear()
    story.stored.groups.clear()
    story.then |= {"EMAIL": "OPT_IN", "SMS": "OPT_IN", NEWSLETTERS: "OPT_IN"}


def unlisted_value(story: Story, number: int) -> None:
    word = UNLISTED_WORDS[number % len(UNLISTED_WORDS)]
    story.say(email_opt_in=word, newsletter=word)


def unlisted_sms_and_promo(story: Story, number: int) -> None:
    word = UNLISTED_WORDS[number % len(UNLISTED_WORDS)]
    story.say(sms_opt_in=word, promo_email=word)


def opt_out(story: Story, _number: int) -> None:
    story.say(**NO, promo_email="N")
    opts_out(story)


def sms_opt_out(story: Story, _number: int) -> None:
    story.say(sms_opt_in="false")
    story.then |= {"EMAIL": "OPT_IN", "SMS": "OPT_OUT"}


def newsletter_opt_out(story: Story, _number: int) -> None:
    story.say(newsletter="N")
    story.then |= {"EMAIL": "OPT_IN", NEWSLETTERS: "OPT_OUT"}


def opt_in_over_opt_out(story: Story, _number: int) -> None:
    stays_opted_out(story)


def opt_in_and_nothing_else(story: Story, number: int) -> None:
    only(story, **YES, **at_minute(2024, number), email_opt_in_source="web form")
    stays_opted_out(story)


def opt_in_over_sms_stop(story: Story, _number: int) -> None:
    story.stored.opted_out("SMS")
    story.then["SMS"] = "OPT_OUT"


def opt_in_over_newsletter_opt_out(story: Story, _number: int) -> None:
    story.stored.groups[NEWSLETTERS] = {"EMAIL": "OPT_OUT", "SMS": "OPT_OUT"}
    story.then |= {"EMAIL": "OPT_IN", NEWSLETTERS: "OPT_OUT"}


def future_time(story: Story, _number: int) -> None:
    story.say(**FUTURE)
    story.then["EMAIL"] = "OPT_IN"


def unreadable_time(story: Story, number: int) -> None:
    word = UNREADABLE_TIMES[number % len(UNREADABLE_TIMES)]
    story.say(email_opt_in_at=word, preferences_at=word)
    story.then["EMAIL"] = "OPT_IN"


CONSENTS: Final = (
    Oddity("blank_consent", "Blank consent cells; the platform's opt-out stays", 120, blank_consent),
    Oddity("spelled_otherwise", "Listed values in other cases and with spaces", 40, spelled_otherwise),
    Oddity(
        "unlisted_value",
        "`email_opt_in` and `newsletter` hold maybe, ? and the like",
        30,
        unlisted_value,
        without("EMAIL", reason=UNLISTED),
        without(NEWSLETTERS, reason=UNLISTED),
    ),
    Oddity(
        "unlisted_sms_and_promo",
        "`sms_opt_in` and `promo_email` hold a value that is not listed",
        12,
        unlisted_sms_and_promo,
        without("SMS", reason=UNLISTED),
        without(PROMOTIONS_EMAIL, reason=UNLISTED),
    ),
    Oddity("opt_out", "Opts out of all e-mail (the platform has OPT_IN)", 55, opt_out),
    Oddity("sms_opt_out", "Opts out of SMS (the platform has OPT_IN)", 15, sms_opt_out),
    Oddity("newsletter_opt_out", "Opts out of the newsletters only", 45, newsletter_opt_out),
    Oddity(
        "opt_in_over_opt_out",
        "Opt-in in the export, EMAIL opt-out on the platform",
        45,
        opt_in_over_opt_out,
        without("EMAIL", reason=RESUBSCRIBE),
        without(NEWSLETTERS, PROMOTIONS_EMAIL, reason=RESUBSCRIBE),
    ),
    Oddity(
        "opt_in_and_nothing_else",
        "The same, and the record says nothing else",
        12,
        opt_in_and_nothing_else,
        held("EMAIL"),
        held(NEWSLETTERS),
    ),
    Oddity(
        "opt_in_over_sms_stop",
        "Opt-in in the export, SMS opt-out on the platform",
        15,
        opt_in_over_sms_stop,
        without("SMS", reason=RESUBSCRIBE),
        without(NEWSLETTERS, reason=RESUBSCRIBE),
    ),
    Oddity(
        "opt_in_over_newsletter_opt_out",
        "Opt-in in the export, opt-out of the newsletters alone on the platform",
        15,
        opt_in_over_newsletter_opt_out,
        groups=without(NEWSLETTERS, reason=RESUBSCRIBE),
    ),
    Oddity("future_time", "Consent dated in the future: its time counts as unknown", 12, future_time),
    Oddity("unreadable_time", "The time of consent cannot be read: unknown", 15, unreadable_time),
)
