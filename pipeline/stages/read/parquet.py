"""A Parquet file, its columns as text: timestamps and dates in ISO 8601, null as "". A line is a record's number.

What the file says of its own sizes is not believed. Text is read as codes with a dictionary, as most files have it,
and is looked at before it is written out: a dictionary with one long text makes little of many records.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.errors import ExportError
from pipeline.stages.read.export import LINE, MALFORMED_SCHEMA, RECORD, Chunk, Export, Flaw, check_header

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.stages.read.container import Container
    from pipeline.stages.read.source import Limits

_MAGIC: Final = b"PAR1"
_BUFFER_BYTES: Final = 1024 * 1024
_BROKEN: Final = (pa.ArrowException, OSError, ValueError)


def open_parquet(container: Container) -> Export:
    """Raises ExportError for a file that is not Parquet, is packed, or has a column that is not a single value."""
    if container.packing != "plain":
        raise ExportError(f"{container.name}: a packed Parquet file is not read; unpack it and name the file inside")
    _refuse_footer(container)
    try:
        with _opened(container.path, ()) as file:
            plain = file.schema_arrow
            _refuse_expansion(container, file.metadata)
        schema = pl.Schema(pl.DataFrame(plain.empty_table()).schema)
    except (*_BROKEN, pl.exceptions.PolarsError) as error:
        raise ExportError(f"{container.name}: cannot be read as Parquet ({_said(error)}); export it again") from error
    for column, kind in schema.items():
        if kind.is_nested() or kind in {pl.Binary, pl.Object}:
            raise ExportError(f"{container.name}: column {column!r} holds {kind}, not single values; export it as text")
    header = check_header(container, tuple(schema))
    return Export(header, container, partial(_read, container, header, schema))


def _refuse_footer(container: Container) -> None:
    """The end of the file says how long its description is; it is read in one go."""
    with container.path.open("rb") as file:
        begins = file.read(len(_MAGIC))
        file.seek(max(0, container.size_bytes - 8))
        end = file.read(8)
    length, most = int.from_bytes(end[:4], "little"), container.limits.footer_bytes
    if begins != _MAGIC or end[4:] != _MAGIC or length > container.size_bytes - 12:
        raise ExportError(
            f"{container.name}: cannot be read as Parquet (its beginning or its end is not that of one); "
            "export it again"
        )
    if length > most:
        raise ExportError(
            f"{container.name}: its description of itself takes {length:,} bytes, and {most:,} are allowed; "
            "export it in fewer row groups, or as CSV"
        )


def _refuse_expansion(container: Container, metadata: pq.FileMetaData) -> None:
    """A row group is unpacked a page at a time, and a page may be all of it."""
    said = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    if not 0 <= said <= (allowed := _allowed(container)):
        raise ExportError(_expanded(container, allowed))


def _allowed(container: Container) -> int:
    limits = container.limits
    return max(limits.expansion_floor_bytes, limits.expansion * container.size_bytes)


def _expanded(container: Container, allowed: int) -> str:
    return (
        f"{container.name}: unpacks to more than {container.limits.expansion} times its size ({allowed:,} bytes are "
        "allowed), which no export of contacts does; export it as CSV if it is right"
    )


def _opened(path: Path, as_codes: tuple[str, ...]) -> pq.ParquetFile:
    return pq.ParquetFile(path, read_dictionary=list(as_codes), buffer_size=_BUFFER_BYTES, pre_buffer=False)


def _read(container: Container, header: tuple[str, ...], schema: pl.Schema) -> Iterator[Chunk]:
    limits = container.limits
    texts = [_text(column, schema[column]) for column in header]
    as_codes = tuple(column for column in header if schema[column] == pl.String)
    rows = max(1, min(limits.chunk_lines, limits.chunk_cells // len(header)))
    first, unpacked, allowed = 1, 0, _allowed(container)
    try:
        with _opened(container.path, as_codes) as file:
            for batch in file.iter_batches(rows, use_threads=False):
                for piece, sizes in _pieces(batch, limits):
                    unpacked += int(sizes.sum())
                    if unpacked > allowed:
                        raise ExportError(_expanded(container, allowed))
                    yield _chunk(piece, sizes, texts, first, limits)
                    first += piece.num_rows
    except (*_BROKEN, pl.exceptions.PolarsError) as error:
        raise ExportError(f"{container.name}: the Parquet file is broken ({_said(error)}); export it again") from error


def _pieces(batch: pa.RecordBatch, limits: Limits) -> Iterator[tuple[pa.RecordBatch, pl.Series]]:
    """The records of a batch, so many at a time that their texts fit a chunk; and each one's size in bytes."""
    sizes = pl.Series("size", [0], pl.Int64).new_from_index(0, batch.num_rows)
    for column in batch.columns:
        if pa.types.is_dictionary(column.type):
            sizes += pl.Series(pc.binary_length(column.dictionary).take(column.indices).fill_null(0)).cast(pl.Int64)
    # Records that are too long are not written out, so they take no room.
    room = pl.select(pl.when(sizes > limits.record_bytes).then(0).otherwise(sizes)).to_series().cum_sum()
    begin = 0
    while begin < batch.num_rows:
        before = int(room[begin - 1]) if begin else 0
        end = max(begin + 1, int(room.search_sorted(before + limits.chunk_bytes, "right")))
        yield batch.slice(begin, end - begin), sizes.slice(begin, end - begin)
        begin = end


def _chunk(batch: pa.RecordBatch, sizes: pl.Series, texts: list[pl.Expr], first: int, limits: Limits) -> Chunk:
    numbers = pl.int_range(first, first + batch.num_rows, dtype=pl.Int64, eager=True)
    is_long = sizes > limits.record_bytes
    slips = pl.DataFrame(
        {
            "record": numbers.filter(is_long),
            "line": numbers.filter(is_long),
            "reason": str(Flaw.RECORD_TOO_LONG),
            "raw": "",
            "expected": None,
            "found": None,
        },
        schema=MALFORMED_SCHEMA,
    )
    kept = batch.filter((~is_long).to_arrow()) if is_long.any() else batch
    frame = pl.DataFrame(pa.Table.from_batches([kept]).cast(_plain(kept.schema))).select(texts)
    place = pl.DataFrame({RECORD: numbers.filter(~is_long), LINE: numbers.filter(~is_long)})
    return Chunk(place.hstack(frame), slips)


def _plain(schema: pa.Schema) -> pa.Schema:
    """The schema with texts where there are codes."""
    return pa.schema(
        [
            pa.field(field.name, pa.large_string() if pa.types.is_dictionary(field.type) else field.type)
            for field in schema
        ]
    )


def _said(error: Exception) -> str:
    """The libraries' own words, without the pages that they may add."""
    return str(error).split("\n", 1)[0][:200]


def _text(column: str, kind: pl.DataType) -> pl.Expr:
    value = pl.col(column)
    match kind:
        case pl.Datetime(time_zone=None):
            value = value.dt.to_string("%Y-%m-%dT%H:%M:%S%.f")
        case pl.Datetime():
            value = value.dt.to_string("%Y-%m-%dT%H:%M:%S%.f%:z")
        case _:
            value = value.cast(pl.String)
    return value.fill_null("")
