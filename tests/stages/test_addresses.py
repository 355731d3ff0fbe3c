"""Phone numbers and e-mail addresses as people write them, against the libraries that judge them."""

from __future__ import annotations

import re

import phonenumbers
import polars as pl
import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.stages.addresses import normalise_emails, normalise_phones
from pipeline.stages.numbering_plans import WORTH_COMPILING

NOT_A_NUMBER = (None, "phone_not_e164")
MANGLED = (None, "mangled_number")
NOT_AN_EMAIL = (None, "email_invalid")
BLANK = (None, None)

PHONES = {
    "national, with punctuation": ("(212) 555-0123", "US", ("+12125550123", None)),
    "national, with dots": ("212.555.0123", "US", ("+12125550123", None)),
    "white space around it": ("\u00a0 2125550123\t\n", "US", ("+12125550123", None)),
    "with the national prefix 1": ("1 (212) 555-0123", "US", ("+12125550123", None)),
    "with the national prefix 0": ("020 7946 0123", "GB", ("+442079460123", None)),
    "with the national prefix 8": ("8 (912) 345-67-89", "RU", ("+79123456789", None)),
    "without the national prefix, which a spreadsheet dropped": ("7400123456", "GB", ("+447400123456", None)),
    "Italy keeps its leading zero": ("06 698 12345", "IT", ("+390669812345", None)),
    "Italy abroad keeps it too": ("+39 06 698 12345", "US", ("+390669812345", None)),
    "a zero in brackets is not dialled from abroad": ("+44 (0)20 7946 0123", "US", ("+442079460123", None)),
    "the plus in brackets": ("(+44) 20 7946 0123", "US", ("+442079460123", None)),
    "the international prefix 00": ("0044 20 7946 0123", "DE", ("+442079460123", None)),
    "the international prefix 011": ("011 44 20 7946 0123", "US", ("+442079460123", None)),
    "the calling code without a plus": ("442079460123", "GB", ("+442079460123", None)),
    "another country's calling code without a plus": ("442079460123", "US", NOT_A_NUMBER),
    "Canada shares +1": ("416-555-0123", "US", ("+14165550123", None)),
    "Guernsey shares +44": ("07781 123456", "GB", ("+447781123456", None)),
    "Kazakhstan shares +7": ("8 771 000 9998", "KZ", ("+77710009998", None)),
    "the Vatican shares +39": ("06 698 12345", "VA", ("+390669812345", None)),
    "no region, but international": ("+1 212 555 0123", None, ("+12125550123", None)),
    "no region": ("212 555 0123", None, NOT_A_NUMBER),
    "full-width digits": ("\uff0b\uff14\uff14\u300020 7946 \uff10\uff11\uff12\uff13", None, ("+442079460123", None)),
    "dashes and spaces of other kinds": ("+44\u00a020\u20117946\u20130123", None, ("+442079460123", None)),
    "a label before it": ("Tel. 020 7946 0123", "GB", ("+442079460123", None)),
    "an apostrophe that kept a spreadsheet away": ("'+442079460123", "US", ("+442079460123", None)),
    "a tel: URI": ("tel:+1-212-555-0123", "GB", ("+12125550123", None)),
    "a tel: URI with a context": ("tel:212-555-0123;phone-context=+1", "GB", ("+12125550123", None)),
    "a tel: URI with a domain as context": (
        "tel:2125550123;phone-context=pbx2.example.com",
        "US",
        ("+12125550123", None),
    ),
    "an extension": ("212-555-0123 ext. 5", "US", NOT_A_NUMBER),
    "an extension after a comma": ("212-555-0123,5", "US", NOT_A_NUMBER),
    "an extension after a hash": ("+44 20 7946 0123 #5", "US", NOT_A_NUMBER),
    "an extension in a tel: URI": ("tel:+1-212-555-0123;ext=5", "US", NOT_A_NUMBER),
    "letters for digits": ("1-800-EXAMPLE", "US", NOT_A_NUMBER),
    "a letter typed for a zero, which would leave another number": ("+49 30 12345O7", None, NOT_A_NUMBER),
    "an exchange that does not exist": ("212-055-0123", "US", NOT_A_NUMBER),
    "too short": ("555-0123", "US", NOT_A_NUMBER),
    "two numbers": ("212-555-0123 / 212-555-0124", "US", NOT_A_NUMBER),
    "a number kept for films, which the library calls invalid": ("07700 900123", "GB", NOT_A_NUMBER),
    "German digits that the library reads as national, area code 04915": (
        "4915123456789",
        "DE",
        ("+494915123456789", None),
    ),
    "the same as a decimal: a mobile number with its calling code is as likely": ("4915123456789.0", "DE", MANGLED),
    "words": ("none", "US", NOT_A_NUMBER),
    "only punctuation": ("-", "US", NOT_A_NUMBER),
    "longer than the library reads": ("212 555 0123" + " " * 240 + "()", "US", NOT_A_NUMBER),
    "scientific notation": ("4.41E+11", "GB", MANGLED),
    "scientific notation with a comma": ("4,41E+11", "DE", MANGLED),
    "scientific notation with all digits, which may still be rounded": ("4.47400123456e11", "GB", MANGLED),
    "a decimal with its calling code": ("447400123456.0", "GB", ("+447400123456", None)),
    "a decimal that lost its zero": ("7400123456.0", "GB", ("+447400123456", None)),
    "a decimal with a comma": ("2125550123,00", "US", ("+12125550123", None)),
    "a decimal of another country, its plus lost": ("447400123456.0", "US", MANGLED),
    "a decimal that is Jamaican, or from Singapore if it had a plus": ("6582345678.0", "US", MANGLED),
    "the same digits without the decimal are only national": ("6582345678", "US", ("+16582345678", None)),
    "a decimal without its zero in Italy": ("669812345.0", "IT", MANGLED),
    "a decimal where any length is valid": ("+493012345.0", "DE", ("+493012345", None)),
    "empty": ("", "US", BLANK),
    "only white space": (" \t\u3000", "US", BLANK),
    "null": (None, "US", BLANK),
}

