"""List coercion for input that GraphQL has not coerced itself (AC-07)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import JsonValue


def listed(value: JsonValue) -> list[JsonValue]:
    """A list as it is, nothing as no entries, a single entry as a list of one."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def objects(value: JsonValue) -> list[Mapping[str, JsonValue]]:
    """The entries that are objects."""
    return [entry for entry in listed(value) if isinstance(entry, Mapping)]
