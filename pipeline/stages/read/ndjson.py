"""One JSON object a line. Columns are the keys at the beginning of the file; a value is the text it was written as."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl

from pipeline.errors import ExportError
from pipeline.stages.read.encoding import sample, utf8_blocks
from pipeline.stages.read.export import MALFORMED_SCHEMA, RAW_BYTES, Chunk, Export, Flaw, check_header, records_schema
from pipeline.stages.read.lines import LineReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.stages.read.container import Container
    from pipeline.stages.read.source import Encoding, SourceOptions


def open_ndjson(container: Container, source: SourceOptions) -> Export:
    """The columns are all keys of the first records, in the order they come; a key that comes later is malformed."""
    keys: dict[str, None] = {}
    beginning = sample(container, source.encoding)
    for line in beginning.split(b"\n"):
        if isinstance(parsed := _parsed(line), dict):
            keys |= dict.fromkeys(parsed)
    if not keys:
        raise ExportError(
            f"{container.name}: has no JSON object in a line of its own at its beginning; "
            "export one object a line, or say another `format:`"
        )
    header = check_header(container, tuple(keys))
    return Export(header, container, partial(_read, container, source.encoding, header))


def _read(container: Container, encoding: Encoding, header: tuple[str, ...]) -> Iterator[Chunk]:
    limits = container.limits
    lines = LineReader(utf8_blocks(container, encoding, limits.chunk_bytes), limits)
    most = max(1, limits.chunk_cells // len(header))
    record, line, is_last = 0, 0, False
    while not is_last:
        text, is_last = lines.read(b"")
        rows: list[tuple[int | str, ...]] = []
        slips: list[tuple[int | str | None, ...]] = []
        for raw in text.removesuffix(b"\n").split(b"\n") if text else ():
            line += 1
            if not raw.strip():
                continue
            record += 1
            fields = _fields(raw, header, limits.record_bytes)
            if isinstance(fields, Flaw):
                kept = min(RAW_BYTES, limits.record_bytes) if fields is Flaw.RECORD_TOO_LONG else len(raw)
                shown = raw[:kept].removesuffix(b"\r").decode(errors="replace")
                slips.append((record, line, fields, shown, None, None))
            else:
                rows.append((record, line, *fields))
            if len(rows) == most:
                yield _chunk(rows, slips, header)
                rows, slips = [], []
        if rows or slips:
            yield _chunk(rows, slips, header)


def _chunk(
    rows: list[tuple[int | str, ...]], slips: list[tuple[int | str | None, ...]], header: tuple[str, ...]
) -> Chunk:
    return Chunk(
        pl.DataFrame(rows, schema=records_schema(header), orient="row"),
        pl.DataFrame(slips, schema=MALFORMED_SCHEMA, orient="row"),
    )


def _fields(raw: bytes, header: tuple[str, ...], record_bytes: int) -> list[str] | Flaw:
    if len(raw) > record_bytes:
        return Flaw.RECORD_TOO_LONG
    parsed = _parsed(raw)
    if isinstance(parsed, Flaw):
        return parsed
    if not parsed.keys() <= set(header):
        return Flaw.TOO_MANY_FIELDS
    return [_text(parsed.get(column)) for column in header]


def _parsed(raw: bytes) -> dict[str, Any] | Flaw:
    """The object with its numbers as they are written, or why it is none."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return Flaw.INVALID_ENCODING
    try:
        parsed = json.loads(
            text, parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=_without_repetition
        )
        json.dumps(parsed, ensure_ascii=False).encode()  # an escaped half of a surrogate pair is no text
    except (ValueError, RecursionError):
        return Flaw.INVALID_JSON
    return parsed if isinstance(parsed, dict) else Flaw.INVALID_JSON


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


def _text(value: object) -> str:
    """A string or number as it is, null as "", anything else as JSON (numbers inside it as strings)."""
    match value:
        case str():
            return value
        case None:
            return ""
        case _:
            return json.dumps(value, ensure_ascii=False)
