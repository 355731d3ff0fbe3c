"""A connection to one destination for one run: its adapter, its transport, and reads spread over a few threads."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.errors import StorageError
from pipeline.pacing.allowance import Pace
from pipeline.pacing.desk import OwnDesk
from pipeline.pacing.governor import Governor, Slowed
from pipeline.pacing.turns import Pacer, wait
from pipeline.transport.sending import Attempt, Keep, Patience, Transport

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

    from pipeline.destinations.interface import Audience, Destination, Send
    from pipeline.job import Job
    from pipeline.mapping_file import Delivery
    from pipeline.pacing.desk import Desk

COLLECTED: Final = 50_000
"""Objects that are made before Python looks for circles among them; some hundreds by default."""


@dataclass(slots=True)
class Session:
    """A destination that can be asked. `log` keeps the requests that belong to no batch."""

    destination: Destination
    transport: Transport
    threads: int
    log: list[Attempt] = field(default_factory=list)

    def sender(self, log: list[Attempt], keep: Keep = lambda _: None) -> Send:
        """A `send` whose attempts go to `log`; `keep` is given the names of work that the destination has begun."""
        return self.transport.sender(log, keep)

    def take_log(self) -> list[Attempt]:
        """The requests that belong to no batch since the last call."""
        taken, self.log[:] = list(self.log), []
        return taken

    def take_slowed(self) -> Slowed:
        """How far the session was slowed down since the last call; the lowest marks are those of the whole session."""
        pacer, governor = self.transport.pacer, self.transport.governor
        waited, pacer.waited_seconds = pacer.waited_seconds, 0.0
        return Slowed(round(waited, 1), governor.lowest_in_flight, governor.lowest_rows)

    def describe(self) -> Audience:
        """Reads the audience."""
        return self.destination.describe(self.sender(self.log))

    def read(self, job: Job, wanted: pl.DataFrame) -> pl.DataFrame:
        """Reads contacts in pages, several at a time; the order of the answer is that of the pages of `wanted`."""
        size = self.destination.limits.identities_per_read
        pages = list(wanted.iter_slices(size)) or [wanted]
        send, governor = self.sender(self.log), self.transport.governor
        ask = partial(self.destination.read_back, job, send=send)

        def read(page: pl.DataFrame) -> pl.DataFrame:
            wait(self.transport.stop, 0)
            return governor.read(page, ask)

        with ThreadPoolExecutor(self.threads, thread_name_prefix="read") as pool:
            frames = list(pool.map(read, pages))
        return pl.concat(frames)


@contextmanager
def connect(
    destination: Destination,
    delivery: Delivery,
    stop: threading.Event,
    patience: Patience | None = None,
    desk: Desk | None = None,
) -> Iterator[Session]:
    """Opens a session and closes its connections. `desk`: where turns are shared with other commands."""
    _collect_rarely()
    pacer = Pacer(pace_of(destination, delivery), stop, desk or OwnDesk())
    transport = Transport(
        classify=destination.classify,
        request_seconds=destination.limits.request_seconds,
        auth=destination.auth,
        pacer=pacer,
        stop=stop,
        patience=patience or Patience(),
        governor=Governor(delivery.concurrency),
    )
    try:
        with transport:
            yield Session(destination, transport, delivery.concurrency)
    finally:
        # Turns that cannot be given back are free again by themselves.
        with suppress(StorageError):
            pacer.close()


def _collect_rarely() -> None:
    """From now on: a page of contacts is thousands of objects and no circle; to look for some took as long as it."""
    if gc.get_threshold()[0] < COLLECTED:
        gc.set_threshold(COLLECTED, *gc.get_threshold()[1:])


def pace_of(destination: Destination, delivery: Delivery) -> Pace:
    """The mapping's pace, else the destination's."""
    limits, named = destination.limits, delivery.requests_per_second
    if named is not None or limits.requests_per_second is not None:
        return Pace(per_second=named or limits.requests_per_second)
    return Pace(per_minute=limits.requests_per_minute)
