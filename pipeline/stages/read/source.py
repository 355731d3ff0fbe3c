"""What the mapping says about the export file, and the limits that keep memory flat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from pipeline.errors import ExportError

if TYPE_CHECKING:
    from pipeline.stages.read.container import Container

Format = Literal["csv", "tsv", "ndjson", "parquet", "xlsx"]
Readable = Literal["csv", "tsv", "ndjson", "parquet"]
Encoding = Literal["utf-8", "utf-16", "cp1252", "latin-1"]

_FORMAT_OF_SUFFIX: Final[dict[str, Format]] = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".parquet": "parquet",
    ".xlsx": "xlsx",
    ".xls": "xlsx",
}


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """`source` of the mapping. None means: from the file name (format), by the format (delimiter)."""

    format: Format | None = None
    encoding: Encoding = "utf-8"
    delimiter: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is held in memory at once.

    `chunk_bytes` are read at a time and become one chunk, or several of up to about `chunk_lines`. A record of more
    than `record_bytes` (as UTF-8) is malformed. An archive may unpack to `expansion` times its size, and to
    `expansion_floor_bytes` in any case.
    """

    chunk_bytes: int = 8 * 1024 * 1024
    chunk_lines: int = 250_000
    record_bytes: int = 2 * 1024 * 1024
    expansion: int = 200
    expansion_floor_bytes: int = 64 * 1024 * 1024


DEFAULT_LIMITS: Final = Limits()


def format_of(container: Container, source: SourceOptions) -> Readable:
    """The declared format, or the one that the file name (inside an archive: the member's) ends with."""
    declared = source.format or _FORMAT_OF_SUFFIX.get(container.suffix)
    if declared is None:
        raise ExportError(
            f"{container.name}: the format cannot be told from the file name; "
            "say `format:` (csv, tsv, ndjson or parquet) in the mapping's `source`"
        )
    if declared == "xlsx" or container.is_workbook:
        raise ExportError(
            f"{container.name}: is an Excel workbook, which is not read; save it as `CSV UTF-8` and name that file"
        )
    return declared
