"""The request log."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import asdict, dataclass
from typing import Final

LIMIT: Final = 100_000
"""Older entries are dropped."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One request and what came of it."""

    number: int
    """Counted from 1 over all vendors, in order of arrival."""
    time: str
    """ISO 8601 UTC."""
    vendor: str
    operation: str
    status: int | None
    """HTTP status; None where the connection was reset before an answer."""
    rows: int
    keys: tuple[str, ...]
    error_code: str | None
    write_applied: bool | None
    """None for a request that does not write."""
    faults: tuple[str, ...]
    seconds: float

    def as_json(self) -> dict[str, object]:
        """The entry as a control route shows it."""
        return asdict(self)


class Journal:
    """Entries in order of completion. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque(maxlen=LIMIT)
        self._last_number = 0

    def next_number(self) -> int:
        """The number of a request that has just arrived."""
        with self._lock:
            self._last_number += 1
            return self._last_number

    def add(self, entry: Entry) -> None:
        """Keep an entry."""
        with self._lock:
            self._entries.append(entry)

    def entries(self, vendor: str | None = None) -> list[Entry]:
        """All entries, or one vendor's, by number."""
        with self._lock:
            chosen = [entry for entry in self._entries if vendor in {None, entry.vendor}]
        return sorted(chosen, key=lambda entry: entry.number)

    def clear(self, vendor: str | None = None) -> None:
        """Drop all entries, or one vendor's; numbers go on."""
        with self._lock:
            kept = [] if vendor is None else [entry for entry in self._entries if entry.vendor != vendor]
            self._entries = deque(kept, maxlen=LIMIT)
