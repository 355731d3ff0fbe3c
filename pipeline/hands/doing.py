"""A hand does what it is asked for, in its place in the crew; what stops it is told, not raised."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from pipeline.errors import ConsentSyncError, SettingsError
from pipeline.hands import delivering, planning
from pipeline.hands.joining import joined
from pipeline.hands.orders import Order, PlanOrder, told_of
from pipeline.ledger.ledger import opened
from pipeline.stopping import Stop

if TYPE_CHECKING:
    from pipeline.context import Context
    from pipeline.hands.orders import AnyOrder, Told


def do(order: AnyOrder, context: Context) -> Told:
    """Carries out an order, with settings of this process's own: they are those of the coordinator, or it is refused.

    The home is the same folder, the database the same, the account the same.
    """
    stop = Stop()
    own = replace(context, stop=stop)
    try:
        with opened(own) as ledger:
            if not ledger.is_shared:
                raise SettingsError("CONSENT_SYNC_DATABASE_URL is not the PostgreSQL database of the run")
            with joined(ledger, order.crew, order.token, f"shard {order.shard}", stop):
                match order:
                    case Order():
                        return delivering.deliver(order, own, ledger)
                    case PlanOrder():
                        return planning.plan(order, own, ledger)
                    case _:
                        assert_never(order)
    except ConsentSyncError as error:
        return told_of(error)
