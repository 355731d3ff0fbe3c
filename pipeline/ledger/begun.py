"""Work that a destination has begun for a batch and goes on with by itself: its names outlive the process.

As long as such work may take effect, reading back says nothing of what is still to come of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from pipeline.ledger.tables import BEGUN

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from pipeline.ledger.ledger import Ledger
    from pipeline.ledger.rows import BatchKey


def keep(ledger: Ledger, run_id: str, keys: Iterable[BatchKey], work: str, now: datetime) -> None:
    """Keeps a name for batches that travelled together; committed for all of them when it returns."""
    rows = [{"run_id": run_id, "shard": shard, "batch": batch, "work": work, "at": now} for shard, batch in keys]
    with ledger.transaction() as connection:
        connection.execute(BEGUN.insert(), rows)


def of(ledger: Ledger, run_id: str) -> dict[BatchKey, tuple[str, ...]]:
    """The names by batch, the first first."""
    found: dict[BatchKey, tuple[str, ...]] = {}
    with ledger.transaction() as connection:
        for row in connection.execute(sa.select(BEGUN).where(BEGUN.c.run_id == run_id).order_by(BEGUN.c.id)):
            found[row.shard, row.batch] = (*found.get((row.shard, row.batch), ()), row.work)
    return found
