"""Sends the phases of a plan, without what a suppression list forbids by now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipeline.delivery import relisting, sending_order
from pipeline.job import row_key
from pipeline.model import Column
from pipeline.stages.deliver import Deliverer
from pipeline.stages.loads import Loads, piece_of, travel_together

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import polars as pl

    from pipeline.carried_out import Run
    from pipeline.delivery.sending_order import Budget
    from pipeline.destinations.interface import Limits
    from pipeline.ledger.rows import BatchKey, BatchRow, Settlement
    from pipeline.session import Session
    from pipeline.stages.deliver import Batch, Load


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Sends phases of one run by one session. `forbidden`: what a suppression list has by now."""

    run: Run
    deliverer: Deliverer
    forbidden: pl.DataFrame

    def send(
        self,
        phase: int,
        done: Mapping[BatchKey, BatchRow],
        budget: Budget | None = None,
        shards: Sequence[int] | None = None,
    ) -> None:
        """Settles what of a phase is not settled yet or unknown. Raises what stopped it."""
        batches = self._without(sending_order.batches(self.run, phase, done, budget, shards))
        self.deliverer.deliver(loads_of(self.run, batches, self.deliverer.session.destination.limits))

    def _without(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        if self.forbidden.is_empty():
            yield from batches
            return
        for batch in batches:
            barred = batch.items.join(self.forbidden, on=row_key(self.run.job), how="semi")
            yield replace(batch, barred=tuple(barred.get_column(Column.RECORD)))


def loads_of(run: Run, batches: Iterable[Batch], limits: Limits) -> Iterator[Load]:
    """The batches as they travel: of a small plan, those that are not full with those of the next shards."""
    if not travel_together(run.manifest.shards, run.manifest.items):
        yield from ([batch] for batch in batches)
        return
    waiting: dict[BatchKey, Batch] = {}
    loads = Loads.within(run.job, limits)
    for batch in batches:
        if not batch.may_join:
            yield [batch]
            continue
        waiting[batch.key] = batch
        piece = piece_of(batch.key, batch.items, run.job)
        # What was in flight is read back first, and what was not is sent at once.
        for load in loads.add(replace(piece, kind=(*piece.kind, batch.begun))):
            yield [waiting.pop(piece.key) for piece in load]
    for load in loads.rest():
        yield [waiting.pop(piece.key) for piece in load]


def dispatcher(
    run: Run,
    session: Session,
    settled: Callable[[Settlement], None],
    *,
    watchful: bool,
    shards: Sequence[int] | None = None,
) -> Dispatcher:
    """What sends a run's phases, or those of some shards; `settled` is told of every batch."""
    context = run.context
    deliverer = Deliverer(
        run.job, session, run.ledger, run.folder.run_id, context.stop, context.clock, settled, watchful
    )
    deliverer.lists = run.lists.listed
    return Dispatcher(run, deliverer, relisting.barred(run, shards))
