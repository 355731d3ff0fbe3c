"""A hand delivers one shard of one phase: with a ledger, a session and a pace of its own, under the crew's eyes."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from pipeline import mapping_file, suppression
from pipeline.carried_out import Run
from pipeline.delivery import standing
from pipeline.delivery.blaming import placing
from pipeline.delivery.dispatching import dispatcher
from pipeline.errors import Interrupted, RunFolderError
from pipeline.hands.orders import Told
from pipeline.meeting import met
from pipeline.run_folder import RunFolder
from pipeline.subject import renamed
from pipeline.suppression import Lists

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.context import Context
    from pipeline.hands.orders import Order
    from pipeline.ledger.ledger import Ledger
    from pipeline.mapping_file import MappingFile
    from pipeline.run_folder import Manifest


def deliver(order: Order, context: Context, ledger: Ledger) -> Told:
    """Settles what of the order's shard and phase is not settled yet. Raises what stops it."""
    folder, manifest = _folder(context.home, order.run_id, order.plan_hash)
    file = mapping_file.load(folder.path / "mapping.yaml")
    with met(file, context, ledger) as (session, now_bound, _):
        standing.require_account(now_bound, manifest)
        job = renamed(now_bound, manifest)
        run = Run(folder, manifest, job, context, ledger, _lists(order, manifest, file, context))
        sends = dispatcher(run, session, lambda _: None, watchful=order.watchful, shards=[order.shard])
        try:
            with placing(file, session.destination, job, manifest.mapping):
                done = ledger.batches(order.run_id, order.shard)
                sends.send(order.phase, done, shards=[order.shard])
        finally:
            ledger.log_requests(order.run_id, session.take_log())
        return Told(session.take_slowed())


@lru_cache(maxsize=4)
def _folder(home: Path, run_id: str, plan_hash: str) -> tuple[RunFolder, Manifest]:
    """The run, whose files are those that the coordinator has: looked at once by a process, as by any command."""
    folder = RunFolder.open(home, run_id)
    manifest = folder.manifest()
    if manifest.plan_hash != plan_hash:
        raise RunFolderError(f"its home {home} has another plan under the name {run_id}")
    folder.require_unchanged(manifest)
    standing.require_whole(manifest)
    return folder, manifest


def _lists(order: Order, manifest: Manifest, file: MappingFile, context: Context) -> Lists:
    """The suppression lists that the coordinator compares with. Raises Interrupted where one has changed since."""
    if not order.lists:
        return Lists()
    lists = suppression.load_again(manifest, file, context.clock())
    if tuple(facts.sha256 for facts in lists.facts) != order.lists:
        raise Interrupted(
            f"stopped: a suppression list has changed while it was sent; `consent-sync resume {order.run_id}` goes on "
            "with the new one"
        )
    return lists
