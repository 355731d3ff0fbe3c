"""Writes what a run came to: outcomes, rejects, summary and report, from plan and ledger alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from pipeline import memory
from pipeline.ahead import in_order
from pipeline.model import UNDELIVERED, BatchState, Column, Extent, Outcome, RunStatus
from pipeline.pacing.book import slowed_of
from pipeline.quarantine.figures import quarantined
from pipeline.quarantine.plan import retried_by
from pipeline.reporting import open_opt_outs, rejects
from pipeline.reporting.advice import ADVICE
from pipeline.reporting.ended import SUMMARY, canary_figures, problem
from pipeline.reporting.outcome_files import OutcomeFiles, noted
from pipeline.reporting.samples import Samples
from pipeline.reporting.summary import ModifiedCount, Requests, Summary, Tally, modified_count, planned_outcomes
from pipeline.stages.batch import OPT_OUT_PHASE
from pipeline.stages.outcomes import APPLIED, SHARD, settle, settle_items
from pipeline.stages.report import Causes, Material, next_steps, render, view_of
from pipeline.store import publishing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.carried_out import Run
    from pipeline.errors import ConsentSyncError
    from pipeline.job import Job
    from pipeline.ledger.rows import BatchKey, BatchRow
    from pipeline.pacing.governor import Slowed
    from pipeline.run_folder import Manifest, RunFolder

REPORT: Final = "report.html"
OUTCOMES: Final = {
    "record": Column.RECORD,
    "line": Column.LINE,
    "identity": Column.IDENTITY,
    "outcome": Column.OUTCOME,
    "reason": Column.REASON,
    "message": Column.MESSAGE,
    "withheld": Column.WITHHELD,
    "winner": Column.WINNER,
    "operation": Column.OPERATION,
    "shard": SHARD,
    "batch": Column.BATCH,
    "attempts": Column.ATTEMPTS,
    "link": Column.LINK,
}
RETRIES: Final = {
    "first_run": "retry_of_run",
    "first_record": "retry_of_record",
    "attempts": "retry_attempt",
    "first_failed_at": "retry_since",
}
"""Of a record that is tried again: where and when it failed first, and the how-manieth attempt this is."""


def write_plan(run: Run, error: ConsentSyncError | None = None) -> Summary:
    """summary.json and report.html of a plan: the outcomes it will have if the destination accepts everything."""
    found = _gathering(run)

    def planned(shard: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        records, items = _plan_of(run.folder, shard)
        return planned_outcomes(records, items), items

    for outcomes, items in in_order(planned, range(run.manifest.shards), memory.planners()):
        found.add(outcomes, items, run.job)
        found.samples.add(items)
    return _finish(run, found, RunStatus.PLANNED, ModifiedCount(expected=run.manifest.items), error)


def write_stopped(run: Run, error: ConsentSyncError) -> Summary:
    """The report of a run that its guards stopped: nothing was sent."""
    return write(run, RunStatus.STOPPED, error)


def write(run: Run, status: RunStatus | None, error: ConsentSyncError | None = None) -> Summary:
    """All files of the report. `status` None: the run came to its end, and its outcomes say how.

    `error`: what stopped it just now.
    """
    found = _gathering(run)
    exceptional, retried = [], retried_by(run.folder)
    ended = partial(_ended, run.folder, found.batches, run.job, retried)
    with OutcomeFiles(run.folder, run.manifest.read, run.context.settings.memory_bytes) as files:
        for shard in in_order(ended, range(run.manifest.shards), memory.planners()):
            found.add(shard.outcomes, shard.effective, run.job)
            found.samples.add(shard.effective if found.batches else shard.items)
            files.add(shard.shown)
            exceptional.append(noted(shard.shown, [*map(str, UNDELIVERED), Outcome.SUPERSEDED]))
        files.write(rejects.flat(pl.col("withheld")))
    rejects.write(run, pl.concat(exceptional).sort("record"))
    stopped = status in {RunStatus.STOPPED, RunStatus.INTERRUPTED}
    honest = status if stopped and status else found.tally.status()
    return _finish(run, found, honest, modified_count(found.batches.values()), error)


@dataclass(frozen=True, slots=True)
class _Ended:
    """A shard with what came of it. `effective`: the items that took effect. `shown`: the outcomes for people."""

    items: pl.DataFrame
    effective: pl.DataFrame
    outcomes: pl.DataFrame
    shown: pl.DataFrame


def _ended(
    folder: RunFolder, batches: Mapping[BatchKey, BatchRow], job: Job, retried: pl.DataFrame, shard: int
) -> _Ended:
    records, items = _plan_of(folder, shard)
    settled = settle_items(items, batches, shard)
    outcomes = settle(records, settled, shard)
    applied = settled.get_column(Column.OUTCOME).is_in(APPLIED)
    effective = items if applied.all() else items.filter(applied)
    return _Ended(items, effective, outcomes, _for_people(outcomes, job, retried))


@dataclass(frozen=True, slots=True)
class Gathering:
    """What is added up shard by shard, of a run with such batches in the ledger."""

    batches: Mapping[BatchKey, BatchRow]
    tally: Tally
    causes: Causes
    samples: Samples

    def add(self, outcomes: pl.DataFrame, effective: pl.DataFrame, job: Job) -> None:
        """One shard's outcomes, and the items that took effect or are to."""
        self.tally.add(outcomes, effective, job)
        self.causes.add(outcomes)


