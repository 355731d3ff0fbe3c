"""The documents that `load` reads and `dump` writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from pydantic import Field, JsonValue, ValidationError

from pipeline.sandbox.acoustic_connect.audience import Audience, ChannelName, Document, StatusName
from pipeline.sandbox.acoustic_connect.contact import Contact
from pipeline.sandbox.documents import first_fault
from pipeline.sandbox.vendor import SandboxError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class SeedConsent(Document):
    """A contact's stored statuses."""

    channels: dict[ChannelName, StatusName] = Field(default_factory=dict)
    consentGroups: dict[str, dict[ChannelName, StatusName]] = Field(default_factory=dict)  # noqa: N815


class SeedContact(Document):
    """A contact as `load` reads it and `dump` writes it; values are stored as given, unchecked."""

    attributes: dict[str, Any]
    consent: SeedConsent = Field(default_factory=SeedConsent)


class Seed(Document):
    """What `load` reads: an audience, contacts, or both."""

    data_set: Audience | None = None
    contacts: tuple[Any, ...] = ()
    """`SeedContact` documents; read one by one while they are stored, because there may be a million."""


def read_contacts(documents: Iterable[JsonValue], audience: Audience, now: str) -> Iterator[Contact]:
    """Contacts to store. Raises SandboxError where one is malformed or speaks of what the audience has not."""
    for position, document in enumerate(documents):
        try:
            seed = SeedContact.model_validate(document)
        except ValidationError as error:
            raise SandboxError(f"contacts.{position}.{first_fault(error)}") from error
        unknown = [name for name in seed.attributes if name not in audience.by_name]
        unknown += [group_id for group_id in seed.consent.consentGroups if group_id not in audience.groups]
        if unknown:
            raise SandboxError(f"contacts.{position}: not in the data_set: {', '.join(unknown)}")
        yield _contact(seed, now)


def seed_of(contact: Contact) -> JsonValue:
    """The document that `read_contacts` would make this contact from."""
    groups: dict[str, JsonValue] = {group_id: dict(statuses) for group_id, statuses in contact.groups.items()}
    return {"attributes": contact.attributes, "consent": {"channels": dict(contact.channels), "consentGroups": groups}}


def _contact(seed: SeedContact, now: str) -> Contact:
    attributes = {name: value for name, value in seed.attributes.items() if value is not None}
    channels = cast("dict[str, str]", seed.consent.channels)
    groups = cast("dict[str, dict[str, str]]", seed.consent.consentGroups)
    return Contact(None, attributes, channels, groups, now, now)
