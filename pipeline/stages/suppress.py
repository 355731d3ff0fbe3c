"""Marks the addresses that may only be opted out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.hashing import sha256

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.binding import Job

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Suppression:
    """Addresses in lower case, plain or as the SHA-256 of that, in hex."""

    plain: frozenset[str]
    hashed: frozenset[str]


def parse(lines: Iterable[str]) -> Suppression:
    """One address or hash a line; blank lines and lines that begin with # say nothing."""
    entries = {line.strip().strip('"').lower() for line in lines}
    entries = {entry for entry in entries if entry and not entry.startswith("#")}
    hashed = {entry for entry in entries if _SHA256.fullmatch(entry)}
    return Suppression(frozenset(entries - hashed), frozenset(hashed))


def mark(identities: pl.DataFrame, suppression: Suppression, job: Job) -> pl.DataFrame:
    """Adds `suppressed@CHANNEL` for every address of the job."""
    return identities.with_columns(
        _listed(pl.col(address.part), suppression).alias(f"suppressed@{address.channel}") for address in job.addresses
    )


def _listed(value: pl.Expr, suppression: Suppression) -> pl.Expr:
    """`value` is an address as JSON text: the quotes go before it is compared."""
    address = value.str.strip_chars('"').str.to_lowercase()
    listed = address.is_in(sorted(suppression.plain)) | sha256(address).is_in(sorted(suppression.hashed))
    return listed.fill_null(value=False)
