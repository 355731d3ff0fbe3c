"""Delta tables in a home or on its store: reading, adding, and taking rows out of every version."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline.errors import StorageError
from pipeline.store import bucket

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    import polars as pl
    from deltalake import DeltaTable, WriterProperties

    from pipeline.store.place import Place

LOG: Final = "_delta_log"
_ENTRIES: Final = {".json", ".parquet"}
"""What the log is made of: commits and checkpoints. Any other file is not finished."""
_KEEP_NOTHING: Final = {
    "delta.logRetentionDuration": "interval 0 seconds",
    "delta.deletedFileRetentionDuration": "interval 0 seconds",
}
_KEEP: Final = {
    "delta.logRetentionDuration": "interval 30 days",
    "delta.deletedFileRetentionDuration": "interval 7 days",
}
"""What a table keeps that says nothing of it."""


def options(path: Place) -> dict[str, str] | None:
    """How `deltalake` reaches a table; None: it is in a folder."""
    return None if isinstance(path, Path) else bucket.table_options()


def table(path: Place) -> DeltaTable:
    """The table as it is. Use it within `using`."""
    from deltalake import DeltaTable

    return DeltaTable(str(path), storage_options=options(path))


def exists(path: Place) -> bool:
    """Whether there is a table: whoever was killed before the first commit has left a folder, and nothing in it."""
    if isinstance(path, Path):
        log = path / LOG
        return log.is_dir() and any(file.suffix in _ENTRIES for file in log.iterdir())
    from deltalake import DeltaTable

    with using(path):
        return DeltaTable.is_deltatable(str(path), options(path))


def name_of(path: Place) -> str | None:
    """What the table says it is called."""
    with using(path):
        return table(path).metadata().name


def call(path: Place, name: str) -> None:
    """Gives the table a name."""
    with using(path):
        table(path).alter.set_table_name(name)


def scan(path: Place) -> pl.LazyFrame:
    """The table as it is. Collect within `using`."""
    return named(path)[1]


def named(path: Place, as_of: datetime | None = None) -> tuple[str | None, pl.LazyFrame]:
    """What a table says it is called, and the table as it is, or as it was at a time. Collect within `using`."""
    import polars as pl

    found = table(path)
    name = found.metadata().name
    if as_of is not None:
        found.load_as_version(as_of)
    if isinstance(path, Path):
        return name, pl.scan_delta(found)
    return name, pl.scan_delta(found, storage_options=bucket.file_options(), credential_provider=None)


def scan_file(path: Place, name: str) -> pl.LazyFrame:
    """One of a table's files, in its own columns. Collect within `using`."""
    import polars as pl

    if isinstance(path, Path):
        return pl.scan_parquet(path / name, hive_partitioning=False)
    return pl.scan_parquet(
        f"{path}/{name}", storage_options=bucket.file_options(), credential_provider=None, hive_partitioning=False
    )


def files(path: Place) -> list[str]:
    """All that lies under a table, of whatever version; its log too."""
    if isinstance(path, Path):
        return sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
    return sorted(path.store.files(path.key))


def content(path: Place, name: str) -> str:
    """A text file of a table: an entry of its log."""
    if isinstance(path, Path):
        return (path / name).read_text(encoding="utf-8")
    return (path.store.read(f"{path.key}/{name}") or b"").decode("utf-8")


def tidy(path: Place, days: int) -> None:
    """Removes files that no version of the last days has."""
    with using(path):
        table(path).vacuum(retention_hours=days * 24, enforce_retention_duration=False, dry_run=False)


def make_room(path: Place) -> None:
    """Makes the folder that a table is to lie in; a store has none."""
    if isinstance(path, Path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)


def append(
    path: Place,
    rows: pl.DataFrame,
    configuration: Mapping[str, str | None] | None = None,
    distinct: Sequence[str] = (),
) -> None:
    """Adds rows in one commit, which is whole or absent. `configuration` is that of a new table.

    `distinct`: columns whose values hardly ever come twice; a dictionary of them would only be in the way.
    """
    from deltalake import write_deltalake

    with using(path):
        make_room(path)
        new = None if exists(path) else dict(configuration or {})
        given: dict[str, Any] = {"writer_properties": packed(distinct), "storage_options": options(path)}
        write_deltalake(str(path), rows, mode="append", configuration=new, **given)


def packed(distinct: Sequence[str] = ()) -> WriterProperties:
    """How files are written: half as large as they would be by default, in the same time."""
    from deltalake import ColumnProperties, WriterProperties

    plain = ColumnProperties(dictionary_enabled=False)
    return WriterProperties(
        compression="ZSTD", compression_level=1, column_properties=dict.fromkeys(distinct, plain) or None
    )


def replace(path: Place, rows: pl.DataFrame, partition_by: Sequence[str] = ()) -> None:
    """Puts `rows` in the place of all rows, and removes every earlier version: what is not in `rows` is nowhere.

    The log goes too, since it holds the least and the greatest value of each column.
    """
    from deltalake import write_deltalake

    with using(path):
        given: dict[str, Any] = {"partition_by": list(partition_by) or None, "storage_options": options(path)}
        write_deltalake(str(path), rows, mode="overwrite", **given)
        table(path).alter.set_table_properties(_KEEP_NOTHING, raise_if_not_exists=False)
        table(path).vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
        cleared = table(path)
        cleared.create_checkpoint()
        cleared.cleanup_metadata()
        cleared.alter.set_table_properties(_KEEP, raise_if_not_exists=False)


def said(path: Place, error: BaseException) -> str:
    """What was refused, for people."""
    return str(error) if isinstance(path, Path) else bucket.why(error)


@contextmanager
def using(path: Place) -> Iterator[None]:
    """Translates what a table refuses into a StorageError with the next step."""
    import polars as pl
    from deltalake.exceptions import DeltaError

    try:
        yield
    # polars panics over a file that was cut off.
    except (DeltaError, OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise StorageError(
            f"the table under {path} cannot be used: {said(path, error)}; put it right and run the command again: "
            "what was sent is in the ledger"
        ) from error