EMAILS = {
    "the domain in lower case, the rest as written": (
        "First.Last+Tag@Example.COM",
        ("First.Last+Tag@example.com", None),
    ),
    "white space around it": ("\u00a0a@example.org\n", ("a@example.org", None)),
    "mailboxes that every domain has": ("INFO@Example.org", ("info@example.org", None)),
    "all that an atom may hold": ("!#$%&'*+-/=?^_`{|}~@example.net", ("!#$%&'*+-/=?^_`{|}~@example.net", None)),
    "a long local part, which the library allows": ("a" * 65 + "@example.org", ("a" * 65 + "@example.org", None)),
    "an international domain": ("a@M\u00dcNCHEN.example.org", ("a@m\u00fcnchen.example.org", None)),
    "an international domain in its ASCII form": ("a@xn--mnchen-3ya.example.org", ("a@m\u00fcnchen.example.org", None)),
    "an international local part": ("jose\u0301@example.org", ("jos\u00e9@example.org", None)),
    "a full stop of another kind": ("a@example\u3002org", ("a@example.org", None)),
    "a reserved name that the library allows": ("a@mail.example", ("a@mail.example", None)),
    "a name for tests": ("a@mail.test", NOT_AN_EMAIL),
    "a name that is never valid": ("a@Mail.INVALID", NOT_AN_EMAIL),
    "a name of the local network": ("a@printer.local", NOT_AN_EMAIL),
    "no dot in the domain": ("a@localhost", NOT_AN_EMAIL),
    "an IP address": ("a@127.0.0.1", NOT_AN_EMAIL),
    "an IP address in brackets": ("a@[127.0.0.1]", NOT_AN_EMAIL),
    "a quoted local part": ('"a b"@example.org', NOT_AN_EMAIL),
    "a name before it": ("A <a@example.org>", NOT_AN_EMAIL),
    "two addresses": ("a@example.org;b@example.org", NOT_AN_EMAIL),
    "two dots in a row": ("a..b@example.org", NOT_AN_EMAIL),
    "a dot before the at": ("a.@example.org", NOT_AN_EMAIL),
    "an underscore in the domain": ("a@my_shop.example.org", NOT_AN_EMAIL),
    "a hyphen at a label's end": ("a@shop-.example.org", NOT_AN_EMAIL),
    "a label that looks like Punycode": ("a@ab--cd.example.org", NOT_AN_EMAIL),
    "hyphens further on": ("a@abc--d.example.org", ("a@abc--d.example.org", None)),
    "a label of 64 characters": (f"a@{'b' * 64}.example.org", NOT_AN_EMAIL),
    "254 characters": ("a" * 242 + "@example.org", ("a" * 242 + "@example.org", None)),
    "255 characters": ("a" * 243 + "@example.org", NOT_AN_EMAIL),
    "a space in it": ("a b@example.org", NOT_AN_EMAIL),
    "no at": ("example.org", NOT_AN_EMAIL),
    "a control character, which is not white space": ("\x1fa@example.org", NOT_AN_EMAIL),
    "empty": ("", BLANK),
    "null": (None, BLANK),
}

DIGIT_TEXTS = st.text("0123456789", min_size=2, max_size=14)
PUNCTUATED = st.text("0123456789 ()-./+", min_size=2, max_size=20)
ANY_PHONE = st.text("0123456789 ()-./+,;#*x~eEAoO'\t\u00a0\u2011\uff0b\uff11\u0661:", max_size=20)
LABELS = st.text("abZ09-", min_size=1, max_size=4) | st.sampled_from(
    [
        "example",
        "b" * 63,
        "b" * 64,
        "xn--mnchen-3ya",
        "xn--a",
        "ab--cd",
        "m\u00fcnchen",
        "_dmarc",
        "",
        "\u0130",
        "\u212a",
    ]
)
ENDINGS = st.sampled_from(
    ["com", "ORG", "c0", "0c", "9", "test", "Local", "arpa", "onion", "x-", "x-y", "co.uk", "com."]
)
DOMAINS = st.builds(lambda labels, end: ".".join([*labels, end]), st.lists(LABELS, max_size=5), ENDINGS)
LOCALS = (
    st.text("abZ09._-+!#/{}'", max_size=8)
    | st.text('ab. "@()<>,;\\\u00e9\u0301\u4e2d', max_size=6)
    | st.sampled_from(["info", "Sales", "a" * 64, "a" * 65, "a" * 190, "a" * 240])
)
ANY_EMAIL = st.builds("{}@{}".format, LOCALS, DOMAINS) | st.text('ab.@[]<>"1: ', max_size=12)


