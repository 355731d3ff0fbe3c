"""What the ledger keeps of canaries: how many items one has, how far it came, and what of a batch it held back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from pipeline.destinations.interface import Exceptional
from pipeline.ledger.rows import exceptional, said_of
from pipeline.ledger.tables import BATCHES, METADATA
from pipeline.model import Outcome, Reason

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pipeline.ledger.ledger import Ledger
    from pipeline.ledger.rows import BatchKey

CANARIES: Final = sa.Table(
    "canaries",
    METADATA,
    sa.Column("run_id", sa.String, primary_key=True),
    sa.Column("asked", sa.Integer, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("items", sa.Integer, nullable=False),
    sa.Column("sent", sa.Integer, nullable=False),
    sa.Column("read_back", sa.Integer, nullable=False),
    sa.Column("differ", sa.Integer, nullable=False),
)


class CanaryState(StrEnum):
    """How far a canary came."""

    ASKED = "asked"
    """It is not judged yet: nothing but its own items may be sent."""
    AGREED = "agreed"
    DIFFERED = "differed"
    WAIVED = "waived"
    """It differed, and somebody approved the plan in spite of it."""


@dataclass(frozen=True, slots=True)
class Canary:
    """The canary of one run. `asked` 0: it was asked to have none."""

    asked: int
    state: CanaryState = CanaryState.ASKED
    items: int = 0
    """How many items of the plan it was when it was judged."""
    sent: int = 0
    """Of them, those that nothing held back."""
    read_back: int = 0
    differ: int = 0


def canary_of(ledger: Ledger, run_id: str) -> Canary | None:
    """The canary of a run; None: nobody said anything of one."""
    with ledger.transaction() as connection:
        row = connection.execute(sa.select(CANARIES).where(CANARIES.c.run_id == run_id)).mappings().first()
    if row is None:
        return None
    given = {name: row[name] for name in ("asked", "items", "sent", "read_back", "differ")}
    return Canary(state=CanaryState(row["state"]), **given)


def keep(ledger: Ledger, run_id: str, canary: Canary) -> None:
    """Keeps what is known of a run's canary by now."""
    row = {"run_id": run_id, **{name: getattr(canary, name) for name in Canary.__slots__}}
    with ledger.transaction() as connection:
        connection.execute(CANARIES.delete().where(CANARIES.c.run_id == run_id))
        connection.execute(CANARIES.insert(), [row])


def rest_begins(ledger: Ledger, run_id: str, key: BatchKey, records: Collection[int]) -> None:
    """The intention to send what a canary held back of a batch: it may have been sent from now on."""
    _say(ledger, run_id, key, dict.fromkeys(records, (Outcome.UNKNOWN, Reason.NOT_CONFIRMED, "")))


def rest_waits(ledger: Ledger, run_id: str, key: BatchKey, records: Collection[int]) -> None:
    """Takes that intention back, where no byte has left."""
    _say(ledger, run_id, key, dict.fromkeys(records, (Outcome.UNKNOWN, Reason.NOT_SENT, "")))


def not_shown(ledger: Ledger, run_id: str, key: BatchKey, said: Mapping[int, str]) -> None:
    """Records of a settled batch that are shown otherwise than they were told: they failed, with these words."""
    _say(ledger, run_id, key, {r: (Outcome.FAILED, Reason.NOT_APPLIED, words) for r, words in said.items()})


def _say(ledger: Ledger, run_id: str, key: BatchKey, said: Mapping[int, tuple[Outcome, Reason, str]]) -> None:
    """Replaces what a batch's row says of some records."""
    mine = (BATCHES.c.run_id == run_id) & (BATCHES.c.shard == key[0]) & (BATCHES.c.batch == key[1])
    with ledger.transaction() as connection:
        found = exceptional(connection.scalar(sa.select(BATCHES.c.exceptional).where(mine)) or "[]")
        now = [e for e in found if e.record not in said]
        now += [Exceptional(record, *words) for record, words in sorted(said.items())]
        text = json.dumps([said_of(e) for e in now], ensure_ascii=False)
        connection.execute(BATCHES.update().where(mine).values(exceptional=text))
