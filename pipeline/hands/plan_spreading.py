"""Spreads the shards of a plan over hands. They only read from the destination, and write into the run folder."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from pipeline.hands.crew import Crew
from pipeline.hands.orders import PlanOrder
from pipeline.hands.waiting import failure_of, note_slowed_hands, worked
from pipeline.ledger import locks
from pipeline.planning import deciding

if TYPE_CHECKING:
    from pipeline.context import Context
    from pipeline.hands.orders import Hands
    from pipeline.ledger.ledger import Ledger
    from pipeline.planning.drafting import Draft
    from pipeline.planning.sealing import Planned
    from pipeline.session import Session

STAGE: Final = "plan"


def plan_shards(draft: Draft, context: Context, ledger: Ledger, session: Session) -> list[Planned]:
    """Plans every shard: by the hands that the context has, and by this process what they leave."""
    if context.hands is None or draft.shards == 1 or not ledger.is_shared:
        return deciding.plan_shards(draft, context, session)
    found = _by_hands(draft, context, ledger, session, context.hands)
    if not found:
        return deciding.plan_shards(draft, context, session)
    for shard in [shard for shard in range(draft.shards) if shard not in found]:
        step = partial(deciding.plan_shard, draft, shard, context, session)
        found[shard] = context.perform(f"plan shard {shard + 1} of {draft.shards}", step)
    return [found[shard] for shard in range(draft.shards)]


def _by_hands(draft: Draft, context: Context, ledger: Ledger, session: Session, hands: Hands) -> dict[int, Planned]:
    """What hands have planned, by shard; the requests that it took go to the session's. Raises what stopped one."""
    run_id = draft.folder.run_id
    name = f"the plan of {run_id}"
    with locks.translated(), locks.connected(ledger) as connection:
        # Nobody else plans under that name; it is held so that hands see when this process is gone.
        if not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(locks.key_of(name)))):
            return {}
        crew = Crew(ledger, name, run_id, int(connection.scalar(sa.select(sa.func.pg_backend_pid())) or 0))
        orders = _orders(draft, name, crew.call())
        told = worked(crew, hands, orders, context, lambda ended: context.progress(STAGE, ended, draft.shards))
    for said in told.values():
        session.log.extend(said.log)
    note_slowed_hands(ledger, run_id, told.values(), context.clock())
    if (failure := failure_of([said.error for said in told.values()])) is not None:
        raise failure
    return {order.shard: said.planned for order, said in told.items() if said.planned is not None}


def _orders(draft: Draft, crew: str, token: str) -> list[PlanOrder]:
    return [
        PlanOrder(
            draft.folder.run_id,
            crew,
            token,
            shard,
            draft.shards,
            str(draft.file.path.absolute()),
            draft.job.account,
            draft.origin.path,
            draft.origin.sha256,
            draft.full,
            draft.begun_at,
            draft.lists.facts,
        )
        for shard in range(draft.shards)
    ]
