"""A hand's side of a crew: it belongs to it as long as the run's coordinator holds what it held when it called."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from pipeline.errors import StorageError
from pipeline.hands.crew import CREWS
from pipeline.ledger import locks
from pipeline.ledger.locks import connected, translated
from pipeline.stopping import interrupted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.ledger.ledger import Ledger
    from pipeline.stopping import Stop

WATCH_SECONDS: Final = 1.0
GONE: Final = "stopped: the process that it works for is gone, or waits for it no longer"


@dataclass(slots=True)
class Place:
    """A hand's place in a crew, for one piece of work at a time that nobody else of the crew does."""

    connection: sa.Connection
    crew: str
    token: str
    stop: Stop
    _held: int = 0
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def take(self, piece: str) -> None:
        """Waits until nobody else does the same piece. Raises Interrupted where nobody is to do it any more."""
        name = f"{locks.APPLICATION}process {os.getpid()} on {socket.gethostname()}"
        with translated():
            self.connection.execute(sa.select(sa.func.set_config("application_name", name[:60], False)))
        hands = locks.key_of(locks.hands_of(self.crew))
        self._until(sa.func.pg_try_advisory_lock_shared(hands))
        # Only now: who dismisses a crew waits for those who hold the lock, and takes their leave from all others.
        self.look()
        self._until(sa.func.pg_try_advisory_lock(locks.key_of(f"{piece} of {self.crew}")))
        self.require()

    def require(self) -> None:
        """Looked at before anything is intended. Raises StorageError where the own locks are lost.

        Where only the coordinator is gone, it sets the stop event: nobody else can write yet, so what is in flight is
        settled.
        """
        if self.look() < self._held:
            raise StorageError("the ledger's lock is lost, so nothing more is sent; run `consent-sync resume`")

    def look(self) -> int:
        """Sets the stop event where the crew is to stop; returns how many locks the hand holds."""
        of = CREWS.c
        asked = sa.select(of.why, of.backend).where(of.name == self.crew, of.token == self.token)
        with translated(), self._one_at_a_time:
            row = self.connection.execute(asked).first()
            called = row is not None and locks.is_held_by(self.connection, self.crew, row.backend)
            held = locks.own(self.connection)
        if row is None or not called:
            self.stop.because(GONE)
        elif row.why is not None:
            self.stop.because(row.why)
        return held

    def watch(self, over: threading.Event) -> None:
        """Looks again and again, until it is over."""
        while not over.wait(WATCH_SECONDS):
            try:
                self.look()
            except StorageError:
                self.stop.because("stopped: the ledger's database does not answer")
                return

    def _until(self, lock: sa.ColumnElement[bool]) -> None:
        while True:
            if self.stop.is_set():
                raise interrupted(self.stop)
            with translated(), self._one_at_a_time:
                if self.connection.scalar(sa.select(lock)):
                    break
            self.look()
            self.stop.wait(WATCH_SECONDS / 4)
        self._held += 1


@contextmanager
def joined(ledger: Ledger, crew: str, token: str, piece: str, stop: Stop) -> Iterator[Place]:
    """A place in a crew, for one piece of work. `stop` is set when the crew is to stop.

    Raises Interrupted where the coordinator is gone, and StorageError where the database does not answer.
    """
    over = threading.Event()
    with translated(), connected(ledger) as connection:
        place = Place(connection, crew, token, stop)
        place.take(piece)
        if stop.is_set():
            raise interrupted(stop)
        watcher = threading.Thread(target=place.watch, args=(over,), name="watch", daemon=True)
        watcher.start()
        ledger.require = place.require
        try:
            yield place
        finally:
            ledger.require = None
            over.set()
            watcher.join()
