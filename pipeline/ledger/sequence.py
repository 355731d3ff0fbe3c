"""What came after what: in which order runs were planned and wrote, by the ledger's own count. A clock may go back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from pipeline.ledger.tables import BATCHES, METADATA, RUNS

if TYPE_CHECKING:
    from pipeline.ledger.ledger import Ledger

PLANNED: Final = "planned"
WROTE: Final = "wrote"
SEQUENCE: Final = sa.Table(
    "sequence",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("run_id", sa.String, nullable=False, index=True),
    sa.Column("event", sa.String, nullable=False),
    sqlite_autoincrement=True,
)
"""When a run was planned, and when it last wrote or may have."""


def note(connection: sa.Connection, run_id: str, event: str) -> None:
    """Counts an event; of the same one of a run, the last is kept."""
    if connection.dialect.name == "postgresql":
        # Several processes may write for one run: each is to see, and take away, what the one before it counted.
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(f"{event} {run_id}"))))
    connection.execute(SEQUENCE.delete().where(SEQUENCE.c.run_id == run_id, SEQUENCE.c.event == event))
    connection.execute(SEQUENCE.insert().values(run_id=run_id, event=event))


def number_of(run_id: sa.ColumnElement[str], event: str) -> sa.ScalarSelect[int]:
    """The number of a run's event, for a query over runs."""
    own = SEQUENCE.alias()
    return sa.select(own.c.number).where(own.c.run_id == run_id, own.c.event == event).scalar_subquery()


def overtaken_by(ledger: Ledger, run_id: str) -> str | None:
    """A run that has sent something to the same destination and account since this one was planned: that is stale."""
    mine, other = RUNS.alias(), RUNS.alias()
    same = (mine.c.destination == other.c.destination) & (mine.c.account == other.c.account)
    later = (
        sa.select(other.c.run_id)
        .join(mine, same)
        .where(
            mine.c.run_id == run_id,
            other.c.run_id != run_id,
            sa.exists().where(BATCHES.c.run_id == other.c.run_id),
            number_of(other.c.run_id, WROTE) > sa.func.coalesce(number_of(mine.c.run_id, PLANNED), 0),
        )
    )
    with ledger.transaction() as connection:
        return connection.scalar(later.limit(1))
