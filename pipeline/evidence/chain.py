"""The evidence of one destination and account: a chain that only grows, and beside it who its rows are about.

HOME/evidence/DESTINATION-ACCOUNT/ is a Delta table; each append is one commit and one block. HOME/people/ has the same
folders: the only place that leads from a row to a person, and it can be erased.

Where truth lies after a crash: the ledger is told which block is going to be written before it is written, and that it
was written afterwards. A chain ends either where the ledger says, or with the block that was promised; the next append
settles which. Every other end is a break. A chain goes on after the ledger's end, so that a break stays visible.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline import delta, lock
from pipeline.evidence.heads import Heads
from pipeline.evidence.pseudonym import key_of, name_of
from pipeline.stages.blocks import BLOCK, BLOCK_HASH, HASH, SEQUENCE, Head, seal
from pipeline.stages.evidence import ONCE, PEOPLE, SUBJECT
from pipeline.store.place import place_of

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.ledger.ledger import Ledger

_NO_STATISTICS: Final = {"delta.dataSkippingNumIndexedCols": "0"}
"""The log of a Delta table would hold the least and the greatest identity."""


def chain_name(destination: str, account: str) -> str:
    """The folder of a destination and account, named as its lock and its state are."""
    return lock.name_of(destination, account)


def heads_of(home: Path, ledger: Ledger) -> Heads:
    """The ends of a home's chains, as the ledger knows them."""
    return Heads(ledger, name_of(key_of(home)))


class Chain:
    """The chain under one name. Appending is for the holder of the destination's lock. Raises StorageError."""

    def __init__(self, home: Path, name: str) -> None:
        self.name = name
        self.path = place_of(home, "evidence", name)

    def append(self, rows: pl.DataFrame, heads: Heads, *, known: bool = True) -> int:
        """Adds what is not there yet as one block; returns how many rows that is. Doing it twice adds nothing.

        `known` False: the caller knows that none of the rows is there.
        """
        if rows.is_empty():
            return 0
        head = self._end(heads)
        new = rows
        if known:
            new = rows.join(self._answers(rows), on=ONCE, how="anti", nulls_equal=True, maintain_order="left")
        if new.is_empty():
            return 0
        sealed, after = seal(new, head)
        heads.promise(self.name, head, after)
        delta.append(self.path, sealed, distinct=(SUBJECT, HASH))
        heads.settle(self.name, after)
        return new.height

    def knows(self, run: str) -> bool:
        """Whether something is recorded of a run."""
        if not delta.exists(self.path):
            return False
        with delta.using(self.path):
            return not delta.scan(self.path).filter(pl.col("run") == run).select("run").head(1).collect().is_empty()

    def about(self, subjects: list[str]) -> pl.DataFrame:
        """The rows about subjects, in their order."""
        with delta.using(self.path):
            return delta.scan(self.path).filter(pl.col("subject").is_in(subjects)).sort(SEQUENCE).collect()

    def _answers(self, rows: pl.DataFrame) -> pl.DataFrame:
        """What is recorded of the runs' records already."""
        if not delta.exists(self.path):
            return rows.clear().select(ONCE)
        asked = rows.select("run", "record").unique().lazy()
        with delta.using(self.path):
            recorded = delta.scan(self.path).filter(pl.col("run").is_in(rows.get_column("run").unique().to_list()))
            found = recorded.select(ONCE).join(asked, on=["run", "record"], how="semi", nulls_equal=True)
            return found.collect(engine="streaming")

    def _end(self, heads: Heads) -> Head:
        """Where to go on; settles whether a promised block came to be."""
        known = heads.of(self.name)
        if known is None:
            return self._last()
        if known.promised is None:
            return known.head
        end = known.promised if self._has(known.promised) else known.head
        heads.settle(self.name, end)
        return end

    def _has(self, block: Head) -> bool:
        if not delta.exists(self.path):
            return False
        mine = (pl.col(BLOCK) == block.blocks) & (pl.col(BLOCK_HASH) == block.hash)
        with delta.using(self.path):
            return not delta.scan(self.path).filter(mine).select(SEQUENCE).head(1).collect().is_empty()

    def _last(self) -> Head:
        """The end of a chain that the ledger does not know, as that of a new one."""
        if not delta.exists(self.path):
            return Head()
        with delta.using(self.path):
            last = delta.scan(self.path).select(SEQUENCE, BLOCK, BLOCK_HASH).top_k(1, by=SEQUENCE)
            rows = last.collect().rows()
        return Head(*rows[0]) if rows else Head()


class People:
    """Who the subjects of a chain are. Raises StorageError."""

    def __init__(self, home: Path, name: str) -> None:
        self.path = place_of(home, "people", name)

    def exists(self) -> bool:
        """Whether anybody is known."""
        return delta.exists(self.path)

    def read(self) -> pl.DataFrame:
        """All rows; empty where nobody is known."""
        if not delta.exists(self.path):
            return PEOPLE.to_frame()
        with delta.using(self.path):
            return delta.scan(self.path).collect()

    def add(self, people: pl.DataFrame, *, known: bool = True) -> None:
        """Adds those that are not there yet. `known` False: the caller knows that none of them is."""
        new = people
        if known and delta.exists(self.path):
            # Known before the scan begins: it would be held in memory until a join knows what it is joined with.
            asked = pl.col(SUBJECT).is_in(people.get_column(SUBJECT).unique().implode())
            with delta.using(self.path):
                there = delta.scan(self.path).filter(asked).collect(engine="streaming")
            new = people.join(there, on=list(PEOPLE), how="anti", nulls_equal=True, maintain_order="left")
        if not new.is_empty():
            delta.append(self.path, new, _NO_STATISTICS, distinct=(SUBJECT, "identity", "address"))