def phone_by_library(text: str, region: str | None) -> tuple[str | None, str | None]:
    """The verdict of phonenumbers on the trimmed text, with our two exceptions: extensions and letters."""
    trimmed = text.strip()
    start = next((i for i, c in enumerate(trimmed) if c in "+\uff0b" or c.isdecimal()), 0)
    letters = re.search("[A-Za-z]", trimmed[start:].partition(";")[0])
    if not trimmed:
        return BLANK
    try:
        number = phonenumbers.parse(trimmed, region)
    except phonenumbers.NumberParseException:
        return NOT_A_NUMBER
    if letters or number.extension or not phonenumbers.is_valid_number(number):
        return NOT_A_NUMBER
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), None


def email_by_library(text: str) -> tuple[str | None, str | None]:
    try:
        return validate_email(text.strip(), check_deliverability=False).normalized, None
    except EmailNotValidError:
        return NOT_AN_EMAIL if text.strip() else BLANK


def is_mangled(text: str) -> bool:
    return re.fullmatch(r"\+?[0-9]+[.,]00?|[+-]?[0-9]+([.,][0-9]+)?[eE][+-]?[0-9]+", text.strip()) is not None


@pytest.mark.parametrize(("text", "region", "expected"), PHONES.values(), ids=PHONES)
@pytest.mark.parametrize("times", [1, WORTH_COMPILING], ids=["few", "many"])
def test_phone(text: str | None, region: str | None, expected: tuple[str | None, str | None], times: int) -> None:
    """A phone number has this address or this reason, however many records there are."""
    assert normalise_phones(pl.Series([text] * times, dtype=pl.String), region).rows() == [expected] * times


@pytest.mark.parametrize(("text", "expected"), EMAILS.values(), ids=EMAILS)
def test_email(text: str | None, expected: tuple[str | None, str | None]) -> None:
    """An e-mail address has this normal form or is not usable."""
    assert normalise_emails(pl.Series([text], dtype=pl.String)).rows() == [expected]


@given(
    st.lists((DIGIT_TEXTS | PUNCTUATED | ANY_PHONE).filter(lambda text: not is_mangled(text)), max_size=15),
    st.sampled_from(["US", "GB", "DE", "IT", "RU", "AR", "BR", None]),
)
@settings(max_examples=100, deadline=None)
def test_phones_are_judged_as_the_library_does(texts: list[str], region: str | None) -> None:
    """Few numbers or many, each has the library's verdict, in the order of the records."""
    expected = [phone_by_library(text, region) for text in texts]
    assert normalise_phones(pl.Series(texts, dtype=pl.String), region).rows() == expected
    many = pl.Series(texts * WORTH_COMPILING, dtype=pl.String)
    assert normalise_phones(many, region).rows() == expected * WORTH_COMPILING


@given(st.from_regex(r"\+?[1-9][0-9]{3,13}[.,]00?", fullmatch=True), st.sampled_from(["US", "GB", "DE", "IT", None]))
@settings(deadline=None)
def test_a_decimal_is_never_another_number(text: str, region: str | None) -> None:
    """What a spreadsheet wrote with a decimal gives the number before it or none, never one with more digits."""
    digits = re.split("[.,]", text)[0]
    as_number = phone_by_library(digits, region)
    assert normalise_phones(pl.Series([text]), region).row(0) in {as_number, MANGLED} - {NOT_A_NUMBER}


@given(st.lists(ANY_EMAIL, max_size=20))
@settings(max_examples=300, deadline=None)
def test_emails_are_judged_as_the_library_does(texts: list[str]) -> None:
    """Every address has the library's normal form, or is refused as the library refuses it."""
    expected = [email_by_library(text) for text in texts]
    assert normalise_emails(pl.Series(texts, dtype=pl.String)).rows() == expected


def test_blank_columns_have_neither_address_nor_reason() -> None:
    """A column without any text, even one that polars has no type for, says nothing."""
    nothing = pl.Series([None, None])
    schema = {"address": pl.String(), "reason": pl.String()}
    for frame in (normalise_phones(nothing, "US"), normalise_emails(nothing)):
        assert frame.schema == schema
        assert frame.rows() == [BLANK, BLANK]


def test_texts_are_left_as_they_are() -> None:
    """The series that is handed in is not written to."""
    texts = ["(212) 555-0123", "2125550123.0", " ", "words"]
    series = pl.Series(texts * WORTH_COMPILING)
    normalise_phones(series, "US")
    normalise_emails(series)
    assert series.to_list() == texts * WORTH_COMPILING
