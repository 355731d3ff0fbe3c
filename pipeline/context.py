"""What a run is given from outside: settings, clock, stop event, progress, and how steps are performed."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pipeline.errors import Interrupted
from pipeline.lock import machine_folder
from pipeline.stopping import why
from pipeline.transport.sending import Patience

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.hands.orders import Hands
    from pipeline.settings import Settings

T = TypeVar("T")


class Perform(Protocol):
    """Performs one named step of the chain: directly, or as a task of an orchestrator."""

    def __call__(self, name: str, step: Callable[[], T], /) -> T: ...


def directly(_name: str, step: Callable[[], T]) -> T:
    """Performs a step here and now."""
    return step()


class Progress(Protocol):
    """Is told how far a stage came; `total` is None while nobody knows."""

    def __call__(self, stage: str, done: int, total: int | None, /) -> None: ...


def silent(_stage: str, _done: int, _total: int | None) -> None:
    """Tells nobody."""


def unheard(_run_id: str) -> None:
    """Tells nobody."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for: a mapping, an export, and whether what the state calls unchanged is sent all the same."""

    mapping: Path
    export: Path
    full: bool = False
    force: bool = False
    """Whether an export is planned again that was delivered before and is unchanged."""
    canary: int | None = None
    """How many items are sent and read back before the rest; 0: none; None: as the mapping says."""


@dataclass(frozen=True, slots=True)
class Context:
    """The world as a run sees it."""

    settings: Settings
    home: Path
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    stop: threading.Event = field(default_factory=threading.Event)
    progress: Progress = silent
    perform: Perform = directly
    announce: Callable[[str], None] = unheard
    """Is told which run it is, before anything of it is sent."""
    patience: Patience = field(default_factory=Patience)
    locks: Path = field(default_factory=machine_folder)
    """Where all homes of a user meet, so that two of them do not write to one account at a time."""
    pause: Callable[[threading.Event, float], bool] = threading.Event.wait
    """Waits for the stop event for so many seconds; true where it was set."""
    hands: Hands | None = None
    """Where shards are worked on by other processes; None: by this one alone."""
    show_addresses: bool = False
    """Whether the report shows identities and addresses as they are."""

    @classmethod
    def of(cls, settings: Settings, **more: Any) -> Context:
        """The world that settings describe."""
        patience = Patience(attempts=settings.consent_sync_attempts)
        return cls(settings, settings.consent_sync_home, patience=patience, **more)

    def check_stop(self) -> None:
        """Raises Interrupted when the run was asked to stop."""
        if self.stop.is_set():
            raise Interrupted(f"{why(self.stop)} before anything was sent; run the same command again")
