"""Carries out a plan: batches in order, a few at a time, each committed as in flight before its first byte."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.destinations.interface import Delivery
from pipeline.errors import ConsentSyncError, Interrupted, Unreachable
from pipeline.ledger import begun as begun_work
from pipeline.ledger.canaries import rest_begins, rest_waits
from pipeline.ledger.rows import BatchKey, Settlement
from pipeline.model import Column
from pipeline.stages.courier import GAVE_UP, Courier
from pipeline.stopping import why

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from pipeline.job import Job
    from pipeline.ledger.ledger import Ledger
    from pipeline.session import Session
    from pipeline.stages.suppress import Listed
    from pipeline.transport.sending import Attempt

AHEAD: Final = 32
"""Loads per thread that are at most in flight in the ledger: a turn settles those in excess of two."""
TURN_SECONDS: Final = 0.25
"""How long a turn lasts at most. Twice what settles in so long is in flight: commits are few where answers come fast,
and little is to be read back after a crash where they come slowly.
"""
LOST: Final = 3
"""Loads in a row of which nothing arrives: the destination answers, and takes nothing."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Items that travel together. `begun`: they may have been sent before, so they are read back first.

    `before`: what is settled of the batch already; `items` are then the rest.
    """

    key: BatchKey
    items: pl.DataFrame
    begun: bool = False
    before: Delivery = field(default_factory=Delivery)
    barred: tuple[int, ...] = ()
    """Records with a permission for an address that a suppression list has by now."""
    works: tuple[str, ...] = ()
    """Names of work that the destination has begun for it."""
    body: bytes | None = None
    """The items' wire JSON, joined; None: whoever sends them joins it."""
    is_rest: bool = False
    """What a canary held back of a batch: the ledger has the batch settled, and these as not sent."""

    @property
    def records(self) -> set[int]:
        """Whose items they are."""
        return set(self.items.get_column(Column.RECORD))

    @property
    def may_join(self) -> bool:
        """Whether it may travel with others that have begun, or not begun, as it has."""
        return not (self.works or self.is_rest)


Load = Sequence[Batch]
"""Batches that travel in one request, and are read back together: one, or several of which all have begun or none."""


