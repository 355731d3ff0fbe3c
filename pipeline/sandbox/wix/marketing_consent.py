"""A stored consent, and its shape in answers, seeds and files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pipeline.sandbox.wix.values import address_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

Content = dict[str, Any]
"""What a request may set, by the API's names: `state`, the two activities, `extendedFields`."""

STATE: Final = "state"
CONFIRMATION: Final = "lastConfirmationActivity"
REVOCATION: Final = "lastRevokeActivity"
EXTENDED: Final = "extendedFields"

ACTIVITY_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    CONFIRMATION: ("source", "description", "updatedDate", "optInLevel"),
    REVOCATION: ("source", "description", "updatedDate"),
}
"""In the order of the vendor's examples."""


@dataclass(frozen=True, slots=True)
class Details:
    """Whose consent it is."""

    type: str
    address: str
    """As it was sent (w)."""

    @property
    def key(self) -> tuple[str, str]:
        """What makes a consent unique."""
        return self.type, address_key(self.type, self.address)


@dataclass(frozen=True, slots=True)
class MarketingConsent:
    """Never changed in place. Times are ISO 8601 UTC."""

    id: str
    number: int
    """Counted by the store, 0 before it is there; links are known by it."""
    revision: int
    details: Details
    content: Content
    created: str
    updated: str

    @property
    def state(self) -> str:
        """One of the five."""
        return str(self.content[STATE])

    def as_json(self, *, nulls: bool = False) -> dict[str, JsonValue]:
        """The API's object; unset fields are null or left out (ah)."""
        kind, address = self.details.type, self.details.address
        details = {"type": kind, "email": None, "phone": None, kind.lower(): address}
        activities = {
            name: None if name not in self.content else known({f: self.content[name].get(f) for f in fields}, nulls)
            for name, fields in ACTIVITY_FIELDS.items()
        }
        return known(
            {
                "id": self.id,
                "revision": str(self.revision),
                "details": known(details, nulls),
                STATE: self.state,
                "createdDate": self.created,
                "updatedDate": self.updated,
                **activities,
                EXTENDED: self.content[EXTENDED],
            },
            nulls,
        )


def known(fields: Mapping[str, Any], nulls: bool) -> dict[str, JsonValue]:
    """The fields that are set, or all of them."""
    return {name: value for name, value in fields.items() if nulls or value is not None}


def consent_of(document: Mapping[str, Any], number: int) -> MarketingConsent:
    """The consent that `as_json` described."""
    details: dict[str, str] = document["details"]
    content = {name: document[name] for name in (STATE, CONFIRMATION, REVOCATION, EXTENDED) if name in document}
    return MarketingConsent(
        id=document["id"],
        number=number,
        revision=int(document["revision"]),
        details=Details(details["type"], details[details["type"].lower()]),
        content=content,
        created=document["createdDate"],
        updated=document["updatedDate"],
    )
