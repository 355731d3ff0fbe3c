"""The forms of values: addresses, times, and names of fields."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_AFTER_UNDERSCORE = re.compile(r"_([a-z])")


def address_key(kind: str, address: str) -> str:
    """What makes a consent unique (20, w): email trimmed and in lower case, a phone number as it is."""
    return address.strip().lower() if kind == "EMAIL" else address


def is_email(text: str) -> bool:
    """One `@` with something on either side (x)."""
    return _EMAIL.fullmatch(text.strip()) is not None


def is_phone(text: str) -> bool:
    """E.164 (x)."""
    return _PHONE.fullmatch(text) is not None


def moment(text: object) -> datetime | None:
    """The time that an RFC 3339 text with an offset stands for; None if it is none."""
    return _moment(text) if isinstance(text, str) else None


@lru_cache(maxsize=100_000)  # a query by date looks at every consent again
def _moment(text: str) -> datetime | None:
    if not _TIME.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError:
        return None


def iso_time(seconds: float) -> str:
    """Seconds since 1970 as ISO 8601 UTC with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@lru_cache(maxsize=1000)
def camel(name: str) -> str:
    """`opt_in_level` as `optInLevel`: the API reads both."""
    return _AFTER_UNDERSCORE.sub(lambda found: found[1].upper(), name)
