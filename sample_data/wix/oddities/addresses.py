"""Addresses that are broken, missing, spelled in several ways or shared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sample_data.story import CREATED, FOLDED, MALFORMED, rejected
from sample_data.wix.oddities.oddity import made, oddity
from sample_data.wix.stories import CONFIRMED, REVOKED, SMS

if TYPE_CHECKING:
    from sample_data.wix.stories import Story

BROKEN_PHONES: Final = ("555-0123", "call me", "212 555 012", "212 555 0123 ext 4", "none")
BROKEN_EMAILS: Final = ("{0}@example", "{0}.example.com", "{0}@@example.com", "{0} @example.com")


def _in(year: int) -> dict[str, str]:
    at = f"{year}-05-13T10:00:00Z"
    return {"email_consent_at": at, "sms_consent_at": at}


def broken_phone(story: Story, number: int) -> None:
    story.say(mobile=BROKEN_PHONES[number % len(BROKEN_PHONES)])
    story.then[story.person.email] = CONFIRMED


def broken_email(story: Story, number: int) -> None:
    mailbox = story.person.email.partition("@")[0]
    story.say(email=BROKEN_EMAILS[number % len(BROKEN_EMAILS)].format(mailbox))
    story.then[story.person.phone] = CONFIRMED


def no_phone(story: Story, _number: int) -> None:
    story.say(mobile="")
    story.then[story.person.email] = CONFIRMED


def no_address(story: Story, number: int) -> None:
    story.say(email="", mobile=("", "NULL")[number % 2])


def cut_short(story: Story, number: int) -> None:
    story.say(internal_note="", form="footer")
    story.records[0].spoil = lambda line: line.rsplit(b",", 1 + number % 5)[0]


def spelled_otherwise(story: Story, _number: int) -> None:
    local, _, domain = story.person.email.partition("@")
    digits = story.person.phone.removeprefix("+1")
    spelled = f"({digits[:3]}) {digits[3:6]}-{digits[6:]}"
    story.twin(_in(2023), {"email": f" {local.title()}@{domain.upper()}", "mobile": spelled} | _in(2024))
    story.then |= {story.person.email: CONFIRMED, story.person.phone: CONFIRMED}


def shared_phone(story: Story, _number: int) -> None:
    """A couple: each has an e-mail address, and both give one number."""
    other = f"ruth.{story.person.email}"
    story.twin(_in(2023), {"first_name": "Ruth", "email": other, "sms_consent": "no"} | _in(2024))
    story.then |= {story.person.email: CONFIRMED, other: CONFIRMED, story.person.phone: REVOKED}


def shared_phone_undated(story: Story, number: int) -> None:
    shared_phone(story, number)
    for record in story.records:
        record.cells["sms_consent_at"] = ""


def phone_alone_twice(story: Story, _number: int) -> None:
    story.only(*SMS)
    story.twin({"sms_consent": "no"} | _in(2024), {"sms_consent": "yes"} | _in(2023))
    story.then = {story.person.phone: REVOKED}


ADDRESSES: Final = (
    oddity("cut_short", "The line breaks off: fields are missing at its end", 3, cut_short, MALFORMED),
    oddity(
        "broken_phone",
        "A number that is none beside a good address",
        10,
        broken_phone,
        made("created", "SMS", "phone", reason="phone_not_e164"),
    ),
    oddity(
        "broken_email",
        "An address that is none beside a good number",
        6,
        broken_email,
        made("created", "EMAIL", "email", reason="email_invalid"),
    ),
    oddity(
        "no_phone",
        "Consent to texts, and no number",
        6,
        no_phone,
        made("created", "SMS", reason="address_missing"),
    ),
    oddity(
        "no_address",
        "Consents, and no address at all",
        4,
        no_address,
        *rejected("EMAIL", "SMS", reason="address_missing"),
    ),
    oddity(
        "spelled_otherwise",
        "One person twice, with address and number spelled in two ways",
        5,
        spelled_otherwise,
        FOLDED,
        CREATED,
    ),
    oddity(
        "shared_phone",
        "One number in two records: an older yes and a newer no",
        5,
        shared_phone,
        *[CREATED] * 2,
    ),
    oddity(
        "shared_phone_undated",
        "The same, and nobody knows which is newer",
        3,
        shared_phone_undated,
        *[CREATED] * 2,
    ),
    oddity(
        "number_alone_twice",
        "A number and nothing else: a newer no, then an older yes",
        3,
        phone_alone_twice,
        CREATED,
        FOLDED,
    ),
)
