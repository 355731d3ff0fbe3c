"""The canary: the first items of a plan are sent and read back, and one that differs stops the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.delivery import sending_order
from pipeline.delivery.approval import approving
from pipeline.delivery.sending_order import Budget
from pipeline.errors import CanaryDiffers, RunFolderError
from pipeline.figures import counted
from pipeline.job import row_key
from pipeline.ledger import canaries
from pipeline.ledger.canaries import Canary, CanaryState, canary_of
from pipeline.masking import mask
from pipeline.model import Column, Extent, Outcome, Reason
from pipeline.pacing.turns import wait
from pipeline.stages.differences import DIFFERENCE, differences
from pipeline.stages.outcomes import APPLIED, SHARD, settle_items

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.carried_out import Run
    from pipeline.ledger.ledger import Ledger
    from pipeline.session import Session

NAMED: Final = 3
"""How many records a message names."""
FIRST_PAUSE_SECONDS: Final = 0.2


def ask(ledger: Ledger, run_id: str, most: int | None) -> None:
    """Keeps that a run that has not begun is to have a canary of so many items. None: as the mapping says."""
    if most is not None:
        canaries.keep(ledger, run_id, Canary(most))


def admit(run: Run, most: int | None, *, begun: bool, approved: bool) -> None:
    """Settles which canary holds for what is carried out now.

    Raises RunFolderError where a run that has begun is asked for another one. `approved`: the plan's hash was given,
    which lets the rest follow a canary that differed.
    """
    run_id = run.folder.run_id
    known = canary_of(run.ledger, run_id)
    if begun and most is not None and most != (known.asked if known else 0):
        has = f"with a canary of {known.asked}" if known and known.asked else "without a canary"
        raise RunFolderError(
            f"run {run_id} has begun {has}, and another one cannot go first; `consent-sync resume {run_id}` goes on"
        )
    if not begun:
        chosen = most if most is not None else None if known else run.job.delivery.canary
        ask(run.ledger, run_id, chosen)
    elif approved and known is not None and known.state is CanaryState.DIFFERED:
        canaries.keep(run.ledger, run_id, replace(known, state=CanaryState.WAIVED))


def budget_of(run: Run) -> Budget | None:
    """How many of the first items may have been sent, where the canary is not judged yet; None: any may have been."""
    known = canary_of(run.ledger, run.folder.run_id)
    if known is None or not known.asked or known.state is not CanaryState.ASKED:
        return None
    return Budget(known.asked)


def first(run: Run, session: Session, extent: Extent, send: Callable[[int], None]) -> None:
    """Sends the canary, if the run has one, and reads it back. Raises CanaryDiffers unless it agrees or is waived.

    It is judged once; what of it was left open is settled each time.
    """
    run_id = run.folder.run_id
    canary = canary_of(run.ledger, run_id)
    if canary is None or not canary.asked:
        return
    items = sending_order.first(run, extent, canary.asked)
    # With the opt-outs ahead it was only theirs; the rest of it goes before the rest of the plan.
    if canary.state is CanaryState.AGREED and canary.items >= sum(part.height for part in items):
        return
    send(canary.asked)
    if canary.state is CanaryState.WAIVED:
        return
    judged, wrong = _judge(run, session, items, canary)
    if canary.state is not CanaryState.DIFFERED:
        canary = judged
        canaries.keep(run.ledger, run_id, canary)
    if canary.state is CanaryState.DIFFERED:
        raise CanaryDiffers(_said(run, extent, canary, wrong))


def holds_back(run: Run) -> bool:
    """Whether the run's canary differed, and nobody has approved the rest in spite of it."""
    known = canary_of(run.ledger, run.folder.run_id)
    return known is not None and known.state is CanaryState.DIFFERED


def _judge(run: Run, session: Session, items: Sequence[pl.DataFrame], asked: Canary) -> tuple[Canary, pl.DataFrame]:
    """The canary as it was found, and a row for each item that differs."""
    done, key = run.ledger.batches(run.folder.run_id), row_key(run.job)
    said = (Column.OUTCOME, Column.REASON, Column.MESSAGE)
    outcomes = [
        part.join(settle_items(part, done, part.item(0, SHARD)).select(*key, *said), on=key, how="left")
        for part in items
    ]
    if not outcomes:
        return replace(asked, state=CanaryState.AGREED), pl.DataFrame()
    whole = pl.concat(outcomes)
    sent = whole.filter(pl.col(Column.OUTCOME) != Outcome.HELD)
    applied = sent.filter(pl.col(Column.OUTCOME).is_in(APPLIED))
    refused = sent.join(applied.select(key), on=key, how="anti").select(*key, Column.IDENTITY, _why())
    differing = _differing(run, session, applied.drop(said))
    _note(run, applied, differing)
    wrong = pl.concat([refused, differing]).sort(*key)
    state = CanaryState.AGREED if wrong.is_empty() else CanaryState.DIFFERED
    return Canary(asked.asked, state, whole.height, sent.height, applied.height, wrong.height), wrong


def _why() -> pl.Expr:
    """Why an item was not applied. A vendor's own words are left out: they may repeat an address."""
    ours = pl.when(pl.col(Column.REASON) == Reason.NOT_APPLIED).then(Column.MESSAGE)
    return pl.coalesce(ours, pl.format("{}: {}", Column.OUTCOME, Column.REASON)).alias(DIFFERENCE)


def _note(run: Run, applied: pl.DataFrame, differing: pl.DataFrame) -> None:
    """Takes back in the ledger that what differs was applied."""
    key = row_key(run.job)
    placed = applied.select(*key, SHARD, Column.BATCH).join(differing, on=key, how="inner")
    for (shard, batch), rows in placed.group_by(SHARD, Column.BATCH, maintain_order=True):
        said = dict(rows.select(Column.RECORD, DIFFERENCE).iter_rows())
        canaries.not_shown(run.ledger, run.folder.run_id, (int(str(shard)), int(str(batch))), said)


def _differing(run: Run, session: Session, items: pl.DataFrame) -> pl.DataFrame:
    """What differs when it is read back, as long as it takes for a write to show."""
    left, seconds = session.destination.limits.settle_seconds, FIRST_PAUSE_SECONDS
    while True:
        seen = session.read(run.job, items)
        wrong = differences(items, seen, run.job)
        if wrong.is_empty() or left <= 0:
            return wrong
        items = items.join(wrong.select(row_key(run.job)), on=row_key(run.job), how="semi")
        wait(run.context.stop, min(seconds, left))
        left, seconds = left - seconds, seconds * 2


def _said(run: Run, extent: Extent, canary: Canary, wrong: pl.DataFrame) -> str:
    """The message, with a few of the records that differ now."""
    numbers = wrong.select(Column.RECORD, Column.IDENTITY, DIFFERENCE).head(NAMED).rows()
    named = "; ".join(f"record {record} ({mask(identity)}): {said}" for record, identity, said in numbers)
    more = f"; and {wrong.height - NAMED} more" if wrong.height > NAMED else ""
    only = ("--only", str(extent)) if extent is Extent.OPT_OUTS else ()
    return (
        f"stopped by its canary, nothing but it was sent: {canary.differ:,} of "
        f"{counted(canary.sent, 'item')} came out otherwise than planned ({named or 'they agree by now'}{more}). Look "
        f"at these contacts at the destination; `{approving(run.folder, run.manifest, *only)}` sends the rest in spite "
        f"of it, and `resume` does not"
    )
