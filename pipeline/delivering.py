"""Carries out a plan: delivers its batches, opt-outs first."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline import canary, mapping_file, relisting, sending_order
from pipeline.blaming import placing
from pipeline.errors import GuardTripped, Refused
from pipeline.job import row_key
from pipeline.model import Column, Reason, RunStatus
from pipeline.stages.batch import PHASES
from pipeline.stages.deliver import Deliverer
from pipeline.store import publishing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import polars as pl

    from pipeline.carried_out import Run
    from pipeline.errors import ConsentSyncError
    from pipeline.ledger_rows import Settlement
    from pipeline.model import Extent
    from pipeline.session import Session
    from pipeline.stages.deliver import Batch


def deliver(run: Run, session: Session, extent: Extent, heard: Callable[[Settlement], None], *, watchful: bool) -> None:
    """Settles what of `extent` is not settled yet or unknown. Raises what stopped it, after the batches in flight.

    `heard` is told of every batch that is settled.
    """
    publishing.secure(run.folder, run.manifest)
    total = run.manifest.batches
    count = before = sum(row.clear for row in run.ledger.batches(run.folder.run_id).values())

    def settled(settlement: Settlement) -> None:
        nonlocal count
        count += not any(e.reason is Reason.NOT_SENT for e in settlement.delivery.exceptional)
        run.context.progress("deliver", count, total)
        heard(settlement)

    deliverer = Deliverer(
        run.job, session, run.ledger, run.folder.run_id, run.context.stop, run.context.clock, settled, watchful
    )
    deliverer.lists = run.lists.listed
    forbidden = relisting.barred(run)

    def send(most: int | None = None) -> None:
        done = run.ledger.batches(run.folder.run_id)
        budget = None if most is None else sending_order.Budget(most)
        for phase in sending_order.PHASES_OF[extent]:
            deliverer.deliver(_without(forbidden, sending_order.batches(run, phase, done, budget), run))

    file = mapping_file.load(run.folder.path / "mapping.yaml")
    try:
        with placing(file, session.destination, run.job, run.manifest.mapping):
            canary.first(run, session, extent, send)
            send()
    finally:
        if count > before:
            relisting.note(run, forbidden)


def look_back(run: Run, session: Session) -> None:
    """Settles what was sent of a plan that another run has overtaken, and nobody knows of; sends nothing."""
    done = run.ledger.batches(run.folder.run_id)
    stop, clock = run.context.stop, run.context.clock
    deliverer = Deliverer(run.job, session, run.ledger, run.folder.run_id, stop, clock, sends=False)
    # Of a batch that a canary began, only the canary's part may have been sent.
    budget = canary.budget_of(run)
    for phase in PHASES:
        deliverer.deliver(batch for batch in sending_order.batches(run, phase, done, budget) if batch.begun)


def _without(forbidden: pl.DataFrame, batches: Iterator[Batch], run: Run) -> Iterator[Batch]:
    """The batches with what a suppression list forbids by now."""
    if forbidden.is_empty():
        yield from batches
        return
    for batch in batches:
        barred = batch.items.join(forbidden, on=row_key(run.job), how="semi")
        yield replace(batch, barred=tuple(barred.get_column(Column.RECORD)))


def status_after(error: ConsentSyncError) -> RunStatus:
    """STOPPED where somebody must change something first, INTERRUPTED where resuming is enough."""
    return RunStatus.STOPPED if isinstance(error, Refused | GuardTripped) else RunStatus.INTERRUPTED
