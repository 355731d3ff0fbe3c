"""Writes the quarantine when a run is recorded: from plan and ledger alone, so that doing it again changes nothing."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from pipeline.evidence.pseudonym import key_of
from pipeline.model import Column, Extent, Outcome, Reason
from pipeline.quarantine import entries
from pipeline.quarantine.entries import ENTRIES, REVERTED
from pipeline.quarantine.plan import FATE, Fate, taken_by
from pipeline.stages.batch import OPT_OUT_PHASE
from pipeline.stages.covering import STANDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.carried_out import Run

_FAILED = (str(Outcome.FAILED), str(Outcome.UNKNOWN))


def undelivered(items: pl.DataFrame, settled: pl.DataFrame, decided: pl.DataFrame, extent: Extent) -> pl.DataFrame:
    """Records of a shard that failed, or of which nobody knows, with the reason; and what was folded into them.

    `decided`: what the plan decided of each identity. Of a plan of which only the opt-outs may go, these.
    """
    let = items if extent is Extent.WHOLE else items.filter(pl.col(Column.PHASE) == OPT_OUT_PHASE)
    own = [c for c in (Column.RECORD, Column.CHANNEL) if c in settled.columns]
    sent = settled.join(let.select(own), on=own, how="semi").select(*own, Column.OUTCOME, Column.REASON)
    planned = decided.select(*own, pl.col(Column.DECISION).alias(Column.OUTCOME), Column.REASON)
    failed = pl.concat([sent, planned if extent is Extent.WHOLE else planned.clear()])
    failed = failed.filter(pl.col(Column.OUTCOME).is_in(_FAILED))
    of_winner = [Column.WINNER, *own[1:]]
    why = failed.select(pl.col(Column.RECORD).alias(Column.WINNER), *own[1:], Column.REASON)
    folded = decided.drop(Column.REASON).join(why, on=of_winner, how="inner")
    found = pl.concat([failed.select(Column.RECORD, Column.REASON), folded.select(Column.RECORD, Column.REASON)])
    return found.unique(Column.RECORD, keep="first", maintain_order=True)


def record(run: Run, shards: Sequence[pl.DataFrame], extent: Extent) -> None:
    """Makes the entries of a run and closes those that it took up. `shards`: its undelivered records."""
    manifest, run_id = run.manifest, run.folder.run_id
    if manifest.reverts is not None:
        entries.close_run(run.ledger, manifest.reverts, run_id, REVERTED)
        return
    failed, taken = pl.concat(shards), taken_by(run.folder)
    if not failed.is_empty():
        key_of(run.context.home, made=True)  # by which the home has its name
    entries.put(run.ledger, run_id, entries.of(run.job, run.context.home), _entries(failed, taken, run))
    if extent is not Extent.WHOLE:
        gone = _ahead(run)
        taken = taken.filter((pl.col(FATE) == Fate.RETRIED) & pl.col(Column.RECORD).is_in(gone.implode()))
    done = taken.select("run_id", "record", FATE).iter_rows()
    entries.close(run.ledger, run_id, done)


def _entries(failed: pl.DataFrame, taken: pl.DataFrame, run: Run) -> pl.DataFrame:
    """An entry per record that failed; one that failed before keeps since when, and how often."""
    planned_at = pl.lit(datetime.fromisoformat(run.manifest.planned_at)).cast(ENTRIES["said_at"])
    retried = taken.filter(pl.col(FATE) == Fate.RETRIED)
    again = retried.select(Column.RECORD, "first_run", "first_record", "first_failed_at", "said_at", "attempts")
    stood = taken.filter(pl.col(FATE) == Fate.SUPERSEDED).sort("first_failed_at").unique(STANDS, keep="first")
    said_again = stood.select(
        pl.col(STANDS).alias(Column.RECORD),
        pl.lit(run.folder.run_id).alias("first_run"),
        pl.col(STANDS).alias("first_record"),
        "first_failed_at",
        planned_at.alias("said_at"),
        "attempts",
    )
    joined = failed.join(pl.concat([again, said_again]), on=Column.RECORD, how="left", maintain_order="left")
    tried = (pl.col(Column.REASON) != Reason.NOT_SENT).fill_null(value=True).cast(pl.Int32)
    return joined.select(
        pl.lit(run.folder.run_id).alias("run_id"),
        pl.col(Column.RECORD).alias("record"),
        pl.col("first_run").fill_null(run.folder.run_id),
        pl.col("first_record").fill_null(pl.col(Column.RECORD)),
        pl.col("first_failed_at").fill_null(planned_at),
        pl.col("said_at").fill_null(planned_at),
        pl.col("attempts").fill_null(0) + tried,
        pl.col(Column.REASON).alias("reason"),
    )


def _ahead(run: Run) -> pl.Series:
    """The records of the opt-outs that may go by themselves; the run has not taken up any other yet."""
    ahead = [
        run.folder.read_plan("items", shard, pl.col(Column.PHASE) == OPT_OUT_PHASE, [Column.WIRE])
        for shard in range(run.manifest.shards)
    ]
    whole = pl.concat([frame.select(Column.RECORD) for frame in ahead]).unique()
    return whole.get_column(Column.RECORD)
