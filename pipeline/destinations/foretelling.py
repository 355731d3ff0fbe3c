"""How many requests batches take, counted without making them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from pipeline.model import Column

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Foretold:
    """What delivering items takes if nothing goes wrong. `requests`: how many, by what the destination calls them."""

    requests: Mapping[str, int] = field(default_factory=dict)
    waiting_seconds: float = 0.0
    """Time that passes beside the answers themselves, such as between polls."""
    looks: int = 0
    """Requests that reading the items back takes, for those that are looked at once more before they are sent."""

    def __add__(self, other: Foretold) -> Foretold:
        """What the items of two shards take together."""
        kinds = dict.fromkeys((*self.requests, *other.requests))
        return Foretold(
            {kind: self.requests.get(kind, 0) + other.requests.get(kind, 0) for kind in kinds},
            self.waiting_seconds + other.waiting_seconds,
            self.looks + other.looks,
        )


def batches(items: pl.DataFrame) -> int:
    """How many batches the items are in."""
    return items.get_column(Column.BATCH).n_unique()


def pages(items: pl.DataFrame, size: int, *, by: tuple[str, ...] = (Column.BATCH,)) -> int:
    """Pages of at most `size` items, if no page holds items of two batches."""
    return int(items.group_by(by).len().select(((pl.col("len") + size - 1) // size).sum()).item() or 0)
