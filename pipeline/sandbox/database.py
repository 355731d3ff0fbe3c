"""SQLite, in memory or in a file in which each vendor has tables of its own."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def connect(database: Path | None, tables: str) -> sqlite3.Connection:
    """A connection for any thread, in autocommit mode, after `tables` (a script) has been run; None: in memory."""
    connection = sqlite3.connect(database or ":memory:", check_same_thread=False, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")
    connection.executescript(tables)
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """What is written inside is kept, or undone when an exception leaves it."""
    # Not the default, which would fail at the first write after another vendor has written to the same file.
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
