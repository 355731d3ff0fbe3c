"""What the stage hands on: an Export with its header and checksum, and its records in chunks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipeline.stages.read.container import Container

RESERVED_PREFIX: Final = "consent_sync:"
"""No column of an export may start with it, so the two columns below collide with none."""
RECORD: Final = f"{RESERVED_PREFIX}record"
LINE: Final = f"{RESERVED_PREFIX}line"


class Flaw(StrEnum):
    """Why a record is malformed (the outcome's reason is `malformed_record` for all of them)."""

    TOO_FEW_FIELDS = "too_few_fields"
    TOO_MANY_FIELDS = "too_many_fields"
    BADLY_QUOTED = "badly_quoted"
    INVALID_ENCODING = "invalid_encoding"
    RECORD_TOO_LONG = "record_too_long"
    INVALID_JSON = "invalid_json"


MALFORMED_SCHEMA: Final = pl.Schema(
    {
        "record": pl.Int64,
        "line": pl.Int64,
        "reason": pl.String,
        "raw": pl.String,
        "expected": pl.Int64,
        "found": pl.Int64,
    }
)
RAW_BYTES: Final = 4096
"""How much of a record that is too long is looked at."""
_TORN: Final = r'[^\s,;|"]{1,320}$'
"""What may be half an address at the end of a text that was cut."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive data records of an export, each in one of the two frames.

    `records`: RECORD (from 1 over all data records, the malformed included) and LINE (physical line, from 1, where it
    starts) as Int64, then the export's columns as String: the text as it is, an empty or missing field is "".
    `malformed`: MALFORMED_SCHEMA; `reason` is a Flaw, `raw` the text as far as it can be decoded (where it is long: its
    beginning and its length), `expected` and `found` count fields and are null where their number is not what is wrong.
    """

    records: pl.DataFrame
    malformed: pl.DataFrame


def records_schema(header: tuple[str, ...]) -> pl.Schema:
    return pl.Schema({RECORD: pl.Int64, LINE: pl.Int64} | dict.fromkeys(header, pl.String))


@dataclass(frozen=True)
class Export:
    """An export file whose header is known; nothing else was read yet."""

    header: tuple[str, ...]
    container: Container
    read_chunks: Callable[[], Iterator[Chunk]]

    @property
    def size_bytes(self) -> int:
        """Of the file as it is, compressed or not."""
        return self.container.size_bytes

    @cached_property
    def sha256(self) -> str:
        """Of the file's bytes, in hex; the first use reads the file."""
        with self.container.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self.container.require_unchanged()
        return digest

    def chunks(self) -> Iterator[Chunk]:
        """All records in the order of the file; each call reads it anew.

        Raises ExportError on the way where an archive turns out to be broken, too much is malformed, or the file
        changed since it was opened: what was read until then must not be used.
        """
        apart = _Malformed(self.container)
        try:
            for chunk in self.read_chunks():
                yield Chunk(chunk.records, apart.kept(chunk.malformed))
        except ExportError:
            # What looks broken may be half of two files.
            self.container.require_unchanged()
            raise
        self.container.require_unchanged()


class _Malformed:
    """Keeps what is malformed in an export small: how many records, and how much of each one's text."""

    def __init__(self, container: Container) -> None:
        self._name, self._limits = container.name, container.limits
        self._count = self._bytes = 0
        self._first_line: int | None = None

    def kept(self, malformed: pl.DataFrame) -> pl.DataFrame:
        """The records of a chunk with their raw texts cut. Raises ExportError where there are too many."""
        if malformed.is_empty():
            return malformed
        limits = self._limits
        if self._first_line is None:
            self._first_line = int(malformed.item(0, "line"))
        self._count += malformed.height
        if self._count > limits.malformed_records:
            raise ExportError(
                f"{self._name}: line {malformed.item(-1, 'line')}: {self._count:,} records up to here are malformed "
                f"(the first in line {self._first_line}), and an export may have {limits.malformed_records:,} of them; "
                "compare the mapping's `source` with the file, or export again"
            )
        longest = limits.raw_characters if self._bytes < limits.raw_total_bytes else limits.raw_least_characters
        raw, is_too_long = pl.col("raw"), pl.col("reason") == Flaw.RECORD_TOO_LONG
        start = raw.str.slice(0, longest).str.replace(_TORN, "")
        cut = malformed.with_columns(
            pl.when(is_too_long)
            .then(pl.format("{}… (more than {} bytes)", start, pl.lit(limits.record_bytes)))
            .when(raw.str.len_chars() > longest)
            .then(pl.format("{}… ({} bytes)", start, raw.str.len_bytes()))
            .otherwise(raw)
            .alias("raw")
        )
        self._bytes += int(cut.get_column("raw").str.len_bytes().sum())
        return cut


def check_header(container: Container, header: tuple[str, ...]) -> tuple[str, ...]:
    """The header itself; raises ExportError for a column that has no name, another's name, or a reserved one.

    And for too many columns.
    """
    name, most = container.name, container.limits.columns
    if len(header) > most:
        raise ExportError(
            f"{name}: the header has {len(header):,} columns, and an export may have {most:,}; "
            "export the columns that the mapping needs, or look whether the first line is a header"
        )
    first_place: dict[str, int] = {}
    for number, column in enumerate(header, start=1):
        if not column.strip():
            raise ExportError(f"{name}: column {number} of the header has no name; name every column and export again")
        if column.startswith(RESERVED_PREFIX):
            raise ExportError(f"{name}: the name of column {number} starts with {RESERVED_PREFIX!r}; rename it")
        if column in first_place:
            # The name is not shown: where a header is missing it is a contact's data.
            raise ExportError(f"{name}: columns {first_place[column]} and {number} have the same name; rename one")
        first_place[column] = number
    return header
