"""Contacts, definitions and batches in SQLite, in memory or in a file that other vendors may share."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipeline.sandbox.database import connect, transaction
from pipeline.sandbox.ivvy.account import Account
from pipeline.sandbox.ivvy.batches import Batches
from pipeline.sandbox.ivvy.rows import COLUMNS, DEFINITION, NAMES, SLOTS, contact_of, row_of, triple_key
from pipeline.sandbox.ivvy.values import folded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pipeline.sandbox.ivvy.contact import Contact

_TABLES = f"""
CREATE TABLE IF NOT EXISTS ivvy_account (description TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS ivvy_contact ({DEFINITION});
CREATE INDEX IF NOT EXISTS ivvy_contact_by_email ON ivvy_contact (email_key);
CREATE INDEX IF NOT EXISTS ivvy_contact_by_external_id ON ivvy_contact (external_key);
CREATE INDEX IF NOT EXISTS ivvy_contact_by_triple ON ivvy_contact (triple_key);
CREATE INDEX IF NOT EXISTS ivvy_contact_by_change ON ivvy_contact (modified_date);
CREATE TABLE IF NOT EXISTS ivvy_earlier ({DEFINITION}, visible_until REAL NOT NULL);
"""
# Within the read lag a contact is read as it was before; a row without a name was no contact then.
_DELAYED = f"""(
    SELECT {COLUMNS} FROM ivvy_contact WHERE id NOT IN (SELECT id FROM ivvy_earlier)
    UNION ALL SELECT {COLUMNS} FROM ivvy_earlier WHERE first_name IS NOT NULL
)"""  # noqa: S608 - constants only
_PUT = f"INSERT OR REPLACE INTO ivvy_contact ({COLUMNS}) VALUES ({SLOTS})"  # noqa: S608 - constants only
_SELECT = f"SELECT {COLUMNS} FROM ivvy_contact"  # noqa: S608 - constants only


@dataclass(frozen=True, slots=True)
class Condition:
    """A WHERE clause over the columns of a contact, with its parameters."""

    sql: str = "1"
    parameters: tuple[str | int | None, ...] = ()

    def __and__(self, other: Condition) -> Condition:
        return Condition(f"{self.sql} AND {other.sql}", (*self.parameters, *other.parameters))


class Store:
    """All methods may be called from any thread; a transaction keeps the other threads out."""

    def __init__(self, database: Path | None) -> None:
        self.lock = threading.RLock()
        self._connection = connect(database, _TABLES)
        self._connection.create_function("fold", 1, _fold, deterministic=True)
        self.batches = Batches(self._connection)
        self._account = self._read_account()

    @property
    def account(self) -> Account:
        """Groups, custom fields and companies."""
        return self._account

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What is written inside is kept, or undone when an exception leaves it."""
        with self.lock:
            try:
                with transaction(self._connection):
                    yield
            except BaseException:
                self._account = self._read_account()
                raise

    def put_account(self, account: Account) -> None:
        """Describe the account anew."""
        with self.lock:
            self._connection.execute("DELETE FROM ivvy_account")
            self._connection.execute("INSERT INTO ivvy_account VALUES (?)", (account.model_dump_json(),))
            self._account = account

    def clear(self) -> None:
        """Forget everything; ids are given out from 1 again."""
        with self.lock:
            for table in ("ivvy_account", "ivvy_contact", "ivvy_earlier"):
                self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 - constants only
            self._connection.execute("DELETE FROM sqlite_sequence WHERE name = 'ivvy_contact'")
            self.batches.clear()
            self._account = Account()

    def find(self, contact_id: int) -> Contact | None:
        """The contact with that id, as it is now."""
        return next(iter(self._found("id = ?", contact_id)), None)

    def find_by_triple(self, first_name: str, last_name: str, email: str) -> list[Contact]:
        """The contacts with those names and that e-mail, trimmed and without case; the lowest id first."""
        return self._found("triple_key = ?", triple_key(first_name, last_name, email))

    def find_by_external_id(self, external_id: str) -> list[Contact]:
        """The contacts with that externalId, without case."""
        return self._found("external_key = ?", folded(external_id))

    def save(self, contact: Contact, before: Contact | None, visible_until: float | None) -> Contact:
        """Insert or overwrite; until then reads go on seeing `before`. Returns the contact with its id."""
        with self.lock:
            inserted = self._connection.execute(_PUT, row_of(contact)).lastrowid
            stored = replace(contact, id=contact.id or inserted)
            if visible_until is not None:
                earlier = (stored.id, *(None,) * (len(NAMES) - 1)) if before is None else row_of(before)
                sql = f"INSERT INTO ivvy_earlier ({COLUMNS}, visible_until) VALUES ({SLOTS}, ?)"  # noqa: S608
                again = "ON CONFLICT (id) DO UPDATE SET visible_until = excluded.visible_until"
                self._connection.execute(f"{sql} {again}", (*earlier, visible_until))
            return stored

    def append(self, contacts: Iterable[Contact]) -> None:
        """Store many contacts as they are; those with a stored id replace it."""
        with self.lock:
            self._connection.executemany(_PUT, map(row_of, contacts))

    def select(self, condition: Condition, offset: int, limit: int, now: float) -> list[Contact]:
        """The contacts that a read sees, by id."""
        with self.lock:
            sql = f"SELECT {COLUMNS} FROM {self._visible(now)} WHERE {condition.sql} ORDER BY id LIMIT ? OFFSET ?"  # noqa: S608
            return [contact_of(row) for row in self._connection.execute(sql, (*condition.parameters, limit, offset))]

    def count(self, condition: Condition, now: float) -> int:
        """How many of them there are."""
        with self.lock:
            sql = f"SELECT count(*) FROM {self._visible(now)} WHERE {condition.sql}"  # noqa: S608 - built by filters.py
            return int(self._connection.execute(sql, condition.parameters).fetchone()[0])

    def size(self) -> int:
        """How many contacts there are now."""
        with self.lock:
            return int(self._connection.execute("SELECT count(*) FROM ivvy_contact").fetchone()[0])

    def member_counts(self) -> dict[int, int]:
        """Members by group, as they are now. Looks at every contact."""
        with self.lock:
            sql = "SELECT key, count(*) FROM ivvy_contact, json_each(groups) WHERE groups != '{}' GROUP BY key"
            return {int(group_id): count for group_id, count in self._connection.execute(sql)}

    def everything(self) -> list[Contact]:
        """All contacts as they are now, by id."""
        return self._found("?", 1)

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def _found(self, where: str, parameter: str | int) -> list[Contact]:
        with self.lock:
            rows = self._connection.execute(f"{_SELECT} WHERE {where} ORDER BY id", (parameter,))
            return [contact_of(row) for row in rows]

    def _visible(self, now: float) -> str:
        self._connection.execute("DELETE FROM ivvy_earlier WHERE visible_until <= ?", (now,))
        delayed = self._connection.execute("SELECT EXISTS (SELECT 1 FROM ivvy_earlier)").fetchone()[0]
        return _DELAYED if delayed else "ivvy_contact"

    def _read_account(self) -> Account:
        row = self._connection.execute("SELECT description FROM ivvy_account").fetchone()
        return Account() if row is None else Account.model_validate_json(row[0])


def _fold(value: str | float | None) -> str | float | None:
    return folded(value) if isinstance(value, str) else value
