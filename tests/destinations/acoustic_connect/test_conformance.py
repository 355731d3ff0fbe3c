"""Acoustic Connect does what every destination must do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.delivery.world import DATA_SET, DATA_SET_ID
from tests.destinations.conformance import Conformance, Stored, Subject, address_of, key_of

if TYPE_CHECKING:
    from collections.abc import Mapping

MAPPING = f"""\
options: {{data_set_id: {DATA_SET_ID}, settle_seconds: 0.3}}
identity: {{column: id}}
addresses: {{EMAIL: {{column: email, attribute: Email}}}}
attributes:
  {{note}}: note
consent:
  channels:
    EMAIL: {{column: ok, values: {{OPT_IN: [Y], OPT_OUT: [N]}}, at: at, source: src}}
ignore: [first, last]"""


def seed(people: Mapping[int, str]) -> dict[str, Any]:
    """Contacts with an e-mail status."""
    return {"data_set": DATA_SET, "contacts": [contact_of(number, status) for number, status in people.items()]}


def contact_of(number: int, status: str) -> dict[str, Any]:
    """An invented contact."""
    attributes = {"Contact key": key_of(number), "Email": address_of(number)}
    return {"attributes": attributes, "consent": {"channels": {"EMAIL": status}}}


def stored(document: Any) -> list[tuple[str, Stored]]:
    """What the sandbox has."""
    return [
        (
            contact["attributes"]["Email"],
            Stored(contact["consent"].get("channels", {}).get("EMAIL"), contact["attributes"].get("First Name")),
        )
        for contact in document["contacts"]
    ]


class TestAcousticConnect(Conformance):
    """The suite."""

    subject = Subject(
        name="acoustic_connect",
        folder=Path(__file__).parent,
        mapping=MAPPING,
        note="First Name",
        writes=("updateContacts", "createContacts"),
        seed=seed,
        stored=stored,
        poison=lambda n: {"fault": "poison_row", "key": key_of(n), "message": "Row refused"},
        answers=({"operation": "createContacts", "field": "items"},),
        credentials={"acoustic_connect_api_key": "another-key"},
        clears=True,
    )
