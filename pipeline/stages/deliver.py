"""Carries out a plan: batches in order, a few at a time, each committed as in flight before its first byte."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.destinations.interface import Delivery, Exceptional
from pipeline.errors import ConsentSyncError, Interrupted
from pipeline.ledger_rows import BatchKey, Settlement
from pipeline.model import Column, Outcome, Reason
from pipeline.stages.permissions import barred as listed_of
from pipeline.stages.permissions import permissions
from pipeline.stages.reconcile import FOUND, OPTED_OUT, Found, compare, creating, permits_something, watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from pipeline.destinations.interface import Destination, Send
    from pipeline.job import Job
    from pipeline.ledger import Ledger
    from pipeline.session import Session
    from pipeline.stages.suppress import Listed
    from pipeline.transport import Attempt

ROUNDS: Final = 3
"""How often what is certainly not there after an unclear answer is sent again."""
AHEAD: Final = 6
"""Batches per thread that are in flight in the ledger: a turn settles those in excess of two, so commits are few."""
FIRST_PAUSE_SECONDS: Final = 0.2


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


@dataclass(slots=True)
class Deliverer:
    """Delivers batches of one run. Only the calling thread writes to the ledger."""

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
    _ending: threading.Event = field(default_factory=threading.Event)
    """Set when a batch could not be settled: those that have not begun do not begin."""

    def deliver(self, batches: Iterable[Batch]) -> None:
        """Settles the batches in order, `concurrency` at a time; the first goes alone.

        Raises what stopped it (Refused, Unreachable, StorageError, Interrupted) when the batches in flight are settled.
        """
        waiting = iter(batches)
        threads = self.job.delivery.concurrency
        running: dict[Future[Trip], BatchKey] = {}
        failure: ConsentSyncError | None = None
        # A configuration that the destination refuses costs one request, not one for each thread.
        most = 1
        with ThreadPoolExecutor(threads, thread_name_prefix="deliver") as pool:
            while True:
                trips = _collect(running)
                failure = self._failure(failure, trips)
                finished = [trip.settlement for trip in trips if trip.settlement is not None]
                most = threads * AHEAD if finished else most
                begun = [] if failure else list(islice(waiting, most - len(running)))
                self.ledger.turn(self.run_id, finished, [batch.key for batch in begun], self.clock())
                self._withdraw(trips)
                for settlement in finished:
                    self.settled(settlement)
                running |= {pool.submit(self._carry, batch): batch.key for batch in begun}
                if not running:
                    break
                wait(islice(running, max(1, len(running) - threads * 2)))
        if failure is not None:
            raise failure

    def _carry(self, batch: Batch) -> Trip:
        if self._ending.is_set() or self.stop.is_set():
            return Trip(batch)
        log: list[Attempt] = []
        send, stop = self.session.sender(log), self.session.transport.stop
        courier = Courier(self.job, self.session.destination, send, stop, watchful=self.watchful, lists=self.lists)
        try:
            delivery = batch.before + courier.settle(batch.items, begun=batch.begun, barred=batch.barred)
        except ConsentSyncError as error:
            self._ending.set()
            return Trip(batch, log, error=error)
        return Trip(batch, log, settlement=Settlement(batch.key, delivery, log, self.clock()))

    def _failure(self, before: ConsentSyncError | None, trips: Iterable[Trip]) -> ConsentSyncError | None:
        """What stops the run; a stop that was asked for is told in one way, wherever it was noticed."""
        errors = [before, *(trip.error for trip in trips)]
        failure = next((e for e in errors if e is not None and not isinstance(e, Interrupted)), None)
        if failure is None and self.stop.is_set():
            return Interrupted(f"stopped; `consent-sync resume {self.run_id}` goes on")
        return failure

    def _withdraw(self, trips: Iterable[Trip]) -> None:
        """Keeps the requests of what was not settled, and takes back the intention of what never left."""
        for trip in trips:
            if trip.settlement is None and trip.log:
                self.ledger.log_requests(self.run_id, trip.log, trip.batch.key)
            elif trip.settlement is None and not trip.batch.begun:
                self.ledger.withdraw(self.run_id, trip.batch.key)


@dataclass(frozen=True, slots=True)
class Trip:
    """How far a batch came: settled, stopped by an error, or (neither) never begun."""

    batch: Batch
    log: Sequence[Attempt] = ()
    settlement: Settlement | None = None
    error: ConsentSyncError | None = None


def _collect(running: dict[Future[Trip], BatchKey]) -> list[Trip]:
    """Takes the finished batches out of `running`."""
    done = [future for future in running if future.done()]
    for future in done:
        del running[future]
    return [future.result() for future in done]


@dataclass(slots=True)
class Courier:
    """Brings one batch to its end: delivered, refused to the row, or read back."""

    job: Job
    destination: Destination
    send: Send
    stop: threading.Event
    watchful: bool = False
    lists: Sequence[Listed] = ()
    counts: Delivery = field(default_factory=Delivery)
    exceptional: dict[int, Exceptional] = field(default_factory=dict)

    def settle(self, items: pl.DataFrame, *, begun: bool, barred: Sequence[int] = ()) -> Delivery:
        """Every item ends confirmed, or exceptional with an outcome. Nothing is sent of those `barred`."""
        unclear: dict[int, Reason] = {}
        if begun:
            unclear = dict.fromkeys(items.get_column(Column.RECORD), Reason.NOT_CONFIRMED)
            # What is not to be sent again may still show.
            remaining = self._read_back(items, unclear, patient=creating(items) or bool(barred))
            remaining = self._unlisted(remaining, barred)
        else:
            remaining = self._unlisted(items, barred)
            remaining = self._still_permitted(remaining) if self.watchful else remaining
        for _ in range(ROUNDS):
            if remaining.is_empty():
                break
            remaining, unclear = self._round(remaining)
        for record in remaining.get_column(Column.RECORD).to_list():
            changed = unclear.get(record) is Reason.CHANGED_MEANWHILE
            outcome = Outcome.FAILED if changed else Outcome.UNKNOWN
            self._except(record, outcome, Reason.CHANGED_MEANWHILE if changed else Reason.NOT_CONFIRMED)
        return replace(self.counts, exceptional=tuple(self.exceptional.values()))

    def _still_permitted(self, items: pl.DataFrame) -> pl.DataFrame:
        """The items but for those that would let somebody be contacted who has opted out since it was planned."""
        raising = items.filter(watched(self.job))
        if raising.is_empty() or "destination" not in self.job.policy.witnesses:
            return items
        seen = self.destination.read_back(self.job, raising, self.send)
        held = compare(raising, seen, self.job).filter(OPTED_OUT).get_column(Column.RECORD).to_list()
        for record in held:
            self._except(record, Outcome.HELD, Reason.RESUBSCRIBE_WITHOUT_EVIDENCE)
        allowed = items.filter(~pl.col(Column.RECORD).is_in(held))
        if not self.lists:
            return allowed
        stored = permissions(raising.filter(permits_something(self.job)), raising.head(0), seen, self.job)
        return self._unlisted(allowed, listed_of(stored, self.lists).get_column(Column.RECORD).to_list())

    def _unlisted(self, items: pl.DataFrame, listed: Sequence[int]) -> pl.DataFrame:
        """The items but for those of records that a suppression list bars by now."""
        for record in set(listed).intersection(items.get_column(Column.RECORD)):
            self._except(record, Outcome.HELD, Reason.SUPPRESSED, "on a suppression list since it was planned")
        return items.filter(~pl.col(Column.RECORD).is_in(list(listed)))

    def _round(self, items: pl.DataFrame) -> tuple[pl.DataFrame, dict[int, Reason]]:
        """Delivers once and reads back what is unclear; returns what may be sent again, and why it was unclear."""
        delivery = self.destination.deliver(self.job, items, self.send)
        self.counts += replace(delivery, exceptional=())
        unclear = {e.record: e.reason for e in delivery.exceptional if e.outcome is None}
        for exceptional in delivery.exceptional:
            if exceptional.outcome is not None:
                self.exceptional[exceptional.record] = exceptional
        if not unclear:
            return items.head(0), unclear
        asked = items.filter(pl.col(Column.RECORD).is_in(list(unclear)))
        # Who was changed by somebody else is known not to have taken effect: there is nothing to wait for.
        patient = set(unclear.values()) != {Reason.CHANGED_MEANWHILE}
        return self._read_back(asked, unclear, patient=patient), unclear

    def _read_back(self, items: pl.DataFrame, unclear: dict[int, Reason], *, patient: bool) -> pl.DataFrame:
        """Reads until all is confirmed or would have shown; returns the items that certainly did not take effect."""
        judged = self._read_until_shown(items, patient=patient)
        again: list[int] = []
        for record, found, opted_out in judged.select(Column.RECORD, FOUND, OPTED_OUT).iter_rows():
            if found == Found.CONFIRMED:
                continue
            if opted_out:
                self._except(record, Outcome.HELD, Reason.RESUBSCRIBE_WITHOUT_EVIDENCE)
            elif found == Found.KIN:
                again.append(record)
            elif unclear[record] is Reason.NOT_APPLIED:
                missing = found == Found.MISSING and not creating(items)
                self._except(record, Outcome.FAILED, Reason.CONTACT_NOT_FOUND if missing else Reason.NOT_APPLIED)
            elif found == Found.DIFFERENT and creating(items):
                # The contact is there with other values: it is not created a second time.
                self._except(record, Outcome.UNKNOWN, Reason.NOT_CONFIRMED)
            else:
                again.append(record)
        return judged.drop(FOUND, OPTED_OUT).filter(pl.col(Column.RECORD).is_in(again))

    def _read_until_shown(self, items: pl.DataFrame, *, patient: bool) -> pl.DataFrame:
        from pipeline.pacing import wait as pause

        left, seconds = self.destination.limits.settle_seconds if patient else 0.0, FIRST_PAUSE_SECONDS
        while True:
            judged = self._compared(items)
            if left <= 0 or judged.get_column(FOUND).eq(Found.CONFIRMED).all():
                return judged
            pause(self.stop, min(seconds, left))
            left, seconds = left - seconds, seconds * 2

    def _compared(self, items: pl.DataFrame) -> pl.DataFrame:
        return compare(items, self.destination.read_back(self.job, items, self.send), self.job)

    def _except(self, record: int, outcome: Outcome, reason: Reason, message: str = "settled by reading back") -> None:
        self.exceptional[record] = Exceptional(record, outcome, reason, message)
