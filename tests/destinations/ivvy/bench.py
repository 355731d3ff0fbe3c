"""A mapping bound to an invented account, and a run of it against the sandbox."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline import mapping_file as mf
from pipeline.binding import bind
from pipeline.destinations.ivvy import wire
from pipeline.destinations.ivvy.fields import audience_of
from tests.destinations.place import Place

if TYPE_CHECKING:
    from pipeline.job import Job

GROUPS: Final = [{"id": 310, "groupName": "Newsletter"}, {"id": 311, "groupName": "Offers"}]
FIELDS: Final[list[dict[str, Any]]] = [
    {"fieldId": 901, "fieldType": 0, "displayName": "Note"},
    {"fieldId": 902, "fieldType": 3, "displayName": "Topics", "selectValues": {"news": "News", "offers": "Offers"}},
    {"fieldId": 903, "fieldType": 5, "displayName": "Since"},
    {"fieldId": 904, "fieldType": 8, "displayName": "Visits"},
    {"fieldId": 905, "fieldType": 2, "displayName": "Tier", "selectValues": {"g": "Gold", "s": "Silver"}},
    {"fieldId": 906, "fieldType": 4, "displayName": "Home"},
    {"fieldId": 907, "fieldType": 0, "displayName": "Old", "isActive": False},
]
COMPANIES: Final = [{"id": 77, "businessName": "Reef Events"}, {"id": 78, "businessName": "Cove Events"}]
STATUS: Final = {
    "column": "ok",
    "values": {"OPT_IN": ["Y"], "OPT_OUT": ["N"], "BOUNCED": ["B"], "NO_MARKETING": ["M"]},
    "at": "at",
    "source": "src",
}
NEWS: Final = {"column": "news", "values": {"OPT_IN": ["Y"], "OPT_OUT": ["N"]}}
NAMED: Final = {"first_name": "first", "last_name": "last", "email": "email"}


def mapping(**changes: Any) -> dict[str, Any]:
    """A mapping by external id with an e-mail status; the given sections replaced, and those of None left out."""
    whole = {
        "version": 1,
        "destination": "ivvy",
        "identity": {"column": "id"},
        "addresses": {"EMAIL": "email"},
        "attributes": {"firstName": "first", "lastName": "last"},
        "consent": {"channels": {"EMAIL": STATUS}},
        "delivery": {"mode": "upsert", "requests_per_second": 100_000},
        "guards": {"max_opt_out_share": 1, "max_opt_in_share": 1, "max_reject_share": 1, "row_count_change": 1000},
        **changes,
    }
    options = {"account": "lakeside", "settle_seconds": 0.05, "poll_seconds": 0.001} | whole.pop("options", {})
    return {key: section for key, section in whole.items() if section is not None} | {"options": options}


def job_of(**changes: Any) -> Job:
    """The mapping's job."""
    groups = [wire.Group.model_validate(group) for group in GROUPS]
    fields = [wire.FieldDefinition.model_validate(definition) for definition in FIELDS]
    return bind(mf.read(json.dumps(mapping(**changes)).encode(), Path("m.yaml")), audience_of("lake", groups, fields))


def contact(number: int, status: int = 1, **more: Any) -> dict[str, Any]:
    """A seeded contact: Ann1 Lake, ann1@example.com, external id c1."""
    return {
        "id": number,
        "firstName": f"Ann{number}",
        "lastName": "Lake",
        "email": f"ann{number}@example.com",
        "externalId": f"c{number}",
        "status": status,
        **more,
    }


def row(number: int, ok: str = "Y", **cells: str) -> dict[str, str]:
    """The export's row of a contact."""
    names = {"first": f"Ann{number}", "last": "Lake", "email": f"ann{number}@example.com"}
    return {"id": f"c{number}", **names, "ok": ok, "at": "2026-01-02", "src": "form"} | cells


@dataclass
class Account(Place):
    """A sandbox with an account, and a home."""

    destination = "ivvy"
    mapping = mapping

    def seed(self, *contacts: dict[str, Any], **settings: Any) -> None:
        """Puts contacts in the account, and sets the sandbox's switches."""
        document: Any = {"groups": GROUPS, "custom_fields": FIELDS, "companies": COMPANIES, "contacts": list(contacts)}
        self.sandbox.load({"ivvy": document}, replace=True)
        if settings:
            self.sandbox.settings("ivvy", **settings)
        self.sandbox.clear_requests()

    def contacts(self) -> dict[int, dict[str, Any]]:
        """What is stored, by id."""
        document: Any = self.sandbox.dump()["ivvy"]
        return {each["id"]: each for each in document["contacts"]}

    def statuses(self) -> dict[int, int]:
        """Id -> e-mail status."""
        return {number: each["status"] for number, each in self.contacts().items()}

    def groups(self, number: int) -> list[int]:
        """The groups that a contact is in."""
        return sorted(membership["groupId"] for membership in self.contacts()[number]["groups"])
