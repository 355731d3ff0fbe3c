"""What a vendor must offer to be served: its routes, a reading of its requests, and its control object."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import JsonValue
    from starlette.requests import Request
    from starlette.routing import BaseRoute


class SandboxError(Exception):
    """A document handed to the sandbox (data, settings, faults) cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes."""

    method: str
    path: str
    query: str = ""
    """As it stands in the URL, still encoded."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a vendor answers to a request that it does not let in."""

    status: int
    body: Mapping[str, JsonValue] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Call:
    """One request as the log and the fault schedule see it."""

    vendor: str
    operation: str
    """The vendor's own word, such as `updateContacts`; empty when the request could not be read."""
    keys: tuple[str, ...] = ()
    """The identity of each row, in the order sent."""
    aliases: frozenset[str] = frozenset()
    """Further names of the rows; a fault rule may use them too."""
    throttled: Mapping[str, JsonValue] = field(default_factory=lambda: {"message": "Too Many Requests"}, hash=False)
    """What the vendor's 429 says, where a fault rule does not say it."""
    key_refused: Refusal = Refusal(401, {"message": "Unauthorized"})
    """What the vendor says to a key that it does not take."""


@dataclass(frozen=True, slots=True)
class Poison:
    """A row that the vendor refuses whatever it holds."""

    code: str
    message: str
    category: str | None = None


@dataclass(slots=True)
class Exchange:
    """A request on its way: what the schedule asks of the vendor, and what the vendor reports back."""

    call: Call
    poison: Mapping[str, Poison] = field(default_factory=dict)
    """By row identity. The vendor refuses these rows as it would refuse a bad value."""
    lag_seconds: float = 0.0
    """For how long the schedule wants what is written to be read as it was before."""
    write_applied: bool | None = None
    """Set by the vendor; None for a request that does not write."""
    error_code: str | None = None
    """The first error code of the answer."""


def exchange_of(request: Request) -> Exchange:
    """The exchange that the traffic layer attached to this request."""
    exchange: Exchange = request.scope["exchange"]
    return exchange


class Vendor(Protocol):
    """One emulated API. Methods may be called from any thread."""

    name: str

    def routes(self) -> Sequence[BaseRoute]:
        """The vendor's real paths; the server mounts them at its root."""

    def describe(self, target: Target, body: bytes) -> Call | None:
        """Read a request without carrying it out; None when the path belongs to another vendor."""

    def load(self, document: JsonValue, *, replace: bool) -> None:
        """Add the document's content to what is stored, or put it in its place. Raises SandboxError."""

    def dump(self) -> dict[str, JsonValue]:
        """Everything stored, in the shape that `load` reads."""

    def reset(self) -> None:
        """Forget all data and go back to the settings the server was started with."""

    def settings(self) -> dict[str, JsonValue]:
        """The assumption switches and their values."""

    def change_settings(self, changes: Mapping[str, JsonValue]) -> None:
        """Set some switches and leave the rest. Raises SandboxError for an unknown name or value."""

    def overview(self) -> dict[str, JsonValue]:
        """A few figures for a person who looks at the control page."""

    def environment(self, url: str) -> dict[str, str]:
        """The variables that a client needs to talk to this vendor at `url`."""

    def close(self) -> None:
        """Let go of files."""
