"""What operators are told of without asking, once per episode: it begins, and all is well again.

An episode lasts from the first look that finds it to the first that does not, however many runs lie between.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from pipeline.errors import ConsentSyncError, ExportError, GuardTripped, Interrupted
from pipeline.ledger.ledger import opened
from pipeline.ledger.tables import METADATA
from pipeline.model import RunStatus

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet
    from datetime import datetime
    from pathlib import Path

    from pipeline.context import Context
    from pipeline.ledger.ledger import Ledger
    from pipeline.reporting.summary import Summary


class Alert(StrEnum):
    """What somebody must know."""

    FAILED = "failed"
    PARTIAL = "partial"
    GUARD_TRIPPED = "guard-tripped"
    APPROVAL_WAITING = "approval-waiting"
    EXPORT_MISSING = "export-missing"
    SCHEDULE_OVERDUE = "schedule-overdue"
    OPT_OUT_CLOCK = "opt-out-clock"
    RECOVERED = "recovered"


TROUBLE: Final = frozenset(Alert) - {Alert.RECOVERED, Alert.APPROVAL_WAITING}
OF_A_RUN: Final = TROUBLE - {Alert.SCHEDULE_OVERDUE} | {Alert.APPROVAL_WAITING}
"""What the end of a run says something about."""
EPISODES: Final = sa.Table(
    "episodes",
    METADATA,
    sa.Column("subject", sa.String, primary_key=True),
    sa.Column("alert", sa.String, primary_key=True),
    sa.Column("since", sa.DateTime(timezone=True), nullable=False),
)
"""The episodes that last, of a mapping or a deployment."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a look at a subject changes."""

    begun: frozenset[Alert] = frozenset()
    over: frozenset[Alert] = frozenset()
    recovered: bool = False

    @property
    def alerts(self) -> list[Alert]:
        """What to tell, in the order of the vocabulary."""
        return [alert for alert in Alert if alert in self.begun or (alert is Alert.RECOVERED and self.recovered)]


def turn(lasting: AbstractSet[Alert], found: AbstractSet[Alert], looked_at: AbstractSet[Alert]) -> Turn:
    """What begins and what is over, when a look at some of it finds some of it."""
    begun, over = frozenset(found - lasting), frozenset((lasting & looked_at) - found)
    after = (lasting - over) | begun
    return Turn(begun, over, recovered=bool(over & TROUBLE) and not after & TROUBLE)


def of_run(summary: Summary | None, error: ConsentSyncError | None, export: Path | None) -> frozenset[Alert]:
    """What the end of a run says."""
    found = set()
    if isinstance(error, GuardTripped):
        found.add(Alert.GUARD_TRIPPED)
    elif isinstance(error, ExportError) and export is not None and not export.exists():
        found.add(Alert.EXPORT_MISSING)
    elif error is not None and not isinstance(error, Interrupted):
        found.add(Alert.FAILED)
    if summary is not None:
        if not summary.balanced:
            found.add(Alert.FAILED)
        if summary.status is RunStatus.PARTIAL and (
            summary.rows.failed or summary.rows.unknown or summary.rows.rejected
        ):
            found.add(Alert.PARTIAL)
        if summary.open_opt_outs.overdue or summary.open_opt_outs.due_within_a_day:
            found.add(Alert.OPT_OUT_CLOCK)
    return frozenset(found)


def looked(
    context: Context,
    subject: str,
    found: AbstractSet[Alert],
    looked_at: AbstractSet[Alert],
    tell: Callable[[list[Alert]], bool],
) -> None:
    """Has the alerts of a look told. What nobody could be told is as good as not looked at: the next look tells it.

    A ledger that cannot be used keeps no run from ending: no alerts then.
    """
    try:
        with opened(context) as ledger:
            changed = _change(ledger, subject, found, looked_at, context.clock())
            if changed.alerts and not tell(changed.alerts):
                _take_back(ledger, subject, changed, context.clock())
    except ConsentSyncError:
        return


def look(
    ledger: Ledger, subject: str, found: AbstractSet[Alert], looked_at: AbstractSet[Alert], now: datetime
) -> list[Alert]:
    """Keeps which episodes last, and says which alerts to give."""
    return _change(ledger, subject, found, looked_at, now).alerts


def _change(
    ledger: Ledger, subject: str, found: AbstractSet[Alert], looked_at: AbstractSet[Alert], now: datetime
) -> Turn:
    with ledger.transaction() as connection:
        mine = EPISODES.c.subject == subject
        lasting = {Alert(word) for word in connection.scalars(sa.select(EPISODES.c.alert).where(mine))}
        changed = turn(lasting, found, looked_at)
        _end(connection, subject, changed.over)
        _begin(connection, subject, changed.begun, now)
    return changed


def _take_back(ledger: Ledger, subject: str, changed: Turn, now: datetime) -> None:
    with ledger.transaction() as connection:
        _end(connection, subject, changed.begun | changed.over)
        _begin(connection, subject, changed.over, now)


def _end(connection: sa.Connection, subject: str, alerts: AbstractSet[Alert]) -> None:
    if alerts:
        gone = EPISODES.c.alert.in_([str(alert) for alert in alerts])
        connection.execute(EPISODES.delete().where(EPISODES.c.subject == subject, gone))


def _begin(connection: sa.Connection, subject: str, alerts: AbstractSet[Alert], now: datetime) -> None:
    if alerts:
        rows = [{"subject": subject, "alert": str(alert), "since": now} for alert in alerts]
        connection.execute(EPISODES.insert(), rows)
