"""A connection to one destination for one run: its adapter, its transport, and reads spread over a few threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from pipeline.model import Column
from pipeline.pacing import Pacer
from pipeline.transport import Attempt, Patience, Transport

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Sequence

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

    def read(self, job: Job, identities: Sequence[str]) -> pl.DataFrame:
        """Reads contacts in pages, several at a time; the order of the answer is that of the identities' pages."""
        size = self.destination.limits.identities_per_read
        pages = [identities[start : start + size] for start in range(0, len(identities), size)]
        send = self.sender(self.log)
        with ThreadPoolExecutor(self.threads, thread_name_prefix="read") as pool:
            frames = list(pool.map(lambda page: self.destination.read_back(job, page, send), pages))
        return pl.concat(frames) if frames else self.destination.read_back(job, [], send)


@contextmanager
def connect(
    destination: Destination, delivery: Delivery, stop: threading.Event, patience: Patience | None = None
) -> Iterator[Session]:
    """Opens a session and closes its connections."""
    transport = Transport(
        classify=destination.classify,
        request_seconds=destination.limits.request_seconds,
        pacer=Pacer(delivery.requests_per_second, stop),
        stop=stop,
        patience=patience or Patience(),
    )
    with transport:
        yield Session(destination, transport, delivery.concurrency)


def one_row_per_identity(seen: pl.DataFrame) -> pl.DataFrame:
    """Several contacts of one identity as one: the strictest of each status, so that no opt-out is missed."""
    from pipeline.stages.precedence import strictness

    if not seen.get_column(Column.IDENTITY).is_duplicated().any():
        return seen
    strictest = [
        pl.col(c).sort_by(strictness(pl.col(c)), nulls_last=True, descending=True).first()
        for c in seen.columns
        if c.startswith("consent:")
    ]
    firsts = [pl.col(c).first() for c in seen.columns if c.startswith("attribute:")]
    firsts += [pl.col(c).all() for c in seen.columns if c.startswith("reach:")]
    return seen.group_by(Column.IDENTITY, maintain_order=True).agg(*firsts, *strictest).select(seen.columns)
