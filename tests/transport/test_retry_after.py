"""What an answer's headers say of waiting."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from pipeline.destinations.interface import Kind
from pipeline.transport.retry_after import asked_seconds

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HEADERS: dict[str, tuple[dict[str, str], float | None]] = {
    "nothing": ({}, None),
    "seconds": ({"retry-after": "7"}, 7.0),
    "a date": ({"retry-after": "Fri, 02 Jan 2026 03:04:15 GMT"}, 10.0),
    "a date gone by": ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
    "no usable word": ({"retry-after": "soon"}, None),
    "the reset of a limit": ({"ratelimit-reset": "12"}, 12.0),
    "a reset as a time": ({"x-ratelimit-reset": str(NOW.timestamp() + 20)}, 20.0),
    "both": ({"retry-after": "3", "x-ratelimit-reset": "12"}, 3.0),
}


@pytest.mark.parametrize(("headers", "expected"), HEADERS.values(), ids=HEADERS)
def test_a_throttled_answer_is_asked_how_long_to_wait(headers: dict[str, str], expected: float | None) -> None:
    """`Retry-After` first, then the reset of a rate limit."""
    assert asked_seconds(httpx.Headers(headers), Kind.THROTTLED, NOW) == expected


def test_the_reset_of_a_limit_is_nothing_to_wait_for_unless_it_is_met() -> None:
    """Vendors give that header with every answer."""
    assert asked_seconds(httpx.Headers({"ratelimit-reset": "12"}), Kind.RETRY, NOW) is None
    assert asked_seconds(httpx.Headers({"retry-after": "2"}), Kind.RETRY, NOW) == 2
