"""What an error of the vendor means, and which rows of a batch its message names: the errors carry no index (AC-15)."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.destinations.acoustic_connect import wire
from pipeline.model import Column, Reason

if TYPE_CHECKING:
    from typing import Any

HALTS: Final = frozenset(
    {
        "UNAUTHENTICATED",
        "FORBIDDEN",
        "GRAPHQL_VALIDATION_FAILED",
        "ATTRIBUTE_NOT_DEFINED",
        "CHANNEL_NOT_DEFINED",
        "CONSENT_GROUP_NOT_FOUND",
    }
)
"""Faults of the key or the mapping: every row would be refused for them."""
TRANSIENT: Final = frozenset({"INTERNAL_SERVER_ERROR"})
NOT_FOUND: Final = frozenset({"CONTACT_NOT_FOUND_BY_KEY", "CONTACT_NOT_FOUND_BY_ADDRESSABLE"})

REASONS: Final[dict[str, Reason]] = {
    "CONTACT_NOT_FOUND_BY_KEY": Reason.CONTACT_NOT_FOUND,
    "CONTACT_NOT_FOUND_BY_ADDRESSABLE": Reason.CONTACT_NOT_FOUND,
    "CONSENT_UPDATE_FOR_UNSET_ATTRIBUTE": Reason.ADDRESS_NOT_SET,
    "ADDRESSABLE_ATTRIBUTE_REQUIRED": Reason.ADDRESS_MISSING,
    "INVALID_ATTRIBUTE_VALUE": Reason.ATTRIBUTE_VALUE_REFUSED,
    "ATTRIBUTE_NOT_DEFINED": Reason.ATTRIBUTE_VALUE_REFUSED,
    "INVALID_CHANNEL_TYPE": Reason.CHANNEL_REFUSED,
    "CHANNEL_NOT_DEFINED": Reason.CHANNEL_REFUSED,
    "CHANNELS_DUPLICATE_PROVIDED": Reason.CONSENT_REFUSED,
    "CHANNELS_ALREADY_ASSIGNED": Reason.CONSENT_REFUSED,
    "INVALID_CONSENT_FIELD_NAME": Reason.CONSENT_REFUSED,
    "CONSENT_GROUP_NOT_FOUND": Reason.CONSENT_REFUSED,
    "CONTACT_ALREADY_EXISTS": Reason.CONTACT_EXISTS,
}
"""Code -> reason (AC-14). Another code is a row's fault if splitting isolates it, and is reported verbatim."""

_VALUE: Final = re.compile(r"^Field (?P<name>.+?) has invalid value: (?P<value>.*)\. Category: ", re.DOTALL)
_ATTRIBUTE: Final = re.compile(r"^No defined Attribute with name: '(?P<name>.+)'$", re.DOTALL)


def reason_of(code: str) -> Reason:
    """The reason code of a vendor's code."""
    return REASONS.get(code, Reason.REFUSED)


def errors_in(body: Any) -> tuple[wire.Error, ...]:
    """The errors of an answer."""
    return wire.Answer.model_validate(body).errors if isinstance(body, dict) else ()


def named_records(error: wire.Error, items: pl.DataFrame) -> list[int]:
    """Record numbers of the rows that an error's message names; empty where it names none for certain."""
    if error.extensions.code in NOT_FOUND:
        return _by_identity(error.message, items)
    found = _VALUE.match(error.message)
    part = f"attribute:{found['name']}" if found else ""
    if found is None or part not in items.columns:
        return []
    given = items.get_column(part)
    return items.filter(given.is_in(_spellings(found["value"]))).get_column(Column.RECORD).to_list()


def _by_identity(message: str, items: pl.DataFrame) -> list[int]:
    """The row whose identity ends the message; keys that differ only in case are different contacts."""
    said = message.partition(": ")[2] or message
    return items.filter(pl.col(Column.IDENTITY) == said).get_column(Column.RECORD).to_list()


def _spellings(value: str) -> list[str]:
    """A value as JSON text: a string, or the number or boolean it looks like."""
    return [json.dumps(value, ensure_ascii=False), value]


def blamed(message: str) -> str | None:
    """The attribute that a configuration error names."""
    found = _ATTRIBUTE.match(message)
    return found["name"] if found else None
