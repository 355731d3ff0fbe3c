"""Brings one batch to its end: delivered, refused to the row, or read back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.destinations.interface import Delivery, Exceptional
from pipeline.model import Column, Outcome, Reason
from pipeline.pacing.governor import Governor
from pipeline.stages.permissions import barred as listed_of
from pipeline.stages.permissions import permissions
from pipeline.stages.reconcile import FOUND, OPTED_OUT, Found, compare, creating, permits_something, watched

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from pipeline.destinations.interface import Destination, Send
    from pipeline.job import Job
    from pipeline.stages.suppress import Listed

ROUNDS: Final = 3
"""How often what is certainly not there after an unclear answer is sent again."""
OVERTAKEN: Final = "it does not show what was sent, and another run has written since: it is not sent again"
SETTLED: Final = "settled by reading back"
GAVE_UP: Final = f"no clear answer in {ROUNDS} rounds of sending, and not there when read back"
FIRST_PAUSE_SECONDS: Final = 0.2


@dataclass(slots=True)
class Courier:
    """Brings one batch to its end: delivered, refused to the row, or read back."""

    job: Job
    destination: Destination
    send: Send
    stop: threading.Event
    watchful: bool = False
    lists: Sequence[Listed] = ()
    governor: Governor = field(default_factory=Governor)
    works: Sequence[str] = ()
    """What the destination has begun for the batch; more may be added meanwhile."""
    sends: bool = True
    """Otherwise what has begun is read back, and nothing is sent: another run has written since."""
    counts: Delivery = field(default_factory=Delivery)
    exceptional: dict[int, Exceptional] = field(default_factory=dict)
    in_part: set[int] = field(default_factory=set)
    """Records of which a part has arrived."""
    whole: pl.DataFrame | None = None
    body: bytes | None = None
    """What is sent of the batch as long as it is whole."""

    def settle(
        self, items: pl.DataFrame, *, begun: bool, barred: Sequence[int] = (), body: bytes | None = None
    ) -> Delivery:
        """Every item ends confirmed, or exceptional with an outcome. Nothing is sent of those `barred`.

        `body`: the wire JSON of all items, joined.
        """
        self.whole, self.body = items, body
        unclear: dict[int, Reason] = {}
        if begun and not self._ended():
            return self._still_at_work(items)
        if begun:
            unclear = dict.fromkeys(items.get_column(Column.RECORD), Reason.NOT_CONFIRMED)
            # What is not to be sent again may still show.
            remaining = self._read_back(items, unclear, patient=creating(items) or bool(barred) or not self.sends)
            remaining = self._unlisted(remaining, barred) if self.sends else self._given_up(remaining)
        else:
            remaining = self._unlisted(items, barred)
            remaining = self._still_permitted(remaining) if self.watchful else remaining
        left = ROUNDS
        for _ in range(ROUNDS + items.height):
            if remaining.is_empty() or not left:
                break
            rows, height = self.governor.rows, remaining.height
            remaining, unclear = self._round(remaining)
            # A round that showed that less must be sent at once, or settled some one by one, is not held against it.
            now = self.governor.rows
            left -= not (now is not None and (rows is None or now < rows or (now == 1 and remaining.height < height)))
        for record in remaining.get_column(Column.RECORD).to_list():
            changed = unclear.get(record) is Reason.CHANGED_MEANWHILE
            if changed:
                self._except(record, Outcome.FAILED, Reason.CHANGED_MEANWHILE)
            else:
                said = SETTLED if record in self.in_part else GAVE_UP
                self._except(record, Outcome.UNKNOWN, Reason.NOT_CONFIRMED, said)
        return replace(self.counts, exceptional=tuple(self.exceptional.values()))

    def _still_permitted(self, items: pl.DataFrame) -> pl.DataFrame:
        """The items but for those that would let somebody be contacted who has opted out since it was planned."""
        raising = items.filter(watched(self.job))
        if raising.is_empty() or "destination" not in self.job.policy.witnesses:
            return items
        seen = self._read(raising)
        held = compare(raising, seen, self.job).filter(OPTED_OUT).get_column(Column.RECORD).to_list()
        for record in held:
            self._except(record, Outcome.HELD, Reason.RESUBSCRIBE_WITHOUT_EVIDENCE)
        allowed = items.filter(~pl.col(Column.RECORD).is_in(held))
        if not self.lists:
            return allowed
        stored = permissions(raising.filter(permits_something(self.job)), raising.head(0), seen, self.job)
        return self._unlisted(allowed, listed_of(stored, self.lists).get_column(Column.RECORD).to_list())

    def _unlisted(self, items: pl.DataFrame, listed: Sequence[int]) -> pl.DataFrame:
        """The items but for those of records that a suppression list bars by now."""
        if not listed:
            return items
        for record in set(listed).intersection(items.get_column(Column.RECORD)):
            self._except(record, Outcome.HELD, Reason.SUPPRESSED, "on a suppression list since it was planned")
        return items.filter(~pl.col(Column.RECORD).is_in(list(listed)))

    def _round(self, items: pl.DataFrame) -> tuple[pl.DataFrame, dict[int, Reason]]:
        """Delivers once and reads back what is unclear; returns what may be sent again, and why it was unclear."""
        delivery, sent = Delivery(), 0
        for part in self.governor.parts(items):
            came = self.destination.deliver(self.job, part, self.send, self.body if part is self.whole else None)
            delivery, sent = delivery + came, sent + part.height
            if self.governor.rows == 1 and [e.reason for e in came.exceptional] == [Reason.NOT_CONFIRMED]:
                break  # not even the smallest request is answered: the others wait for the next round
        self.counts += replace(delivery, exceptional=())
        unclear = {e.record: e.reason for e in delivery.exceptional if e.outcome is None}
        for exceptional in delivery.exceptional:
            if exceptional.outcome is not None:
                self.exceptional[exceptional.record] = exceptional
        unsent = items.slice(sent)
        if not unclear:
            return unsent, unclear
        asked = items.slice(0, sent).filter(pl.col(Column.RECORD).is_in(list(unclear)))
        if not self._ended():
            self._still_at_work(asked)
            return unsent, unclear
        # Who was changed by somebody else is known not to have taken effect: there is nothing to wait for.
        patient = set(unclear.values()) != {Reason.CHANGED_MEANWHILE}
        again = self._read_back(asked, unclear, patient=patient)
        return pl.concat([again.select(unsent.columns), unsent]), unclear

    def _given_up(self, items: pl.DataFrame) -> pl.DataFrame:
        """Nothing of a stale plan is sent again: what does not show is failed."""
        for record in items.get_column(Column.RECORD).to_list():
            self._except(record, Outcome.FAILED, Reason.CHANGED_MEANWHILE, OVERTAKEN)
        return items.head(0)

    def _ended(self) -> bool:
        """Whether nothing is still to come of what the destination has begun; it is waited for."""
        return all(self.destination.ended(work, self.send) for work in self.works)

    def _still_at_work(self, items: pl.DataFrame) -> Delivery:
        """All of it stays unknown: reading back would show what is so far, and what is sent again might come twice."""
        for record in items.get_column(Column.RECORD).to_list():
            self._except(record, Outcome.UNKNOWN, Reason.NOT_CONFIRMED, "the destination has not finished it yet")
        return replace(self.counts, exceptional=tuple(self.exceptional.values()))

    def _read_back(self, items: pl.DataFrame, unclear: dict[int, Reason], *, patient: bool) -> pl.DataFrame:
        """Reads until all is confirmed or would have shown; returns the items that certainly did not take effect."""
        judged = self._read_until_shown(items, patient=patient)
        again: list[int] = []
        for record, found, opted_out in judged.select(Column.RECORD, FOUND, OPTED_OUT).iter_rows():
            if found == Found.CONFIRMED:
                continue
            if opted_out:
                self._except(record, Outcome.HELD, Reason.RESUBSCRIBE_WITHOUT_EVIDENCE)
            elif found == Found.KIN:
                again.append(record)
                self.in_part.add(record)
            elif unclear[record] is Reason.NOT_APPLIED:
                missing = found == Found.MISSING and not creating(items)
                self._except(record, Outcome.FAILED, Reason.CONTACT_NOT_FOUND if missing else Reason.NOT_APPLIED)
            elif found == Found.DIFFERENT and creating(items) and self.sends:
                # The contact is there with other values: it is not created a second time.
                self._except(record, Outcome.UNKNOWN, Reason.NOT_CONFIRMED)
            else:
                again.append(record)
        return judged.drop(FOUND, OPTED_OUT).filter(pl.col(Column.RECORD).is_in(again))

    def _read_until_shown(self, items: pl.DataFrame, *, patient: bool) -> pl.DataFrame:
        from pipeline.pacing.turns import wait as pause

        left, seconds = self.destination.limits.settle_seconds if patient else 0.0, FIRST_PAUSE_SECONDS
        while True:
            judged = self._compared(items)
            if left <= 0 or judged.get_column(FOUND).eq(Found.CONFIRMED).all():
                return judged
            pause(self.stop, min(seconds, left))
            left, seconds = left - seconds, seconds * 2

    def _compared(self, items: pl.DataFrame) -> pl.DataFrame:
        return compare(items, self._read(items), self.job)

    def _read(self, items: pl.DataFrame) -> pl.DataFrame:
        return self.governor.read(items, lambda part: self.destination.read_back(self.job, part, self.send))

    def _except(self, record: int, outcome: Outcome, reason: Reason, message: str = SETTLED) -> None:
        self.exceptional[record] = Exceptional(record, outcome, reason, message)
