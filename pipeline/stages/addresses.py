"""Addresses as people write them, to the form that destinations take: `phonenumbers` and `email-validator` judge.

Expressions settle what is certain; the libraries are asked about the rest, once per distinct text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.model import Reason
from pipeline.stages.numbering_plans import settle

if TYPE_CHECKING:
    from collections.abc import Callable

_PLAIN_PHONE: Final = r"^\(?\+?[0-9 ()./-]+$"
"""Nothing but digits, at most one plus and the usual punctuation: no letter, no extension."""
_SHORTEST_PHONE: Final = 3
"""Digits; what phonenumbers takes to be a number at all, whatever the punctuation."""
_LONGEST_PHONE: Final = 250
"""Characters; phonenumbers refuses longer texts."""
_PHONE_WITH_LETTER: Final = re.compile(r"[^+\uff0b\d]*[+\uff0b\d][^;]*[A-Za-z]")
"""`1-800-EXAMPLE` and `020 7946 O123`, but neither `Tel. 020...` nor the parameters of a tel: URI."""
_EXPONENT: Final = r"^[+-]?[0-9]+(?:[.,][0-9]+)?[eE][+-]?[0-9]+$"
_DECIMAL: Final = r"^\+?[0-9]+[.,]00?$"

_ATOM: Final = r"[A-Za-z0-9_!#$%&'*+\-/=?^`{|}~]+"
_LABEL: Final = r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*"
"""Without two hyphens in a row, which may stand for an international name."""
_PLAIN_EMAIL: Final = rf"^{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+(?:[A-Za-z0-9]+-)*[A-Za-z0-9]*[A-Za-z]$"
_LONGEST_EMAIL: Final = 254
_TOO_LONG_LABEL: Final = r"[^.]{64}"


def normalise_phones(texts: pl.Series, region: str | None) -> pl.DataFrame:
    """The `address` (E.164) of each text and the `reason` why it has none, in order; both null for a blank.

    `region` (`GB`) reads national numbers; without one only international numbers are usable. A number with an
    extension or a letter in it is not usable: no message reaches it, or its digits would be a guess.

    What a spreadsheet took for a quantity is `mangled_number`. 4.41E+11 has lost digits. 447400123456.0 has lost its
    plus or leading zeros, if it had any, so it is taken only if it has one reading: it is a number of the region, and
    with a plus before it the same number or none.
    """
    text = _trimmed(texts)
    decimal = text.str.contains(_DECIMAL)
    mangled = decimal | text.str.contains(_EXPONENT)
    address = _phone_addresses(text.set(mangled, None), region)
    if decimal.any():
        address = address.zip_with(~decimal, _addresses_of_decimals(text.set(~decimal, None), region))
    reason = pl.when("mangled").then(pl.lit(Reason.MANGLED_NUMBER)).otherwise(pl.lit(Reason.PHONE_NOT_E164))
    return _explained(pl.DataFrame({"text": text, "address": address, "mangled": mangled}), reason)


def normalise_emails(texts: pl.Series) -> pl.DataFrame:
    """The `address` of each text and the `reason` why it has none, in order; both null for a blank.

    The address is email-validator's normal form: the domain in lower case and its own script, the rest as written.
    Nothing is looked up. Names that no mail reaches (`.test`, `.invalid`, `.local`) are not usable; example.com is.
    """
    from email_validator import SPECIAL_USE_DOMAIN_NAMES
    from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES

    text = _trimmed(texts)
    whole = pl.col("text")
    at = whole.str.find("@", literal=True)
    lower_local = whole.str.contains(f"(?i)^(?:{'|'.join(CASE_INSENSITIVE_MAILBOX_NAMES)})@")
    special_use = "|".join(map(re.escape, SPECIAL_USE_DOMAIN_NAMES))
    is_certain = (
        whole.str.contains(_PLAIN_EMAIL)
        & (whole.str.len_bytes() <= _LONGEST_EMAIL)
        & ~whole.str.contains(_TOO_LONG_LABEL)
        & ~whole.str.contains(f"(?i)[@.](?:{special_use})$")
    )
    lower = whole.str.to_lowercase()
    normal = pl.when(lower_local).then(lower).otherwise(whole.str.head(at) + lower.str.slice(at))
    plain = text.to_frame("text").select(is_certain.alias("certain"), pl.when(is_certain).then(normal).alias("address"))
    asked = _asked(text.set(plain["certain"], None), _email_address)
    address = plain["address"].zip_with(plain["certain"], asked)
    return _explained(pl.DataFrame({"text": text, "address": address}), pl.lit(Reason.EMAIL_INVALID))


def _trimmed(texts: pl.Series) -> pl.Series:
    """Without white space around it (as Unicode defines it); null if nothing is left."""
    text = texts.cast(pl.String).str.strip_chars()
    return text.set(text == "", None)


def _explained(judged: pl.DataFrame, reason: pl.Expr) -> pl.DataFrame:
    """Address and reason; the reason stays only where there is a text and no address."""
    unusable = pl.col("text").is_not_null() & pl.col("address").is_null()
    return judged.select("address", reason=pl.when(unusable).then(reason))


def _asked(text: pl.Series, ask: Callable[[str], str | None]) -> pl.Series:
    """The answer for each text; nobody is asked about a null, nor twice about the same text."""
    distinct = text.drop_nulls().unique()
    answers = pl.Series([ask(one) for one in distinct], dtype=pl.String)
    return text.replace_strict(distinct, answers, default=None, return_dtype=pl.String)


def _addresses_of_decimals(text: pl.Series, region: str | None) -> pl.Series:
    """E.164, or null unless the digits before `.0` have one reading."""
    digits = text.str.replace(r"[.,]0+$", "")
    as_written = _phone_addresses(digits, region)
    with_plus = _phone_addresses("+" + digits.str.strip_chars_start("+"), None)
    return as_written.set((with_plus != as_written).fill_null(value=False), None)


def _phone_addresses(text: pl.Series, region: str | None) -> pl.Series:
    """E.164, or null if it is not a usable number."""
    whole = pl.col("text")
    plain = (
        text.to_frame("text")
        .with_row_index("row")
        .filter(whole.str.contains(_PLAIN_PHONE) & (whole.str.len_bytes() <= _LONGEST_PHONE))
        .select("row", digits=whole.str.replace_all("[^0-9]+", ""), plus=whole.str.contains("+", literal=True))
        .filter(pl.col("digits").str.len_bytes() >= _SHORTEST_PHONE)
    )
    settled = settle(plain, region)
    unsettled = text.clone().scatter(settled["row"], None)  # scatter writes in place
    return _asked(unsettled, lambda one: _phone_address(one, region)).scatter(settled["row"], settled["address"])


def _phone_address(text: str, region: str | None) -> str | None:
    import phonenumbers

    if _PHONE_WITH_LETTER.match(text):
        return None
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if number.extension or not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _email_address(text: str) -> str | None:
    from email_validator import EmailNotValidError, validate_email

    try:
        return validate_email(text, check_deliverability=False).normalized
    except EmailNotValidError:
        return None
