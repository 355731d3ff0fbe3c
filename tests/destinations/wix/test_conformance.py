"""Wix does what every destination must do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.destinations.conformance import Conformance, Stored, Subject, address_of

if TYPE_CHECKING:
    from collections.abc import Mapping

MAPPING = """\
options: {settle_seconds: 0.3, throttled_seconds: 0.005}
identity: {column: id}
addresses: {EMAIL: email}
attributes:
  {note}: note
consent:
  channels:
    EMAIL: {column: ok, values: {OPT_IN: [Y], OPT_OUT: [N]}, at: at, source: {column: src, values: {FORM: [form]}}}
ignore: [first, last]"""
STATES = {"OPT_IN": "CONFIRMED", "OPT_OUT": "REVOKED"}


def seed(people: Mapping[int, str]) -> dict[str, Any]:
    """Consents that the platform itself recorded, without a date."""
    return {"consents": [consent_of(number, STATES[status]) for number, status in people.items()]}


def consent_of(number: int, state: str) -> dict[str, Any]:
    """A consent of an invented address under an id of its own."""
    details = {"type": "EMAIL", "email": address_of(number)}
    return {"id": f"00000000-0000-4000-8000-{number:012d}", "details": details, "state": state}


def stored(document: Any) -> list[tuple[str, Stored]]:
    """What the sandbox has."""
    words = {state: word for word, state in STATES.items()}
    found = []
    for consent in document["consents"]:
        note = consent.get("extendedFields", {}).get("namespaces", {}).get("crm", {}).get("note")
        found.append((consent["details"]["email"], Stored(words.get(consent["state"]), note)))
    return found


class TestWix(Conformance):
    """The suite."""

    subject = Subject(
        name="wix",
        folder=Path(__file__).parent,
        mapping=MAPPING,
        note="crm.note",
        writes=("bulkUpsert", "update"),
        seed=seed,
        stored=stored,
        poison=lambda n: {"fault": "poison_row", "key": address_of(n), "code": "INVALID", "message": "Row refused"},
        answers=({"operation": "bulkUpsert", "field": "results"},),
        settings={"requests_per_minute": None},
        credentials={"wix_api_key": "another-key"},
    )
