"""Contacts and audience in SQLite, in memory or in a file, with an index on the key and on each address."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.sandbox.acoustic_connect.audience import Attribute, Audience
from pipeline.sandbox.acoustic_connect.contact import Contact
from pipeline.sandbox.database import connect, transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from pydantic import JsonValue

_TABLES = """
CREATE TABLE IF NOT EXISTS audience (description TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS contact (
    number INTEGER PRIMARY KEY AUTOINCREMENT, attributes TEXT NOT NULL, channels TEXT NOT NULL, groups TEXT NOT NULL,
    created_at TEXT NOT NULL, modified_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS earlier (
    number INTEGER PRIMARY KEY, attributes TEXT, channels TEXT, groups TEXT, created_at TEXT, modified_at TEXT,
    visible_until REAL NOT NULL
);
"""
_CONTENT = "attributes, channels, groups, created_at, modified_at"
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_COLUMNS = f"number, {_CONTENT}"
# Within the visibility delay a contact is read as it was before; a row without attributes was no contact then.
_DELAYED = f"""(
    SELECT {_COLUMNS} FROM contact WHERE number NOT IN (SELECT number FROM earlier)
    UNION ALL SELECT {_COLUMNS} FROM earlier WHERE attributes IS NOT NULL
)"""  # noqa: S608 - constants only


@dataclass(frozen=True, slots=True)
class Condition:
    """A WHERE clause over the columns of `contact`, with its parameters."""

    sql: str = "1"
    parameters: tuple[str | int | float | None, ...] = ()


def column_of(attribute: Attribute) -> str:
    """The SQL expression an attribute is compared and sorted by: the very text that the indexes are made of.

    Email compares without case, a phone number without its `+` (A27).
    """
    name = attribute.name.replace("'", "''")
    value = f"json_extract(attributes, '$.\"{name}\"')"
    return comparable(attribute, value)


def comparable(attribute: Attribute, value: str) -> str:
    """The SQL expression `value` as it is compared with that attribute's column."""
    if "EMAIL" in attribute.channels:
        return f"lower({value})"
    return f"ltrim({value}, '+')" if attribute.channels else value


class Store:
    """All methods may be called from any thread; a transaction keeps the other threads out."""

    def __init__(self, database: Path | None, clock: Callable[[], float]) -> None:
        self.lock = threading.RLock()
        self._clock = clock
        self._connection = connect(database, _TABLES)
        self._audience = self._read_audience()

    @property
    def audience(self) -> Audience | None:
        """The data set, or None while nothing is loaded."""
        return self._audience

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What is written inside is kept, or undone when an exception leaves it."""
        with self.lock:
            try:
                with transaction(self._connection):
                    yield
            except BaseException:
                self._audience = self._read_audience()
                raise

    def put_audience(self, audience: Audience) -> None:
        """Describe the data set anew and rebuild the indexes."""
        with self.lock:
            self.drop_indexes()
            self._connection.execute("DELETE FROM audience")
            self._connection.execute("INSERT INTO audience VALUES (?)", (audience.model_dump_json(),))
            self._audience = audience
            self.build_indexes()

    def drop_indexes(self) -> None:
        """Do without indexes, for a large load."""
        found = "SELECT name FROM sqlite_master WHERE type = 'index' AND name GLOB 'contact_by_*'"
        for (name,) in self._connection.execute(found).fetchall():
            self._connection.execute(f'DROP INDEX "{name}"')

    def build_indexes(self) -> None:
        """One index on the key and one on each address."""
        if self._audience is None:
            return
        identifying = [a for a in self._audience.attributes if a.is_key or a.channels]
        for position, attribute in enumerate(identifying):
            self._connection.execute(f"CREATE INDEX contact_by_{position} ON contact ({column_of(attribute)})")

    def clear(self) -> None:
        """Forget everything."""
        with self.lock:
            self.drop_indexes()
            for table in ("audience", "contact", "earlier"):
                self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 - constants only
            self._audience = None

    def find(self, attribute: Attribute, value: str) -> list[Contact]:
        """The contacts with that key or address, oldest first, as they are now."""
        wanted = comparable(attribute, "?")
        sql = f"SELECT {_COLUMNS} FROM contact WHERE {column_of(attribute)} = {wanted} ORDER BY number"  # noqa: S608
        exact = value.strip() if attribute.channels else value
        with self.lock:
            return [_contact(row) for row in self._connection.execute(sql, (exact,))]

    def save(self, contact: Contact, before: Contact | None, delay_seconds: float) -> int:
        """Insert or overwrite; queries go on seeing `before` for `delay_seconds`. Returns the contact's number."""
        with self.lock:
            row = _row(contact)
            if contact.number is None:
                slots = "(?, ?, ?, ?, ?)"
                inserted = self._connection.execute(f"INSERT INTO contact ({_CONTENT}) VALUES {slots}", row)  # noqa: S608
                contact.number = inserted.lastrowid or 0
            else:
                sql = "UPDATE contact SET attributes = ?, channels = ?, groups = ?, created_at = ?, modified_at = ?"
                self._connection.execute(f"{sql} WHERE number = ?", (*row, contact.number))
            self._keep_earlier(contact.number, before, delay_seconds)
            return contact.number

    def append(self, contacts: Iterable[Contact]) -> None:
        """Insert many contacts as they are."""
        with self.lock:
            sql = f"INSERT INTO contact ({_CONTENT}) VALUES (?, ?, ?, ?, ?)"  # noqa: S608 - constants only
            self._connection.executemany(sql, map(_row, contacts))

    def delete(self, contact: Contact, delay_seconds: float) -> None:
        """Remove a stored contact."""
        with self.lock:
            self._connection.execute("DELETE FROM contact WHERE number = ?", (contact.number,))
            self._keep_earlier(contact.number or 0, contact, delay_seconds)

    def select(self, condition: Condition, order: Sequence[str], offset: int, limit: int) -> list[Contact]:
        """Visible contacts in `order` (SQL terms), then by age."""
        with self.lock:
            terms = ", ".join([*order, "number"])
            sql = f"SELECT {_COLUMNS} FROM {self._visible()} WHERE {condition.sql} ORDER BY {terms} LIMIT ? OFFSET ?"  # noqa: S608
            return [_contact(row) for row in self._connection.execute(sql, (*condition.parameters, limit, offset))]

    def count(self, condition: Condition) -> int:
        """How many visible contacts fit."""
        with self.lock:
            sql = f"SELECT count(*) FROM {self._visible()} WHERE {condition.sql}"  # noqa: S608 - built by this module
            return int(self._connection.execute(sql, condition.parameters).fetchone()[0])

    def size(self) -> int:
        """How many contacts there are now."""
        with self.lock:
            return int(self._connection.execute("SELECT count(*) FROM contact").fetchone()[0])

    def everything(self) -> list[Contact]:
        """All contacts as they are now, oldest first."""
        with self.lock:
            sql = f"SELECT {_COLUMNS} FROM contact ORDER BY number"  # noqa: S608 - constants only
            return [_contact(row) for row in self._connection.execute(sql)]

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def _visible(self) -> str:
        self._connection.execute("DELETE FROM earlier WHERE visible_until <= ?", (self._clock(),))
        delayed = self._connection.execute("SELECT EXISTS (SELECT 1 FROM earlier)").fetchone()[0]
        return _DELAYED if delayed else "contact"

    def _keep_earlier(self, number: int, before: Contact | None, delay_seconds: float) -> None:
        if delay_seconds <= 0:
            return
        row = (None,) * 5 if before is None else _row(before)
        sql = "INSERT INTO earlier VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (number) DO UPDATE SET visible_until = ?"
        until = self._clock() + delay_seconds
        self._connection.execute(sql, (number, *row, until, until))

    def _read_audience(self) -> Audience | None:
        row = self._connection.execute("SELECT description FROM audience").fetchone()
        return None if row is None else Audience.model_validate_json(row[0])


def _row(contact: Contact) -> tuple[str, str, str, str, str]:
    return (
        _encode(contact.attributes), _encode(contact.channels), _encode(contact.groups),
        contact.created_at, contact.modified_at,
    )  # fmt: skip


def _contact(row: tuple[int, str, str, str, str, str]) -> Contact:
    number, attributes, channels, groups, created_at, modified_at = row
    stored: dict[str, JsonValue] = json.loads(attributes)
    return Contact(number, stored, json.loads(channels), json.loads(groups), created_at, modified_at)
