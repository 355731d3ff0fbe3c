"""Takes what the ledger keeps of a person out of it: messages about their records, links, entries of the quarantine."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from pipeline.errors import StorageError
from pipeline.ledger.tables import BATCHES, LINKS
from pipeline.quarantine import entries as quarantined

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from pipeline.ledger.ledger import Ledger


def erase(ledger: Ledger, run_id: str, records: Collection[int]) -> None:
    """The messages, links and entries of a run's records. Outcomes and reasons stay: the run still adds up."""
    gone = set(records)
    with ledger.transaction() as connection:
        _silence(connection, BATCHES.c.run_id == run_id, lambda record, _: record in gone)
        quarantined.erase(connection, run_id, gone)
        for record in gone:
            connection.execute(LINKS.delete().where(LINKS.c.run_id == run_id, LINKS.c.record == record))


def erase_mentions(ledger: Ledger, words: Collection[str]) -> None:
    """Messages that name one of the words, of whatever run: its folder may be gone, or it may be about another."""
    pattern = re.compile("|".join(map(re.escape, words)), re.IGNORECASE)
    if words:
        with ledger.transaction() as connection:
            _silence(connection, BATCHES.c.exceptional != "[]", lambda _, said: bool(pattern.search(said)))


def _silence(connection: sa.Connection, of: sa.ColumnElement[bool], is_gone: Callable[[int, str], bool]) -> None:
    for row in connection.execute(sa.select(BATCHES).where(of)).mappings().all():
        said = json.loads(row["exceptional"])
        silent = [[record, *facts, "" if is_gone(record, message) else message] for record, *facts, message in said]
        if silent != said:
            mine = [BATCHES.c[key] == row[key] for key in ("run_id", "shard", "batch")]
            text = json.dumps(silent, ensure_ascii=False)
            connection.execute(BATCHES.update().where(*mine).values(exceptional=text))


def compact(ledger: Ledger) -> None:
    """Removes what was erased from the database's file too, where it is one of ours."""
    if ledger.engine.dialect.name != "sqlite":
        return
    try:
        with ledger.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        raise StorageError(f"the ledger cannot be made anew: {cause}; run `consent-sync forget` again") from error
