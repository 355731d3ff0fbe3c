"""A hand plans one shard, from the run folder's own copies of what the coordinator planned from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import suppression
from pipeline.binding import bind
from pipeline.errors import Interrupted, SettingsError
from pipeline.hands.orders import Told
from pipeline.meeting import met
from pipeline.planning.deciding import plan_shard
from pipeline.planning.drafting import Draft
from pipeline.run_folder import RunFolder
from pipeline.subject import Origin, copies

if TYPE_CHECKING:
    from pipeline.context import Context
    from pipeline.hands.orders import PlanOrder
    from pipeline.ledger.ledger import Ledger
    from pipeline.mapping_file import MappingFile
    from pipeline.suppression import Lists


def plan(order: PlanOrder, context: Context, ledger: Ledger) -> Told:
    """Plans the order's shard. Raises what stops it; plans nothing where the coordinator's folder is not to be seen."""
    folder = RunFolder(context.home / "runs" / order.run_id)  # it has no manifest yet
    if not folder.path.is_dir():
        return Told()
    file, audience = copies(folder)
    with met(file, context, ledger) as (session, now_bound, _):
        if now_bound.account != order.account:
            raise SettingsError(f"its settings lead to the account {now_bound.account}, not to {order.account}")
        job = replace(bind(file, audience), mapping=Path(order.mapping).stem)
        origin, lists = Origin(order.export, order.export_sha256), _lists(order, file, context)
        draft = Draft(file, origin, None, job, audience, folder, order.shards, order.full, lists, order.begun_at)
        planned = plan_shard(draft, order.shard, context, session)
        return Told(session.take_slowed(), planned, tuple(session.take_log()))


def _lists(order: PlanOrder, file: MappingFile, context: Context) -> Lists:
    """The suppression lists that the coordinator has read. Raises Interrupted where one has changed since."""
    lists = suppression.load_from(
        [Path(facts.path) for facts in order.lists], replace(file, path=Path(order.mapping)), context.clock()
    )
    if [facts.sha256 for facts in lists.facts] != [facts.sha256 for facts in order.lists]:
        raise Interrupted("stopped: a suppression list has changed while it was planned; run the same command again")
    return lists
