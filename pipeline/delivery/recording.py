"""Writes what the destination confirmed into the state, and what was told as evidence: shard by shard, meanwhile."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import polars as pl

from pipeline import single_writer
from pipeline.delivery import canary
from pipeline.evidence.recording import Recorder
from pipeline.model import Column, Reason
from pipeline.quarantine import recording as quarantining
from pipeline.stages.outcomes import settle_items
from pipeline.stages.record import Teller, told
from pipeline.state import State

if TYPE_CHECKING:
    from types import TracebackType

    from pipeline.carried_out import Run
    from pipeline.ledger.rows import Settlement


class Recording:
    """Records a run. Doing it twice changes nothing.

    A shard is recorded as soon as there is nothing left to ask or to send of it, while others are delivered; `finish`
    records the rest. What fails meanwhile stops no delivery: the ledger has what came of it, and `finish` raises.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._state = State(run.context.home, run.job.destination, run.job.account)
        self._extent = run.ledger.permitted(run.folder.run_id)
        self._evidence = Recorder(run, run.context.clock)
        self._open = self._left() if run.manifest.shards > 1 else {}
        self._recorded: dict[int, Future[pl.DataFrame]] = {}
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="record")

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._evidence.close()

    def settled(self, settlement: Settlement) -> None:
        """A batch of a run that is being delivered is settled; its shard is recorded when it was the last of it."""
        shard, batch = settlement.key
        # What is unknown may be asked for again; the only shard ends with the run.
        if shard not in self._open or any(e.unknown for e in settlement.delivery.exceptional):
            return
        self._open[shard].discard(batch)
        if not self._open[shard]:
            self._begin(shard)

    def finish(self) -> None:
        """Records what is not recorded yet, and what is to be tried again."""
        run = self._run
        shards = range(run.manifest.shards)
        for shard in shards:
            self._begin(shard)
        failed = []
        for shard in shards:
            failed.append(self._recorded[shard].result())
            run.context.progress("record", shard + 1, len(shards))
        self._evidence.finish()
        self._state.tidy()
        if self._extent is not None:
            # What a canary holds back is for somebody to let go, as what the guards hold back is.
            if canary.holds_back(run):
                failed = [some.filter(pl.col(Column.REASON) != Reason.NOT_SENT) for some in failed]
            quarantining.record(run, failed, self._extent)

    def _begin(self, shard: int) -> None:
        if shard not in self._recorded:
            self._recorded[shard] = self._pool.submit(self._record, shard)

    def _record(self, shard: int) -> pl.DataFrame:
        """Records a shard; returns what of it is to be tried again."""
        run, folder = self._run, self._run.folder
        decided = folder.read_plan("addresses" if run.job.by_address else "records", shard)
        items = folder.read_plan("items", shard, without=[Column.WIRE])
        settled = settle_items(items, run.ledger.batches(folder.run_id, shard), shard)
        self._evidence.add(items, settled)
        facts = told(items, settled, decided, run.job, Teller(folder.run_id, run.context.clock()))
        single_writer.require_sole(run.context.home, run.ledger)
        self._state.write(facts.rows, facts.gone, facts.doubtful)
        if self._extent is None:
            return pl.DataFrame()
        return quarantining.undelivered(items, settled, decided, self._extent)

    def _left(self) -> dict[int, set[int]]:
        """The batches of each shard of which something is to be sent or asked for when it is delivered."""
        folder = self._run.folder
        clear = {key for key, row in self._run.ledger.batches(folder.run_id).items() if row.clear}
        left = {}
        for shard in range(self._run.manifest.shards):
            numbers = folder.read_plan("items", shard, only=Column.BATCH).get_column(Column.BATCH).unique()
            left[shard] = {number for number in numbers if (shard, number) not in clear}
        return left


def record(run: Run) -> None:
    """Records all of a run that nobody delivers just now."""
    with Recording(run) as recording:
        recording.finish()
