"""How far a run is over all of its steps, from 0 to 100: it never goes back, whatever step it is in."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Stretch:
    """The part of the course that a step takes, and what people call it."""

    begin: float
    end: float
    said: str


SENDING: Final = "sending"
STRETCHES: Final = {
    "waiting until the export is complete": Stretch(0, 1, "waiting until the export is complete"),
    "open the export": Stretch(1, 2, "opening the export"),
    "open the run": Stretch(1, 2, "opening the run"),
    "read": Stretch(2, 8, "reading the export"),
    "what was said since": Stretch(2, 8, "looking at what was said since"),
    "plan": Stretch(8, 30, "planning"),
    "guard": Stretch(30, 32, "looking at the guards"),
    "deliver": Stretch(32, 92, SENDING),
    "record": Stretch(92, 97, "recording what was told"),
    "report": Stretch(97, 100, "writing the report"),
    "verify": Stretch(2, 100, "comparing with the destination"),
}
"""By rule of thumb: sending takes most of a run, and what is left of the others is the export's size."""
UNITS: Final = {
    "plan": "shards",
    "deliver": "batches",
    "record": "shards",
    "waiting until the export is complete": "seconds",
}
SHARD: Final = re.compile(r"plan shard (\d+) of (\d+)")


class Course:
    """Where a run is. Steps may be performed by several threads."""

    def __init__(self, begin: float = 0.0) -> None:
        self._lock = threading.Lock()
        self._percent = begin
        self._planned = 0
        self._words = "beginning"

    @property
    def at(self) -> tuple[float, str]:
        """Percent, and words."""
        with self._lock:
            return self._percent, self._words

    def begins(self, step: str) -> None:
        """A step begins."""
        if shard := SHARD.fullmatch(step):
            self._go(STRETCHES["plan"].begin, f"planning: shard {shard[1]} of {shard[2]}")
        elif stretch := STRETCHES.get(step):
            self._go(stretch.begin, stretch.said)

    def ends(self, step: str) -> None:
        """A step has ended."""
        if shard := SHARD.fullmatch(step):
            with self._lock:
                self._planned += 1
                share = min(self._planned / int(shard[2]), 1.0)
            self._go(_within(STRETCHES["plan"], share))
        elif stretch := STRETCHES.get(step):
            self._go(stretch.end)

    def reached(self, stage: str, done: int, total: int | None) -> None:
        """A stage came so far; one that has no stretch of its own is only said."""
        stretch = STRETCHES.get(stage)
        said = stretch.said if stretch else stage
        counted = f"{done:,} of {total:,}" if total else f"{done:,}"
        unit = UNITS.get(stage)
        words = f"{said}: {counted} {unit}" if unit else f"{said}: {counted}"
        self._go(_within(stretch, done / total) if stretch and total else 0.0, words if done or total else said)

    def ended(self, words: str, *, whole: bool) -> None:
        """The run has ended; `whole`: with all that was asked for."""
        self._go(100.0 if whole else 0.0, words)

    def _go(self, percent: float, words: str | None = None) -> None:
        with self._lock:
            self._percent = max(self._percent, percent)
            self._words = self._words if words is None else words


def _within(stretch: Stretch, share: float) -> float:
    return stretch.begin + (stretch.end - stretch.begin) * min(share, 1.0)
