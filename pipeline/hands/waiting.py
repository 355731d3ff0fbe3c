"""Gives orders out to a crew, and waits until all of them have ended and nobody is at work any more."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final, TypeVar

from pipeline.errors import DestinationError, Interrupted
from pipeline.hands.orders import AnyOrder
from pipeline.pacing.book import note_slowed
from pipeline.pacing.governor import Slowed
from pipeline.stopping import why

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from pipeline.context import Context
    from pipeline.errors import ConsentSyncError
    from pipeline.hands.crew import Crew
    from pipeline.hands.orders import Hands, Told, Work
    from pipeline.ledger.ledger import Ledger

Asked = TypeVar("Asked", bound=AnyOrder)

LOOK_SECONDS: Final = 0.25
STOPPING_SECONDS: Final = 5.0
"""How long nobody may be at work, where all are to stop, before those who never began are waited for no longer."""
ANOTHER: Final = "stopped: another shard cannot be worked on"


def worked(
    crew: Crew, hands: Hands, orders: Sequence[Asked], context: Context, progress: Callable[[int], None]
) -> dict[Asked, Told]:
    """What hands tell of orders; none of them is at work afterwards. An order is missing of which nobody tells."""
    try:
        with hands.working(orders) as work:
            try:
                found = _waited_for(crew, hands, work, orders, context, progress)
            finally:
                work.cancel()
    except DestinationError:
        found = {}
    finally:
        crew.dismiss()
    return {order: said for order in orders if (said := found.get(order)) is not None}


def _waited_for(
    crew: Crew,
    hands: Hands,
    work: Work,
    orders: Sequence[AnyOrder],
    context: Context,
    progress: Callable[[int], None],
) -> Mapping[AnyOrder, Told | None]:
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
        progress(len(found))
        (pause if stopping else context.stop).wait(LOOK_SECONDS)
    return found


def failure_of(errors: Sequence[ConsentSyncError | None]) -> ConsentSyncError | None:
    """What stopped the hands: what one of them met, before what the others were stopped by."""
    found = [error for error in errors if error is not None]
    return next((error for error in found if not isinstance(error, Interrupted)), next(iter(found), None))


def note_slowed_hands(ledger: Ledger, run_id: str, told: Iterable[Told], now: datetime) -> None:
    """Hands that wait for turns wait at the same time, so of their seconds the most count."""
    slowed = [said.slowed for said in told]
    in_flight = [one.lowest_in_flight for one in slowed if one.lowest_in_flight is not None]
    rows = [one.lowest_rows for one in slowed if one.lowest_rows is not None]
    seconds = max((one.waited_seconds for one in slowed), default=0.0)
    note_slowed(ledger, run_id, Slowed(seconds, min(in_flight, default=None), min(rows, default=None)), now)