@dataclass(slots=True)
class Deliverer:
    """Delivers batches of one run. Only the calling thread writes to the ledger, but for the names of begun work."""

    job: Job
    session: Session
    ledger: Ledger
    run_id: str
    stop: threading.Event
    clock: Callable[[], datetime]
    settled: Callable[[Settlement], None] = lambda _: None
    """Told of every settled batch, for progress."""
    watchful: bool = False
    """Whether contacts are looked at once more before a status of theirs is raised."""
    lists: Sequence[Listed] = ()
    """The suppression lists that stored addresses are compared with then."""
    sends: bool = True
    """Otherwise batches that have begun are read back, and nothing is sent."""
    _ending: threading.Event = field(default_factory=threading.Event)
    """Set when a batch could not be settled: those that have not begun do not begin."""
    _lost: int = 0
    """Loads in a row of which nothing arrived."""
    _took_some: bool = False
    """Whether anything arrived of any load."""

    def deliver(self, loads: Iterable[Load]) -> None:
        """Settles the batches in order, `concurrency` loads at a time; the first goes alone.

        Raises what stopped it (Refused, Unreachable, StorageError, Interrupted) when the batches in flight are settled.
        """
        waiting = iter(loads)
        threads = self.job.delivery.concurrency
        running: dict[Future[Trip], Load] = {}
        failure: ConsentSyncError | None = None
        # A configuration that the destination refuses costs one request, not one for each thread.
        most, since = 1, time.monotonic()
        with ThreadPoolExecutor(threads, thread_name_prefix="deliver") as pool:
            while True:
                trips = _collect(running)
                finished = [settlement for trip in trips for settlement in trip.settlements]
                self._note_lost(trips)
                failure = self._failure(failure, trips)
                if finished:
                    most, since = in_flight(threads, len(trips), time.monotonic() - since), time.monotonic()
                begun = [] if failure else list(islice(waiting, max(0, most - len(running))))
                keys = [batch.key for load in begun for batch in load]
                self.ledger.turn(self.run_id, finished, keys if self.sends else [], self.clock())
                self._withdraw(trips)
                for batch in (batch for load in begun for batch in load if batch.is_rest):
                    rest_begins(self.ledger, self.run_id, batch.key, batch.records)
                for settlement in finished:
                    self.settled(settlement)
                running |= {pool.submit(self._carry, load): load for load in begun}
                if not running:
                    break
                wait(islice(running, max(1, len(running) - threads * 2)), TURN_SECONDS)
        if failure is None and self._lost and not self._took_some:
            failure = self._takes_nothing()
        if failure is not None:
            raise failure

    def _note_lost(self, trips: Iterable[Trip]) -> None:
        for trip in trips:
            if not trip.settlements:
                continue
            gave_up = sum(e.message == GAVE_UP for s in trip.settlements for e in s.delivery.exceptional)
            lost = gave_up == sum(batch.items.height for batch in trip.load)
            self._lost = self._lost + 1 if lost else 0
            self._took_some |= not lost

    def _takes_nothing(self) -> Unreachable:
        return Unreachable(
            "the destination answers, and nothing of what was sent arrives: what was sent last is not there when it is "
            f"read back, and has the outcome unknown; when it takes changes again, `consent-sync resume {self.run_id}` "
            "goes on"
        )

    def _carry(self, load: Load) -> Trip:
        if self._ending.is_set() or self.stop.is_set():
            return Trip(load)
        log: list[Attempt] = []
        works = [work for batch in load for work in batch.works]

        def keep(work: str) -> None:
            begun_work.keep(self.ledger, self.run_id, [batch.key for batch in load], work, self.clock())
            works.append(work)

        send, transport = self.session.sender(log, keep), self.session.transport
        courier = Courier(
            self.job,
            self.session.destination,
            send,
            transport.stop,
            watchful=self.watchful,
            lists=self.lists,
            governor=transport.governor,
            works=works,
            sends=self.sends,
        )
        alone = load[0] if len(load) == 1 else None
        items = alone.items if alone else pl.concat([batch.items for batch in load])
        barred = [record for batch in load for record in batch.barred]
        try:
            delivery = courier.settle(items, begun=load[0].begun, barred=barred, body=alone.body if alone else None)
        except ConsentSyncError as error:
            self._ending.set()
            return Trip(load, log, error=error)
        return Trip(load, log, settlements=_settlements(load, delivery, log, self.clock() if self.sends else None))

    def _failure(self, before: ConsentSyncError | None, trips: Iterable[Trip]) -> ConsentSyncError | None:
        """What stops the run; a stop that was asked for is told in one way, wherever it was noticed."""
        errors = [before, *(trip.error for trip in trips)]
        failure = next((e for e in errors if e is not None and not isinstance(e, Interrupted)), None)
        if failure is None and self._lost >= LOST:
            failure = self._takes_nothing()
        if failure is None and self.stop.is_set():
            return Interrupted(f"{why(self.stop)}; `consent-sync resume {self.run_id}` goes on")
        return failure

    def _withdraw(self, trips: Iterable[Trip]) -> None:
        """Keeps the requests of what was not settled, and takes back the intention of what never left."""
        for trip in trips:
            if trip.settlements:
                continue
            if trip.log:
                self.ledger.log_requests(self.run_id, trip.log, [batch.key for batch in trip.load])
                continue
            for batch in trip.load:
                if batch.is_rest:
                    rest_waits(self.ledger, self.run_id, batch.key, batch.records)
                elif not batch.begun:
                    self.ledger.withdraw(self.run_id, batch.key)


@dataclass(frozen=True, slots=True)
class Trip:
    """How far a load came: settled, stopped by an error, or (neither) never begun."""

    load: Load
    log: Sequence[Attempt] = ()
    settlements: Sequence[Settlement] = ()
    error: ConsentSyncError | None = None


def _settlements(load: Load, delivery: Delivery, log: Sequence[Attempt], at: datetime | None) -> list[Settlement]:
    """What came of each batch of a load. Counts and requests are of the load: they stand with its first batch."""
    first, *others = load
    if not others:
        return [Settlement(first.key, first.before + delivery, log, at)]
    found = []
    for batch in load:
        mine = batch.records
        counts = (delivery.expected, delivery.reported) if batch is first else (0, 0)
        said = tuple(e for e in delivery.exceptional if e.record in mine)
        links = {record: link for record, link in delivery.links.items() if record in mine}
        came = batch.before + Delivery(*counts, said, links)
        found.append(Settlement(batch.key, came, log, at, None if batch is first else first.key))
    return found


def in_flight(threads: int, settled: int, seconds: float) -> int:
    """How many loads may be in flight in the ledger, after so many were `settled` in so long."""
    in_a_turn = settled * TURN_SECONDS / max(seconds, 1e-6)
    return int(min(max(threads, in_a_turn) * 2, threads * AHEAD))


def _collect(running: dict[Future[Trip], Load]) -> list[Trip]:
    """Takes the finished loads out of `running`."""
    done = [future for future in running if future.done()]
    for future in done:
        del running[future]
    return [future.result() for future in done]
