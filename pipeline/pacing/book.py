"""The ledger's tables of traffic: the book of turns that commands share, and how far each run was slowed down."""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from pipeline.ledger.tables import METADATA
from pipeline.pacing.allowance import Book
from pipeline.pacing.governor import Slowed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from pipeline.context import Context
    from pipeline.ledger.ledger import Ledger
    from pipeline.mapping_file import MappingFile
    from pipeline.settings import Settings

T = TypeVar("T")

PACING: Final = sa.Table(
    "pacing",
    METADATA,
    sa.Column("account", sa.String, primary_key=True),
    sa.Column("book", sa.Text, nullable=False),
)
"""A row per destination and account as far as they are known before the first request."""
SLOWED: Final = sa.Table(
    "slowed",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run_id", sa.String, nullable=False, index=True),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("waited_seconds", sa.Float, nullable=False),
    sa.Column("lowest_in_flight", sa.Integer),
    sa.Column("lowest_rows", sa.Integer),
)
"""A row for each time that a run was planned, sent or resumed, and was slowed down."""


def desk_of(ledger: Ledger, file: MappingFile, settings: Settings) -> LedgerDesk:
    """The book of the mapping's destination, and of the account that the settings lead to."""
    return LedgerDesk(ledger, account_of(file.mapping.destination, settings))


@contextmanager
def desk_if_there(context: Context, file: MappingFile) -> Iterator[LedgerDesk | None]:
    """The book, where the home has a ledger: a command that keeps nothing makes none."""
    from pipeline.ledger.ledger import opened

    if context.settings.database_url is None and not (context.home / "ledger.db").exists():
        yield None
        return
    with opened(context) as ledger:
        yield desk_of(ledger, file, context.settings)


def account_of(destination: str, settings: Settings) -> str:
    """Whom an allowance belongs to: who has the same address and credentials. Nothing of them can be read from it."""
    known = [settings.url(destination), *sorted(settings.credentials(destination).items())]
    return f"{destination}-{hashlib.sha256(json.dumps(known).encode()).hexdigest()[:12]}"


@dataclass(frozen=True, slots=True)
class LedgerDesk:
    """The book in the ledger's database. Each entry is a short transaction of its own, taken inside no other."""

    ledger: Ledger
    account: str

    def look(self) -> Book:
        """The book as it is now."""
        with self.ledger.transaction() as connection:
            return self._book(connection, self._asked())

    def change(self, entry: Callable[[Book], tuple[Book, T]], /) -> T:
        """The row is locked from the first statement on, so that nobody reads what is about to change."""
        with self.ledger.transaction() as connection:
            postgres = connection.dialect.name == "postgresql"
            row = {"account": self.account, "book": Book().text()}
            insert = postgresql.insert(PACING) if postgres else sqlite.insert(PACING)
            connection.execute(insert.values(row).on_conflict_do_nothing())
            book, answer = entry(self._book(connection, self._asked().with_for_update()))
            connection.execute(PACING.update().where(PACING.c.account == self.account).values(book=book.text()))
        return answer

    def _asked(self) -> sa.Select[tuple[str]]:
        return sa.select(PACING.c.book).where(PACING.c.account == self.account)

    def _book(self, connection: sa.Connection, asked: sa.Select[tuple[str]]) -> Book:
        text = connection.scalar(asked)
        return (Book.of_text(text) if text else Book()).at(_now(connection))


def _now(connection: sa.Connection) -> float:
    """The database's clock where machines share it; on one machine the clock that all its processes share.

    That one is never set: it only begins anew when the machine does, which is a clock that has gone back.
    """
    if connection.dialect.name == "postgresql":
        return float(connection.scalar(sa.text("SELECT extract(epoch FROM clock_timestamp())")) or 0.0)
    return time.monotonic()


def note_slowed(ledger: Ledger, run_id: str, slowed: Slowed, now: datetime) -> None:
    """Keeps how far a run was slowed down, if it was."""
    if slowed == Slowed():
        return
    row = {
        "run_id": run_id,
        "at": now,
        "waited_seconds": slowed.waited_seconds,
        "lowest_in_flight": slowed.lowest_in_flight,
        "lowest_rows": slowed.lowest_rows,
    }
    with ledger.transaction() as connection:
        connection.execute(SLOWED.insert(), [row])


def slowed_of(ledger: Ledger, run_id: str) -> Slowed:
    """How far a run was slowed down, all times together."""
    asked = sa.select(
        sa.func.coalesce(sa.func.sum(SLOWED.c.waited_seconds), 0.0),
        sa.func.min(SLOWED.c.lowest_in_flight),
        sa.func.min(SLOWED.c.lowest_rows),
    ).where(SLOWED.c.run_id == run_id)
    with ledger.transaction() as connection:
        waited, in_flight, rows = connection.execute(asked).one()
    return Slowed(float(waited), in_flight, rows)
