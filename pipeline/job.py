"""A job: a mapping bound to a destination. Everything that the stages need to know, and nothing that they must not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.model import Channel, Column, Operation

if TYPE_CHECKING:
    from pipeline.mapping_file import Delivery, Guards, Policy

Path = tuple[str | int, ...]
"""Where in a mapping something stands."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute to write. `part` is its name in frames, ledger and reports."""

    name: str
    column: str
    type: str
    path: Path
    format: str | None = None
    blank: str = "keep"
    channels: tuple[Channel, ...] = ()
    """Those that it is the address of; none for any other attribute."""
    region: str | None = None
    decimals: int | None = None
    choices: dict[str, str] | None = None
    """Word in lower case -> the word that the destination stores, where only these fit."""
    identifies: bool = False
    """Part of what identifies a contact: it is sent with a new one only."""
    is_required: bool = False
    """Whether a new contact must have it."""
    id: str | None = None
    """What it is called on the wire, where that is not its name."""
    pattern: str | None = None
    """A regular expression that a cell must match as a whole; of a list, each of its items."""
    most: int | None = None
    """How many items a list may have."""

    @property
    def part(self) -> str:
        """The column that holds its value as JSON text; null: nothing to send; `null`: clear it."""
        return f"attribute:{self.name}"

    @property
    def reason(self) -> str:
        """The column that holds why it is withheld."""
        return f"{self.part}@reason"


@dataclass(frozen=True, slots=True)
class Instant:
    """When consent was given or withdrawn: a column of times. `format` None: ISO 8601."""

    column: str
    format: str | None
    timezone: str


@dataclass(frozen=True, slots=True)
class Words:
    """A column whose words stand for other words, or a constant. Words are compared trimmed, without case."""

    column: str | None = None
    constant: str | None = None
    values: dict[str, str] | None = None
    """Cell in lower case -> word; None: the cell as it is."""
    silent: frozenset[str] = frozenset()
    """Cells in lower case that say nothing."""


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that consent is given for: a channel, a group, or a channel of a group."""

    key: str
    """`EMAIL`, `group:ID`, `group:ID:EMAIL`."""
    label: str
    """As people know it: `EMAIL`, `Newsletters`, `Promotions/EMAIL`."""
    path: Path
    status: Words
    at: Instant | None = None
    evidence: Words | None = None
    channel: Channel | None = None
    group_id: str | None = None
    overlaps: tuple[str, ...] = ()
    """Keys of targets, its own first, whose opt-out a permission for this target would undo."""

    @property
    def part(self) -> str:
        """The column that holds the status."""
        return part_of(self.key)

    @property
    def at_column(self) -> str:
        """The column that holds when consent was given or withdrawn (UTC), null where unknown."""
        return f"{self.part}@at"

    @property
    def since(self) -> str:
        """The column that holds since when the status is told and remembered to be: not before the platform's own."""
        return f"{self.part}@since"

    @property
    def source(self) -> str:
        """The column that holds how consent was given."""
        return f"{self.part}@source"

    @property
    def before(self) -> str:
        """The column that holds the status before this run."""
        return f"{self.part}@before"

    @property
    def reason(self) -> str:
        """The column that holds why it is withheld."""
        return f"{self.part}@reason"

    def owns(self, key: str) -> bool:
        """Whether a key is its own, or that of a channel of its group: what is written for it is written there too."""
        return key == self.key or (self.channel is None and key.startswith(f"{self.key}:"))

    @property
    def shown_keys(self) -> tuple[str, ...]:
        """The overlapping keys as a destination shows them: a group's own status there is only that of its channels."""
        whole_group = f"group:{self.group_id}"
        return tuple(key for key in self.overlaps if self.channel is None or key != whole_group)


def row_key(job: Job) -> tuple[str, ...]:
    """The columns that tell the rows of a frame apart: the record, and where they are of addresses, the channel."""
    return (Column.RECORD, Column.CHANNEL) if job.by_address else (Column.RECORD,)


def reach_of(channel: Channel) -> str:
    """The column that says whether the destination has an address of the channel for the contact."""
    return f"reach:{channel}"


def stored_of(channel: Channel) -> str:
    """The column with all addresses of the channel that the destination has for the contact, mapped or not."""
    return f"stored:{channel}"


def part_of(key: str) -> str:
    """The status column of a target's key."""
    return f"consent:{key}"


def shown_at(key: str) -> str:
    """The column of a reading that says when the status was set (UTC), or before."""
    return f"{part_of(key)}@at"


def kin_of(key: str) -> str:
    """The column of a reading with the strictest status of the other contacts that share the address."""
    return f"{part_of(key)}@kin"


@dataclass(frozen=True, slots=True)
class Job:
    """A bound mapping: everything that the stages need to know, and nothing that they must not."""

    destination: str
    account: str
    mapping: str
    identity_columns: tuple[str, ...]
    """One, several that identify together, or none where the address is the identity."""
    identity_field: str
    """The destination's attribute that holds the identity; empty where it is no attribute."""
    identity_is_key: bool
    attributes: tuple[Attribute, ...]
    targets: tuple[Target, ...]
    null_values: frozenset[str]
    policy: Policy
    delivery: Delivery
    guards: Guards
    implicit_opt_in: frozenset[Channel] = field(default_factory=frozenset)
    """Channels that the destination opts a new contact in to where nothing is said of them."""
    channel_fields: dict[Channel, tuple[str, ...]] = field(default_factory=dict)
    """Channel -> the destination's attributes that hold its address, mapped or not."""
    by_address: bool = False
    """Whether consent belongs to an address: each address of a record is an item of its own."""
    asks_first: bool = False
    """Whether a write needs what only reading gives, such as the contact's id."""
    kin: Channel | None = None
    """The channel whose addresses contacts share: an opt-out is for all of them."""
    naming: tuple[str, ...] = ()
    """The parts of the attributes that name a new contact: the same in all of them is the same person."""
    groups_are_apart: bool = False
    """Whether a group's consent says nothing of its channels."""
    restores: bool = False
    """Whether it takes back what a run told: its own opt-outs may be lifted, anybody else's may not."""

    @property
    def addresses(self) -> tuple[Attribute, ...]:
        """The attributes that a channel is reached by."""
        return tuple(attribute for attribute in self.attributes if attribute.channels)

    @property
    def written_attributes(self) -> tuple[Attribute, ...]:
        """The attributes that `policy.write` lets through, but for those that identify."""
        return tuple(a for a in self.attributes if "attributes" in self.policy.write and not a.identifies)

    def speaks_of(self, target: Target, channel: Channel) -> bool:
        """Whether a target's status is one of the channel: its own, or its group's where groups are of channels."""
        return target.channel == channel or (target.channel is None and not self.groups_are_apart)

    def address_of(self, channel: Channel | None) -> Attribute | None:
        """The mapped address of a channel."""
        return next((address for address in self.addresses if channel in address.channels), None)

    @property
    def known_keys(self) -> tuple[str, ...]:
        """Keys of all targets whose status is asked for before a write, each once."""
        return tuple(dict.fromkeys(key for target in self.targets for key in target.overlaps))

    @property
    def labels(self) -> dict[str, str]:
        """Part -> name for people."""
        return {a.part: a.name for a in self.attributes} | {t.part: t.label for t in self.targets}

    def sent_attributes(self, operation: Operation) -> tuple[Attribute, ...]:
        """The attributes that travel with it: a new contact needs what it is found by, whatever `write` says."""
        if operation is not Operation.CREATE:
            return self.written_attributes
        written = "attributes" in self.policy.write
        return tuple(a for a in self.attributes if written or a.channels or a.identifies or a.is_required)
