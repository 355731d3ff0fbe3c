"""The ledger's database: SQLite under the home, or PostgreSQL where several machines work."""

from __future__ import annotations

import sqlite3
from typing import Final

import sqlalchemy as sa
import tenacity
from sqlalchemy.exc import SQLAlchemyError

from pipeline.errors import SettingsError
from pipeline.ledger.tables import METADATA

POSTGRESQL: Final = ("postgresql://", "postgres://")
DRIVER: Final = "postgresql+psycopg://"
WAITS: Final[dict[str, dict[str, int]]] = {
    "sqlite": {"timeout": 10},
    "postgresql": {
        "keepalives_idle": 5,
        "keepalives_interval": 3,
        "keepalives_count": 3,
        "tcp_user_timeout": 15_000,
    },
}
"""For SQLite: another's write is waited for ten seconds. For PostgreSQL: whoever is cut off from it notices within
fifteen, before the database lets go of their locks (`locks`).
"""
_MAKING: Final = 0x636F6E73
"""What making tables is called among the locks of the database."""


def engine_of(url: str) -> sa.Engine:
    """Raises SettingsError for a URL that is none."""
    for scheme in POSTGRESQL:
        if url.startswith(scheme):
            url = DRIVER + url.removeprefix(scheme)
    try:
        # What the URL says itself, such as `?timeout=`, holds.
        given = sa.make_url(url)
        usual = WAITS.get(given.get_backend_name(), {})
        engine = sa.create_engine(given, connect_args={n: v for n, v in usual.items() if n not in given.query})
    except (SQLAlchemyError, ImportError) as error:
        raise SettingsError(
            f"CONSENT_SYNC_DATABASE_URL cannot be used ({error}); correct it, or unset it to use SQLite under home"
        ) from None
    if not is_shared(engine):
        sa.event.listen(engine, "connect", _write_ahead)
    return engine


def is_shared(engine: sa.Engine) -> bool:
    """Whether several machines may use it."""
    return engine.dialect.name != "sqlite"


def make_tables(connection: sa.Connection, engine: sa.Engine) -> None:
    """Makes the tables that are missing; two commands may open a new ledger at the same time."""
    there: frozenset[str] = frozenset()
    if is_shared(engine):
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MAKING)))
        # Even an index that is there would be waited for until nobody writes to its table, and could be for ever.
        named = "select relname from pg_class where relnamespace = cast(current_schema() as regnamespace)"
        there = frozenset(connection.scalars(sa.text(named)))
    # Not `create_all`, which looks first.
    for table in METADATA.sorted_tables:
        if table.name not in there:
            connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
        for index in table.indexes:
            if index.name not in there:
                connection.execute(sa.schema.CreateIndex(index, if_not_exists=True))


def _write_ahead(connection: sqlite3.Connection, _record: object) -> None:
    """Readers never wait for the writer; FULL keeps a committed intention through a power loss."""
    cursor = connection.cursor()
    [(patience_ms,)] = cursor.execute("PRAGMA busy_timeout")
    # SQLite does not wait by itself for who is about to write to a file that is not in this mode yet.
    switching = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_is_busy),
        stop=tenacity.stop_after_delay(patience_ms / 1000),
        wait=tenacity.wait_random(0.01, 0.05),
        reraise=True,
    )
    switching(cursor.execute, "PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _is_busy(error: BaseException) -> bool:
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_BUSY
