"""What a destination is: limits, wire JSON, delivery, read-back, description, judgement.

Policy is central, judgement is local: an adapter is handed `send` and never sees a client, a clock, a retry or a log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pipeline.model import Outcome

if TYPE_CHECKING:
    import httpx
    import polars as pl

    from pipeline.destinations.foretelling import Foretold
    from pipeline.job import Job
    from pipeline.model import Channel, Operation, Reason

Mode = Literal["update", "create", "upsert"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What the vendor takes at once."""

    rows_per_request: int
    """The most; a mapping's `batch_size` is cut down to it."""
    bytes_per_request: int
    identities_per_read: int
    request_seconds: float
    settle_seconds: float
    """How long a write may take to show when it is read back."""
    usual_rows_per_request: int | None = None
    """Where the mapping names no `batch_size`; None: the most."""
    requests_per_second: float | None = None
    """An even pace, where the mapping names no `requests_per_second`."""
    requests_per_minute: int | None = None
    """The most within any 60 seconds, where the mapping names no `requests_per_second`."""


@dataclass(frozen=True, slots=True)
class Field:
    """An attribute that the destination has. `type` is the mapping's word: text, number, boolean, date or list."""

    name: str
    type: str
    channels: frozenset[Channel] = frozenset()
    is_key: bool = False
    decimals: int | None = None
    choices: Mapping[str, str] | None = None
    """Stored word -> label, where only these values fit."""
    is_required: bool = False
    """Whether a new contact must have it."""
    id: str | None = None
    """What it is called on the wire, where that is not its name."""
    pattern: str | None = None
    """A regular expression that a cell must match as a whole; of a list, each of its items."""
    most: int | None = None
    """How many items a list may have."""


@dataclass(frozen=True, slots=True)
class Audience:
    """What the destination says of itself before the first write: the names a mapping may use."""

    account: str
    name: str
    fields: Mapping[str, Field]
    groups: Mapping[str, str]
    """group id -> name"""
    implicit_opt_in: frozenset[Channel] = frozenset()
    """Channels that a new contact with an address is opted in to where nothing is said of them."""
    by_address: bool = False
    """Whether consent belongs to an address, not to a contact: each address of a record is an item of its own."""
    asks_first: bool = False
    """Whether a write needs what only reading gives, such as the contact's id."""
    mode: Mode = "update"
    """What a mapping without `delivery.mode` means."""
    open_fields: Mapping[str, str] = field(default_factory=dict)
    """Regular expression -> pattern of a cell (empty: any): names that it matches are attributes too."""
    groups_are_apart: bool = False
    """Whether a group's consent says nothing of its channels: who is in it need not be reachable, nor opted in."""
    naming_fields: tuple[str, ...] = ()
    """Fields that identify together: first name, last name, e-mail address."""
    kin: Channel | None = None
    """The channel whose addresses contacts share: an opt-out of one is for all of them, and holds the others."""

    @property
    def channels(self) -> frozenset[Channel]:
        """The channels that some attribute is the address of."""
        return frozenset(channel for field in self.fields.values() for channel in field.channels)

    @property
    def key(self) -> Field | None:
        """The attribute that identifies a contact, if the audience has one."""
        return next((field for field in self.fields.values() if field.is_key), None)


class Kind(Enum):
    """How an answer is to be taken."""

    OK = auto()
    RETRY = auto()
    """Transient: ask again."""
    THROTTLED = auto()
    """Wait for all callers; does not use up attempts."""
    REFUSED = auto()
    """The rows, or one of them: isolate."""
    HALT = auto()
    """The credentials or the configuration: every further request would be refused too."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """An adapter's judgement of one answer. `code` and `message` are the vendor's; a message may hold addresses."""

    kind: Kind
    code: str = ""
    message: str = ""
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What `send` gives back: a judged answer, or none. `unclear`: it may have taken effect unseen."""

    verdict: Verdict
    body: Any
    """The answer's JSON; an empty object where it has none."""
    unclear: bool = False


