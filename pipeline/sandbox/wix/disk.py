"""Consents in a SQLite file, so that they outlast the process; other vendors have their own tables in it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline.sandbox.wix.marketing_consent import MarketingConsent, consent_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_TABLE = "CREATE TABLE IF NOT EXISTS wix_consent (number INTEGER PRIMARY KEY AUTOINCREMENT, document TEXT NOT NULL)"
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Disk:
    """Written with every change; read once, at the start."""

    def __init__(self, database: Path) -> None:
        self._connection = sqlite3.connect(database, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute(_TABLE)

    def consents(self) -> Iterator[MarketingConsent]:
        """All of them, oldest first."""
        for number, document in self._connection.execute("SELECT number, document FROM wix_consent ORDER BY number"):
            yield consent_of(json.loads(document), number)

    def last_number(self) -> int:
        """The highest number ever given out, so that the link of a deleted consent never leads to another."""
        row = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'wix_consent'").fetchone()
        return row[0] if row else 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One write to the file for all that happens inside, or none if an exception leaves it."""
        with self._connection:  # commits, or rolls back
            # Not the default, which would fail at the first write after another vendor has written to the same file.
            self._connection.execute("BEGIN IMMEDIATE")
            yield

    def save(self, consents: Iterable[MarketingConsent]) -> None:
        """Insert or overwrite."""
        rows = ((consent.number, _encode(consent.as_json())) for consent in consents)
        self._connection.executemany("INSERT OR REPLACE INTO wix_consent VALUES (?, ?)", rows)

    def delete(self, consents: Iterable[MarketingConsent]) -> None:
        """Remove."""
        numbers = ((consent.number,) for consent in consents)
        self._connection.executemany("DELETE FROM wix_consent WHERE number = ?", numbers)

    def clear(self) -> None:
        """Forget everything; numbers begin again."""
        self._connection.execute("DELETE FROM wix_consent")
        self._connection.execute("DELETE FROM sqlite_sequence WHERE name = 'wix_consent'")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
