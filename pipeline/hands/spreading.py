"""Spreads the shards of a phase over hands, and waits for all of them: the next phase begins when nobody is at work."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from pipeline import lock, sending_order
from pipeline.errors import DestinationError, Interrupted
from pipeline.hands.crew import Crew
from pipeline.hands.orders import Order
from pipeline.ledger_tables import BATCHES
from pipeline.model import BatchState
from pipeline.pacing.book import note_slowed
from pipeline.pacing.governor import Slowed
from pipeline.stopping import why

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pipeline.carried_out import Run
    from pipeline.context import Context
    from pipeline.errors import ConsentSyncError
    from pipeline.hands.orders import Hands, Told, Work

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

    def progress() -> None:
        run.context.progress("deliver", _settled(run), run.manifest.batches)

    told = worked(crew, hands, orders, run.context, progress)
    _note_slowed(run, [said.slowed for said in told.values()])
    if (failure := failure_of([said.error for said in told.values()])) is not None:
        raise failure
    return [order.shard for order in orders if order not in told]


def worked(
    crew: Crew, hands: Hands, orders: Sequence[Order], context: Context, progress: Callable[[], None] = lambda: None
) -> dict[Order, Told]:
    """What hands tell of orders; none of them is at work afterwards. An order is missing of which nobody tells."""
    try:
        with hands.working(orders) as work:
            try:
                found = _waited_for(crew, hands, work, orders, context, progress)
            finally:
                work.cancel()
    except DestinationError:
        found = {}  # nobody is reached: who called does it alone
    finally:
        crew.dismiss()
    return {order: said for order, said in found.items() if said is not None}


def _waited_for(
    crew: Crew,
    hands: Hands,
    work: Work,
    orders: Sequence[Order],
    context: Context,
    progress: Callable[[], None],
) -> Mapping[Order, Told | None]:
    seen, ended, stopping, pause = time.monotonic(), 0, False, threading.Event()
    while len(found := work.told()) < len(orders):
        if not stopping and (context.stop.is_set() or any(said is not None and said.kind for said in found.values())):
            crew.stop(why(context.stop) if context.stop.is_set() else ANOTHER)
            stopping = True
        if crew.at_work() or len(found) > ended:
            seen, ended = time.monotonic(), len(found)
        if time.monotonic() - seen > (STOPPING_SECONDS if stopping else hands.patience_seconds):
            break
        if crew.ledger.require is not None:
            crew.ledger.require()
        progress()
        (pause if stopping else context.stop).wait(LOOK_SECONDS)
    return found


def failure_of(errors: Sequence[ConsentSyncError | None]) -> ConsentSyncError | None:
    """What stopped the hands: what one of them met, before what the others were stopped by."""
    found = [error for error in errors if error is not None]
    return next((error for error in found if not isinstance(error, Interrupted)), next(iter(found), None))


def _settled(run: Run) -> int:
    """How many batches are."""
    mine = (BATCHES.c.run_id == run.folder.run_id) & (BATCHES.c.state == BatchState.SETTLED)
    with run.ledger.transaction() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(BATCHES).where(mine)) or 0)


def _note_slowed(run: Run, slowed: Sequence[Slowed]) -> None:
    """Hands that wait for turns wait at the same time, so of their seconds the most count."""
    in_flight = [one.lowest_in_flight for one in slowed if one.lowest_in_flight is not None]
    rows = [one.lowest_rows for one in slowed if one.lowest_rows is not None]
    seconds = max((one.waited_seconds for one in slowed), default=0.0)
    whole = Slowed(seconds, min(in_flight, default=None), min(rows, default=None))
    note_slowed(run.ledger, run.folder.run_id, whole, run.context.clock())