class Send(Protocol):
    """Sends one request under the run's pacing, retries and time limits."""

    def __call__(
        self,
        request: httpx.Request,
        *,
        repeatable: bool,
        after_seconds: float = 0.0,
        begins: Callable[[Any], str | None] | None = None,
    ) -> Reply:
        """`repeatable`: sending it twice has the effect of once, so an unclear attempt may be repeated.

        `after_seconds`: waits so long first, as polling asks for. `begins`: the answer's body -> the name of work that
        it says is begun and not done; it is kept in the ledger before anything else happens.

        Raises Unreachable, Refused (a verdict of HALT) or Interrupted.
        """
        ...


@dataclass(frozen=True, slots=True)
class Exceptional:
    """A record of a batch that did not go as planned. `outcome` None: unclear, to be read back."""

    record: int
    outcome: Outcome | None
    reason: Reason
    message: str = ""

    @property
    def unknown(self) -> bool:
        """Whether nobody knows yet if it took effect."""
        return self.outcome in (None, Outcome.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came of a batch: its counts, and only the records that did not go as planned."""

    expected: int = 0
    reported: int = 0
    exceptional: Sequence[Exceptional] = field(default_factory=tuple)
    links: Mapping[int, str] = field(default_factory=dict)
    """Record -> the link that the destination gave for it."""

    def __add__(self, other: Delivery) -> Delivery:
        """What came of two parts of a batch together."""
        return Delivery(
            self.expected + other.expected,
            self.reported + other.reported,
            (*self.exceptional, *other.exceptional),
            {**self.links, **other.links},
        )


class Destination(Protocol):
    """One vendor. Functions stand in this order in every adapter."""

    @property
    def limits(self) -> Limits: ...

    @property
    def auth(self) -> httpx.Auth | None:
        """Signs each attempt anew, where the vendor asks for it; None: the requests carry what they need."""
        ...

    def describe(self, send: Send) -> Audience:
        """Reads audience, groups and fields. Raises Refused where the account or audience is not there."""
        ...

    def check(self, job: Job) -> Sequence[tuple[tuple[str | int, ...], str]]:
        """What of the bound mapping this vendor cannot take: (path in the mapping, problem) pairs."""
        ...

    def encode(self, job: Job, operation: Operation) -> pl.Expr:
        """An expression over a resolved frame that builds each row's wire JSON from that row alone."""
        ...

    def foretell(self, job: Job, items: pl.DataFrame, looked_at: pl.DataFrame) -> Foretold:
        """What delivering the batches takes, and reading back the batches of `looked_at`, a part of `items`."""
        ...

    def deliver(self, job: Job, items: pl.DataFrame, send: Send, body: bytes | None = None) -> Delivery:
        """Sends items of one operation; settles refusals to the row; leaves what is unclear to be read back.

        `body`: their wire JSON with commas between, where it was joined already.
        """
        ...

    def ended(self, work: str, send: Send) -> bool:
        """Waits for work that a `send` has begun, by its name; whether nothing of it is still to take effect."""
        ...

    def read_back(self, job: Job, wanted: pl.DataFrame, send: Send) -> pl.DataFrame:
        """Reads the contacts of `wanted`: `identity`, and each attribute as the export gives it.

        Gives `identity`, each attribute, known target and `reach:CHANNEL`; missing contacts are absent. What else a
        destination has to say is in the columns of `stages.seen`.
        """
        ...

    def walk(self, job: Job, send: Send) -> Iterator[pl.DataFrame] | None:
        """Every contact that is there, some at a time, in the columns of `read_back`; only reads.

        None: the vendor has no way to list its contacts.
        """
        ...

    def classify(self, response: httpx.Response) -> Verdict:
        """Judges one answer."""
        ...

    def blame(self, message: str) -> tuple[str, str] | None:
        """What a HALT message names: ("attribute", name or id), ("group", id), ("channel", word), ("option", name)."""
        ...


Builder = Callable[[str, Mapping[str, str], Mapping[str, Any]], Destination]
"""(base URL, credentials, the mapping's options) -> a destination."""
