"""The first record of a csv or tsv file -> column names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pipeline.errors import ExportError
from pipeline.stages.read.encoding import SAMPLE_BYTES
from pipeline.stages.read.export import check_header
from pipeline.stages.read.tokens import End, Tokenizer

if TYPE_CHECKING:
    from pipeline.stages.read.container import Container

_DELIMITERS: Final = (";", "\t", ",", "|")


@dataclass(frozen=True, slots=True)
class Header:
    """The column names, and how much of the text (as UTF-8) and of its physical lines they take."""

    columns: tuple[str, ...]
    size_bytes: int
    lines: int


def read_header(container: Container, sample: bytes, delimiter: str) -> Header:
    """Read the first record that is not blank; raises ExportError where it cannot name the columns."""
    name, tokenizer = container.name, Tokenizer(delimiter)
    size_bytes, lines, text = 0, 0, b""
    for line in re.findall(rb"[^\n]*\n|[^\n]+\Z", sample):
        size_bytes += len(line)
        lines += 1
        text += line
        if not text.strip(b"\r\n"):
            text = b""
            continue
        tokens = tokenizer.split(_decoded(name, text.removesuffix(b"\n").removesuffix(b"\r"), lines))
        if tokens.end is End.WHOLE:
            columns = tuple(tokens.fields)
            _refuse_other_delimiter(name, columns, delimiter)
            return Header(check_header(container, columns), size_bytes, lines)
        if tokens.end is End.BADLY_QUOTED:
            raise ExportError(
                f"{name}: line {lines}: a quoted column name goes on after its closing quote; correct the header"
            )
    if sample and not text:
        raise ExportError(f"{name}: has only blank lines; export again")
    raise ExportError(
        f"{name}: line {max(lines, 1)}: the header does not end within the first {SAMPLE_BYTES:,} bytes; "
        "look for a quote that is left open, for line ends, and whether this is an export at all"
    )


def _decoded(name: str, text: bytes, line: int) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise ExportError(
            f"{name}: the header (line {line}) is not text in the declared encoding; say the right `encoding:`"
        ) from error


def _refuse_other_delimiter(name: str, columns: tuple[str, ...], delimiter: str) -> None:
    """A header of one column that contains what usually delimits columns is one that was not split."""
    likely = max((mark for mark in _DELIMITERS if mark != delimiter), key=columns[0].count)
    if len(columns) == 1 and likely in columns[0]:
        shown = '"\\t"' if likely == "\t" else f'"{likely}"'
        raise ExportError(
            f"{name}: the header is a single column that contains {shown}; "
            f"say `delimiter: {shown}` in the mapping's `source`"
        )
