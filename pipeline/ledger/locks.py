"""Locks of the ledger's database: what they are called there, who holds them, and connections that do."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from pipeline.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.ledger.ledger import Ledger

APPLICATION: Final = "consent-sync hand, "
"""How a hand's connection begins to call itself; its process and host follow."""
_HELD_BY: Final = """
    l.locktype = 'advisory' and l.granted and l.objsubid = 1
    and l.database = (select oid from pg_database where datname = current_database())
    and cast(l.classid as bigint) = :high and cast(l.objid as bigint) = :low
"""


def key_of(name: str) -> int:
    """What the database calls a lock of that name."""
    digest = hashlib.sha256(f"consent-sync {name}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


def hands_of(name: str) -> str:
    """The lock that all hands of a crew share."""
    return f"hands of {name}"


def holders(connection: sa.Connection, name: str) -> tuple[str, ...]:
    """The processes, as they call themselves, that hold a lock."""
    asked = sa.text(
        f"select distinct a.application_name from pg_locks l join pg_stat_activity a on a.pid = l.pid where {_HELD_BY}"  # noqa: S608 - no value in it
    )
    found = connection.scalars(asked, _halves(name)).all()
    return tuple(sorted(str(said).removeprefix(APPLICATION) for said in found))


def is_held_by(connection: sa.Connection, name: str, backend: int) -> bool:
    """Whether that connection of the database holds a lock for itself alone."""
    asked = sa.text(
        f"select exists(select 1 from pg_locks l where l.mode = 'ExclusiveLock' and l.pid = :backend and {_HELD_BY})"  # noqa: S608 - no value in it
    )
    return bool(connection.scalar(asked, _halves(name) | {"backend": backend}))


def own(connection: sa.Connection) -> int:
    """How many locks this connection holds."""
    asked = "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid() and granted"
    return int(connection.scalar(sa.text(asked)) or 0)


@contextmanager
def connected(ledger: Ledger) -> Iterator[sa.Connection]:
    """A connection that holds locks, each statement by itself; its locks go with it."""
    with translated():
        connection = ledger.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    try:
        with translated():
            _let_go_when_cut_off(connection)
        yield connection
    finally:
        # A lock is the session's: a connection that went back into the pool would hold it on.
        connection.invalidate()
        connection.close()


@contextmanager
def translated() -> Iterator[None]:
    """What the database refuses of a lock, as a StorageError."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        raise StorageError(
            f"the ledger's lock is lost, so nothing more is sent: {cause}; run `consent-sync resume` when the database "
            "answers again"
        ) from error


def _let_go_when_cut_off(connection: sa.Connection) -> None:
    """Has the database notice within half a minute that the machine at the other end is gone, not within hours."""
    for name, value in (("tcp_keepalives_idle", "10"), ("tcp_keepalives_interval", "5"), ("tcp_keepalives_count", "3")):
        connection.execute(sa.select(sa.func.set_config(name, value, False)))


def _halves(name: str) -> dict[str, int]:
    key = key_of(name)
    return {"high": key >> 32 & 0xFFFFFFFF, "low": key & 0xFFFFFFFF}
