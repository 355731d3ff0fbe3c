"""What the answer to a mutation, or its refusal, says of its rows (AC-15)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from pipeline.destinations.acoustic_connect.refusals import NOT_FOUND, REASONS, errors_in, named_records, reason_of
from pipeline.destinations.halving import Halving, Rest
from pipeline.destinations.interface import Delivery, Exceptional, Reply
from pipeline.destinations.suspicion import Suspicion
from pipeline.model import Column, Outcome, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.destinations.acoustic_connect.wire import Error

Mutate = Callable[[pl.DataFrame], Reply]
"""Sends rows in one mutation."""
Reported = Callable[[Reply, pl.DataFrame], int]
"""How many of the rows an accepting answer vouches for."""
Present = Callable[[pl.DataFrame], set[str]]
"""The identities of the rows that the destination has."""


@dataclass(slots=True)
class Isolation:
    """Delivers rows until each is applied, refused by itself, or unclear.

    Where rows must not be sent twice, a refusal costs a look-up besides.
    """

    mutate: Mutate
    reported: Reported
    present: Present
    repeatable: bool
    """Whether sending a row twice has the effect of once."""
    suspicion: Suspicion = field(default_factory=Suspicion)
    exceptional: list[Exceptional] = field(default_factory=list)
    expected: int = 0
    vouched: int = 0
    _lookups: int = 0

    @property
    def _kind(self) -> str:
        return "update" if self.repeatable else "create"

    def deliver(self, items: pl.DataFrame) -> Delivery:
        """Settles all rows. Which rows are refused does not depend on how they were batched."""
        halving = Halving(
            self._kind,
            send=self.mutate,
            accepted=lambda rows, reply: self._count(rows, self.reported(reply, rows)),
            unclear=lambda rows, reply: self._except(rows, None, Reason.NOT_CONFIRMED, reply.verdict.message),
            refused=self._refused,
            suspicion=self.suspicion,
        )
        halving.settle(items)
        return Delivery(self.expected, self.vouched, tuple(self.exceptional))

    def _count(self, rows: pl.DataFrame, vouched: int) -> bool:
        self.expected += rows.height
        self.vouched += vouched
        if vouched < rows.height:
            self._except(rows, None, Reason.NOT_APPLIED, f"{vouched} of {rows.height} modified")
        return vouched > 0

    def _refused(self, rows: pl.DataFrame, reply: Reply) -> Rest:
        """What is left after a refusal: all but the rows that it names, or a part that holds the refused one."""
        errors, sent = errors_in(reply.body), rows.height
        if not self.repeatable:
            rows = self._without_applied(rows)
        if rows.height == 1:
            self._except(rows, Outcome.FAILED, reason_of(reply.verdict.code), _said(errors, reply))
            return Rest(rows.head(0), named=True, unknown=sent == 1 and reply.verdict.code not in REASONS)
        named = {record: error for error in errors for record in named_records(error, rows)}
        for record, error in named.items():
            row = rows.filter(pl.col(Column.RECORD) == record)
            self._except(row, Outcome.FAILED, reason_of(error.extensions.code), _text(error))
        rest = rows.filter(~pl.col(Column.RECORD).is_in(list(named)))
        if named:
            return Rest(self._without_missing(rest) if reply.verdict.code in NOT_FOUND else rest, named=True)
        return Rest(rest, named=False, holds=rest.height == sent)

    def _without_missing(self, rows: pl.DataFrame) -> pl.DataFrame:
        """One unknown contact has cost a request; from the second on, one look-up finds all of the batch."""
        self._lookups += 1
        if self._lookups != 2 or rows.is_empty():
            return rows
        found = pl.col(Column.IDENTITY).is_in(sorted(self.present(rows)))
        self._except(rows.filter(~found), Outcome.FAILED, Reason.CONTACT_NOT_FOUND, "not found when looked up")
        return rows.filter(found)

    def _without_applied(self, rows: pl.DataFrame) -> pl.DataFrame:
        """A refusal may have applied a part of the batch; what is there already is not sent again."""
        if self._lookups:
            return rows
        self._lookups = 1
        there = pl.col(Column.IDENTITY).is_in(sorted(self.present(rows)))
        applied = rows.filter(there)
        if not applied.is_empty():
            self.suspicion.accepted(self._kind)
        self._except(applied, None, Reason.NOT_CONFIRMED, "found after a refusal")
        return rows.filter(~there)

    def _except(self, rows: pl.DataFrame, outcome: Outcome | None, reason: Reason, message: str) -> None:
        self.exceptional += [
            Exceptional(record, outcome, reason, message) for record in rows.get_column(Column.RECORD).to_list()
        ]


def _said(errors: Iterable[Error], reply: Reply) -> str:
    return next((_text(error) for error in errors), f"{reply.verdict.code}: {reply.verdict.message}")


def _text(error: Error) -> str:
    return f"{error.extensions.code}: {error.message}"
