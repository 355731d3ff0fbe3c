"""Divides what is read of an export into the shards' folders, by a hash of the identity."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.state import bucket_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.run_folder import RunFolder
    from pipeline.shard_limit import ShardLimit

GATHERED: Final = 400_000
"""Records that are read before they are divided: many small files would cost more than they hold."""


@dataclass(slots=True)
class Divider:
    """Takes records as they are read. `identity`: the expression by which they are divided."""

    folder: RunFolder
    shards: int
    identity: pl.Expr
    limit: ShardLimit
    _waiting: list[pl.DataFrame] = field(default_factory=list)
    _files: int = 0

    def take(self, records: pl.DataFrame) -> None:
        """The next records of the export. Raises where a shard has no room for them."""
        self._waiting.append(records)
        if self.shards == 1 or sum(rows.height for rows in self._waiting) >= GATHERED:
            self.end()

    def end(self) -> None:
        """Writes what waits, as the next file of each shard that has some of it."""
        if not self._waiting:
            return
        records = pl.concat(self._waiting)
        self._waiting.clear()
        for shard, rows in by_shard(records, self.identity, self.shards):
            self.limit.take(shard, rows.height)
            self.folder.write_parquet(self.folder.source(shard) / f"{self._files:05d}.parquet", rows)
        self._files += 1


def by_shard(records: pl.DataFrame, identity: pl.Expr, shards: int) -> Iterable[tuple[int, pl.DataFrame]]:
    """The shards that have some of the records, with these."""
    if shards == 1:
        return ((0, records),) if not records.is_empty() else ()
    numbered = records.with_columns((bucket_of(identity) % shards).fill_null(0).alias("_shard"))
    parts = numbered.partition_by("_shard", include_key=False, as_dict=True)
    return tuple((int(key[0]), rows) for key, rows in parts.items())
