"""Delta tables on disk: reading, adding, and taking rows out so that no earlier version keeps them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from pipeline.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    import polars as pl
    from deltalake import WriterProperties

LOG: Final = "_delta_log"
_KEEP_NOTHING: Final = {
    "delta.logRetentionDuration": "interval 0 seconds",
    "delta.deletedFileRetentionDuration": "interval 0 seconds",
}
_KEEP: Final = {
    "delta.logRetentionDuration": "interval 30 days",
    "delta.deletedFileRetentionDuration": "interval 7 days",
}
"""What a table keeps that says nothing of it."""


def exists(path: Path) -> bool:
    """Whether there is a table."""
    return (path / LOG).is_dir()


def name_of(path: Path) -> str | None:
    """What the table says it is called."""
    from deltalake import DeltaTable

    with using(path):
        return DeltaTable(str(path)).metadata().name


def call(path: Path, name: str) -> None:
    """Gives the table a name."""
    from deltalake import DeltaTable

    with using(path):
        DeltaTable(str(path)).alter.set_table_name(name)


def scan(path: Path, as_of: datetime | None = None) -> pl.LazyFrame:
    """The table as it is, or as it was at a time. Collect within `using`."""
    import polars as pl

    return pl.scan_delta(str(path), version=as_of)


def tidy(path: Path, days: int) -> None:
    """Removes files that no version of the last days has."""
    from deltalake import DeltaTable

    with using(path):
        DeltaTable(str(path)).vacuum(retention_hours=days * 24, enforce_retention_duration=False, dry_run=False)


def append(
    path: Path,
    rows: pl.DataFrame,
    configuration: Mapping[str, str | None] | None = None,
    distinct: Sequence[str] = (),
) -> None:
    """Adds rows in one commit, which is whole or absent. `configuration` is that of a new table.

    `distinct`: columns whose values hardly ever come twice; a dictionary of them would only be in the way.
    """
    from deltalake import write_deltalake

    with using(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = None if exists(path) else dict(configuration or {})
        write_deltalake(str(path), rows, mode="append", configuration=new, writer_properties=packed(distinct))


def packed(distinct: Sequence[str] = ()) -> WriterProperties:
    """How files are written: half as large as they would be by default, in the same time."""
    from deltalake import ColumnProperties, WriterProperties

    plain = ColumnProperties(dictionary_enabled=False)
    return WriterProperties(
        compression="ZSTD", compression_level=1, column_properties=dict.fromkeys(distinct, plain) or None
    )


def replace(path: Path, rows: pl.DataFrame, partition_by: Sequence[str] = ()) -> None:
    """Puts `rows` in the place of all rows, and removes every earlier version: what is not in `rows` is nowhere.

    The log goes too, since it holds the least and the greatest value of each column.
    """
    from deltalake import DeltaTable, write_deltalake

    with using(path):
        write_deltalake(str(path), rows, mode="overwrite", partition_by=list(partition_by) or None)
        DeltaTable(str(path)).alter.set_table_properties(_KEEP_NOTHING, raise_if_not_exists=False)
        table = DeltaTable(str(path))
        table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
        table = DeltaTable(str(path))
        table.create_checkpoint()
        table.cleanup_metadata()
        table.alter.set_table_properties(_KEEP, raise_if_not_exists=False)


@contextmanager
def using(path: Path) -> Iterator[None]:
    """Translates what a table refuses into a StorageError with the next step."""
    import polars as pl
    from deltalake.exceptions import DeltaError

    try:
        yield
    # polars panics over a file that was cut off.
    except (DeltaError, OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise StorageError(
            f"the table under {path} cannot be used: {error}; put it right and run the command again: "
            "what was sent is in the ledger"
        ) from error
