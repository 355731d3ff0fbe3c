"""Writes outcomes.parquet and outcomes.csv by record number, though the outcomes come shard by shard.

Where all of them fit a part of the memory they are kept; else each shard's are put aside. All are merged a stretch at a
time.
"""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.run_folder import FILE_MODE, storing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from pipeline.run_folder import RunFolder

MERGED: Final = 300_000
"""Records that are merged at once."""
KEPT_SHARE: Final = 4
"""What is kept takes at most one part in so many of the run's memory: planning, which is over by then, took it all."""
RECORD_BYTES: Final = 200
"""What the outcome of a record takes, with what polars keeps beside it."""
GROUP: Final = 2048
"""Rows that are found or passed over together when a stretch of records is looked for in a shard's outcomes."""


class OutcomeFiles:
    """The two files of a run's outcomes. Both are whole or as they were."""

    def __init__(self, folder: RunFolder, records: int, memory_bytes: int) -> None:
        self._folder, self._records = folder, records
        self._keeps = records * RECORD_BYTES <= memory_bytes // KEPT_SHARE
        self._aside = folder.path / "outcomes.tmp"
        self._kept: list[pl.DataFrame] = []
        self._paths: list[Path] = []

    def __enter__(self) -> OutcomeFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._aside, ignore_errors=True)

    def add(self, outcomes: pl.DataFrame) -> None:
        """A shard's outcomes, sorted by record."""
        if self._keeps:
            self._kept.append(outcomes)
            return
        self._paths.append(self._aside / f"{len(self._paths):04d}.parquet")
        self._folder.write_parquet(self._paths[-1], outcomes, row_group_size=GROUP)

    def write(self, flat: pl.Expr) -> None:
        """Writes both; `flat` is the CSV's text for the list of withheld parts."""
        import pyarrow.parquet as pq

        parquet, csv = self._folder.path / "outcomes.parquet", self._folder.path / "outcomes.csv"
        whole, text = parquet.with_suffix(".parquet.tmp"), csv.with_suffix(".csv.tmp")
        with storing(parquet):
            for path in (whole, text):
                path.touch(mode=FILE_MODE)
            with text.open("wb") as lines, whole.open("wb") as file, ThreadPoolExecutor(1) as beside:
                writer: pq.ParquetWriter | None = None
                for outcomes in self._merged():
                    table = outcomes.to_arrow(compat_level=pl.CompatLevel.oldest())
                    writer = writer or pq.ParquetWriter(file, table.schema, compression="zstd", compression_level=1)
                    written = beside.submit(writer.write_table, table)
                    shown = outcomes.with_columns(flat.replace("", None).alias("withheld"))
                    shown.write_csv(lines, include_header=lines.tell() == 0)
                    written.result()
                if writer is not None:
                    writer.close()
            whole.replace(parquet)
            text.replace(csv)

    def _merged(self) -> Iterator[pl.DataFrame]:
        """All outcomes by record, a stretch at a time; at least one frame, if an empty one."""
        aside = pl.scan_parquet(self._paths) if self._paths else None
        for first in range(1, max(self._records, 1) + 1, MERGED):
            within = pl.col("record").is_between(first, first + MERGED - 1)
            if aside is not None:
                yield aside.filter(within).sort("record").collect()
            else:
                yield pl.concat([frame.filter(within) for frame in self._kept]).sort("record")


def noted(outcomes: pl.DataFrame, kinds: Sequence[str]) -> pl.DataFrame:
    """The outcomes that somebody may have to look at: those of `kinds`, and those with something withheld."""
    return compact(outcomes.filter(pl.col("outcome").is_in(list(kinds)) | (pl.col("withheld").list.len() > 0)))


def compact(rows: pl.DataFrame) -> pl.DataFrame:
    """The same rows without the text of those that they were picked from, which polars keeps beside one."""
    return pl.DataFrame(rows.to_arrow(compat_level=pl.CompatLevel.oldest()), schema=rows.schema)
