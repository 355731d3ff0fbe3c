"""Stage `read`: an export file -> records, every column as text, numbered; malformed records apart.

    source      what the mapping says about the file; the limits that keep memory flat
    export      Export and Chunk: what this stage hands on; the checksum
    container   a plain, gzipped or zipped file -> its bytes
    encoding    bytes -> UTF-8; is the declared encoding evidently wrong?
    lines       UTF-8 -> blocks of whole physical lines
    tokens      the text of one record -> its fields
    header      the first record -> column names
    delimited   csv and tsv: blocks -> chunks
    plain       csv and tsv: the lines that are plainly one record each, all at once
    quoting     csv and tsv: the other lines one by one (quotes over several lines, wrong numbers of fields)
    ndjson      one JSON object a line
    parquet     columns as text

A record is malformed for a reason of `Flaw`, and only it: the records around it are read. The export as a whole is
refused (`ExportError`) for what makes every record doubtful: encoding, header, delimiter, a broken archive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.stages.read import delimited, ndjson, parquet
from pipeline.stages.read.container import open_container
from pipeline.stages.read.export import LINE, RECORD, Chunk, Export, Flaw
from pipeline.stages.read.source import DEFAULT_LIMITS, Limits, SourceOptions, format_of

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LINE", "RECORD", "Chunk", "Export", "Flaw", "Limits", "SourceOptions", "open_export"]


def open_export(path: Path, source: SourceOptions, *, limits: Limits = DEFAULT_LIMITS) -> Export:
    """Open the export and read its header, at most `SAMPLE_BYTES` of it; the records are read by `Export.chunks`.

    Raises ExportError where the file as a whole cannot be read as declared.
    """
    container = open_container(path, limits)
    match format_of(container, source):
        case "csv" | "tsv" as kind:
            return delimited.open_delimited(container, source, source.delimiter or ("," if kind == "csv" else "\t"))
        case "ndjson":
            return ndjson.open_ndjson(container, source)
        case "parquet":
            return parquet.open_parquet(container)
