"""A stored contact."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

if TYPE_CHECKING:
    from pydantic import JsonValue

_NAMESPACE = UUID("5b1c8f0e-6a53-5c0e-9d0a-3f2d7c1b9a40")


@dataclass(slots=True)
class Contact:
    """Attributes by name; statuses by channel, and by group and channel. Times are ISO 8601 UTC."""

    number: int | None = None
    """The row in the store; None until the contact is stored."""
    attributes: dict[str, JsonValue] = field(default_factory=dict)
    channels: dict[str, str] = field(default_factory=dict)
    groups: dict[str, dict[str, str]] = field(default_factory=dict)
    created_at: str = ""
    modified_at: str = ""

    def copy(self) -> Contact:
        """An independent copy; attribute values are never changed in place and are shared."""
        groups = {group_id: dict(statuses) for group_id, statuses in self.groups.items()}
        return Contact(
            self.number, dict(self.attributes), dict(self.channels), groups, self.created_at, self.modified_at
        )

    def says_the_same_as(self, other: Contact) -> bool:
        """Whether attributes and statuses are equal."""
        return (self.attributes, self.channels, self.groups) == (other.attributes, other.channels, other.groups)


def contact_id(data_set_id: str, number: int) -> str:
    """The system's id of a contact: a UUID of version 5, as observed."""
    return str(uuid5(_NAMESPACE, f"{data_set_id}/{number}"))
