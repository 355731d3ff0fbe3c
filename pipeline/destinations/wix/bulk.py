"""Writes many consents in one call; each has an answer of its own (WX-09)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import polars as pl
from pydantic import ValidationError

from pipeline.destinations.halting import refuses_all
from pipeline.destinations.halving import Halving, Rest
from pipeline.destinations.interface import Delivery, Exceptional, Kind, Reply, Verdict
from pipeline.destinations.suspicion import Suspicion
from pipeline.destinations.wix import wire
from pipeline.destinations.wix.refusals import named_items, reason_of
from pipeline.model import Column, Outcome, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

KIND: Final = "bulk"
Upsert = Callable[[pl.DataFrame], Reply]
"""Sends rows in one call."""


@dataclass(slots=True)
class Bulk:
    """Delivers rows until each is applied, refused by itself, or unclear."""

    upsert: Upsert
    suspicion: Suspicion = field(default_factory=Suspicion)
    exceptional: list[Exceptional] = field(default_factory=list)
    links: dict[int, str] = field(default_factory=dict)
    expected: int = 0
    reported: int = 0

    def deliver(self, items: pl.DataFrame) -> Delivery:
        """A call that is refused as a whole is sent again without the rows that the refusal names, else in halves."""
        halving = Halving(
            KIND,
            send=self.upsert,
            accepted=self._take,
            unclear=lambda rows, reply: self._except(rows, None, Reason.NOT_CONFIRMED, reply.verdict.message),
            refused=self._refused,
            suspicion=self.suspicion,
        )
        halving.settle(items)
        return Delivery(self.expected, self.reported, tuple(self.exceptional), self.links)

    def _take(self, rows: pl.DataFrame, reply: Reply) -> bool:
        try:
            answer = wire.Bulk.model_validate(reply.body)
        except ValidationError:
            self._except(rows, None, Reason.NOT_CONFIRMED, "an answer of another shape")
            return False
        results = by_item(answer.results, rows.get_column(Column.IDENTITY).to_list())
        refused: list[str] = []
        for position, (record, sent) in enumerate(rows.select(Column.RECORD, Column.WIRE).iter_rows()):
            result = results.get(position)
            refused += [result.refusal] if result is not None and result.refusal is not None else []
            exceptional, link = judged(record, json.loads(sent), result)
            self.exceptional += [exceptional] if exceptional else []
            self.links |= {record: link} if link else {}
        self.expected += rows.height - len(refused)
        total = answer.metadata.totalSuccess
        self.reported += total if total is not None else sum(r.refusal is None for r in results.values())
        if len(refused) == rows.height:
            self._suspect(refused)
        return len(refused) < rows.height

    def _suspect(self, refused: Sequence[str]) -> None:
        """Raises Refused where every item is refused alike, with a code that nobody knows."""
        for said in refused:
            code, _, message = said.partition(":")
            verdict = Verdict(Kind.REFUSED, code.strip(), message.strip())
            if reason_of(said) is Reason.REFUSED and (alike := self.suspicion.refused(KIND, verdict)):
                raise refuses_all(verdict, alike)

    def _refused(self, rows: pl.DataFrame, reply: Reply) -> Rest:
        named = {position: said for position, said in named_items(reply.body).items() if position < rows.height}
        unknown = rows.height == 1 and not named
        if unknown:
            named = {0: reply.verdict.message}
        numbered = rows.with_row_index("_position")
        for position, said in named.items():
            self._except(rows.slice(position, 1), Outcome.FAILED, reason_of(reply.verdict.code), said)
        rest = numbered.filter(~pl.col("_position").is_in(list(named))).drop("_position")
        return Rest(rest, named=bool(named), unknown=unknown)

    def _except(self, rows: pl.DataFrame, outcome: Outcome | None, reason: Reason, message: str) -> None:
        records = rows.get_column(Column.RECORD).to_list()
        self.exceptional += [Exceptional(record, outcome, reason, message) for record in records]


def by_item(results: Sequence[wire.Result], identities: Sequence[str]) -> dict[int, wire.Result]:
    """Position of the item -> its answer. One that fits several items, or contradicts itself or another, fits none.

    Where one index is wrong, those of answers that name no address are worth nothing.
    """
    places = {identity: position for position, identity in enumerate(identities)}
    found: dict[int, wire.Result] = {}
    doubtful: set[int] = set()
    misplaced = False
    for position, result in _placed(results, places):
        if not 0 <= position < len(identities):
            misplaced = True
            continue
        shown = result.marketingConsent
        other = shown is not None and shown.details.identity not in {identities[position], ""}
        misplaced |= other
        if other or found.setdefault(position, result) != result:
            doubtful.add(position)
    if misplaced:
        doubtful |= {position for position, result in found.items() if result.marketingConsent is None}
    return {position: result for position, result in found.items() if position not in doubtful}


def _placed(results: Sequence[wire.Result], places: dict[str, int]) -> Iterator[tuple[int, wire.Result]]:
    """By index; without one by address; the only answer with neither is that of the first item, if that has none."""
    lost: list[wire.Result] = []
    first_is_told = False
    for result in results:
        shown = result.marketingConsent.details.identity if result.marketingConsent else None
        position = result.index if result.index is not None else places.get(shown or "")
        if position is None:
            lost.append(result)
            continue
        first_is_told |= position == 0
        yield position, result
    if len(lost) == 1 and not first_is_told:
        yield 0, lost[0]


def judged(record: int, sent: dict[str, Any], result: wire.Result | None) -> tuple[Exceptional | None, str | None]:
    """What one answer says of its item: the exception, if it is one, and the link, if there is one (WX-06, WX-10)."""
    if result is None:
        return Exceptional(record, None, Reason.NOT_CONFIRMED, "the answer says nothing of it"), None
    if result.refusal is not None:
        return Exceptional(record, Outcome.FAILED, reason_of(result.refusal), result.refusal), None
    if result.marketingConsent is None:
        return Exceptional(record, None, Reason.NOT_CONFIRMED, "the answer says nothing of it"), None
    link = result.link.url if result.link and result.link.url else None
    return not_applied(record, sent, result.marketingConsent), link


def not_applied(record: int, sent: dict[str, Any], shown: wire.MarketingConsent) -> Exceptional | None:
    """The exception where the consent has another state after the write than the one that was sent (WX-06)."""
    if sent.get("state", shown.state) == shown.state:
        return None
    message = f"{sent['state']} was sent, and the state is {shown.state}"
    return Exceptional(record, Outcome.FAILED, Reason.NOT_APPLIED, message)
