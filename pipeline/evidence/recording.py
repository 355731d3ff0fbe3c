"""Records what was told as evidence: who it was about first, then the rows."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline import single_writer
from pipeline.erasure.forgotten import Forgotten
from pipeline.evidence.chain import Chain, People, chain_name, heads_of
from pipeline.evidence.pseudonym import key_of
from pipeline.model import Column
from pipeline.quarantine.plan import retried_by
from pipeline.stages.evidence import Origin, answered, evidence, from_export, named, people

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from pipeline.carried_out import Run

MOST: Final = 100_000
"""Items whose rows are one block: what is in memory at once, twice, as one is made while another is written."""


class Recorder:
    """Adds the answers of a run to the evidence, each once: as few blocks as fit the memory, in the order of shards.

    The destination's lock is held, so nobody else records the run, and what is not there at first is not there later.
    """

    def __init__(self, run: Run, clock: Callable[[], datetime]) -> None:
        self._run, self._clock = run, clock
        self._waiting: list[tuple[pl.DataFrame, pl.DataFrame]] = []
        self._written: Future[None] | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="evidence")
        self._vault: _Vault | None = None

    def close(self) -> None:
        """Waits for what is being written. What was added and not finished is left out."""
        self._pool.shutdown()

    def finish(self) -> None:
        """Writes what is left."""
        self._flush(0)
        self._settle()

    def add(self, items: pl.DataFrame, settled: pl.DataFrame) -> None:
        """The items of a shard and their answers, row by row in the same order."""
        start = 0
        while start < items.height:
            room = MOST - self._height
            self._waiting.append((items.slice(start, room), settled.slice(start, room)))
            self._flush(MOST)
            start += room

    @property
    def _height(self) -> int:
        """How many items wait: fewer than MOST."""
        return sum(items.height for items, _ in self._waiting)

    def _flush(self, least: int) -> None:
        """Writes what waits, if there is so much of it, while the caller goes on."""
        if not self._waiting or self._height < least:
            return
        items, settled = (pl.concat(frames) for frames in zip(*self._waiting, strict=True))
        self._waiting = []
        if answered(settled).is_empty():
            return
        if self._vault is None:
            self._vault = _Vault(self._run)
        who, rows = self._vault.made(items, settled, self._clock())
        self._settle()
        self._written = self._pool.submit(self._vault.put, who, rows)

    def _settle(self) -> None:
        """Waits for the block that is being written; raises what became of it."""
        if self._written is not None:
            self._written.result()
        self._written = None


class _Vault:
    """Where the evidence of a run goes."""

    def __init__(self, run: Run) -> None:
        home, name = run.context.home, chain_name(run.job.destination, run.job.account)
        self._home, self._ledger = home, run.ledger
        self._key = key_of(home, made=True)
        self._job = run.job
        self._origin = Origin(
            run=run.folder.run_id,
            export=Path(run.manifest.export).name,
            export_sha256=run.manifest.export_sha256,
            mapping_sha256=run.manifest.mapping_sha256,
            operator=run.context.settings.operator,
            key=self._key,
        )
        self._people, self._chain, self._heads = People(home, name), Chain(home, name), heads_of(home, run.ledger)
        self._forgotten, self._earlier = Forgotten(home), _earlier(run)
        self._are_known, self._is_begun = self._people.exists(), self._chain.knows(run.folder.run_id)

    def made(self, items: pl.DataFrame, settled: pl.DataFrame, now: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Who the items are about, and their rows of evidence, recorded now."""
        mine = named(items, self._key)
        who = self._forgotten.strangers(people(mine, settled, self._job, self._key))
        return who, from_export(evidence(mine, settled, self._job, self._origin, now), self._earlier)

    def put(self, who: pl.DataFrame, rows: pl.DataFrame) -> None:
        """Writes both, people first: a row whose subject nobody knows would prove nothing."""
        single_writer.require_sole(self._home, self._ledger)
        self._people.add(who, known=self._are_known)
        self._chain.append(rows, self._heads, known=self._is_begun)


def _earlier(run: Run) -> pl.DataFrame:
    """The records of the run that are of an earlier export, and of which: its name says where it was read."""
    retried = retried_by(run.folder)
    read = pl.format("{} (record {} of run {})", "export", "first_record", "first_run")
    return retried.select(pl.col(Column.RECORD).alias("record"), read.alias("export"), "export_sha256")
