"""iVvy does what every destination must do: by single calls, and by batches."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.destinations.conformance import Conformance, Stored, Subject, address_of, key_of

if TYPE_CHECKING:
    from collections.abc import Mapping

MAPPING = """\
options: {account: lakeside, settle_seconds: 0.3, poll_seconds: 0.001, bulk: BULK}
identity: {column: id}
addresses: {EMAIL: email}
attributes:
  firstName: first
  lastName: last
  {note}: note
consent:
  channels:
    EMAIL: {column: ok, values: {OPT_IN: [Y], OPT_OUT: [N]}, at: at, source: src}"""
NUMBERS = {"OPT_IN": 1, "OPT_OUT": 2}
NOTE = {"fieldId": 901, "fieldType": 0, "displayName": "Note"}


def seed(people: Mapping[int, str]) -> dict[str, Any]:
    """Contacts with a status, in an account with one custom field."""
    return {"custom_fields": [NOTE], "contacts": [contact_of(n, NUMBERS[status]) for n, status in people.items()]}


def contact_of(number: int, status: int) -> dict[str, Any]:
    """An invented contact."""
    names = {"firstName": f"Name{number}", "lastName": "Lake"}
    return {"id": number, "externalId": key_of(number), "email": address_of(number), "status": status, **names}


def stored(document: Any) -> list[tuple[str, Stored]]:
    """What the sandbox has."""
    words = {number: word for word, number in NUMBERS.items()}
    found = []
    for contact in document["contacts"]:
        notes = [field["value"] for field in contact["customFields"] if field["fieldId"] == NOTE["fieldId"]]
        found.append((contact["email"], Stored(words.get(contact["status"]), notes[0] if notes else None)))
    return found


def subject_of(bulk: str, folder: str, *writes: str) -> Subject:
    """The subject with calls made in one way."""
    return Subject(
        name="ivvy",
        folder=Path(__file__).parent / folder,
        mapping=MAPPING.replace("BULK", bulk),
        note="Note",
        writes=writes,
        seed=seed,
        stored=stored,
        poison=lambda n: {"fault": "poison_row", "key": key_of(n), "code": "400/24999", "message": "Row refused"},
        answers=({"operation": "batch.results", "field": "results"},) if bulk == "always" else (),
        carriers=tuple(name for name in writes if name.startswith("batch.")),
        credentials={"ivvy_api_secret": "another-secret"},
        lenient={"resubscribe": "allow"},
    )


class TestSingleCalls(Conformance):
    """The suite with a request for each contact."""

    subject = subject_of("never", "single", "addOrUpdateContact")


class TestBatches(Conformance):
    """The suite with batches, reading and writing."""

    subject = subject_of("always", "batches", "batch.run", "batch.progress", "batch.results")
