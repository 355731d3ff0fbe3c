"""Which batches travel in one request: the last one of a shard, and the first of the next, where both fit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.model import Column
from pipeline.stages.batch import bytes_per_batch, kinds_of, rows_per_batch

if TYPE_CHECKING:
    from pipeline.destinations.interface import Limits
    from pipeline.job import Job
    from pipeline.ledger.rows import BatchKey
    from pipeline.stages.batch import Kind

MOST_ITEMS: Final = 100_000
"""Of a plan whose batches travel together; in a larger one, those that are not full are too few to be waited for."""
SIZE: Final = pl.col(Column.WIRE).str.len_bytes().sum() + pl.len()
"""The bytes of a batch's items, each with the comma after it."""


def travel_together(shards: int, items: int) -> bool:
    """Whether batches of a plan wait for those of other shards: it is divided, and small."""
    return shards > 1 and 0 < items <= MOST_ITEMS


@dataclass(frozen=True, slots=True)
class Piece:
    """A batch as a part of a request. `key`: shard and number."""

    key: BatchKey
    kind: Kind
    rows: int
    bytes: int


@dataclass(slots=True)
class Loads:
    """Puts batches together in the order in which they are sent. `rows` and `bytes`: the most of a request."""

    rows: int
    bytes: int
    _waiting: dict[Kind, list[Piece]] = field(default_factory=dict)

    @classmethod
    def within(cls, job: Job, limits: Limits) -> Loads:
        """Loads as large as a batch may be."""
        return cls(rows_per_batch(job, limits), bytes_per_batch(limits))

    def add(self, piece: Piece) -> list[tuple[Piece, ...]]:
        """The loads that are complete with it, in their order. What is not full waits for the next shard."""
        if piece.rows >= self.rows:
            return [(piece,)]
        waiting, gone = self._waiting.setdefault(piece.kind, []), []
        if waiting and not self._fits(piece, waiting):
            gone.append(self._taken(piece.kind))
            waiting = self._waiting.setdefault(piece.kind, [])
        waiting.append(piece)
        if self.filled(piece.kind) >= self.rows:
            gone.append(self._taken(piece.kind))
        return gone

    def rest(self) -> list[tuple[Piece, ...]]:
        """The loads that nothing more comes for."""
        return [self._taken(kind) for kind in list(self._waiting) if self._waiting[kind]]

    def filled(self, kind: Kind) -> int:
        """How many rows wait for more of a kind."""
        return sum(piece.rows for piece in self._waiting.get(kind, ()))

    def _fits(self, piece: Piece, waiting: list[Piece]) -> bool:
        """Two batches of one shard were divided on purpose."""
        rows, size = self.filled(piece.kind) + piece.rows, sum(w.bytes for w in waiting) + piece.bytes
        return waiting[-1].key[0] != piece.key[0] and rows <= self.rows and size <= self.bytes

    def _taken(self, kind: Kind) -> tuple[Piece, ...]:
        return tuple(self._waiting.pop(kind))


def piece_of(key: BatchKey, items: pl.DataFrame, job: Job) -> Piece:
    """A batch's items as a part of a request."""
    return Piece(key, items.select(kinds_of(job)).row(0), items.height, int(items.select(SIZE).item()))
