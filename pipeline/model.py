"""The vocabulary: statuses, outcomes, reasons and the names of columns. Each word is declared here once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Channel(StrEnum):
    """What a person is reached by."""

    EMAIL = "EMAIL"
    SMS = "SMS"
    WHATSAPP = "WHATSAPP"


class Status(StrEnum):
    """The canonical consent statuses. A destination may add its own words (`BOUNCED`); columns hold plain strings."""

    OPT_IN = "OPT_IN"
    OPT_IN_UNVERIFIED = "OPT_IN_UNVERIFIED"
    CLEAR = "CLEAR"
    OPT_OUT = "OPT_OUT"
    UNSET = "UNSET"
    """Never told and never read: appears as the FROM of a transition, never in a mapping."""


STRICTNESS: Final[dict[str, int]] = {
    Status.OPT_IN: 1,
    Status.OPT_IN_UNVERIFIED: 2,
    Status.CLEAR: 3,
    Status.OPT_OUT: 5,
}
"""Higher is stricter; at equal or unknown times the stricter status wins. 4 is a value that the mapping does not list:
in doubt it outranks every permission and never an opt-out."""

UNLISTED: Final = "UNLISTED"
"""Stands in a status column for a consent cell that the mapping's `values` does not list."""
UNLISTED_STRICTNESS: Final = 4


class Outcome(StrEnum):
    """What became of a record; every record has exactly one."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    SUPERSEDED = "superseded"
    HELD = "held"
    REJECTED = "rejected"
    FAILED = "failed"
    UNKNOWN = "unknown"
