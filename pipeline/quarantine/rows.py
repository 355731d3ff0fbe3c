"""The rows of quarantined records, as the runs that failed to deliver them had read them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from pipeline.errors import RunFolderError
from pipeline.model import Column
from pipeline.quarantine.plan import retried_by
from pipeline.run_folder import RunFolder
from pipeline.stages.retries import LACKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.run_folder import Manifest

_FOUND = (Column.RECORD, Column.LINE)


def with_rows(home: Path, entries: pl.DataFrame, header: Sequence[str], mapped: Sequence[str]) -> pl.DataFrame:
    """The entries with their rows in the columns of `header`, and the export that each is of.

    Columns that their export did not have are blank; LACKING says which of them are `mapped`. Entries without a row are
    left out: the folder, or the row, is gone.
    """
    frames = [_empty(entries, header)]
    for (run_id,), some in entries.partition_by("run_id", as_dict=True, maintain_order=True).items():
        try:
            folder = RunFolder.open(home, str(run_id))
            frames.append(_of_run(folder, folder.manifest(), some, (header, mapped)))
        except (RunFolderError, OSError, pl.exceptions.PolarsError):
            continue
    return pl.concat(frames)


def _of_run(
    folder: RunFolder, manifest: Manifest, entries: pl.DataFrame, columns: tuple[Sequence[str], Sequence[str]]
) -> pl.DataFrame:
    header, mapped = columns
    known = set(folder.header())
    wanted = entries.select(pl.col("record").alias(Column.RECORD))
    cells = [pl.col(c) if c in known else pl.lit("").alias(c) for c in header]
    rows = [
        pl.scan_parquet(file).join(wanted.lazy(), on=Column.RECORD, how="semi").select(*_FOUND, *cells).collect()
        for shard in range(manifest.shards)
        for file in sorted(folder.source(shard).glob("*.parquet"))
    ]
    found = pl.concat([_rows_schema(header).to_frame(), *rows]).rename({Column.RECORD: "record"})
    lacking = [column for column in mapped if column not in known]
    origin = _origins(folder, manifest, entries)
    return (
        entries.join(origin, on="record", how="left")
        .join(found, on="record", how="inner", maintain_order="left")
        .with_columns(pl.lit(lacking, pl.List(pl.String)).alias(LACKING))
        .select(_empty(entries, header).columns)
    )


def _origins(folder: RunFolder, manifest: Manifest, entries: pl.DataFrame) -> pl.DataFrame:
    """The export that each record is of: the run's own, or where it was a retry there, that of the run before."""
    own = (pl.lit(Path(manifest.export).name).alias("export"), pl.lit(manifest.export_sha256).alias("export_sha256"))
    before = retried_by(folder).select(pl.col(Column.RECORD).alias("record"), "export", "export_sha256")
    others = entries.select("record").join(before, on="record", how="anti").with_columns(*own)
    return pl.concat([before.select("record", "export", "export_sha256"), others])


def _rows_schema(header: Sequence[str]) -> pl.Schema:
    return pl.Schema([*((name, pl.Int64()) for name in _FOUND), *((column, pl.String()) for column in header)])


def _empty(entries: pl.DataFrame, header: Sequence[str]) -> pl.DataFrame:
    return pl.DataFrame(
        schema={
            **entries.schema,
            "export": pl.String,
            "export_sha256": pl.String,
            LACKING: pl.List(pl.String),
            Column.LINE: pl.Int64,
            **dict.fromkeys(header, pl.String),
        }
    )
