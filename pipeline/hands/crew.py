"""The coordinator's side of a crew: whom it lets work, whether they are at work, and when they are gone."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from pipeline.errors import DestinationBusy
from pipeline.ledger import locks
from pipeline.ledger.tables import METADATA

if TYPE_CHECKING:
    from pipeline.ledger.ledger import Ledger

CREWS: Final = sa.Table(
    "crews",
    METADATA,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("run_id", sa.String, nullable=False),
    sa.Column("token", sa.String, nullable=False),
    sa.Column("backend", sa.Integer, nullable=False),
    sa.Column("why", sa.Text),
)
"""Who may work for whom: those with the token, while that connection holds the lock of that name. `why`: they stop."""
LOOK_SECONDS: Final = 0.2
LEAVE_SECONDS: Final = 600.0
"""How long hands are waited for that were told to stop: as long as a request may take that is under way."""


@dataclass(slots=True)
class Crew:
    """The hands of one run. `backend`: the connection by which the coordinator holds the lock called `name`."""

    ledger: Ledger
    name: str
    run_id: str
    backend: int
    token: str = ""

    def call(self) -> str:
        """Lets hands work that are given this token, and none that were given another."""
        self.token = uuid.uuid4().hex
        row = {"name": self.name, "run_id": self.run_id, "token": self.token, "backend": self.backend}
        with self.ledger.transaction() as connection:
            connection.execute(CREWS.delete().where(CREWS.c.name == self.name))
            connection.execute(CREWS.insert(), [row])
        return self.token

    def stop(self, why: str) -> None:
        """Has them settle what is in flight, and begin nothing. The first reason stays."""
        mine = (CREWS.c.name == self.name) & (CREWS.c.token == self.token)
        with self.ledger.transaction() as connection:
            connection.execute(CREWS.update().where(mine, CREWS.c.why.is_(None)).values(why=why))

    def at_work(self) -> tuple[str, ...]:
        """Who is."""
        with self.ledger.transaction() as connection:
            return locks.holders(connection, locks.hands_of(self.name))

    def dismiss(self, limit_seconds: float = LEAVE_SECONDS) -> None:
        """Returns when nobody works for the run any more, and nobody can begin. Raises DestinationBusy after a while.

        Whoever lets a phase follow another one relies on this, not on what an engine says of its tasks.
        """
        with self.ledger.transaction() as connection:
            connection.execute(CREWS.delete().where(CREWS.c.name == self.name))
        pause, left = threading.Event(), limit_seconds
        with locks.translated(), locks.connected(self.ledger) as connection:
            while not _take(connection, self.name):
                if left <= 0:
                    raise DestinationBusy(_at_work(connection, self.name, self.run_id))
                pause.wait(LOOK_SECONDS)
                left -= LOOK_SECONDS
            _release(connection, self.name)


def require_nobody(connection: sa.Connection, name: str, what: str) -> None:
    """For who has just taken the lock of that name: raises DestinationBusy where hands of an earlier holder work on."""
    mine = CREWS.c.name == name
    if not _take(connection, name):
        run_id = connection.scalar(sa.select(CREWS.c.run_id).where(mine))
        raise DestinationBusy(f"{what} is held: {_at_work(connection, name, run_id)}")
    # Whoever was called by an earlier holder and comes late finds nothing any more.
    connection.execute(CREWS.delete().where(mine))
    _release(connection, name)


def _take(connection: sa.Connection, name: str) -> bool:
    return bool(connection.scalar(sa.select(sa.func.pg_try_advisory_lock(locks.key_of(locks.hands_of(name))))))


def _release(connection: sa.Connection, name: str) -> None:
    connection.execute(sa.select(sa.func.pg_advisory_unlock(locks.key_of(locks.hands_of(name)))))


def _at_work(connection: sa.Connection, name: str, run_id: str | None) -> str:
    who = ", ".join(locks.holders(connection, locks.hands_of(name))) or "it is about to end"
    return f"a worker of run {run_id or 'before'} still settles what it has begun ({who}); wait until it ends"
