"""Keeps the shards of a plan small: all records of a shard are decided at once."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pipeline.errors import ExportError

if TYPE_CHECKING:
    from pathlib import Path


class ShardLimit:
    """Counts the records of each shard while an export is read."""

    def __init__(self, export: Path | str, most: int) -> None:
        self._export, self._most = export, most
        self._held: Counter[int] = Counter()

    def take(self, shard: int, records: int) -> None:
        """Raises ExportError where a shard has more than it may have; nothing was planned of it by then."""
        self._held[shard] += records
        if self._held[shard] > self._most:
            raise ExportError(
                f"{self._export}: more than {self._most:,} of its records are to be planned at once, and each million "
                "of them takes about 2 GB of memory; divide the export, or raise CONSENT_SYNC_MAX_SHARD_RECORDS where "
                "there is memory for them"
            )
