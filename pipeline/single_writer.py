"""Only one run at a time writes to an account: of all runs of a home, of a user's homes, and of a shared ledger.

Each is a lock that dies with its holder: two of the kernel's, and one of the database's, which its connection holds.
"""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from pipeline import lock
from pipeline.errors import DestinationBusy, StorageError
from pipeline.hands import crew
from pipeline.ledger import locks
from pipeline.ledger.tables import METADATA
from pipeline.store.place import store_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.context import Context
    from pipeline.job import Job
    from pipeline.ledger.ledger import Ledger

HOLDERS: Final = sa.Table(
    "holders",
    METADATA,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("run_id", sa.String),
    sa.Column("host", sa.String, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("since", sa.DateTime(timezone=True), nullable=False),
)
"""Who has taken the lock of an account last; whether they hold it the database knows."""


@dataclass(slots=True)
class Shared:
    """The lock of a database that several machines use as their ledger, held by a connection of its own."""

    name: str
    connection: sa.Connection
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    @property
    def key(self) -> int:
        """What the database calls the lock."""
        return locks.key_of(self.name)

    def take(self, what: str) -> None:
        """Raises DestinationBusy, naming the run that holds it, and where."""
        with locks.translated(), self._one_at_a_time:
            taken = self.connection.scalar(sa.select(sa.func.pg_try_advisory_lock(self.key)))
        if not taken:
            raise DestinationBusy(f"{what} is held by {self._holder()}; wait until it ends")
        with locks.translated(), self._one_at_a_time:
            crew.require_nobody(self.connection, self.name, what)
        self.tell(None)

    def tell(self, run_id: str | None) -> None:
        """Says which run holds it; None while it has no name yet."""
        now = datetime.now(UTC)
        row = {"name": self.name, "run_id": run_id, "host": socket.gethostname(), "pid": os.getpid(), "since": now}
        with locks.translated(), self._one_at_a_time:
            self.connection.execute(HOLDERS.delete().where(HOLDERS.c.name == self.name))
            self.connection.execute(HOLDERS.insert().values(**row))

    def require_held(self) -> None:
        """Raises StorageError where the connection is gone, and the lock with it."""
        with locks.translated(), self._one_at_a_time:
            held = locks.own(self.connection)
        if not held:
            raise StorageError("the ledger's lock is lost, so nothing more is sent; run `consent-sync resume`")

    def _holder(self) -> str:
        with locks.translated(), self._one_at_a_time:
            row = self.connection.execute(sa.select(HOLDERS).where(HOLDERS.c.name == self.name)).mappings().first()
        if row is None:
            return "another run"
        run = f"run {row['run_id']}" if row["run_id"] else "a run that is being planned"
        return f"{run} (process {row['pid']} on {row['host']})"


@dataclass(frozen=True, slots=True)
class Writer:
    """Who holds an account."""

    locks: tuple[lock.Lock, ...]
    shared: Shared | None

    def name(self, run_id: str) -> None:
        """Says which run it is, for the message that others get."""
        for one in self.locks:
            one.name(run_id)
        if self.shared is not None:
            self.shared.tell(run_id)


@contextmanager
def holding(context: Context, ledger: Ledger, destination: str, account: str) -> Iterator[None]:
    """Holds an account for what sends nothing: in this home, and, as hands may still settle, in a shared ledger."""
    with ExitStack() as stack:
        stack.enter_context(lock.holding(context.home, destination, account))
        if ledger.is_shared:
            stack.enter_context(_shared(ledger, destination, account))
        yield


def require_sole(home: Path, ledger: Ledger) -> None:
    """Raises StorageError where the lock is lost, and other hosts record in the same place: nobody may record there."""
    if ledger.require is not None and store_of(home) is not None:
        ledger.require()


@contextmanager
def writing(context: Context, ledger: Ledger, job: Job) -> Iterator[Writer]:
    """Holds the job's account. Raises DestinationBusy, naming the run that holds it."""
    with ExitStack() as stack:
        own = stack.enter_context(lock.holding(context.home, job.destination, job.account))
        lock.require_own(context.locks)
        path = context.locks / f"{_everywhere(context, job)}.lock"
        machine = stack.enter_context(lock.held(path, job.destination))
        shared = stack.enter_context(_shared(ledger, job.destination, job.account)) if ledger.is_shared else None
        yield Writer((own, machine), shared)


def _everywhere(context: Context, job: Job) -> str:
    """What an account is called in all homes: two sandboxes have the same one at two places."""
    place = f"{job.destination}\n{job.account}\n{context.settings.url(job.destination)}"
    return f"{job.destination}-{hashlib.sha256(place.encode()).hexdigest()[:32]}"


@contextmanager
def _shared(ledger: Ledger, destination: str, account: str) -> Iterator[Shared]:
    with locks.connected(ledger) as connection:
        held = Shared(lock.name_of(destination, account), connection)
        with locks.translated():
            backend = int(connection.scalar(sa.select(sa.func.pg_backend_pid())) or 0)
        held.take(destination)
        ledger.require, ledger.held_by = held.require_held, backend
        try:
            yield held
        finally:
            ledger.require = ledger.held_by = None
