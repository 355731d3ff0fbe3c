"""Carries out a plan: delivers its batches, opt-outs first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import mapping_file
from pipeline.delivery import canary, relisting, sending_order
from pipeline.delivery.blaming import placing
from pipeline.delivery.dispatching import dispatcher, loads_of
from pipeline.errors import GuardTripped, Refused
from pipeline.hands import spreading
from pipeline.model import Reason, RunStatus
from pipeline.stages.batch import PHASES
from pipeline.stages.deliver import Deliverer
from pipeline.store import publishing

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.carried_out import Run
    from pipeline.errors import ConsentSyncError
    from pipeline.ledger.rows import Settlement
    from pipeline.model import Extent
    from pipeline.session import Session


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

    sends = dispatcher(run, session, settled, watchful=watchful)

    def send(most: int | None = None) -> None:
        """The canary is sent from here; so is what hands leave of the rest."""
        budget = None if most is None else sending_order.Budget(most)
        for phase in sending_order.PHASES_OF[extent]:
            left = spreading.deliver(run, phase, watchful=watchful) if most is None else None
            sends.send(phase, run.ledger.batches(run.folder.run_id), budget, left)

    file = mapping_file.load(run.folder.path / "mapping.yaml")
    try:
        with placing(file, session.destination, run.job, run.manifest.mapping):
            canary.first(run, session, extent, send)
            send()
    finally:
        if count > before or run.context.hands is not None:
            relisting.note(run, sends.forbidden)


def look_back(run: Run, session: Session) -> None:
    """Settles what was sent of a plan that another run has overtaken, and nobody knows of; sends nothing."""
    done = run.ledger.batches(run.folder.run_id)
    stop, clock = run.context.stop, run.context.clock
    deliverer = Deliverer(run.job, session, run.ledger, run.folder.run_id, stop, clock, sends=False)
    # Of a batch that a canary began, only the canary's part may have been sent.
    budget = canary.budget_of(run)
    for phase in PHASES:
        begun = (batch for batch in sending_order.batches(run, phase, done, budget) if batch.begun)
        deliverer.deliver(loads_of(run, begun, session.destination.limits))


def status_after(error: ConsentSyncError) -> RunStatus:
    """STOPPED where somebody must change something first, INTERRUPTED where resuming is enough."""
    return RunStatus.STOPPED if isinstance(error, Refused | GuardTripped) else RunStatus.INTERRUPTED
