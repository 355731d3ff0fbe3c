"""Timestamps, addresses and the other plain values of the API."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_EMAIL = re.compile(r"[^\s@,;<>()\"]+@[^\s@,;<>()\"]+\.[^\s@,;<>()\".]{2,}")
_PHONE = re.compile(r"\+?\d[\d ()./-]{4,}")
_HTTPS = re.compile(r"https://[^\s/?#]+[^\s]*")
_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?: UTC)?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_FORMAT = "%Y-%m-%d %H:%M:%S"


def timestamp(seconds: float) -> str:
    """Seconds since 1970 in the vendor's form, without the ` UTC` that may follow."""
    return datetime.fromtimestamp(seconds, UTC).strftime(_FORMAT)


def plain_timestamp(text: object) -> str | None:
    """A timestamp of either spelling without the ` UTC`; None for anything else."""
    found = _TIMESTAMP.fullmatch(text) if isinstance(text, str) else None
    return found[1] if found and _moment(found[1]) else None


def date_or_timestamp(text: object) -> str | None:
    """A timestamp, or a date at midnight, without the ` UTC`; None for anything else."""
    if isinstance(text, str) and _DATE.fullmatch(text):
        return plain_timestamp(f"{text} 00:00:00")
    return plain_timestamp(text)


def seconds_of_timestamp(text: str) -> float | None:
    """Seconds since 1970 of a timestamp of either spelling."""
    plain = plain_timestamp(text)
    moment = plain and _moment(plain)
    return moment.timestamp() if moment else None


def seconds_of_http_date(text: str) -> float | None:
    """Seconds since 1970 of a Date header, which ends in UTC or GMT."""
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def is_email(text: str) -> bool:
    """The ordinary check; nothing is resolved."""
    return _EMAIL.fullmatch(text) is not None


def is_phone(text: str) -> bool:
    """Digits with the marks that people put between them."""
    return _PHONE.fullmatch(text) is not None


def is_https(text: str) -> bool:
    """An https URL with a host."""
    return _HTTPS.fullmatch(text) is not None


def folded(text: str) -> str:
    """The form in which texts are compared (G9, G29): trimmed and without case; accents matter."""
    return text.strip().casefold()


def _moment(plain: str) -> datetime | None:
    try:
        return datetime.strptime(plain, _FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None
