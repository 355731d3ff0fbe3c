"""What a plan did with the entries of the quarantine, kept as a file of the plan under its hash."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.model import Column
from pipeline.quarantine.entries import ENTRIES
from pipeline.stages.covering import STANDS
from pipeline.stages.retries import LACKING, SAID_AT, Earlier

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.run_folder import RunFolder

FATE: Final = "fate"


class Fate(StrEnum):
    """What becomes of an entry in a run."""

    RETRIED = "retried"
    """Its row is a record of the run."""
    SUPERSEDED = "superseded"
    """The export says everything of it."""
    GIVEN_UP = "given_up"
    """It was tried as often, or as long, as the mapping has it."""
    LOST = "lost"
    """Its row is no longer there."""


TAKEN: Final = pl.Schema(
    [
        *ENTRIES.items(),
        ("export", pl.String()),
        ("export_sha256", pl.String()),
        (FATE, pl.String()),
        (Column.RECORD, pl.Int64()),
        (STANDS, pl.Int64()),
        (LACKING, pl.List(pl.String())),
    ]
)
"""An entry; the export that its row is of; what became of it, and its record here or the one that stands for it."""


def file_of(folder: RunFolder) -> Path:
    """Where a plan keeps it."""
    return folder.path / "plan" / "quarantine.parquet"


def taken_by(folder: RunFolder) -> pl.DataFrame:
    """The entries that a plan has dealt with."""
    path = file_of(folder)
    return pl.read_parquet(path) if path.exists() else TAKEN.to_frame()


def retried_by(folder: RunFolder) -> pl.DataFrame:
    """Those whose rows are records of the run."""
    return taken_by(folder).filter(pl.col(FATE) == Fate.RETRIED)


def earlier_of(folder: RunFolder) -> Earlier | None:
    """The retries of a plan; None: it has none."""
    retried = retried_by(folder)
    if retried.is_empty():
        return None
    first = int(retried.select(pl.col(Column.RECORD).min()).item())
    return Earlier(first - 1, retried.select(Column.RECORD, SAID_AT, LACKING))
