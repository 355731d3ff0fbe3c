"""Batches that travelled together: their requests are written down once, with the first of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from pipeline.ledger.tables import METADATA

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.ledger.ledger import Ledger
    from pipeline.ledger.rows import BatchKey

TOGETHER: Final = sa.Table(
    "together",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run_id", sa.String, nullable=False, index=True),
    sa.Column("shard", sa.Integer, nullable=False),
    sa.Column("batch", sa.Integer, nullable=False),
    sa.Column("first_shard", sa.Integer, nullable=False),
    sa.Column("first_batch", sa.Integer, nullable=False),
)
"""A batch, and the one that it travelled with."""


def note(connection: sa.Connection, run_id: str, pairs: Iterable[tuple[BatchKey, BatchKey]]) -> None:
    """Keeps of batches with which one they travelled."""
    rows = [
        {"run_id": run_id, "shard": shard, "batch": batch, "first_shard": first[0], "first_batch": first[1]}
        for (shard, batch), first in pairs
    ]
    if rows:
        connection.execute(TOGETHER.insert(), rows)


def firsts(ledger: Ledger, run_id: str) -> dict[BatchKey, set[BatchKey]]:
    """Of each batch that travelled with another one: with which its requests are written down."""
    found: dict[BatchKey, set[BatchKey]] = {}
    with ledger.transaction() as connection:
        for row in connection.execute(sa.select(TOGETHER).where(TOGETHER.c.run_id == run_id)):
            found.setdefault((row.shard, row.batch), set()).add((row.first_shard, row.first_batch))
    return found
