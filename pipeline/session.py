"""A connection to one destination for one run: its adapter, its transport, and reads spread over a few threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from pipeline.pacing import Pacer
from pipeline.transport import Attempt, Patience, Transport

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

    from pipeline.destinations.interface import Audience, Destination, Send
    from pipeline.job import Job
    from pipeline.mapping_file import Delivery


@dataclass(slots=True)
class Session:
    """A destination that can be asked. `log` keeps the requests that belong to no batch."""

    destination: Destination
    transport: Transport
    threads: int
    log: list[Attempt] = field(default_factory=list)

    def sender(self, log: list[Attempt]) -> Send:
        """A `send` whose attempts go to `log`."""
        return self.transport.sender(log)

    def take_log(self) -> list[Attempt]:
        """The requests that belong to no batch since the last call."""
        taken, self.log[:] = list(self.log), []
        return taken

    def describe(self) -> Audience:
        """Reads the audience."""
        return self.destination.describe(self.sender(self.log))

    def read(self, job: Job, wanted: pl.DataFrame) -> pl.DataFrame:
        """Reads contacts in pages, several at a time; the order of the answer is that of the pages of `wanted`."""
        size = self.destination.limits.identities_per_read
        pages = list(wanted.iter_slices(size)) or [wanted]
        send = self.sender(self.log)
        with ThreadPoolExecutor(self.threads, thread_name_prefix="read") as pool:
            frames = list(pool.map(lambda page: self.destination.read_back(job, page, send), pages))
        return pl.concat(frames)


@contextmanager
def connect(
    destination: Destination, delivery: Delivery, stop: threading.Event, patience: Patience | None = None
) -> Iterator[Session]:
    """Opens a session and closes its connections."""
    limits, named = destination.limits, delivery.requests_per_second
    pacer = Pacer(named or limits.requests_per_second, stop, per_minute=None if named else limits.requests_per_minute)
    transport = Transport(
        classify=destination.classify,
        request_seconds=limits.request_seconds,
        auth=destination.auth,
        pacer=pacer,
        stop=stop,
        patience=patience or Patience(),
    )
    with transport:
        yield Session(destination, transport, delivery.concurrency)
