"""The wire JSON of items that travel together, joined by polars: a request's body is these bytes in their envelope."""

from __future__ import annotations

from typing import Final

import polars as pl

from pipeline.model import Column

_JOINED: Final = pl.col(Column.WIRE).str.join(",").cast(pl.Binary)


def joined(items: pl.DataFrame) -> bytes:
    """The items' wire JSON as UTF-8, with commas between them."""
    return bytes(items.select(_JOINED).item())


def joined_by_batch(items: pl.DataFrame) -> pl.Series:
    """The same for each batch of the items, in their order: of many batches at once it costs little."""
    return items.group_by(Column.BATCH, maintain_order=True).agg(_JOINED).get_column(Column.WIRE)
