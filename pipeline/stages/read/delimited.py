"""csv and tsv: block after block of lines, each becoming a chunk."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pipeline.errors import ExportError
from pipeline.stages.read.encoding import sample, utf8_blocks
from pipeline.stages.read.export import Export
from pipeline.stages.read.header import Header, read_header
from pipeline.stages.read.lines import LineReader
from pipeline.stages.read.plain import PlainLines
from pipeline.stages.read.quoting import Settler, Shape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.stages.read.container import Container
    from pipeline.stages.read.export import Chunk
    from pipeline.stages.read.source import Encoding, SourceOptions


def open_delimited(container: Container, source: SourceOptions, delimiter: str) -> Export:
    """Read the header; raises ExportError if it, the encoding or the delimiter cannot be right."""
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n\0':
        raise ExportError(
            f"{container.name}: the delimiter {delimiter!r} cannot be used; "
            "`delimiter:` is one ASCII character, neither a quote nor a line end"
        )
    header = read_header(container, sample(container, source.encoding), delimiter)
    return Export(header.columns, container, partial(_read, container, source.encoding, delimiter, header))


def _read(container: Container, encoding: Encoding, delimiter: str, header: Header) -> Iterator[Chunk]:
    shape = Shape(delimiter, header.columns, container.limits.record_bytes)
    lines = LineReader(utf8_blocks(container, encoding, container.limits.chunk_bytes), container.limits)
    lines.skip(header.size_bytes)
    settler = Settler(shape)
    first_record, first_line = 1, header.lines + 1
    unsettled, is_last = b"", False
    while not is_last:
        text, is_last = lines.read(unsettled)
        if not text:
            continue
        plain = PlainLines(shape, text, first_line, is_last=is_last)
        settled = settler.settle(plain.block, plain.unclear())
        unsettled = text[plain.block.starts[settled.stop] :]
        chunk = plain.chunk(settled, first_record)
        first_record += chunk.records.height + chunk.malformed.height
        first_line += settled.stop
        if chunk.records.height or chunk.malformed.height:
            yield chunk
