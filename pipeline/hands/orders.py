"""What a hand is asked to do, and what it tells: numbers and names of shards, nothing of anybody."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from pipeline.errors import (
    ConsentSyncError,
    DestinationBusy,
    DestinationError,
    Interrupted,
    Refused,
    StorageError,
    Unreachable,
    UsageError,
)
from pipeline.pacing.governor import Slowed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from pipeline.planning.sealing import Planned
    from pipeline.suppression import ListFacts
    from pipeline.transport.sending import Attempt

KINDS: Final[Mapping[str, type[ConsentSyncError]]] = {
    kind.__name__: kind
    for kind in (Refused, Unreachable, DestinationError, Interrupted, StorageError, DestinationBusy, ConsentSyncError)
}
"""What stops a hand, by name. A usage error is one of its machine: `told_of`."""


@dataclass(frozen=True, slots=True)
class Order:
    """One shard of one phase of a run, for whoever the crew's token lets work."""

    run_id: str
    plan_hash: str
    crew: str
    """The name of what the coordinator holds."""
    token: str
    shard: int
    phase: int
    watchful: bool = False
    lists: tuple[str, ...] = ()
    """Checksums of the suppression lists that the coordinator compares the plan with."""

    @property
    def label(self) -> str:
        """For people."""
        return f"deliver shard {self.shard + 1}, phase {self.phase + 1}"


@dataclass(frozen=True, slots=True)
class PlanOrder:
    """One shard of a run that is being planned."""

    run_id: str
    crew: str
    token: str
    shard: int
    shards: int
    mapping: str
    """The path of the mapping, for messages."""
    account: str
    export: str
    export_sha256: str
    full: bool
    begun_at: datetime
    lists: tuple[ListFacts, ...] = ()
    """The suppression lists that the coordinator has read."""

    @property
    def label(self) -> str:
        """For people."""
        return f"plan shard {self.shard + 1} of {self.shards}"


AnyOrder = Order | PlanOrder


@dataclass(frozen=True, slots=True)
class Told:
    """What a hand tells of an order, in numbers. What it settled or planned is in the ledger and the run folder."""

    slowed: Slowed = field(default_factory=Slowed)
    planned: Planned | None = None
    log: tuple[Attempt, ...] = ()
    """The requests of planning."""
    kind: str = ""
    """What stopped it; empty: nothing."""
    message: str = ""

    @property
    def error(self) -> ConsentSyncError | None:
        """What stopped it."""
        return KINDS.get(self.kind, ConsentSyncError)(self.message) if self.kind else None


def told_of(error: ConsentSyncError) -> Told:
    """What is told of an error. What a machine lacks is put right there, and the run goes on."""
    if isinstance(error, UsageError):
        return Told(
            kind=Interrupted.__name__,
            message=f"a worker on {socket.gethostname()} cannot work: {error}; put it right there, then resume the run",
        )
    kind = next(k.__name__ for k in type(error).__mro__ if k.__name__ in KINDS)
    return Told(kind=kind, message=str(error))


class Work(Protocol):
    """Orders that were given out."""

    def told(self) -> Mapping[AnyOrder, Told | None]:
        """Those that have ended by now; None: nobody knows how."""

    def cancel(self) -> None:
        """What has not begun is not to begin."""


class Hands(Protocol):
    """Where hands are found."""

    patience_seconds: float
    """How long nobody may be at work before the coordinator goes on alone."""

    def working(self, orders: Sequence[AnyOrder], /) -> AbstractContextManager[Work]:
        """Gives out orders. Raises DestinationError where nobody can be reached."""
