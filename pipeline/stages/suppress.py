"""Marks the addresses that may only be opted out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.hashing import sha256
from pipeline.model import Channel
from pipeline.stages.addresses import normalise_emails, normalise_phones

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.job import Attribute, Job

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_ADDRESS: Final = re.compile(r"[^\s,;|@]+@[^\s,;|@]+|\+?[\d\s().\-/]*\d[\d\s().\-/]*")
_HEADING: Final = re.compile(r"[a-z][a-z _-]*")


@dataclass(frozen=True, slots=True)
class Suppression:
    """Addresses in lower case, plain or as the SHA-256 of that, in hex."""

    plain: frozenset[str]
    hashed: frozenset[str]
    unreadable: tuple[int, ...] = ()
    """Lines, from 1, that are neither: whom they are about nobody knows."""


def parse(lines: Iterable[str]) -> Suppression:
    """One address or hash a line; a heading, blank lines and lines that begin with # say nothing."""
    plain, hashed, unreadable = set[str](), set[str](), list[int]()
    heading = True
    for number, line in enumerate(lines, 1):
        entry = line.strip().strip('"').strip().lower()
        if not entry or entry.startswith("#"):
            continue
        if _SHA256.fullmatch(entry):
            hashed.add(entry)
        elif _ADDRESS.fullmatch(entry):
            plain.add(entry)
        elif not (heading and _HEADING.fullmatch(entry)):
            unreadable.append(number)
        heading = False
    return Suppression(frozenset(plain), frozenset(hashed), tuple(unreadable))


def mark(identities: pl.DataFrame, suppression: Suppression, job: Job) -> pl.DataFrame:
    """Adds `suppressed@CHANNEL` for every address of the job. Plain entries are read as the export's addresses are."""
    return identities.with_columns(
        _listed(address, suppression).alias(f"suppressed@{channel}")
        for address in job.addresses
        for channel in address.channels
    )


def _listed(address: Attribute, suppression: Suppression) -> pl.Expr:
    is_email = Channel.EMAIL in address.channels
    entries = pl.Series(sorted(e for e in suppression.plain if ("@" in e) is is_email), dtype=pl.String)
    normal = normalise_emails(entries) if is_email else normalise_phones(entries, address.region)
    plain = pl.concat([entries, normal.get_column("address").str.to_lowercase().drop_nulls()])
    # The part is an address as JSON text: the quotes go before it is compared.
    given = pl.col(address.part).str.strip_chars('"').str.to_lowercase()
    listed = given.is_in(plain.implode()) | sha256(given).is_in(sorted(suppression.hashed))
    return listed.fill_null(value=False)
