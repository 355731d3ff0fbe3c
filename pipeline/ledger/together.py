"""Batches that travelled together: their requests are written down once, with the first of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from pipeline.ledger.tables import METADATA

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from pipeline.ledger.ledger import Ledger
    from pipeline.ledger.rows import BatchKey
    from pipeline.transport.sending import Attempt

TOGETHER: Final = sa.Table(
    "together",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run_id", sa.String, nullable=False, index=True),
    sa.Column("shard", sa.Integer, nullable=False),
    sa.Column("batch", sa.Integer, nullable=False),
    sa.Column("first_shard", sa.Integer, nullable=False),
    sa.Column("first_batch", sa.Integer, nullable=False),
    sa.Column("since", sa.DateTime(timezone=True), nullable=False),
    sa.Column("until", sa.DateTime(timezone=True), nullable=False),
)
"""A batch, and the one that it travelled with from one request to another."""


def note(
    connection: sa.Connection, run_id: str, others: Iterable[tuple[BatchKey, BatchKey, Sequence[Attempt]]]
) -> None:
    """Keeps of batches with which one, and by which requests, they travelled."""
    rows = [
        {"run_id": run_id, "shard": shard, "batch": batch, "first_shard": first[0], "first_batch": first[1]}
        | {"since": min(a.at for a in attempts), "until": max(a.at for a in attempts)}
        for (shard, batch), first, attempts in others
        if attempts
    ]
    if rows:
        connection.execute(TOGETHER.insert(), rows)


def requests_of(ledger: Ledger, run_id: str, keys: Collection[BatchKey]) -> list[dict[str, Any]]:
    """The requests by which batches were sent or read back, their own and those of whom they travelled with."""
    with ledger.transaction() as connection:
        travelled = connection.execute(sa.select(TOGETHER).where(TOGETHER.c.run_id == run_id)).mappings().all()
    mine = [row for row in travelled if (row["shard"], row["batch"]) in keys]
    return [
        request
        for request in ledger.requests(run_id)
        if (key := (request["shard"], request["batch"])) in keys
        or any((m["first_shard"], m["first_batch"]) == key and m["since"] <= request["at"] <= m["until"] for m in mine)
    ]
