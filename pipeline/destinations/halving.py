"""Settles a batch that is refused as a whole to the row: without the rows that a refusal names, else by halves."""

from __future__ import annotations

from dataclasses import dataclass, field
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

    Where one half of a refused set is accepted the other half holds the refused row: it is halved without being sent.
    One bad row among n costs at most ceil(log2 n) + 1 further requests.
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

    def settle(self, items: pl.DataFrame) -> None:
        """Raises Refused where an unknown code refuses rows from all over the batch, and no row was accepted."""
        self._open = items
        self._settle(items, holds=False)

    def _settle(self, rows: pl.DataFrame, *, holds: bool) -> bool:
        """Whether all rows were accepted. `holds`: a row that is refused is known to be among them."""
        clean = True
        while True:
            if self._tried:
                rows = rows.filter(~pl.col(Column.RECORD).is_in(list(self._tried)))
            if rows.is_empty():
                return clean
            if holds and rows.height > 1:
                return self._halve(rows)
            reply = self.send(rows)
            if reply.unclear:
                self.unclear(rows, reply)
                return False
            if reply.verdict.kind is Kind.OK:
                self._accept(rows, reply)
                return clean
            clean = False
            rest = self.refused(rows, reply)
            if rest.unknown:
                self._suspect(rows, reply.verdict)
            if not rest.named:
                holds_still = rest.holds and reply.verdict.code != TOO_LARGE
                return self._halve(rest.rows, holds=holds_still) if rest.rows.height else clean
            rows, holds = rest.rows, False

    def _accept(self, rows: pl.DataFrame, reply: Reply) -> None:
        if self.accepted(rows, reply):
            self.suspicion.accepted(self.kind)

    def _halve(self, rows: pl.DataFrame, *, holds: bool = True) -> bool:
        half = (rows.height + 1) // 2
        clean = self._settle(rows.slice(0, half), holds=False)
        return self._settle(rows.slice(half), holds=holds and clean) and clean

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
