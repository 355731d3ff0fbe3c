"""Where each chain of evidence ends, as the ledger knows it: by this a chain whose end was cut off is found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.ledger.tables import EVIDENCE
from pipeline.stages.blocks import Head

if TYPE_CHECKING:
    from pipeline.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Known:
    """The end of a chain: the last block that is certain, and the one whose writing was begun, if any."""

    head: Head
    promised: Head | None = None


@dataclass(frozen=True, slots=True)
class Heads:
    """The ends of one home's chains."""

    ledger: Ledger
    home: str

    def names(self) -> list[str]:
        """The chains that the ledger knows."""
        import sqlalchemy as sa

        with self.ledger.transaction() as connection:
            return list(connection.scalars(sa.select(EVIDENCE.c.chain).where(EVIDENCE.c.home == self.home)))

    def of(self, chain: str) -> Known | None:
        """The end of a chain; None: the ledger does not know it."""
        mine = (EVIDENCE.c.home == self.home) & (EVIDENCE.c.chain == chain)
        with self.ledger.transaction() as connection:
            row = connection.execute(EVIDENCE.select().where(mine)).mappings().first()
        if row is None:
            return None
        head = Head(row["rows"], row["blocks"], row["hash"])
        if row["next_hash"] is None:
            return Known(head)
        return Known(head, Head(row["next_rows"], row["blocks"] + 1, row["next_hash"]))

    def promise(self, chain: str, head: Head, promised: Head) -> None:
        """Says which block is going to be written after `head`: intention before deed."""
        self._put(chain, head, next_rows=promised.rows, next_hash=promised.hash)

    def settle(self, chain: str, head: Head) -> None:
        """Says that the chain ends here."""
        self._put(chain, head, next_rows=None, next_hash=None)

    def _put(self, chain: str, head: Head, **promised: object) -> None:
        facts = {"rows": head.rows, "blocks": head.blocks, "hash": head.hash, **promised}
        mine = (EVIDENCE.c.home == self.home) & (EVIDENCE.c.chain == chain)
        with self.ledger.transaction() as connection:
            if connection.execute(EVIDENCE.update().where(mine).values(facts)).rowcount == 0:
                connection.execute(EVIDENCE.insert().values(home=self.home, chain=chain, **facts))
