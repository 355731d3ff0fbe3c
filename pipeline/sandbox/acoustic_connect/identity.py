"""What a row calls its contact: the key, else an address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.sandbox.acoustic_connect.coercion import objects

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

    from pipeline.sandbox.acoustic_connect.audience import Audience


def identity_of_values(values: Mapping[str, JsonValue], audience: Audience | None) -> str:
    """For create: the key attribute's value, else the first address; empty if the row has neither."""
    if audience is None:
        return ""
    identifying = ([audience.key] if audience.key else []) + list(audience.addressables)
    return next((str(values[a.name]) for a in identifying if values.get(a.name) is not None), "")


def identity_of_selector(row: Mapping[str, JsonValue]) -> str:
    """For update and delete: `key`, else the first address selected."""
    if row.get("key") is not None:
        return str(row["key"])
    return next((str(selector.get("eq", "")) for selector in objects(row.get("addressable"))), "")
