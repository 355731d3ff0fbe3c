"""E-mail addresses and phone numbers as people and spreadsheets write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sample_data.acoustic_connect.oddities.oddity import PROMOTIONS_EMAIL, learns_phone, mailbox, only
from sample_data.story import Oddity, rejected, without

if TYPE_CHECKING:
    from sample_data.acoustic_connect.stories import Story

PHONE_STYLES: Final = (
    *("({0}) {1}-{2}", "{0}-{1}-{2}", "{0}.{1}.{2}", "{0} {1} {2}", "{0}{1}{2}", "{0}/{1}-{2}"),
    *("1-{0}-{1}-{2}", "1 ({0}) {1}-{2}", "+1 ({0}) {1}-{2}", "+1.{0}.{1}.{2}", "+1\u00a0{0}\u00a0{1}\u00a0{2}"),
    *("Tel. ({0}) {1}-{2}", "tel:+1-{0}-{1}-{2}", "{0}\u2013{1}\u2013{2}", " {0} {1}  {2} ", "1{0}{1}{2}.0"),
    *("[{0}] {1} {2}", "011 1 {0} {1} {2}"),
)
BROKEN_PHONES: Final = (
    *("12", "555-0123", "(999) 555-0123", "call me", "+999 555 0123", "212-555-01234", "212 555 0123 ext 4"),
    *("1-800-EXAMPLE", "0000000000", "212 555 012", "123-456-7890", "212 555 O123"),
    *("+1 212 555 0123 / +1 212 555 0124", "none", "-"),
)
MANGLED_PHONES: Final = ("4.47E+11", "1.21256E+10", "2,12555E+09")
BROKEN_EMAILS: Final = (
    *("{0}@example", "{0}.example.com", "{0}@@example.com", "{0}@example..com", "{0} @example.com"),
    *("{0}@exam ple.com", "{0}@example,com", "{0}@example.com.", "{0}@example.com;{0}@example.org"),
    *(".{0}@example.com", "@example.com", "<{0}@example.com>", "mailto:{0}@example.com", "n/a", "none"),
)


def phone_punctuation(story: Story, number: int) -> None:
    digits = story.person.phone.removeprefix("+1")
    if len(digits) == 10:
        style = PHONE_STYLES[number % len(PHONE_STYLES)]
        story.say(mobile=style.format(digits[:3], digits[3:6], digits[6:]))
    else:
        story.say(mobile=f"{digits[:3]} {digits[3:6]} {digits[6:]}")
    learns_phone(story)


def broken_phone(story: Story, number: int) -> None:
    story.say(mobile=BROKEN_PHONES[number % len(BROKEN_PHONES)])


def mangled_phone(story: Story, number: int) -> None:
    story.say(mobile=MANGLED_PHONES[number % len(MANGLED_PHONES)])


def email_case(story: Story, number: int) -> None:
    local, _, domain = story.person.email.partition("@")
    before, written = (("", local), (" ", local.title()), ("\t", local.upper()))[number % 3]
    story.say(email=f"{before}{written}@{domain.upper() if number % 2 else domain.title()}{before}")
    story.stored.attributes["Email"] = f"former.{story.person.email}"
    story.then["Email"] = f"{written}@{domain}"


def broken_email(story: Story, number: int) -> None:
    story.say(email=BROKEN_EMAILS[number % len(BROKEN_EMAILS)].format(mailbox(story)))


def broken_email_opting_out(story: Story, number: int) -> None:
    broken_email(story, number)
    story.say(email_opt_in="N", promo_email="N")
    story.then["EMAIL"] = "OPT_IN"


def only_a_broken_email(story: Story, number: int) -> None:
    only(story, email=BROKEN_EMAILS[number].format(mailbox(story)), email_opt_in="Y", promo_email="Y")


ADDRESSES: Final = (
    Oddity("phone_punctuation", "National numbers with all kinds of punctuation", 180, phone_punctuation),
    Oddity(
        "broken_phone",
        "A number that is none, or is too short, too long, or has an extension",
        45,
        broken_phone,
        without("SMS", "Cell Phone", reason="phone_not_e164"),
        without("Cell Phone", reason="phone_not_e164"),
    ),
    Oddity(
        "mangled_phone",
        "A spreadsheet made the number 4.47E+11",
        12,
        mangled_phone,
        without("SMS", "Cell Phone", reason="mangled_number"),
        without("Cell Phone", reason="mangled_number"),
    ),
    Oddity("email_case", "Upper case in the domain, spaces around the address", 60, email_case),
    Oddity(
        "broken_email",
        "An address that is none, beside an opt-in",
        35,
        broken_email,
        without("EMAIL", "Email", reason="email_invalid"),
        without(PROMOTIONS_EMAIL, "Email", reason="email_invalid"),
    ),
    Oddity(
        "broken_email_opting_out",
        "An address that is none, beside an opt-out",
        5,
        broken_email_opting_out,
        without("EMAIL", "Email", reason="email_invalid"),
        without(PROMOTIONS_EMAIL, "Email", reason="email_invalid"),
    ),
    Oddity(
        "only_a_broken_email",
        "Nothing but an unusable address and the consent for it",
        6,
        only_a_broken_email,
        rejected("EMAIL", "Email", reason="email_invalid"),
        rejected(PROMOTIONS_EMAIL, "Email", reason="email_invalid"),
    ),
)
