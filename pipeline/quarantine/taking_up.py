"""Takes up the quarantine when a plan is made: rows that are tried again become records of it, after the export's."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl

from pipeline.model import Column
from pipeline.quarantine import entries
from pipeline.quarantine.plan import FATE, TAKEN, Fate, file_of
from pipeline.quarantine.rows import with_rows
from pipeline.stages.covering import covered, forbidding
from pipeline.stages.map import identity_of
from pipeline.stages.retries import LACKING, SAID_AT, Earlier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.context import Context
    from pipeline.ledger.ledger import Ledger
    from pipeline.planning.drafting import Draft


def take_up(draft: Draft, exported: int, context: Context, ledger: Ledger) -> pl.DataFrame:
    """Decides what becomes of each entry, and returns the rows to be read in, numbered after the `exported` records.

    Nothing of the ledger changes until the run is recorded.
    """
    job, mapped = draft.job, draft.file.mapping.columns()
    found = entries.waiting(ledger, entries.of(job, context.home))
    if draft.export is None or found.is_empty():
        return pl.DataFrame()
    header = draft.export.header
    rows = with_rows(context.home, found, header, mapped).sort(SAID_AT, "first_run", "first_record")
    rows = rows.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias(Column.RECORD) + (exported + 1))
    lost = found.join(rows, on=["run_id", "record"], how="anti")
    gone = rows.filter(pl.col(Column.RECORD).is_in(_given_up(rows, mapped, draft).implode()))
    rest = rows.join(gone, on=Column.RECORD, how="anti", maintain_order="left")
    own = _own(draft, rest, mapped)
    earlier = Earlier(exported, rest.select(Column.RECORD, SAID_AT, LACKING))
    cells = [Column.RECORD, Column.LINE, *mapped]
    stand = covered(pl.concat([own, rest.select(cells)]), earlier, job, context.clock())
    superseded = rest.join(stand, on=Column.RECORD, how="inner", maintain_order="left")
    retried = rest.join(stand, on=Column.RECORD, how="anti", maintain_order="left")
    number = pl.int_range(pl.len(), dtype=pl.Int64).alias(Column.RECORD) + (exported + 1)
    retried = retried.with_columns(number)
    nobody = pl.lit(None, pl.Int64).alias(Column.RECORD)
    fates = (
        (Fate.RETRIED, retried),
        (Fate.SUPERSEDED, superseded.with_columns(nobody)),
        (Fate.GIVEN_UP, gone.with_columns(nobody)),
        (Fate.LOST, lost),
    )
    draft.folder.write_parquet(file_of(draft.folder), pl.concat([_taken(fate, frame) for fate, frame in fates]))
    return retried.select(Column.RECORD, Column.LINE, *header)


def _taken(fate: Fate, frame: pl.DataFrame) -> pl.DataFrame:
    absent = [pl.lit(None, kind).alias(name) for name, kind in TAKEN.items() if name not in frame.columns]
    return frame.with_columns(absent).with_columns(pl.lit(str(fate)).alias(FATE)).select(TAKEN.names())


def _given_up(rows: pl.DataFrame, mapped: Sequence[str], draft: Draft) -> pl.Series:
    """Records that were tried as often or as long as the mapping has it, but for those of whoever opts out."""
    limit, now = draft.job.delivery.quarantine, draft.begun_at
    late = (pl.col("attempts") >= limit.attempts) | (pl.col("first_failed_at") < now - timedelta(days=limit.days))
    due = rows.filter(late).get_column(Column.RECORD)
    if due.is_empty():
        return due
    never = forbidding(rows.select(Column.RECORD, Column.LINE, *mapped), draft.job, now)
    return due.filter(~due.is_in(never.implode()))


def _own(draft: Draft, rows: pl.DataFrame, mapped: Sequence[str]) -> pl.DataFrame:
    """The export's own records of the identities in question; of all, where consent belongs to addresses."""
    job, columns = draft.job, [Column.RECORD, Column.LINE, *mapped]
    if rows.is_empty():
        return rows.select(columns)
    people = rows.select(identity_of(job).alias(Column.IDENTITY)).to_series().drop_nulls().unique()
    mine = pl.lit(value=True) if job.by_address else identity_of(job).is_in(people.implode())
    files = sorted(draft.folder.path.glob("source/*/*.parquet"))
    read = (pl.read_parquet(file, columns=columns).filter(mine) for file in files)
    return pl.concat([rows.select(columns).clear(), *read])
