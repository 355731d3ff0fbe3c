"""The ledger: runs, batches and requests on SQLAlchemy Core. A batch is in flight here before its first byte leaves."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from pipeline.errors import StorageError
from pipeline.ledger import (
    canaries,  # noqa: F401 - its table is made with the others
    sequence,
    together,
)
from pipeline.ledger.engine import engine_of, is_shared, make_tables
from pipeline.ledger.rows import BatchRow, exceptional, link_rows, request_rows, settled_row, tries
from pipeline.ledger.tables import BATCHES, CORRECTIONS, LINKS, PERMITS, REQUESTS, RUNS, SETTLE
from pipeline.model import BatchState, Extent
from pipeline.pacing import book  # noqa: F401 - its tables are made with the others
from pipeline.quarantine.tables import RETRIED
from pipeline.store.joining import join

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from pipeline.context import Context
    from pipeline.ledger.rows import BatchKey, Settlement
    from pipeline.run_folder import Manifest
    from pipeline.transport.sending import Attempt


class Ledger:
    """The ledger of one home (SQLite) or of several machines (PostgreSQL). Raises StorageError."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.require: Callable[[], None] | None = None
        """Looked at before anything is intended: raises where somebody else may write by now."""
        self.held_by: int | None = None
        """The connection of a shared database by which this command holds an account."""
        self.engine = engine_of(url)
        self._intend = self._insert(BATCHES).on_conflict_do_nothing()
        with self._begin() as connection:
            make_tables(connection, self.engine)

    @classmethod
    def at(cls, home: Path, url: str | None) -> Ledger:
        """The ledger that the settings name; by default SQLite under home."""
        if url is None:
            from pipeline.run_folder import FOLDER_MODE, storing

            with storing(home):
                home.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
        return cls(url or f"sqlite:///{home / 'ledger.db'}")

    @property
    def is_shared(self) -> bool:
        """Whether several machines may use it."""
        return is_shared(self.engine)

    def close(self) -> None:
        """Closes all connections."""
        self.engine.dispose()

    def transaction(self) -> AbstractContextManager[sa.Connection]:
        """A transaction for those that keep tables of their own here."""
        return self._begin()

    @contextmanager
    def _begin(self) -> Iterator[sa.Connection]:
        try:
            with self.engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or error
            raise StorageError(
                f"the ledger {sa.make_url(self.url).render_as_string()} cannot be used: {cause}; "
                "what was settled is kept, run `consent-sync resume` when it can be written again"
            ) from error

    def add_run(self, manifest: Manifest, mapping: str) -> None:
        """Adds a planned run unless it is there; `mapping` is the mapping's name."""
        with self._begin() as connection:
            added = connection.execute(
                self._insert(RUNS)
                .values(
                    run_id=manifest.run_id,
                    destination=manifest.destination,
                    account=manifest.account,
                    mapping=mapping,
                    export_sha256=manifest.export_sha256,
                    plan_hash=manifest.plan_hash,
                    status=manifest.status,
                    read=manifest.read,
                    planned_at=datetime.fromisoformat(manifest.planned_at),
                )
                .on_conflict_do_nothing()
            )
            if added.rowcount:
                sequence.note(connection, manifest.run_id, sequence.PLANNED)
            if manifest.corrects:
                connection.execute(self._insert(CORRECTIONS).values(run_id=manifest.run_id).on_conflict_do_nothing())
            if manifest.retried:
                retried = self._insert(RETRIED).values(run_id=manifest.run_id, records=manifest.retried)
                connection.execute(retried.on_conflict_do_nothing())

    def knows(self, run_id: str) -> bool:
        """Whether there has been a run of that name, whatever became of its folder."""
        with self._begin() as connection:
            return connection.scalar(sa.select(RUNS.c.run_id).where(RUNS.c.run_id == run_id)) is not None

    def permit(self, run_id: str, extent: Extent, approved_hash: str | None, now: datetime) -> None:
        """Keeps how much of a plan may be carried out from now on, and by whose hash."""
        row = {"run_id": run_id, "extent": extent, "approved_hash": approved_hash, "at": now}
        with self._begin() as connection:
            connection.execute(PERMITS.insert(), [row])

    def permitted(self, run_id: str) -> Extent | None:
        """How much was let through the last time; None: nothing yet."""
        last = sa.select(PERMITS.c.extent).where(PERMITS.c.run_id == run_id).order_by(PERMITS.c.id.desc()).limit(1)
        with self._begin() as connection:
            extent = connection.scalar(last)
            return None if extent is None else Extent(extent)

    def set_status(self, run_id: str, status: str, finished_at: datetime | None) -> None:
        """How far a run came."""
        with self._begin() as connection:
            connection.execute(
                RUNS.update().where(RUNS.c.run_id == run_id).values(status=status, finished_at=finished_at)
            )

    def runs(self) -> list[dict[str, Any]]:
        """All runs, the last first."""
        with self._begin() as connection:
            last = sequence.number_of(RUNS.c.run_id, sequence.PLANNED).desc()
            found = connection.execute(sa.select(RUNS).order_by(last, RUNS.c.run_id.desc()))
            return [dict(row) for row in found.mappings()]

    def history(self, destination: str, account: str, mapping: str, most: int = 5) -> list[int]:
        """Record counts of the last exports of a mapping whose runs have finished, but for rejects files."""
        exported = RUNS.c.read - sa.func.coalesce(RETRIED.c.records, 0)
        finished = sa.select(exported).outerjoin(RETRIED, RETRIED.c.run_id == RUNS.c.run_id)
        finished = finished.where(
            RUNS.c.destination == destination,
            RUNS.c.account == account,
            RUNS.c.mapping == mapping,
            RUNS.c.status.in_(["completed", "partial"]),
            RUNS.c.run_id.not_in(sa.select(CORRECTIONS.c.run_id)),
        )
        with self._begin() as connection:
            return list(connection.scalars(finished.order_by(RUNS.c.finished_at.desc()).limit(most)))

    def log_requests(self, run_id: str, attempts: Sequence[Attempt], keys: Sequence[BatchKey] = ()) -> None:
        """Keeps requests that settle no batch: those of planning, or of batches (`keys`) that stay in flight."""
        rows = request_rows(run_id, attempts, keys[0] if keys else None)
        if not rows:
            return
        with self._begin() as connection:
            connection.execute(REQUESTS.insert(), rows)
            together.note(connection, run_id, [(key, keys[0], attempts) for key in keys[1:]])
            for shard, batch in keys:
                mine = (BATCHES.c.run_id == run_id) & (BATCHES.c.shard == shard) & (BATCHES.c.batch == batch)
                connection.execute(BATCHES.update().where(mine).values(attempts=BATCHES.c.attempts + tries(attempts)))

    def turn(self, run_id: str, settled: Sequence[Settlement], intended: Sequence[BatchKey], now: datetime) -> None:
        """Settles batches and marks the next ones in flight, in one transaction: intention before deed."""
        if not settled and not intended:
            return
        if intended and self.require is not None:
            self.require()
        with self._begin() as connection:
            if intended or any(settlement.at for settlement in settled):
                sequence.note(connection, run_id, sequence.WROTE)
            if settled:
                connection.execute(SETTLE, [settled_row(run_id, settlement) for settlement in settled])
            rows = [r for s in settled if s.first is None for r in request_rows(run_id, s.attempts, s.key)]
            if rows:
                connection.execute(REQUESTS.insert(), rows)
            together.note(connection, run_id, [(s.key, s.first, s.attempts) for s in settled if s.first is not None])
            links = [r for s in settled for r in link_rows(run_id, s)]
            if links:
                connection.execute(LINKS.insert(), links)
            if intended:
                begun = [
                    {"run_id": run_id, "shard": shard, "batch": batch, "state": BatchState.IN_FLIGHT, "begun_at": now}
                    for shard, batch in intended
                ]
                connection.execute(self._intend, begun)

    def withdraw(self, run_id: str, key: BatchKey) -> None:
        """Takes back the intention to send a batch of which no byte has left."""
        mine = (BATCHES.c.run_id == run_id) & (BATCHES.c.shard == key[0]) & (BATCHES.c.batch == key[1])
        with self._begin() as connection:
            connection.execute(BATCHES.delete().where(mine, BATCHES.c.state == BatchState.IN_FLIGHT))

    def _insert(self, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
        return postgresql.insert(table) if self.engine.dialect.name == "postgresql" else sqlite.insert(table)

    def batches(self, run_id: str, shard: int | None = None) -> dict[BatchKey, BatchRow]:
        """Every batch that was begun, or those of a shard."""
        with self._begin() as connection:
            links: dict[BatchKey, dict[int, str]] = {}
            given = sa.select(LINKS).where(_of(LINKS, run_id, shard)).order_by(LINKS.c.id)
            for row in connection.execute(given).mappings():
                links.setdefault((row["shard"], row["batch"]), {})[row["record"]] = row["link"]
            of = BATCHES.c
            wanted = sa.select(of.shard, of.batch, of.state, of.attempts, of.expected, of.reported, of.exceptional)
            rows = connection.execute(wanted.where(_of(BATCHES, run_id, shard))).tuples()
            return {
                (number, batch): BatchRow(
                    state, attempts, expected, reported, exceptional(said), links.get((number, batch), {})
                )
                for number, batch, state, attempts, expected, reported, said in rows
            }

    def requests(self, run_id: str) -> list[dict[str, Any]]:
        """Every request of a run in the order of time."""
        with self._begin() as connection:
            found = connection.execute(
                sa.select(REQUESTS).where(REQUESTS.c.run_id == run_id).order_by(REQUESTS.c.at, REQUESTS.c.id)
            )
            return [dict(row) for row in found.mappings()]

    def unrecorded(self, destination: str, account: str) -> list[str]:
        """Runs that have begun to send and were killed before they could say how far they came, the first first."""
        begun = sa.exists().where(BATCHES.c.run_id == RUNS.c.run_id)
        killed = sa.select(RUNS.c.run_id).where(
            RUNS.c.destination == destination, RUNS.c.account == account, RUNS.c.status == "planned", begun
        )
        with self._begin() as connection:
            return list(connection.scalars(killed.order_by(sequence.number_of(RUNS.c.run_id, sequence.PLANNED))))


def _of(table: sa.Table, run_id: str, shard: int | None) -> sa.ColumnElement[bool]:
    mine = table.c.run_id == run_id
    return mine if shard is None else mine & (table.c.shard == shard)


@contextmanager
def opened(context: Context) -> Iterator[Ledger]:
    """The ledger of a home, which belongs to the store of the settings; closed afterwards.

    Files that are made meanwhile are their owner's alone.
    """
    from pipeline.run_folder import restrict_new_files

    restrict_new_files()
    ledger = Ledger.at(context.home, context.settings.database_url)
    try:
        join(context, ledger)
        yield ledger
    finally:
        ledger.close()
