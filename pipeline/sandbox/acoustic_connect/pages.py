"""Which slice of a list `first`, `after`, `last` and `before` ask for (section 1.7 of the contract)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.sandbox.acoustic_connect.refusals import bad_input

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.sandbox.acoustic_connect.settings import Settings

_PREFIX = "arrayconnection:"


def cursor_at(offset: int) -> str:
    """The cursor of the item at `offset`."""
    return base64.b64encode(f"{_PREFIX}{offset}".encode()).decode()


def offset_of(cursor: str) -> int:
    """Raises RefusedError for anything but a cursor."""
    try:
        text = base64.b64decode(cursor, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise bad_input(f"Invalid cursor: {cursor}") from error
    digits = text.removeprefix(_PREFIX)
    if not text.startswith(_PREFIX) or not digits.isascii() or not digits.isdigit():
        raise bad_input(f"Invalid cursor: {cursor}")
    return int(digits)


@dataclass(frozen=True, slots=True)
class PageRequest:
    """The paging arguments of a query."""

    first: float | None = None
    after: str | None = None
    last: float | None = None
    before: str | None = None

    def bounds(self, settings: Settings, total: Callable[[], int]) -> tuple[int, int]:
        """Offset and length. Only `last` without `before` needs to know the total."""
        start = 0 if self.after is None else offset_of(self.after) + 1
        if self.first is not None or self.last is None:
            size = _size(self.first, settings)
            end = start + size if self.before is None else min(start + size, offset_of(self.before))
        else:
            end = total() if self.before is None else offset_of(self.before)
        if self.last is not None:
            end = end if self.first is None else min(end, total())
            start = max(start, end - _size(self.last, settings))
        return start, max(0, end - start)


def _size(count: float | None, settings: Settings) -> int:
    if count is None:
        return settings.page_size_default
    if count < 0 or count != int(count):
        raise bad_input(f"Invalid page size: {count}")
    return min(int(count), settings.page_size_max)
