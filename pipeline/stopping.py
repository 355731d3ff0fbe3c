"""What stops a run from outside: a signal, a cancellation, or the time that it was given."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline.errors import Interrupted

if TYPE_CHECKING:
    from collections.abc import Iterator


class Stop(threading.Event):
    """A stop event that knows why it was set."""

    why = "stopped"

    def because(self, why: str) -> None:
        """Sets it; the first reason stays."""
        if not self.is_set():
            self.why = why
        self.set()


def why(stop: threading.Event) -> str:
    """Why a run was stopped, as a message begins."""
    return stop.why if isinstance(stop, Stop) else Stop.why


def interrupted(stop: threading.Event) -> Interrupted:
    """For who cannot know how far the run has come."""
    return Interrupted(
        f"{why(stop)}; run the same command again, or `consent-sync resume` for a run that has begun to send"
    )


@contextmanager
def limited(stop: threading.Event, minutes: float | None) -> Iterator[None]:
    """Stops what is done inside when so many minutes are over. None: no limit."""
    if minutes is None:
        yield
        return
    said = f"stopped by its time limit of {minutes:g} minute{'' if minutes == 1 else 's'}"
    timer = threading.Timer(minutes * 60, lambda: stop.because(said) if isinstance(stop, Stop) else stop.set())
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
