"""An adapter at one end of a socket and the sandbox at the other, without a run around them."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from pipeline import mapping_file
from pipeline.binding import bind
from pipeline.destinations.acoustic_connect.adapter import AcousticConnect, build
from pipeline.model import Column, Operation
from pipeline.session import Session, connect
from tests.delivery.world import DATA_SET_ID, FAST, KEY, World

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.destinations.interface import Delivery
    from pipeline.job import Job
    from pipeline.transport.sending import Patience


@dataclass(frozen=True)
class Bench:
    """A session with its job."""

    world: World
    session: Session
    job: Job

    def items(self, numbers: Sequence[int], operation: Operation = Operation.UPDATE) -> pl.DataFrame:
        """Items that give contact `C-000n` the points n; a record's number is its contact's."""
        keys = [f"C-{number:04d}" for number in numbers]
        points = [str(number) for number in numbers]
        frame = pl.DataFrame(
            {
                Column.RECORD: pl.Series(numbers, dtype=pl.Int64),
                Column.IDENTITY: keys,
                Column.OPERATION: [str(operation)] * len(keys),
                **{attribute.part: pl.Series([None] * len(keys), dtype=pl.String) for attribute in self.job.attributes},
                **{target.part: pl.Series([None] * len(keys), dtype=pl.String) for target in self.job.targets},
            }
        ).with_columns(
            pl.Series("attribute:Points", points),
            pl.Series("attribute:Email", [f'"{key.lower()}@example.com"' for key in keys]),
        )
        return frame.with_columns(self.session.destination.encode(self.job, operation).alias(Column.WIRE))

    def deliver(self, items: pl.DataFrame) -> Delivery:
        """One call of the adapter."""
        return self.session.destination.deliver(self.job, items, self.session.sender([]))

    def points(self) -> dict[str, Any]:
        """Key -> the points that the sandbox has."""
        return {key: [a.get("Points") for a, _ in found] for key, found in self.world.stored().items()}


def adapter(world: World, **options: Any) -> AcousticConnect:
    """The adapter of the sandbox's audience."""
    return build(world.sandbox.url, {"api_key": KEY}, {"data_set_id": DATA_SET_ID, "settle_seconds": 0.3} | options)


@contextmanager
def bench(world: World, patience: Patience = FAST, **options: Any) -> Iterator[Bench]:
    """A bench over the world's sandbox, its request log empty."""
    file = mapping_file.load(world.mapping())
    destination = adapter(world, **options)
    with connect(destination, file.mapping.delivery, threading.Event(), patience) as session:
        job = bind(file, session.describe())
        world.sandbox.clear_requests()
        yield Bench(world, session, job)
