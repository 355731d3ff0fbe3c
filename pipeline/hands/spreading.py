"""Spreads the shards of a phase over hands, and waits for all of them: the next phase begins when nobody is at work."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from pipeline import lock
from pipeline.delivery import sending_order
from pipeline.hands.crew import Crew
from pipeline.hands.orders import Order
from pipeline.hands.waiting import failure_of, note_slowed_hands, worked
from pipeline.ledger.tables import BATCHES
from pipeline.model import BatchState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.carried_out import Run

LOOK_SECONDS: Final = 0.25
STOPPING_SECONDS: Final = 5.0
"""How long nobody may be at work, where all are to stop, before those who never began are waited for no longer."""
ANOTHER: Final = "stopped: another shard cannot be delivered"


def deliver(run: Run, phase: int, *, watchful: bool) -> Sequence[int]:
    """Delivers a phase by the hands that the context has; the shards that are left to the caller.

    These are all where the run is not spread, and else those of which nobody has said how they ended. No hand works for
    the run when it returns or raises: it raises what stopped a hand.
    """
    hands, shards = run.context.hands, run.manifest.shards
    backend = run.ledger.held_by
    if hands is None or shards == 1 or backend is None:
        return range(shards)
    open_shards = sending_order.open_shards(run, phase)
    if len(open_shards) < 2:
        return open_shards
    crew = Crew(run.ledger, lock.name_of(run.job.destination, run.job.account), run.folder.run_id, backend)
    order = Order(
        run.folder.run_id,
        run.manifest.plan_hash,
        crew.name,
        crew.call(),
        0,
        phase,
        watchful,
        tuple(facts.sha256 for facts in run.lists.facts),
    )
    orders = [replace(order, shard=shard) for shard in open_shards]

    def progress(_ended: int) -> None:
        run.context.progress("deliver", _settled(run), run.manifest.batches)

    told = worked(crew, hands, orders, run.context, progress)
    note_slowed_hands(run.ledger, run.folder.run_id, told.values(), run.context.clock())
    if (failure := failure_of([said.error for said in told.values()])) is not None:
        raise failure
    return [order.shard for order in orders if order not in told]


def _settled(run: Run) -> int:
    """How many batches are."""
    mine = (BATCHES.c.run_id == run.folder.run_id) & (BATCHES.c.state == BatchState.SETTLED)
    with run.ledger.transaction() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(BATCHES).where(mine)) or 0)
