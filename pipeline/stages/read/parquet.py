"""A Parquet file, its columns as text: timestamps and dates in ISO 8601, null as "". A line is a record's number."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import ExportError
from pipeline.stages.read.export import LINE, MALFORMED_SCHEMA, RECORD, Chunk, Export, check_header

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.stages.read.container import Container

_CHUNK_RECORDS: Final = 250_000


def open_parquet(container: Container) -> Export:
    """Raises ExportError for a file that is not Parquet, is packed, or has a column that is not a single value."""
    if container.packing != "plain":
        raise ExportError(f"{container.name}: a packed Parquet file is not read; unpack it and name the file inside")
    try:
        schema = pl.Schema(pl.read_parquet_schema(container.path))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise ExportError(f"{container.name}: cannot be read as Parquet ({error}); export it again") from error
    for column, kind in schema.items():
        if kind.is_nested() or kind in {pl.Binary, pl.Object}:
            raise ExportError(f"{container.name}: column {column!r} holds {kind}, not single values; export it as text")
    header = check_header(container.name, tuple(schema))
    return Export(header, container, partial(_read, container, header, schema))


def _read(container: Container, header: tuple[str, ...], schema: pl.Schema) -> Iterator[Chunk]:
    texts = [_text(column, schema[column]) for column in header]
    nothing = pl.DataFrame(schema=MALFORMED_SCHEMA)
    first = 1
    try:
        with pq.ParquetFile(container.path) as file:
            for batch in file.iter_batches(_CHUNK_RECORDS):
                if not batch.num_rows:
                    continue
                numbers = pl.int_range(first, first + batch.num_rows, dtype=pl.Int64, eager=True)
                place = pl.DataFrame({RECORD: numbers, LINE: numbers})
                yield Chunk(place.hstack(pl.DataFrame(batch).select(texts)), nothing)
                first += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise ExportError(f"{container.name}: the Parquet file is broken ({error}); export it again") from error


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
