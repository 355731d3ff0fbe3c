"""Settles a batch that is refused as a whole to the row: without the rows that a refusal names, else by halves."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.destinations.halting import refuses_all
from pipeline.destinations.interface import Kind, Reply
from pipeline.model import Column

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.destinations.interface import Verdict
    from pipeline.destinations.suspicion import Suspicion

WITNESSES: Final = 5
"""Rows from all over the batch that are tried before a code is taken for a fault of the configuration."""
SEARCHES: Final = 3
"""How many refused rows are searched for one by one."""
TOO_LARGE: Final = "413"


@dataclass(frozen=True, slots=True)
class Rest:
    """What a refusal left to be sent."""

    rows: pl.DataFrame
    named: bool
    """Whether the refusal named rows: the others go again as they are."""
    unknown: bool = False
    """Whether one row was refused by itself with a code that nobody knows."""
    holds: bool = True
    """Whether a row that is refused is certainly among them."""


@dataclass(slots=True)
class Halving:
    """Sends rows until each is accepted, refused by itself, or unclear.

    The first refused rows are searched for one by one, and all that was not looked at goes again at once: one among n
    costs at most ceil(log2 n) + 2 further requests. From then on there are many, and the rest is halved to the end.
    """

    kind: str
    send: Callable[[pl.DataFrame], Reply]
    """Sends rows in one request."""
    accepted: Callable[[pl.DataFrame, Reply], bool]
    """Takes an accepting answer; returns whether it accepts some row."""
    unclear: Callable[[pl.DataFrame, Reply], None]
    refused: Callable[[pl.DataFrame, Reply], Rest]
    """Settles the rows that a refusal names, or the only one."""
    suspicion: Suspicion
    _tried: set[int] = field(default_factory=set)
    """Records that were sent ahead of their half, as witnesses."""
    _open: pl.DataFrame = field(default_factory=pl.DataFrame)
    _clear: int = 0
    """How many sets were accepted as they were sent."""

    def settle(self, items: pl.DataFrame) -> None:
        """Raises Refused where an unknown code refuses rows from all over the batch, and no row was accepted."""
        self._open = rows = items
        for _ in range(SEARCHES):
            rows = self._left(self._search(rows))
            if rows.is_empty():
                return
        self._settle(rows, holds=False)

    def _search(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Sends rows; finds one that is refused, if there is one. Returns those that nothing is known of yet."""
        rest = self._sent(rows)
        if rest is None or rest.rows.is_empty():
            return rows.head(0)
        suspects, pool = rest, rest.rows.head(0)
        while suspects.holds and suspects.rows.height > 1:
            left, right = _halves(suspects.rows)
            known = self._clear
            rest = self._sent(left)
            if rest is None and self._clear > known:
                # The half was accepted: the other one holds the row that is refused.
                suspects = Rest(right, named=False)
                continue
            pool = pl.concat([right, pool])
            if rest is None or rest.rows.is_empty():
                return pool
            suspects = rest
        self._settle(suspects.rows, holds=False) if suspects.holds else self._halve(suspects.rows, holds=False)
        return pool

    def _settle(self, rows: pl.DataFrame, *, holds: bool) -> bool:
        """Whether all rows were accepted. `holds`: a row that is refused is known to be among them."""
        rows = self._left(rows)
        if holds and rows.height > 1:
            return self._halve(rows, holds=True)
        known = self._clear
        rest = self._sent(rows)
        if rest is None:
            return self._clear > known or rows.is_empty()
        if not rest.rows.is_empty():
            self._halve(rest.rows, holds=rest.holds)
        return False

    def _halve(self, rows: pl.DataFrame, *, holds: bool) -> bool:
        left, right = _halves(rows)
        clean = self._settle(left, holds=False)
        return self._settle(right, holds=holds and clean) and clean

    def _sent(self, rows: pl.DataFrame) -> Rest | None:
        """Sends rows, and again without those that a refusal names.

        None: they are settled. Else what is left of a refusal that names none.
        """
        named = False
        while not (rows := self._left(rows)).is_empty():
            reply = self.send(rows)
            if reply.unclear:
                self.unclear(rows, reply)
                return None
            if reply.verdict.kind is Kind.OK:
                self._accept(rows, reply)
                self._clear += not named
                return None
            rest = self.refused(rows, reply)
            if rest.unknown:
                self._suspect(rows, reply.verdict)
            if not rest.named:
                return replace(rest, holds=rest.holds and reply.verdict.code != TOO_LARGE)
            rows, named = rest.rows, True
        return None

    def _left(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.filter(~pl.col(Column.RECORD).is_in(list(self._tried))) if self._tried else rows

    def _accept(self, rows: pl.DataFrame, reply: Reply) -> None:
        if self.accepted(rows, reply):
            self.suspicion.accepted(self.kind)

    def _suspect(self, rows: pl.DataFrame, verdict: Verdict) -> None:
        """Counts a refusal of one row. When there are enough, rows from all over the batch say if it is the rows."""
        self._tried |= set(rows.get_column(Column.RECORD))
        alike = self.suspicion.refused(self.kind, verdict)
        if not alike:
            return
        others = self._open.filter(~pl.col(Column.RECORD).is_in(list(self._tried)))
        most = min(WITNESSES, others.height)
        for place in range(most):
            witness = others.slice((2 * place + 1) * others.height // (2 * most), 1)
            reply = self.send(witness)
            # Another verdict is no witness: the row is settled with its half, and asked again.
            if reply.unclear or reply.verdict.kind is Kind.OK or reply.verdict.code != verdict.code:
                self._heard(witness, reply)
                return
            alike += 1
        raise refuses_all(verdict, alike)

    def _heard(self, witness: pl.DataFrame, reply: Reply) -> None:
        self._tried |= set(witness.get_column(Column.RECORD))
        if reply.unclear:
            self.unclear(witness, reply)
        elif reply.verdict.kind is Kind.OK:
            self._accept(witness, reply)
        else:
            self.refused(witness, reply)


def _halves(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    half = (rows.height + 1) // 2
    return rows.slice(0, half), rows.slice(half)
