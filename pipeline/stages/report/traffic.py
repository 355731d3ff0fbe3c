"""Requests over time: how many, how many of them retries, how slow, and what came back."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from pipeline.stages.report.view import AnswerRow, Bar, Span, Traffic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Request = Mapping[str, Any]
    """A row of the ledger: at, seconds, status, verdict, number."""

MOST_BARS: Final = 60
MOST_SPANS: Final = 4
LONG_PAUSE: Final = timedelta(minutes=10)
STEPS_SECONDS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
MEANINGS: Final[dict[str, str]] = {
    "ok": "answered",
    "refused": "refused a record, or several",
    "throttled": "asked to slow down",
    "retry": "no usable answer",
    "halt": "refused the credentials or the configuration",
}


def traffic_of(requests: Sequence[Request], slowed: Sequence[str] = ()) -> Traffic:
    """Requests in the order of time, times without a zone in UTC, and what slowed them down."""
    seconds = [float(request["seconds"]) for request in requests]
    answers: Counter[tuple[int | None, str]] = Counter((request["status"], request["verdict"]) for request in requests)
    ranked = sorted(answers.items(), key=lambda a: (-a[1], str(a[0])))
    return Traffic(
        sent=len(requests),
        retried=sum(request["number"] > 1 for request in requests),
        median_seconds=median(seconds) if seconds else 0.0,
        slowest_seconds=max(seconds, default=0.0),
        answers=tuple(AnswerRow(status, MEANINGS.get(word, word), count) for (status, word), count in ranked),
        spans=tuple(_span(part) for part in _parts(sorted(requests, key=begun_at))),
        throttled=sum(request["verdict"] == "throttled" for request in requests),
        slowed=tuple(slowed),
    )


def begun_at(request: Request) -> datetime:
    """When it was sent, in UTC; SQLite gives times back without their zone."""
    at: datetime = request["at"]
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _parts(requests: Sequence[Request]) -> list[Sequence[Request]]:
    """Cuts at the longest pauses, so that a run resumed on the next day is not one bar here and one there."""
    pauses = [
        (begun_at(later) - begun_at(earlier), number)
        for number, (earlier, later) in enumerate(pairwise(requests), start=1)
    ]
    longest = sorted((pause for pause in pauses if pause[0] > LONG_PAUSE), reverse=True)[: MOST_SPANS - 1]
    cuts = [0, *sorted(number for _, number in longest), len(requests)]
    return [requests[a:b] for a, b in pairwise(cuts) if a < b]


def _span(requests: Sequence[Request]) -> Span:
    begin, end = begun_at(requests[0]).timestamp(), begun_at(requests[-1]).timestamp()
    step = next((s for s in STEPS_SECONDS if end // s - begin // s < MOST_BARS), None)
    if step is None:
        step = int((end - begin) // (MOST_BARS - 1)) + 1
    origin = int(begin // step)
    slots: list[list[Request]] = [[] for _ in range(int(end // step) - origin + 1)]
    for request in requests:
        slots[int(begun_at(request).timestamp() // step) - origin].append(request)
    return Span(step, tuple(_bar((origin + n) * step, slot) for n, slot in enumerate(slots)))


def _bar(at: int, requests: Sequence[Request]) -> Bar:
    retries = sum(request["number"] > 1 for request in requests)
    slowest = max((float(request["seconds"]) for request in requests), default=0.0)
    return Bar(datetime.fromtimestamp(at, UTC), len(requests) - retries, retries, slowest)