def _gathering(run: Run) -> Gathering:
    shown = run.context.show_addresses
    return Gathering(
        run.ledger.batches(run.folder.run_id),
        Tally(run.manifest.read),
        Causes(run.job.labels, show_addresses=shown),
        Samples(run.job, show_addresses=shown),
    )


def _finish(
    run: Run,
    found: Gathering,
    status: RunStatus,
    modified: ModifiedCount,
    error: ConsentSyncError | None = None,
) -> Summary:
    """Writes summary and report, and the status where others look for it."""
    tally, batches = found.tally, found.batches
    nothing_sent = not batches and status in {RunStatus.PLANNED, RunStatus.STOPPED}
    requests = run.ledger.requests(run.folder.run_id)
    waiting = open_opt_outs.note(run, None if status is RunStatus.PLANNED else batches)
    summary = Summary(
        run_id=run.folder.run_id,
        destination=run.manifest.destination,
        status=status,
        plan_hash=run.manifest.plan_hash,
        balanced=tally.balanced,
        rows=tally.rows,
        withheld=tally.withheld,
        requests=_traffic(requests, slowed_of(run.ledger, run.folder.run_id)),
        modified_count=modified,
        transitions=tally.transitions if status is not RunStatus.PLANNED else run.manifest.transitions,
        reasons=tally.reasons,
        planned_transitions=run.manifest.transitions,
        samples=found.samples.steps,
        resubscriptions=found.samples.resubscriptions,
        guards=run.manifest.guards,
        requests_to_come=run.manifest.forecast if nothing_sent else None,
        error=problem(run, status, error),
        canary=canary_figures(run),
        open_opt_outs=waiting.figures,
        quarantine=quarantined(run, status),
        run_dir=str(run.folder.path),
        report=str(run.folder.path / REPORT),
    )
    now = run.context.clock()
    finished = None if status is RunStatus.PLANNED else now
    manifest = run.manifest.model_copy(
        update={"status": str(status), "finished_at": finished.isoformat() if finished else None}
    )
    material = Material(
        manifest, summary, found.causes, requests, bool(batches), _rest_waits(run, batches), waiting.rows
    )
    summary.next = [step.command for step in next_steps(material.situation) if step.command]
    run.folder.write_text(SUMMARY, summary.model_dump_json(indent=2) + "\n")
    run.folder.write_text(REPORT, render(view_of(material)))
    run.folder.write_manifest(manifest)
    publishing.publish(run.folder)
    run.ledger.set_status(run.folder.run_id, str(status), finished)
    return summary


def _traffic(requests: Sequence[Mapping[str, Any]], slowed: Slowed) -> Requests:
    return Requests(
        sent=len(requests),
        retried=sum(request["number"] > 1 for request in requests),
        throttled=sum(request["verdict"] == "throttled" for request in requests),
        waited_seconds=round(slowed.waited_seconds, 1),
        lowest_in_flight=slowed.lowest_in_flight,
        lowest_rows_per_request=slowed.lowest_rows,
    )


def _rest_waits(run: Run, batches: Mapping[BatchKey, BatchRow]) -> bool:
    """Whether the opt-outs went ahead by themselves, all of them, and the rest waits."""
    if run.ledger.permitted(run.folder.run_id) is not Extent.OPT_OUTS or len(batches) >= run.manifest.batches:
        return False
    ahead = (
        (shard, number)
        for shard in range(run.manifest.shards)
        for number in run.folder.read_plan("items", shard, pl.col(Column.PHASE) == OPT_OUT_PHASE, [Column.WIRE])
        .get_column(Column.BATCH)
        .unique()
    )
    return all(key in batches and batches[key].state == BatchState.SETTLED for key in ahead)


def _plan_of(folder: RunFolder, shard: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A shard's records and items."""
    return folder.read_plan("records", shard), folder.read_plan("items", shard, without=[Column.WIRE])


def outcomes_of(folder: RunFolder, manifest: Manifest, batches: Mapping[BatchKey, BatchRow], job: Job) -> pl.DataFrame:
    """The outcome of every record of the run, as in outcomes.parquet."""
    ended = partial(_ended, folder, batches, job, retried_by(folder))
    shards = in_order(ended, range(manifest.shards), memory.planners())
    return pl.concat([shard.shown for shard in shards]).sort("record")


def _for_people(outcomes: pl.DataFrame, job: Job, retried: pl.DataFrame) -> pl.DataFrame:
    """The columns of outcomes.parquet; withheld parts by the names that the mapping uses, reasons with a sentence."""
    since = pl.col("first_failed_at").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    said = {name: pl.col(name) for name in RETRIES} | {"attempts": pl.col("attempts") + 1, "first_failed_at": since}
    before = retried.select(
        pl.col(Column.RECORD).alias("record"),
        *(expression.alias(RETRIES[column]) for column, expression in said.items()),
    )
    named = pl.element().struct.with_fields(pl.field("part").replace(job.labels))
    undelivered = pl.col("outcome").is_in([str(o) for o in UNDELIVERED])
    meaning = pl.col("reason").replace_strict(
        [str(reason) for reason in ADVICE], [said for said, _ in ADVICE.values()], default=None, return_dtype=pl.String
    )
    return (
        outcomes.select(pl.col(column).alias(name) for name, column in OUTCOMES.items())
        .with_columns(
            pl.col("withheld").list.eval(named),
            pl.coalesce(pl.col("message").replace("", None), pl.when(undelivered).then(meaning)).alias("message"),
        )
        .join(before, on="record", how="left", maintain_order="left")
    )
