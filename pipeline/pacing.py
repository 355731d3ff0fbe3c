"""One pace for all threads that talk to a destination, and waiting that ends when the run is stopped."""

from __future__ import annotations

import threading
import time

from pipeline.errors import Interrupted


class Pacer:
    """One pace for all threads: at most `per_second` requests, and one throttled answer slows every caller."""

    def __init__(self, per_second: float | None, stop: threading.Event) -> None:
        self._gap = 1.0 / per_second if per_second else 0.0
        self._stop = stop
        self._lock = threading.Lock()
        self._next = 0.0
        self._held_until = 0.0

    def turn(self) -> None:
        """Waits for this caller's turn. Raises Interrupted when the run is stopped first."""
        while True:
            with self._lock:
                now = time.monotonic()
                mine = max(self._next, self._held_until, now)
                self._next = mine + self._gap
            if mine <= now:
                return
            wait(self._stop, mine - now)
            # Who was already waiting when all were asked to slow down takes another turn.
            if self._held_until <= mine:
                return

    def hold(self, seconds: float) -> None:
        """Nobody sends for so long."""
        with self._lock:
            self._held_until = max(self._held_until, time.monotonic() + seconds)


def wait(stop: threading.Event, seconds: float) -> None:
    """Waits; raises Interrupted as soon as the run is stopped."""
    if stop.wait(max(0.0, seconds)):
        raise Interrupted("the run was stopped")
