"""The entries of the quarantine in the ledger. An entry is open until a later run of its mapping has taken it up."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import polars as pl
import sqlalchemy as sa

from pipeline.evidence.pseudonym import home_name
from pipeline.quarantine.tables import QUARANTINE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from pipeline.job import Job
    from pipeline.ledger.ledger import Ledger
    from pipeline.quarantine.plan import Fate

DROPPED: Final = "dropped"
REVERTED: Final = "reverted"
NAMELESS: Final = ""
"""The name of a home without a key, which has made no entry yet."""
_INSTANT: Final = pl.Datetime("us", "UTC")
ENTRIES: Final = pl.Schema(
    {
        "run_id": pl.String(),
        "record": pl.Int64(),
        "first_run": pl.String(),
        "first_record": pl.Int64(),
        "first_failed_at": _INSTANT,
        "said_at": _INSTANT,
        "attempts": pl.Int32(),
        "reason": pl.String(),
    }
)
"""What is known of an entry. `attempts`: how often it was tried."""


@dataclass(frozen=True, slots=True)
class Whose:
    """What entries belong to: a mapping's runs for one account. `home`: by its name in the ledger; None: any home's."""

    destination: str
    account: str
    mapping: str
    home: str | None = None

    @property
    def open(self) -> sa.ColumnElement[bool]:
        """Whether an entry is one of these, and waits."""
        of = (QUARANTINE.c.destination, QUARANTINE.c.account, QUARANTINE.c.mapping)
        same = [c == value for c, value in zip(of, (self.destination, self.account, self.mapping), strict=True)]
        here = sa.true() if self.home is None else QUARANTINE.c.home == self.home
        return sa.and_(*same, here, QUARANTINE.c.closed_by.is_(None))


def of(job: Job, home: Path) -> Whose:
    """The entries that a run in a home makes, and takes up: their rows are there."""
    return Whose(job.destination, job.account, job.mapping, home_name(home) or NAMELESS)


def waiting(ledger: Ledger, whose: Whose) -> pl.DataFrame:
    """The open entries, the oldest first; of one that is there twice, the latest."""
    rows = _rows(ledger, sa.select(QUARANTINE).where(whose.open))
    latest = rows.sort("attempts", "run_id", "record").unique(["first_run", "first_record"], keep="last")
    return latest.sort("first_failed_at", "first_run", "first_record")


def of_run(ledger: Ledger, run_id: str) -> pl.DataFrame:
    """The entries that a run has made, open or not."""
    return _rows(ledger, sa.select(QUARANTINE).where(QUARANTINE.c.run_id == run_id))


def _rows(ledger: Ledger, found: sa.Select[Any]) -> pl.DataFrame:
    with ledger.transaction() as connection:
        rows = [{name: utc(row[name]) for name in ENTRIES} for row in connection.execute(found).mappings()]
    return pl.DataFrame(rows, schema=ENTRIES)


def utc(value: Any) -> Any:
    """A time with its zone, anything else as it is: SQLite gives times back without their zone, which is UTC."""
    if not isinstance(value, datetime):
        return value
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def elsewhere(ledger: Ledger, whose: Whose) -> int:
    """How many wait in other homes that share the ledger, and are tried again by the runs there."""
    others = sa.select(sa.func.count()).where(replace(whose, home=None).open, QUARANTINE.c.home != whose.home)
    with ledger.transaction() as connection:
        return connection.scalar(others) or 0


def put(ledger: Ledger, run_id: str, whose: Whose, entries: pl.DataFrame) -> None:
    """The entries that a run makes, in place of those that it made before; what was taken up since stays closed."""
    known = asdict(whose)
    mine = QUARANTINE.c.run_id == run_id
    with ledger.transaction() as connection:
        closed = {
            row["record"]: {"closed_by": row["closed_by"], "closed_as": row["closed_as"]}
            for row in connection.execute(
                sa.select(QUARANTINE).where(mine, ~QUARANTINE.c.closed_by.is_(None))
            ).mappings()
        }
        connection.execute(QUARANTINE.delete().where(mine))
        still = {"closed_by": None, "closed_as": None}
        rows = [row | known | closed.get(row["record"], still) for row in entries.select(ENTRIES.names()).to_dicts()]
        if rows:
            connection.execute(QUARANTINE.insert(), rows)


def close(ledger: Ledger, run_id: str, taken: Iterable[tuple[str, int, Fate | str]]) -> None:
    """Entries that a run has taken up, by run and record, and what it did with them."""
    rows = [{"of_run": run, "of_record": record, "as_what": str(fate)} for run, record, fate in taken]
    mine = (QUARANTINE.c.run_id == sa.bindparam("of_run")) & (QUARANTINE.c.record == sa.bindparam("of_record"))
    closing = QUARANTINE.update().where(mine, QUARANTINE.c.closed_by.is_(None))
    if rows:
        with ledger.transaction() as connection:
            connection.execute(closing.values(closed_by=run_id, closed_as=sa.bindparam("as_what")), rows)


def close_run(ledger: Ledger, run_id: str, by: str, as_what: str) -> int:
    """All open entries of a run, and those that failed in it first; returns how many there were."""
    theirs = (QUARANTINE.c.run_id == run_id) | (QUARANTINE.c.first_run == run_id)
    with ledger.transaction() as connection:
        closing = QUARANTINE.update().where(theirs, QUARANTINE.c.closed_by.is_(None))
        return connection.execute(closing.values(closed_by=by, closed_as=as_what)).rowcount


def erase(connection: sa.Connection, run_id: str, records: Collection[int]) -> None:
    """Removes the entries of records whose rows are taken out of the run's folder."""
    for record in records:
        connection.execute(QUARANTINE.delete().where(QUARANTINE.c.run_id == run_id, QUARANTINE.c.record == record))
