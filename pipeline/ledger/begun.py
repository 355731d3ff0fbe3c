"""Work that a destination has begun for a batch and goes on with by itself: its names outlive the process.

As long as such work may take effect, reading back says nothing of what is still to come of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from pipeline.ledger.tables import BEGUN

if TYPE_CHECKING:
    from datetime import datetime

    from pipeline.ledger.ledger import Ledger
    from pipeline.ledger.rows import BatchKey


def keep(ledger: Ledger, run_id: str, key: BatchKey, work: str, now: datetime) -> None:
    """Keeps a name; committed when it returns."""
    row = {"run_id": run_id, "shard": key[0], "batch": key[1], "work": work, "at": now}
    with ledger.transaction() as connection:
        connection.execute(BEGUN.insert(), [row])


def of(ledger: Ledger, run_id: str) -> dict[BatchKey, tuple[str, ...]]:
    """The names by batch, the first first."""
    found: dict[BatchKey, tuple[str, ...]] = {}
    with ledger.transaction() as connection:
        for row in connection.execute(sa.select(BEGUN).where(BEGUN.c.run_id == run_id).order_by(BEGUN.c.id)):
            found[row.shard, row.batch] = (*found.get((row.shard, row.batch), ()), row.work)
    return found
