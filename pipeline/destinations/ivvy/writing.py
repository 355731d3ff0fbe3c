"""Carries out a batch of items: opt-outs of kin first, then memberships that end, contacts, memberships that begin."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from pipeline.destinations.halting import halted, refuses_all
from pipeline.destinations.interface import Delivery, Exceptional, Kind, Reply
from pipeline.destinations.ivvy import wire
from pipeline.destinations.ivvy.refusals import doubtful, of_group, reason_of
from pipeline.destinations.suspicion import Suspicion
from pipeline.model import Column, Outcome, Reason, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import polars as pl

    from pipeline.destinations.ivvy.calls import Calls

OPTED_OUT: Final = wire.EMAIL_STATUS[Status.OPT_OUT]
SUBSCRIBED: Final = wire.EMAIL_STATUS[Status.OPT_IN]


@dataclass(frozen=True, slots=True)
class Row:
    """One item."""

    record: int
    wire: Mapping[str, Any]
    contact: int | None
    """The id; None: a new contact."""
    stored_status: int | None

    @property
    def params(self) -> dict[str, Any] | None:
        """What addOrUpdateContact is asked; None: nothing but memberships changes."""
        return self.wire.get("contact")

    @property
    def raises(self) -> bool:
        """Whether a restricted contact is subscribed again: the platform may pass over that in silence."""
        wanted = (self.params or {}).get("status")
        return wanted == SUBSCRIBED and self.stored_status not in (None, SUBSCRIBED)


@dataclass(slots=True)
class Writing:
    """What has come of the items so far. The first thing that goes wrong with an item is what is said of it."""

    calls: Calls
    creates: bool
    suspicion: Suspicion = field(default_factory=Suspicion)
    exceptional: dict[int, Exceptional] = field(default_factory=dict)
    ids: dict[int, int] = field(default_factory=dict)
    """Record -> id of its contact."""
    expected: int = 0
    reported: int = 0

    def deliver(self, items: pl.DataFrame) -> Delivery:
        """Kin come first: if it breaks off later, the item is unsettled, and all of it is done again."""
        rows = [_row(*row) for row in items.select(Column.RECORD, Column.WIRE, Column.HANDLE).iter_rows()]
        self.ids = {row.record: row.contact for row in rows if row.contact is not None}
        self._opt_out_kin(rows)
        self._change_members(wire.REMOVE_FROM_GROUP, "remove", rows)
        self._write_contacts(rows)
        self._change_members(wire.ADD_TO_GROUP, "add", rows)
        return Delivery(self.expected, self.reported, tuple(self.exceptional.values()))

    def _opt_out_kin(self, rows: Iterable[Row]) -> None:
        of_kin: dict[int, list[Row]] = {}
        for row in rows:
            for contact in row.wire.get("kin", ()):
                of_kin.setdefault(contact, []).append(row)
        params = [{"id": contact, "status": OPTED_OUT} for contact in of_kin]
        replies = self.calls.many(wire.ADD_OR_UPDATE, params, repeatable=True)
        for contact, reply in zip(of_kin, replies, strict=True):
            # Who is gone cannot be contacted.
            gone = not reply.unclear and reply.verdict.code == str(wire.NOT_FOUND)
            for row in () if gone else of_kin[contact]:
                self._judge(row, reply, f"contact {contact} with the same address: ")

    def _write_contacts(self, rows: Iterable[Row]) -> None:
        """IV-01, IV-03. What raises a status, or adds somebody, is not sent again unseen.

        A new contact that is there by now was read back, and shows what it was to get.
        """
        for repeatable in (True, False):
            writing = [row for row in rows if not (self.creates and row.contact is not None)]
            mine = [(row, row.params) for row in writing if row.params and self._is_repeatable(row) is repeatable]
            replies = self.calls.many(wire.ADD_OR_UPDATE, [params for _, params in mine], repeatable=repeatable)
            self._suspect(replies)
            for (row, _), reply in zip(mine, replies, strict=True):
                if self._judge(row, reply):
                    self._wrote(row, reply)

    def _suspect(self, replies: Sequence[Reply]) -> None:
        """Raises Refused where every row is refused alike, with a code that nobody knows."""
        kind = "create" if self.creates else "update"
        if any(reply.verdict.kind is Kind.OK and not reply.unclear for reply in replies):
            self.suspicion.accepted(kind)
            return
        for verdict in (reply.verdict for reply in replies if doubtful(reply.verdict)):
            if alike := self.suspicion.refused(kind, verdict):
                raise refuses_all(verdict, alike)

    def _is_repeatable(self, row: Row) -> bool:
        return not self.creates and not row.raises

    def _wrote(self, row: Row, reply: Reply) -> None:
        self.expected += 1
        self.reported += 1
        try:
            written = wire.Written.model_validate(reply.body)
        except ValidationError:
            written = wire.Written()
        if written.id is not None:
            self.ids.setdefault(row.record, written.id)
        if written.id is None or written.id != self.ids[row.record]:
            self._except(row, None, Reason.NOT_CONFIRMED, f"the answer is about contact {written.id}")
        elif row.raises:
            self._except(row, None, Reason.NOT_APPLIED, "a restricted contact; read back")

    def _change_members(self, action: str, key: str, rows: Iterable[Row]) -> None:
        """IV-04. Who is in the group already, or out of it, may be answered `false`: the reading says how it is."""
        groups: dict[int, list[Row]] = {}
        for row in rows:
            settled = row.record not in self.exceptional and row.record in self.ids
            for group in row.wire.get(key, ()) if settled else ():
                groups.setdefault(group, []).append(row)
        for group, members in groups.items():
            params = {"contacts": [self.ids[row.record] for row in members], "group": group}
            reply = self.calls.one(action, params, repeatable=True)
            if (verdict := of_group(group, reply.verdict)).kind is Kind.HALT:
                raise halted(verdict)
            changed = _changed(reply)
            for row in members:
                if self._judge(row, reply) and not changed.get(self.ids[row.record], False):
                    self._except(row, None, Reason.NOT_APPLIED, f"group {group}: not changed")
                elif not row.params:
                    self.expected += 1
                    self.reported += 1

    def _judge(self, row: Row, reply: Reply, about: str = "") -> bool:
        """Whether the call took effect; says of the row what is wrong, if anything is (IV-11, IV-13)."""
        verdict = reply.verdict
        if not reply.unclear and verdict.kind is Kind.OK:
            return True
        if verdict.kind is Kind.HALT:
            # A single call is stopped on its way; that of a batch is one answer among others.
            raise halted(verdict)
        if reply.unclear or verdict.kind is not Kind.REFUSED:
            self._except(row, None, Reason.NOT_CONFIRMED, about + verdict.message)
        else:
            self._except(row, Outcome.FAILED, reason_of(verdict.code), f"{about}{verdict.code}: {verdict.message}")
        return False

    def _except(self, row: Row, outcome: Outcome | None, reason: Reason, message: str) -> None:
        self.exceptional.setdefault(row.record, Exceptional(row.record, outcome, reason, message))


def _row(record: int, text: str, handle: str | None) -> Row:
    known = json.loads(handle) if handle else {}
    return Row(record, json.loads(text), known.get("id"), known.get("status"))


def _changed(reply: Reply) -> dict[int, bool]:
    """Contact -> whether its membership was changed."""
    try:
        results = [wire.MemberResult.model_validate(entry) for entry in reply.body]
    except (ValidationError, TypeError):
        return {}
    return {result.contactId: result.status for result in results}
