"""What a flow run in this process came to, for a caller whom Prefect cannot tell it any more."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefect.client.schemas.objects import State

_KEPT: Final[ContextVar[list[State[Any]] | None]] = ContextVar("kept", default=None)


def keep(state: State[Any]) -> State[Any]:
    """The state, of which whoever started the flow has a copy."""
    kept = _KEPT.get()
    if kept is not None:
        kept.append(state)
    return state


@contextmanager
def keeping() -> Iterator[list[State[Any]]]:
    """The states that flows return meanwhile."""
    kept: list[State[Any]] = []
    token = _KEPT.set(kept)
    try:
        yield kept
    finally:
        _KEPT.reset(token)
