"""A world in which time passes only when everybody waits: callers, a clock, and a vendor who counts."""

from __future__ import annotations

import heapq
import math
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pipeline.pacing.allowance import Book, Pace
from pipeline.pacing.turns import Pacer, Turn

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


@dataclass
class Clock:
    """Seconds, and how far the clock that the book is kept by has been set back."""

    now: float = 1000.0
    set_back: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class SharedDesk:
    """A book in the middle of the table; kept as text, as the ledger keeps it."""

    clock: Clock
    text: str = field(default_factory=lambda: Book().text())
    changes: int = 0

    def look(self) -> Book:
        return Book.of_text(self.text).at(self.clock.now - self.clock.set_back)

    def change(self, entry: Callable[[Book], tuple[Book, T]], /) -> T:
        book, answer = entry(self.look())
        self.text, self.changes = book.text(), self.changes + 1
        return answer


class Vendor(Protocol):
    """Lets a request in, or not, and may say how long to wait."""

    def admits(self, now: float) -> bool: ...

    def asks(self, now: float, /) -> float | None: ...


@dataclass
class SlidingWindow:
    """So many in any 60 seconds."""

    most: int
    says: bool = False
    admitted: deque[float] = field(default_factory=deque)

    def admits(self, now: float) -> bool:
        while self.admitted and self.admitted[0] <= now - 60:
            self.admitted.popleft()
        free = len(self.admitted) < self.most
        if free:
            self.admitted.append(now)
        return free

    def asks(self, now: float) -> float | None:
        return math.ceil(self.admitted[0] + 60 - now) if self.says else None


@dataclass
class Bucket:
    """Fills evenly."""

    per_minute: float
    burst: float = 1
    says: bool = False
    tokens: float = -1
    at: float = 0

    def admits(self, now: float) -> bool:
        tokens = self.burst if self.tokens < 0 else self.tokens + (now - self.at) * self.per_minute / 60
        self.tokens, self.at = min(self.burst, tokens), now
        free = self.tokens >= 1
        self.tokens -= free
        return free

    def asks(self, _now: float) -> float | None:
        return math.ceil((1 - self.tokens) * 60 / self.per_minute) if self.says else None


@dataclass
class Caller:
    """One thread: it wants turns without end, and each request takes `seconds`."""

    pacer: Pacer
    seconds: float = 0.05
    pause: float = 0.0
    turn: Turn | None = None
    asked_at: float = 0.0
    waits: list[float] = field(default_factory=list)
    backoff: float = 0.5


@dataclass
class World:
    """Runs callers against a vendor until a time; notes when requests were let in and when they were not."""

    clock: Clock
    vendor: Any
    accepted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    sent: list[float] = field(default_factory=list)
    _queue: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _number: int = 0

    def at(self, when: float, do: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._queue, (max(when, self.clock.now), self._number, do))

    def add(self, caller: Caller, delay: float = 0.0) -> Caller:
        self.at(self.clock.now + delay, lambda: self._ask(caller))
        return caller

    def run(self, until: float) -> None:
        while self._queue and self._queue[0][0] <= until:
            when, _, do = heapq.heappop(self._queue)
            self.clock.now = max(self.clock.now, when)
            do()
        self.clock.now = max(self.clock.now, until)

    def _ask(self, caller: Caller) -> None:
        caller.asked_at = self.clock.now
        self._claim(caller)

    def _claim(self, caller: Caller) -> None:
        caller.turn = caller.pacer.claim()
        self.at(caller.turn.at, lambda: self._go(caller))

    def _go(self, caller: Caller) -> None:
        turn = caller.turn
        assert turn is not None
        if not caller.pacer.still(turn):
            self._claim(caller)
            return
        caller.waits.append(self.clock.now - caller.asked_at)
        self.sent.append(self.clock.now)
        let_in = self.vendor.admits(self.clock.now)
        (self.accepted if let_in else self.refused).append(self.clock.now)
        self.at(self.clock.now + (caller.seconds if let_in else 0.01), lambda: self._end(caller, turn, let_in=let_in))

    def _end(self, caller: Caller, turn: Turn, *, let_in: bool) -> None:
        caller.pacer.answered(turn, throttled=not let_in)
        seconds = caller.pause
        if not let_in:
            asked = self.vendor.asks(self.clock.now)
            seconds = max(seconds, caller.pacer.throttled(turn, asked, caller.backoff, 900.0))
        self.at(self.clock.now + seconds, lambda: self._ask(caller))


def pacer_of(clock: Clock, pace: Pace, desk: SharedDesk | None = None) -> Pacer:
    """A pacer by a clock of its own."""
    return Pacer(pace, threading.Event(), desk or SharedDesk(clock), clock)


def most_in_a_minute(times: list[float], seconds: float = 60.0) -> int:
    """The largest number within any 60 seconds."""
    window: deque[float] = deque()
    most = 0
    for at in sorted(times):
        window.append(at)
        while window[0] <= at - seconds:
            window.popleft()
        most = max(most, len(window))
    return most
