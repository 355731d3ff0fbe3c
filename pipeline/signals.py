"""Turns SIGTERM and Ctrl-C into a stop event: the batches in flight are settled, and nothing further is sent."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline.stopping import Stop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


@contextmanager
def stopping() -> Iterator[Stop]:
    """The event, set by the first signal; a second Ctrl-C stops at once. Outside the main thread no signal arrives."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    interrupt = signal.getsignal(signal.SIGINT)

    def set_stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()
        signal.signal(signal.SIGINT, interrupt)

    previous = {number: signal.signal(number, set_stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
