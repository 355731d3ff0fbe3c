"""Where a book of turns lies: with one process, or in the ledger for all of a machine."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Protocol, TypeVar

from pipeline.pacing.allowance import Book

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Desk(Protocol):
    """Where the book lies. Raises StorageError where it cannot be written: nobody guesses what others take."""

    def look(self) -> Book:
        """The book as it is now; nothing is written."""
        ...

    def change(self, entry: Callable[[Book], tuple[Book, T]], /) -> T:
        """Makes an entry while nobody else does; the entry is given the book as it is now."""
        ...


class OwnDesk:
    """A book of this process alone."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._book, self._lock = clock, Book(), threading.Lock()

    def look(self) -> Book:
        """The book as it is now."""
        return self._book.at(self._clock())

    def change(self, entry: Callable[[Book], tuple[Book, T]], /) -> T:
        """One entry at a time."""
        with self._lock:
            self._book, answer = entry(self._book.at(self._clock()))
        return answer
