"""How long an answer's headers ask to wait: `Retry-After`, or the reset of a rate limit."""

from __future__ import annotations

import math
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from pipeline.destinations.interface import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

RESETS: Final = ("ratelimit-reset", "x-ratelimit-reset", "x-rate-limit-reset")
"""Seconds, or at some vendors the time in seconds since 1970."""
EPOCH: Final = 1_000_000_000


def asked_seconds(headers: Mapping[str, str], kind: Kind, now: datetime) -> float | None:
    """Seconds; None where no header says anything usable. A limit's reset is for throttled answers only."""
    asked = _seconds(headers.get("retry-after"), now)
    if asked is not None or kind is not Kind.THROTTLED:
        return asked
    for name in RESETS:
        found = _seconds(headers.get(name), now)
        if found is not None:
            return max(0.0, found - now.timestamp()) if found > EPOCH else found
    return None


def _seconds(header: str | None, now: datetime) -> float | None:
    """Seconds, or an HTTP date."""
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(header) - now).total_seconds()
        except (TypeError, ValueError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
