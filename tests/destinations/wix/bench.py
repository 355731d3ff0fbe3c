"""A mapping bound to an invented site, and a run of it against the sandbox."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline import mapping_file as mf
from pipeline.binding import bind
from pipeline.destinations.wix.adapter import audience_of
from tests.destinations.place import Place

if TYPE_CHECKING:
    from pipeline.job import Job

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
class Site(Place):
    """A sandbox with a site, and a home."""

    destination = "wix"
    mapping = mapping

    def seed(self, *consents: dict[str, Any], **settings: Any) -> None:
        """Puts consents in the site, and sets the sandbox's switches."""
        self.sandbox.load({"wix": {"consents": list(consents)}}, replace=True)
        self.sandbox.settings("wix", **{"requests_per_minute": None, **settings})
        self.sandbox.clear_requests()

    def consents(self) -> dict[str, dict[str, Any]]:
        """Address -> what is stored."""
        document: Any = self.sandbox.dump()["wix"]
        return {c["details"].get("email") or c["details"]["phone"]: c for c in document["consents"]}

    def states(self) -> dict[str, str]:
        """Address -> state."""
        return {address: each["state"] for address, each in self.consents().items()}
