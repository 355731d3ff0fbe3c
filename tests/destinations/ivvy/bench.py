"""A mapping bound to an invented account, and a run of it against the sandbox."""

from __future__ import annotations

import csv
import itertools
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline import mapping_file as mf
from pipeline import run
from pipeline.binding import bind
from pipeline.context import Context, Request
from pipeline.destinations.ivvy import wire
from pipeline.destinations.ivvy.fields import audience_of
from pipeline.settings import Settings
from tests.delivery.world import FAST, read_csv

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.carried_out import Result
    from pipeline.job import Job
    from pipeline.sandbox.journal import Entry
    from pipeline.sandbox.server import Sandbox

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
class Account:
    """A sandbox with an account, and a home."""

    sandbox: Sandbox
    path: Path
    _names: Any = field(default_factory=itertools.count)

    def seed(self, *contacts: dict[str, Any], **settings: Any) -> None:
        """Puts contacts in the account, and sets the sandbox's switches."""
        document: Any = {"groups": GROUPS, "custom_fields": FIELDS, "companies": COMPANIES, "contacts": list(contacts)}
        self.sandbox.load({"ivvy": document}, replace=True)
        if settings:
            self.sandbox.settings("ivvy", **settings)
        self.sandbox.clear_requests()

    def sync(self, *rows: Mapping[str, str], **changes: Any) -> Result:
        """`sync`."""
        return run.sync(self.request(*rows, **changes), self.context())

    def request(self, *rows: Mapping[str, str], **changes: Any) -> Request:
        """An export with these rows; the columns that the mapping reads are there, blank where not given."""
        text = json.dumps(mapping(**changes))
        (self.path / "m.yaml").write_text(text, encoding="utf-8")
        columns = mf.read(text.encode(), Path("m.yaml")).mapping.columns()
        export = self.path / f"x{next(self._names)}.csv"
        with export.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, restval="", extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        return Request(self.path / "m.yaml", export)

    def context(self) -> Context:
        """A context that reaches the sandbox."""
        known = {name.lower(): value for name, value in self.sandbox.environment.items()}
        return Context(settings=Settings.model_validate(known), home=self.path / "home", patience=FAST)

    def resume(self, result: Result) -> Result:
        """`resume`."""
        return run.resume(result.summary.run_id, self.context())

    def outcomes(self, result: Result) -> dict[str, dict[str, str]]:
        """outcomes.csv by identity."""
        return {each["identity"]: each for each in read_csv(Path(result.summary.run_dir) / "outcomes.csv")}

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

    def writes(self) -> list[Entry]:
        """Requests that changed something."""
        return [entry for entry in self.sandbox.requests("ivvy") if entry.write_applied]
