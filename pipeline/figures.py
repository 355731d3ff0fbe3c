"""Numbers, shares and times as the page writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def counted(number: int, noun: str) -> str:
    """`1 record`, `4,812 records`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def share(count: float, whole: float) -> str:
    """`81.3%`; never rounded to nothing or to all: `<0.1%`, `>99.9%`."""
    if not whole or not count:
        return "0%"
    if count == whole:
        return "100%"
    percent = 100 * count / whole
    if percent < 0.1:
        return "<0.1%"
    return ">99.9%" if 99.9 < percent < 100 else f"{percent:,.1f}%"


def clock(at: datetime) -> str:
    """`22 November 2026, 09:39 UTC`. A time without a zone is in UTC."""
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


def duration(seconds: float) -> str:
    """`40 ms`, `1.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 0.095:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 59.5:
        return f"{seconds:.1f}".removesuffix(".0") + " s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if minutes else f"{hours:,} h"
