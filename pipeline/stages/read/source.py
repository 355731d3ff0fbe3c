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
    """What a file may be, so that reading it takes little memory whatever is in it."""

    chunk_bytes: int = 8 * 1024 * 1024
    """Read at a time; they become one chunk, or several."""
    chunk_lines: int = 250_000
    """About so many lines are a chunk at most."""
    chunk_cells: int = 4_000_000
    """And so many cells, where a cell may take no byte of the file: a key that a JSON object leaves out."""
    columns: int = 4_000
    """A system's widest exports have some hundreds; more are data where a header should be."""
    record_bytes: int = 2 * 1024 * 1024
    """A longer record (as UTF-8) is malformed: no contact takes a thousandth of it."""
    malformed_records: int = 2_000_000
    """An export with more of them is not read on: it is not what the mapping says it is."""
    raw_characters: int = 4096
    """Of a malformed record so much is kept as its raw text."""
    raw_total_bytes: int = 64 * 1024 * 1024
    """When malformed records took so much, of each further one only `raw_least_characters` are kept."""
    raw_least_characters: int = 200
    expansion: int = 200
    """An archive may unpack to so many times its size (text of contacts packs some 4 to 20 times) ..."""
    expansion_floor_bytes: int = 64 * 1024 * 1024
    """... and to so much in any case."""
    directory_bytes: int = 1024 * 1024
    """A zip's list of the files inside: an export is one file."""
    footer_bytes: int = 16 * 1024 * 1024
    """A Parquet file's description of itself."""


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
