"""A mapping bound to an invented site, and a run of it against the sandbox."""

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
from pipeline.destinations.wix.adapter import audience_of
from pipeline.settings import Settings
from tests.delivery.world import FAST, read_csv

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.carried_out import Result
    from pipeline.job import Job
    from pipeline.sandbox.journal import Entry
    from pipeline.sandbox.server import Sandbox

WORDS: Final = {
    "OPT_IN": ["Y"],
    "OPT_OUT": ["N"],
    "OPT_IN_UNVERIFIED": ["P"],
    "NEVER_CONFIRMED": ["V"],
    "UNKNOWN_STATE": ["U"],
}
SOURCE: Final = {"column": "src", "values": {"FORM": ["web"], "IN_PERSON": ["desk"]}}
EMAIL: Final = {"column": "ok", "values": WORDS, "at": "at", "source": SOURCE}
SMS: Final = {"column": "sms", "values": WORDS, "at": "at", "source": SOURCE}
NEWER: Final = {"resubscribe": "with_newer_evidence"}


def mapping(**changes: Any) -> dict[str, Any]:
    """A mapping of both addresses with their consents; the given sections replaced, and those of None left out."""
    whole = {
        "version": 1,
        "destination": "wix",
        "identity": {"column": "id"},
        "addresses": {"EMAIL": "email", "SMS": {"column": "phone", "region": "US"}},
        "consent": {"channels": {"EMAIL": EMAIL, "SMS": SMS}},
        "delivery": {"requests_per_second": 100_000},
        "guards": {"max_opt_out_share": 1, "max_opt_in_share": 1, "max_reject_share": 1, "row_count_change": 1000},
        **changes,
    }
    options = {"settle_seconds": 0.05, "throttled_seconds": 0.01} | whole.pop("options", {})
    return {key: section for key, section in whole.items() if section is not None} | {"options": options}


def job_of(**changes: Any) -> Job:
    """The mapping's job."""
    return bind(mf.read(json.dumps(mapping(**changes)).encode(), Path("m.yaml")), audience_of("site-1"))


def consent(address: str, state: str = "CONFIRMED", at: str | None = None, **more: Any) -> dict[str, Any]:
    """A consent that the platform itself has recorded, at a time or at none."""
    kind = {"type": "EMAIL", "email": address} if "@" in address else {"type": "PHONE", "phone": address}
    activity = "lastRevokeActivity" if state == "REVOKED" else "lastConfirmationActivity"
    dated = {activity: {"source": "OTHER", "updatedDate": at}} if at else {}
    return {"details": kind, "state": state, **dated, **more}


def row(number: int, ok: str = "Y", **cells: str) -> dict[str, str]:
    """The export's row of a contact: ann1@example.com, without a phone number."""
    return {"id": str(number), "email": f"ann{number}@example.com", "ok": ok, "at": "2026-01-02", "src": "web"} | cells


@dataclass
class Site:
    """A sandbox with a site, and a home."""

    sandbox: Sandbox
    path: Path
    _names: Any = field(default_factory=itertools.count)

    def seed(self, *consents: dict[str, Any], **settings: Any) -> None:
        """Puts consents in the site, and sets the sandbox's switches."""
        self.sandbox.load({"wix": {"consents": list(consents)}}, replace=True)
        self.sandbox.settings("wix", **{"requests_per_minute": None, **settings})
        self.sandbox.clear_requests()

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

    def sync(self, *rows: Mapping[str, str], **changes: Any) -> Result:
        """`sync`."""
        return run.sync(self.request(*rows, **changes), self.context())

    def outcomes(self, result: Result) -> dict[str, dict[str, str]]:
        """outcomes.csv by identity."""
        return {each["identity"]: each for each in read_csv(Path(result.summary.run_dir) / "outcomes.csv")}

    def consents(self) -> dict[str, dict[str, Any]]:
        """Address -> what is stored."""
        document: Any = self.sandbox.dump()["wix"]
        return {c["details"].get("email") or c["details"]["phone"]: c for c in document["consents"]}

    def states(self) -> dict[str, str]:
        """Address -> state."""
        return {address: each["state"] for address, each in self.consents().items()}

    def writes(self) -> list[Entry]:
        """Requests that changed something."""
        return [entry for entry in self.sandbox.requests("wix") if entry.write_applied]
