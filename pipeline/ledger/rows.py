"""What the ledger is told and tells: settlements, batches and requests, as rows of its tables."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pipeline.destinations.interface import Delivery, Exceptional
from pipeline.model import BatchState, Outcome, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from pipeline.transport.sending import Attempt

BatchKey = tuple[int, int]
"""(shard, batch)"""
LONGEST_MESSAGE: Final = 1000
"""Of what a destination says of a record so much is kept; a bug of a vendor's may answer with pages for each."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What came of a batch, and the requests it took."""

    key: BatchKey
    delivery: Delivery
    attempts: Sequence[Attempt]
    at: datetime | None
    """None: it was settled by reading alone, long after anything was sent."""
    first: BatchKey | None = None
    """The batch that it travelled with, and with which the attempts of both are written down."""


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A batch as the ledger has it."""

    state: str
    attempts: int
    expected: int
    reported: int
    exceptional: tuple[Exceptional, ...] = field(default_factory=tuple)
    links: Mapping[int, str] = field(default_factory=dict)
    """Record -> link."""

    @property
    def clear(self) -> bool:
        """Whether it is settled and no record of it is unknown: there is nothing left to ask or to send."""
        return self.state == BatchState.SETTLED and not any(e.unknown for e in self.exceptional)


def settled_row(run_id: str, settlement: Settlement) -> dict[str, Any]:
    shard, batch = settlement.key
    delivery = settlement.delivery
    said = [said_of(e) for e in delivery.exceptional]
    return {
        "of_run": run_id,
        "of_shard": shard,
        "of_batch": batch,
        "made": tries(settlement.attempts),
        "expected": delivery.expected,
        "reported": delivery.reported,
        "exceptional": json.dumps(said, ensure_ascii=False),
        "settled_at": settlement.at,
    }


def tries(attempts: Sequence[Attempt]) -> int:
    """How often one and the same was tried, however many requests a batch is made of: retries come on top of one."""
    return min(len(attempts), 1 + sum(a.number > 1 for a in attempts))


def link_rows(run_id: str, settlement: Settlement) -> list[dict[str, Any]]:
    shard, batch = settlement.key
    links = settlement.delivery.links.items()
    return [
        {"run_id": run_id, "shard": shard, "batch": batch, "record": record, "link": link} for record, link in links
    ]


def request_rows(run_id: str, attempts: Iterable[Attempt], key: BatchKey | None) -> list[dict[str, Any]]:
    shard, batch = key or (None, None)
    return [
        {
            "run_id": run_id,
            "shard": shard,
            "batch": batch,
            "at": a.at,
            "seconds": a.seconds,
            "status": a.status,
            "verdict": a.verdict,
            "number": a.number,
        }
        for a in attempts
    ]


def said_of(found: Exceptional) -> list[Any]:
    """An exceptional record as the ledger keeps it."""
    return [found.record, found.outcome, found.reason, found.message[:LONGEST_MESSAGE]]


def exceptional(text: str) -> tuple[Exceptional, ...]:
    if text == "[]":  # as for nearly all batches
        return ()
    return tuple(
        Exceptional(record, Outcome(outcome) if outcome else None, Reason(reason), message)
        for record, outcome, reason, message in json.loads(text)
    )
