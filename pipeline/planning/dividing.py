"""Divides what is read of an export into the shards' folders, by a hash of the identity."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.state import bucket_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from pipeline.planning.shard_limit import ShardLimit
    from pipeline.run_folder import RunFolder

GATHERED: Final = 400_000
"""Records that are read before they are divided: many small files would cost more than they hold."""


@dataclass(slots=True)
class Divider:
    """Takes records as they are read, and writes them while more are read. `identity`: what they are divided by."""

    folder: RunFolder
    shards: int
    identity: pl.Expr
    limit: ShardLimit
    _waiting: list[pl.DataFrame] = field(default_factory=list)
    _files: int = 0
    _written: Future[None] | None = None
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="divide"))

    def __enter__(self) -> Divider:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()

    def take(self, records: pl.DataFrame) -> None:
        """The next records of the export. Raises where a shard has no room for these, or for earlier ones."""
        self._waiting.append(records)
        if self.shards == 1 or sum(rows.height for rows in self._waiting) >= GATHERED:
            self._write()

    def end(self) -> None:
        """All records are taken; returns when all are written. Raises as `take` does."""
        if self._waiting:
            self._write()
        self._settle()

    def _write(self) -> None:
        """Writes what waits, as the next file of each shard that has some of it, after what is being written."""
        records = pl.concat(self._waiting)
        self._waiting.clear()
        self._settle()
        self._written = self._pool.submit(self._divide, records, f"{self._files:05d}.parquet")
        self._files += 1

    def _settle(self) -> None:
        if self._written is not None:
            self._written.result()
        self._written = None

    def _divide(self, records: pl.DataFrame, name: str) -> None:
        for shard, rows in by_shard(records, self.identity, self.shards):
            self.limit.take(shard, rows.height)
            self.folder.write_parquet(self.folder.source(shard) / name, rows)


def by_shard(records: pl.DataFrame, identity: pl.Expr, shards: int) -> Iterable[tuple[int, pl.DataFrame]]:
    """The shards that have some of the records, with these."""
    if shards == 1:
        return ((0, records),) if not records.is_empty() else ()
    numbered = records.with_columns((bucket_of(identity) % shards).fill_null(0).alias("_shard"))
    parts = numbered.partition_by("_shard", include_key=False, as_dict=True)
    return tuple((int(key[0]), rows) for key, rows in parts.items())
