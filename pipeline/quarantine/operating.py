"""The `quarantine` command: what waits to be tried again, by mapping and reason, and taking a run out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl
import sqlalchemy as sa

from pipeline.errors import UsageError
from pipeline.figures import counted
from pipeline.ledger.ledger import opened
from pipeline.quarantine import entries
from pipeline.quarantine.entries import DROPPED, utc
from pipeline.quarantine.tables import QUARANTINE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from pipeline.context import Context

_GROUP = ("destination", "account", "mapping", "reason")


@dataclass(frozen=True, slots=True)
class Waiting:
    """The open entries, counted; an example is a record of a run, for `explain`."""

    groups: list[dict[str, Any]]
    dropped: int | None = None
    """How many entries were taken out; None: nobody asked for it."""

    def document(self) -> dict[str, Any]:
        """As JSON."""
        more = {} if self.dropped is None else {"dropped": self.dropped}
        return {"waiting": sum(group["records"] for group in self.groups), "groups": self.groups, **more}

    def lines(self) -> Iterator[str]:
        """For people."""
        if self.dropped is not None:
            yield f"dropped: {counted(self.dropped, 'record')}; nothing tries them again"
        if not self.groups:
            yield "nothing is in quarantine"
        for group in self.groups:
            records = counted(group["records"], "record")
            yield (
                f"{group['mapping']}  {group['destination']} {group['account']}: {records}, {group['reason']}, "
                f"since {group['since']}, tried up to {counted(group['attempts'], 'time')}, "
                f"such as record {group['record']} of run {group['run_id']}"
            )


def waiting(mapping: str | None, context: Context) -> Waiting:
    """What waits, of one mapping or of all."""
    with opened(context) as ledger, ledger.transaction() as connection:
        found = sa.select(QUARANTINE).where(QUARANTINE.c.closed_by.is_(None))
        rows = connection.execute(found if mapping is None else found.where(QUARANTINE.c.mapping == mapping))
        columns = (*_GROUP, "run_id", "record", "first_failed_at", "attempts")
        return Waiting(_counted([{name: utc(row[name]) for name in columns} for row in rows.mappings()]))


def drop(run_id: str, context: Context, now: datetime) -> Waiting:
    """Takes out all that failed in a run first, or last. Raises UsageError where nothing of it waits."""
    by = f"{context.settings.operator} at {now:%Y-%m-%dT%H:%M:%SZ}"
    with opened(context) as ledger:
        count = entries.close_run(ledger, run_id, by, DROPPED)
    if not count:
        raise UsageError(f"nothing of run {run_id} is in quarantine; `consent-sync quarantine` lists what is")
    return Waiting(waiting(None, context).groups, count)


def _counted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if not rows:
        return []
    ordered = pl.DataFrame(rows).sort("first_failed_at", "run_id", "record")
    groups = ordered.group_by(_GROUP, maintain_order=True).agg(
        pl.len().alias("records"),
        pl.col("first_failed_at").min().dt.strftime("%Y-%m-%dT%H:%M:%SZ").alias("since"),
        pl.col("attempts").max(),
        pl.col("run_id").first(),
        pl.col("record").first(),
    )
    return groups.to_dicts()
