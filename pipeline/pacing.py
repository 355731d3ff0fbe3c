"""One pace for all threads that talk to a destination, and waiting that ends when the run is stopped."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Final

from pipeline.errors import Interrupted

MINUTE_SECONDS: Final = 60.0


class Pacer:
    """One pace for all threads: at most `per_second` requests, evenly, and `per_minute` in any 60 seconds.

    A run that needs fewer than `per_minute` does not wait for it. One throttled answer slows every caller.
    """

    def __init__(self, per_second: float | None, stop: threading.Event, *, per_minute: int | None = None) -> None:
        self._gap = 1.0 / per_second if per_second else 0.0
        self._turns: deque[float] = deque(maxlen=per_minute or 1)
        self._per_minute = per_minute
        self._stop = stop
        self._lock = threading.Lock()
        self._next = 0.0
        self._held_until = 0.0

    def turn(self) -> None:
        """Waits for this caller's turn. Raises Interrupted when the run is stopped first."""
        while True:
            with self._lock:
                now = time.monotonic()
                mine = max(self._next, self._held_until, self._after_a_minute(), now)
                self._next = mine + self._gap
                self._turns.append(mine)
            if mine <= now:
                return
            wait(self._stop, mine - now)
            # Who was already waiting when all were asked to slow down takes another turn.
            if self._held_until <= mine:
                return

    def _after_a_minute(self) -> float:
        full = self._per_minute is not None and len(self._turns) == self._per_minute
        return self._turns[0] + MINUTE_SECONDS if full else 0.0

    def hold(self, seconds: float) -> None:
        """Nobody sends for so long."""
        with self._lock:
            self._held_until = max(self._held_until, time.monotonic() + seconds)


def wait(stop: threading.Event, seconds: float) -> None:
    """Waits; raises Interrupted as soon as the run is stopped."""
    if stop.wait(max(0.0, seconds)):
        raise Interrupted("the run was stopped")
