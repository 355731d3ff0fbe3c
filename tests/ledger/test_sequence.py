"""The order of runs, while several processes write for one run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa

from pipeline.ledger import sequence
from pipeline.ledger.ledger import Ledger
from tests.flows.cluster import until

WAITING = sa.text("select count(*) from pg_locks where not granted")


def test_two_who_count_the_same_event_at_once_leave_one(postgresql: str) -> None:
    """Otherwise nobody could say which run wrote last."""
    ledgers = Ledger(postgresql), Ledger(postgresql)
    with ledgers[0].transaction() as connection:
        sequence.note(connection, "r", sequence.WROTE)

    def count() -> None:
        with ledgers[1].transaction() as connection:
            sequence.note(connection, "r", sequence.WROTE)

    def waits() -> bool:
        with ledgers[0].transaction() as connection:
            return bool(connection.scalar(WAITING))

    with ThreadPoolExecutor(1) as pool:
        with ledgers[0].transaction() as connection:
            sequence.note(connection, "r", sequence.WROTE)
            other = pool.submit(count)
            until(waits)
        other.result()
    with ledgers[0].transaction() as connection:
        assert connection.scalars(sa.select(sequence.SEQUENCE.c.number)).all() == [3]
    for ledger in ledgers:
        ledger.close()
