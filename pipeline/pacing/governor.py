"""How much is asked of a destination at once: halved when it does not answer in time, then grown again step by step."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.errors import Unreachable
from pipeline.pacing.turns import wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GROWN_AFTER: Final = 10
"""Answers in time until the next step up."""
LOOK_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Slowed:
    """How far a run was slowed down: seconds of waiting for turns, and the least that was in flight, and in a request.

    None: never less than the mapping says.
    """

    waited_seconds: float = 0.0
    lowest_in_flight: int | None = None
    lowest_rows: int | None = None


@dataclass(slots=True)
class Governor:
    """Limits requests in flight, and rows per request. Used by several threads at once.

    What travels is known by the thread: it sends the rows of the part that it took from `parts` last.
    """

    most_in_flight: int = 64
    in_flight: int = field(init=False)
    rows: int | None = None
    """The most rows in a request; None: as many as a batch has."""
    lowest_in_flight: int | None = None
    lowest_rows: int | None = None
    _whole: int = 0
    """The rows that were in a request when it was first halved."""
    _flying: int = 0
    _halvings: int = 0
    _in_time: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _own: threading.local = field(default_factory=threading.local)

    def __post_init__(self) -> None:
        self.in_flight = self.most_in_flight

    def parts(self, items: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """The items in their order, as many at once as are allowed by the time."""
        start = 0
        while start < items.height:
            whole = not start and (self.rows is None or self.rows >= items.height)
            part = items if whole else items.slice(start, self.rows)
            with self._carrying(part.height):
                yield part
            start += part.height

    def read(self, wanted: pl.DataFrame, read: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.DataFrame:
        """Reads in parts; a part that is not answered in time is asked for again in smaller ones.

        Raises Unreachable where nothing smaller is left to try.
        """
        frames: list[pl.DataFrame] = []
        start, most = 0, wanted.height
        while start < wanted.height or not frames:
            part = wanted.slice(start, min(most, self.rows or most))
            try:
                with self._carrying(part.height):
                    frames.append(read(part))
            except Unreachable:
                if self.rows is None or part.height <= self.rows:
                    raise
                most = max(1, part.height // 4)
                continue
            start += part.height
        return pl.concat(frames)

    @contextmanager
    def _carrying(self, rows: int) -> Iterator[None]:
        self._own.rows = rows
        try:
            yield
        finally:
            self._own.rows = 1

    @property
    def carries_too_much(self) -> bool:
        """Whether what this thread sends has more rows than are allowed by now."""
        return self.rows is not None and getattr(self._own, "rows", 1) > self.rows

    @contextmanager
    def flight(self, stop: threading.Event) -> Iterator[None]:
        """Waits until there is room for one more request. Raises Interrupted when the run is stopped first."""
        while not self._takes_off():
            wait(stop, LOOK_SECONDS)
        try:
            yield
        finally:
            with self._lock:
                self._flying -= 1

    def _takes_off(self) -> bool:
        with self._lock:
            free = self._flying < self.in_flight
            self._flying += free
            self._own.halvings = self._halvings
            return free

    def timed_out(self) -> None:
        """No answer in time: half as many requests, each with half as many rows.

        Those that were in flight together count once.
        """
        with self._lock:
            if getattr(self._own, "halvings", 0) == self._halvings:
                self._halvings += 1
                self.in_flight = max(1, self.in_flight // 2)
                self.lowest_in_flight = min(self.in_flight, self.lowest_in_flight or self.in_flight)
            self._halve_rows()

    def too_large(self) -> None:
        """The request was refused for its size: half as many rows."""
        with self._lock:
            self._halve_rows()

    def _halve_rows(self) -> None:
        self._in_time = 0
        sent: int = getattr(self._own, "rows", 1)
        if sent <= 1 or (self.rows is not None and sent > self.rows):
            return  # what is larger than allowed left before others had the same answer
        if self.rows is None:
            self._whole = sent
        self.rows = sent // 2
        self.lowest_rows = min(self.rows, self.lowest_rows or self.rows)

    def in_time(self) -> None:
        """An answer came, whatever it says."""
        if self.rows is None and self.in_flight >= self.most_in_flight:
            return
        with self._lock:
            self._in_time += 1
            if self._in_time < GROWN_AFTER:
                return
            self._in_time = 0
            self.in_flight = min(self.most_in_flight, self.in_flight + 1)
            if self.rows is not None:
                self.rows += max(1, self._whole // 8)
                self.rows = None if self.rows >= self._whole else self.rows
