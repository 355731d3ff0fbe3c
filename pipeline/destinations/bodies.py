"""The wire JSON of items that travel together, joined by polars: a request's body is these bytes in their envelope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.model import Column

if TYPE_CHECKING:
    from collections.abc import Iterator

_JOINED: Final = pl.col(Column.WIRE).str.join(",", ignore_nulls=False).cast(pl.Binary)


def joined(items: pl.DataFrame) -> bytes:
    """The items' wire JSON as UTF-8, with commas between them. Raises TypeError where one has none."""
    return bytes(items.select(_JOINED).item())


def batches_of(items: pl.DataFrame) -> Iterator[tuple[int, int, bytes]]:
    """Number, height and body of each batch, in the order of the items: of many at once a body costs little."""
    runs = items.group_by(pl.col(Column.BATCH).rle_id().alias("_run"), maintain_order=True)
    batches = runs.agg(pl.col(Column.BATCH).first(), pl.len().alias("_height"), _JOINED)
    for _, number, height, body in batches.iter_rows():
        yield int(number), int(height), bytes(body)
