"""The ledger: runs, batches and requests on SQLAlchemy Core. A batch is in flight here before its first byte leaves."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from pipeline.destinations.interface import Delivery, Exceptional
from pipeline.errors import SettingsError, StorageError
from pipeline.model import BatchState, Outcome, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from pipeline.run_folder import Manifest
    from pipeline.transport import Attempt

METADATA: Final = sa.MetaData()
RUNS: Final = sa.Table(
    "runs",
    METADATA,
    sa.Column("run_id", sa.String, primary_key=True),
    sa.Column("destination", sa.String, nullable=False),
    sa.Column("account", sa.String, nullable=False),
    sa.Column("mapping", sa.String, nullable=False),
    sa.Column("export_sha256", sa.String, nullable=False),
    sa.Column("plan_hash", sa.String, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("read", sa.Integer, nullable=False),
    sa.Column("planned_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("finished_at", sa.DateTime(timezone=True)),
)
BATCHES: Final = sa.Table(
    "batches",
    METADATA,
    sa.Column("run_id", sa.String, primary_key=True),
    sa.Column("shard", sa.Integer, primary_key=True),
    sa.Column("batch", sa.Integer, primary_key=True),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("expected", sa.Integer, nullable=False, default=0),
    sa.Column("reported", sa.Integer, nullable=False, default=0),
    sa.Column("exceptional", sa.Text, nullable=False, default="[]"),
    sa.Column("settled_at", sa.DateTime(timezone=True)),
)
REQUESTS: Final = sa.Table(
    "requests",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run_id", sa.String, nullable=False, index=True),
    sa.Column("shard", sa.Integer),
    sa.Column("batch", sa.Integer),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("verdict", sa.String, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
)

BatchKey = tuple[int, int]
"""(shard, batch)"""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What came of a batch, and the requests it took."""

    key: BatchKey
    delivery: Delivery
    attempts: Sequence[Attempt]
    at: datetime


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A batch as the ledger has it."""

    state: str
    attempts: int
    expected: int
    reported: int
    exceptional: tuple[Exceptional, ...] = field(default_factory=tuple)

    @property
    def clear(self) -> bool:
        """Whether it is settled and no record of it is unknown: there is nothing left to ask or to send."""
        return self.state == BatchState.SETTLED and not any(e.unknown for e in self.exceptional)


class Ledger:
    """The ledger of one home (SQLite) or of several machines (PostgreSQL). Raises StorageError."""

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            self.engine = sa.create_engine(url)
        except (SQLAlchemyError, ImportError) as error:
            raise SettingsError(
                f"CONSENT_SYNC_DATABASE_URL cannot be used ({error}); correct it, or unset it to use SQLite under home"
            ) from None
        if self.engine.dialect.name == "sqlite":
            sa.event.listen(self.engine, "connect", _write_ahead)
        self._intend = self._insert(BATCHES).on_conflict_do_nothing()
        with self._begin() as connection:
            # Not `create_all`, which looks first: two commands may open a new home at the same time.
            for table in METADATA.sorted_tables:
                connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
                for index in table.indexes:
                    connection.execute(sa.schema.CreateIndex(index, if_not_exists=True))

    @classmethod
    def at(cls, home: Path, url: str | None) -> Ledger:
        """The ledger that the settings name; by default SQLite under home."""
        if url is None:
            from pipeline.run_folder import FOLDER_MODE, storing

            with storing(home):
                home.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
        return cls(url or f"sqlite:///{home / 'ledger.db'}")

    def close(self) -> None:
        """Closes all connections."""
        self.engine.dispose()

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
            connection.execute(
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

    def set_status(self, run_id: str, status: str, finished_at: datetime | None) -> None:
        """How far a run came."""
        with self._begin() as connection:
            connection.execute(
                RUNS.update().where(RUNS.c.run_id == run_id).values(status=status, finished_at=finished_at)
            )

    def runs(self) -> list[dict[str, Any]]:
        """All runs, the last first."""
        with self._begin() as connection:
            found = connection.execute(sa.select(RUNS).order_by(RUNS.c.planned_at.desc(), RUNS.c.run_id.desc()))
            return [dict(row) for row in found.mappings()]

    def history(self, destination: str, account: str, mapping: str, most: int = 5) -> list[int]:
        """Record counts of the last finished runs of a mapping."""
        finished = sa.select(RUNS.c.read).where(
            RUNS.c.destination == destination,
            RUNS.c.account == account,
            RUNS.c.mapping == mapping,
            RUNS.c.status.in_(["completed", "partial"]),
        )
        with self._begin() as connection:
            return list(connection.scalars(finished.order_by(RUNS.c.finished_at.desc()).limit(most)))

    def log_requests(self, run_id: str, attempts: Iterable[Attempt], key: BatchKey | None = None) -> None:
        """Keeps requests that settle no batch: those of planning, and those of a batch (`key`) that stays in flight."""
        rows = _request_rows(run_id, attempts, key)
        if not rows:
            return
        with self._begin() as connection:
            connection.execute(REQUESTS.insert(), rows)
            if key is not None:
                mine = (BATCHES.c.run_id == run_id) & (BATCHES.c.shard == key[0]) & (BATCHES.c.batch == key[1])
                connection.execute(BATCHES.update().where(mine).values(attempts=BATCHES.c.attempts + len(rows)))

    def turn(self, run_id: str, settled: Sequence[Settlement], intended: Sequence[BatchKey], now: datetime) -> None:
        """Settles batches and marks the next ones in flight, in one transaction: intention before deed."""
        if not settled and not intended:
            return
        with self._begin() as connection:
            if settled:
                connection.execute(SETTLE, [_settled_row(run_id, settlement) for settlement in settled])
            rows = [r for s in settled for r in _request_rows(run_id, s.attempts, s.key)]
            if rows:
                connection.execute(REQUESTS.insert(), rows)
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

    def batches(self, run_id: str) -> dict[BatchKey, BatchRow]:
        """Every batch that was begun."""
        with self._begin() as connection:
            rows = connection.execute(sa.select(BATCHES).where(BATCHES.c.run_id == run_id)).mappings()
            return {
                (row["shard"], row["batch"]): BatchRow(
                    row["state"], row["attempts"], row["expected"], row["reported"], _exceptional(row["exceptional"])
                )
                for row in rows
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
            return list(connection.scalars(killed.order_by(RUNS.c.planned_at)))

    def overtaken_by(self, run_id: str) -> str | None:
        """A later run that has sent something to the same destination and account: this plan is stale then."""
        mine, other = RUNS.alias(), RUNS.alias()
        later = (
            sa.select(other.c.run_id)
            .join(BATCHES, BATCHES.c.run_id == other.c.run_id)
            .join(mine, (mine.c.destination == other.c.destination) & (mine.c.account == other.c.account))
            .where(mine.c.run_id == run_id, other.c.run_id != run_id, BATCHES.c.begun_at > mine.c.planned_at)
        )
        with self._begin() as connection:
            return connection.scalar(later.limit(1))


SETTLE: Final = (
    BATCHES.update()
    .where(
        BATCHES.c.run_id == sa.bindparam("of_run"),
        BATCHES.c.shard == sa.bindparam("of_shard"),
        BATCHES.c.batch == sa.bindparam("of_batch"),
    )
    .values(
        state=BatchState.SETTLED,
        attempts=BATCHES.c.attempts + sa.bindparam("made"),
        expected=sa.bindparam("expected"),
        reported=sa.bindparam("reported"),
        exceptional=sa.bindparam("exceptional"),
        settled_at=sa.bindparam("settled_at"),
    )
)
"""One statement for all batches of a turn: making it anew for each costs more than SQLite takes to carry it out."""


def _settled_row(run_id: str, settlement: Settlement) -> dict[str, Any]:
    shard, batch = settlement.key
    delivery = settlement.delivery
    said = [[e.record, e.outcome, e.reason, e.message] for e in delivery.exceptional]
    return {
        "of_run": run_id,
        "of_shard": shard,
        "of_batch": batch,
        "made": len(settlement.attempts),
        "expected": delivery.expected,
        "reported": delivery.reported,
        "exceptional": json.dumps(said, ensure_ascii=False),
        "settled_at": settlement.at,
    }


def _request_rows(run_id: str, attempts: Iterable[Attempt], key: BatchKey | None) -> list[dict[str, Any]]:
    shard, batch = key or (None, None)
    return [
        {
            "run_id": run_id,
            "shard": shard,
            "batch": batch,
            "at": a.at,
            "seconds": a.seconds,
            "status": a.status,
            "verdict": a.verdict,
            "number": a.number,
        }
        for a in attempts
    ]


def _exceptional(text: str) -> tuple[Exceptional, ...]:
    return tuple(
        Exceptional(record, Outcome(outcome) if outcome else None, Reason(reason), message)
        for record, outcome, reason, message in json.loads(text)
    )


def _write_ahead(connection: Any, _record: object) -> None:
    """Readers never wait for the writer; FULL keeps a committed intention through a power loss."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA busy_timeout=10000")
    cursor.close()
