"""What `verify` found and the home keeps: HOME/verify/*/differences.csv, with identities as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.run_folder import RunFolder

if TYPE_CHECKING:
    from pathlib import Path

FOLDER: Final = "verify"
FILE: Final = "differences.csv"


def kept(home: Path) -> list[Path]:
    """The files of all audits."""
    return sorted(home.glob(f"{FOLDER}/*/{FILE}"))


def read(path: Path) -> pl.DataFrame:
    """A file's rows, all as text."""
    return pl.read_csv(path, infer_schema=False)


def clear(path: Path, rows: pl.Expr) -> None:
    """Takes rows out of a file, which is whole or as it was."""
    put(path, read(path).filter(~rows))


def put(path: Path, left: pl.DataFrame) -> None:
    """Puts the rows that are left in place of a file's."""
    for file in path.parent.glob("*.tmp"):  # of a process that was killed
        file.unlink()
    RunFolder(path.parent).write_csv(FILE, left)
