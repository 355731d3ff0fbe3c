"""A stored contact."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import JsonValue


class Status(IntEnum):
    """Email consent. Registering can be read and not be written (G7)."""

    SUBSCRIBED = 1
    UNSUBSCRIBED = 2
    BOUNCED = 3
    REGISTERING = 4
    NO_MARKETING = 5


class SmsStatus(IntEnum):
    """SMS consent, withdrawn by the vendor (G1). No Marketing is 4 here, not 5."""

    SUBSCRIBED = 1
    UNSUBSCRIBED = 2
    FAILED = 3
    NO_MARKETING = 4


@dataclass(frozen=True, slots=True)
class Contact:
    """Everything known of a contact. Its collections are never changed in place and may be shared."""

    id: int | None = None
    """None until the contact is stored."""
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    phone: str = ""
    external_id: str | None = None
    status: int = Status.SUBSCRIBED
    sms_status: int | None = None
    groups: dict[int, str] = field(default_factory=dict)
    """Time of joining by group id."""
    custom_fields: dict[int, JsonValue] = field(default_factory=dict)
    """Values by field id; a field without value is not there."""
    companies: tuple[int, ...] = ()
    external_urls: dict[str, dict[str, JsonValue]] = field(default_factory=dict)
    """The vendor's entries by `ref`."""
    privacy_consent: dict[str, JsonValue] | None = None
    """`source` and `dateTime`; None where no consent is given."""
    is_anonymised: bool = False
    modified_date: str = ""
    """Without the ` UTC` that is read."""

    def says_the_same_as(self, other: Contact) -> bool:
        """Whether all but the time of change is equal."""
        return replace(self, modified_date="") == replace(other, modified_date="")
