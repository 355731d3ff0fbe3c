"""Field masks: which fields an update changes, and what that makes of the stored ones (34 to 37)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Final

from pipeline.sandbox.wix.marketing_consent import ACTIVITY_FIELDS, EXTENDED, STATE, Content
from pipeline.sandbox.wix.refusals import InvalidError, Rule, invalid, missing
from pipeline.sandbox.wix.values import camel

if TYPE_CHECKING:
    from pydantic import JsonValue

Path = tuple[str, ...]
_READ_ONLY: Final = frozenset({"id", "revision", "createdDate", "updatedDate"})
_DETAILS: Final = frozenset({("details",), ("details", "type"), ("details", "email"), ("details", "phone")})
_WRITABLE: Final = frozenset(
    {(STATE,)}
    | {(name,) for name in ACTIVITY_FIELDS}
    | {(name, part) for name, parts in ACTIVITY_FIELDS.items() for part in parts}
)


def read_mask(mask: JsonValue) -> tuple[Path, ...]:
    """The paths of `{"paths": [...]}` or of one comma-joined text (35, p). Raises InvalidError for any other."""
    listing = mask.get("paths") if isinstance(mask, Mapping) else mask
    if isinstance(listing, str):
        listing = [part.strip() for part in listing.split(",") if part.strip()]
    if not listing:
        raise InvalidError([missing("mask")])
    if not isinstance(listing, list):
        raise invalid("mask", "is not a list of paths", Rule.VALIDATION)
    return tuple(_path(entry) for entry in listing)


def touches_details(paths: Iterable[Path]) -> bool:
    """Whether the address would change (n)."""
    return any(path in _DETAILS for path in paths)


def masked(stored: Content, sent: Content, paths: Iterable[Path]) -> Content:
    """The stored content with the masked fields as sent; a masked field that was not sent is cleared (37)."""
    merged = deepcopy(stored)
    for path in paths:
        if path in _DETAILS:
            continue
        value = _value_at(sent, path)
        if value is None:
            _clear(merged, path)
        else:
            _put(merged, path, deepcopy(value))
    merged.setdefault(STATE, "UNKNOWN_STATE")
    merged.setdefault(EXTENDED, {})
    return merged


def _path(entry: JsonValue) -> Path:
    path = tuple(entry.split(".")) if isinstance(entry, str) else ()
    # A namespace and the names in it are the caller's own: they keep their case.
    path = (*(camel(part) for part in path[:2]), *path[2:])
    if path[:1] and path[0] in _READ_ONLY:
        raise invalid("mask", f"names a read-only field: {entry}", Rule.FIELD_NOT_ALLOWED)
    extended = path[:1] == (EXTENDED,) and path[1:2] in {(), ("namespaces",)} and all(path)
    if not extended and path not in _WRITABLE | _DETAILS:
        raise invalid("mask", f"names an unknown field: {entry}", Rule.VALIDATION)
    return path


def _value_at(sent: Content, path: Path) -> JsonValue:
    node: JsonValue = sent
    for part in path:
        node = node.get(part) if isinstance(node, Mapping) else None
    return node


def _put(content: Content, path: Path, value: JsonValue) -> None:
    node = content
    for part in path[:-1]:
        inner = node.get(part)
        node[part] = inner if isinstance(inner, dict) else {}
        node = node[part]
    node[path[-1]] = value


def _clear(content: Content, path: Path) -> None:
    node: JsonValue = content
    for part in path[:-1]:
        node = node.get(part) if isinstance(node, dict) else None
    if isinstance(node, dict):
        node.pop(path[-1], None)
