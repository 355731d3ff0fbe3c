"""What a summary says of the quarantine: counts only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from pydantic import BaseModel, ConfigDict

from pipeline.figures import counted
from pipeline.model import RunStatus
from pipeline.quarantine import entries
from pipeline.quarantine.plan import FATE, Fate, taken_by

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.carried_out import Run


class Quarantined(BaseModel):
    """What became of the records that earlier runs of the mapping failed to deliver, and how many wait now."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    retried: int = 0
    """They are records of this run."""
    superseded: int = 0
    """The export says everything of them, so they were not read in."""
    given_up: int = 0
    """They were tried as often, or as long, as the mapping has it."""
    given_up_in: tuple[str, ...] = ()
    """The runs that tried them last, whose folders have their rows."""
    lost: int = 0
    """The folder of their run, or their row in it, is gone."""
    elsewhere: int = 0
    """They wait in other homes that share the ledger."""
    waiting: int = 0
    """The next run of the mapping tries them again; of a plan, those that wait now."""
    oldest_days: int | None = None
    """For how many days the oldest of these fails; None: nothing waits."""

    def lines(self) -> Iterator[str]:
        """For people; nothing where nothing was in quarantine, nor is."""
        if self.retried or self.superseded:
            yield (
                f"Tried again: {counted(self.retried, 'record')} that failed in earlier runs; the export's own records "
                f"stand for {self.superseded:,} more."
            )
        if self.given_up:
            yield (
                f"Given up: {counted(self.given_up, 'record')} of earlier runs, tried as often or as long as "
                f"`delivery.quarantine` has it; see rejects.csv of {', '.join(self.given_up_in)}."
            )
        if self.lost:
            yield f"Lost: {counted(self.lost, 'record')} of earlier runs whose folders are gone, so not tried again."
        if self.elsewhere:
            yield f"Elsewhere: {counted(self.elsewhere, 'record')} in other homes, tried again by the next runs there."
        if self.waiting:
            days = counted(self.oldest_days or 0, "day")
            waiting = counted(self.waiting, "record")
            yield f"In quarantine: {waiting} that the next run tries again, the oldest for {days}."


def quarantined(run: Run, status: RunStatus) -> Quarantined:
    """The figures of a run as it is recorded, or of a plan."""
    taken = taken_by(run.folder)
    fates = dict(taken.group_by(FATE).len().iter_rows())
    carried_out = status is not RunStatus.PLANNED and run.ledger.permitted(run.folder.run_id) is not None
    open_now = pl.col(FATE).is_in([str(Fate.RETRIED), str(Fate.SUPERSEDED)])
    waits = entries.of_run(run.ledger, run.folder.run_id) if carried_out else taken.filter(open_now)
    since = waits.get_column("first_failed_at").sort()
    return Quarantined(
        retried=fates.get(Fate.RETRIED, 0),
        superseded=fates.get(Fate.SUPERSEDED, 0),
        given_up=fates.get(Fate.GIVEN_UP, 0),
        given_up_in=tuple(taken.filter(pl.col(FATE) == Fate.GIVEN_UP).get_column("run_id").unique().sort()),
        lost=fates.get(Fate.LOST, 0),
        elsewhere=entries.elsewhere(run.ledger, entries.of(run.job, run.context.home)),
        waiting=waits.height,
        oldest_days=None if since.is_empty() else max((run.context.clock() - since.item(0)).days, 0),
    )
