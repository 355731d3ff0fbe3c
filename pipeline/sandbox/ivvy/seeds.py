"""The documents that `load` reads and `dump` writes, in the vendor's names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, Field, JsonValue, ValidationError

from pipeline.sandbox.documents import first_fault
from pipeline.sandbox.ivvy.account import Account, Document
from pipeline.sandbox.ivvy.contact import Contact, SmsStatus, Status
from pipeline.sandbox.ivvy.values import plain_timestamp
from pipeline.sandbox.vendor import SandboxError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_TIMESTAMP = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d( UTC)?$"


class SeedMembership(Document):
    """A group that a contact is in."""

    groupId: int  # noqa: N815 - the vendor's name
    joinDate: str | None = Field(default=None, pattern=_TIMESTAMP)  # noqa: N815 - the vendor's name


class SeedValue(Document):
    """A custom field's value, stored as given."""

    fieldId: int  # noqa: N815 - the vendor's name
    value: Any


class SeedUrl(Document):
    """An external URL, stored as given."""

    ref: str
    url: str
    label: str | None = None


class SeedPrivacyConsent(Document):
    """Where and when privacy consent was given."""

    source: int = Field(ge=1, le=5)
    dateTime: str = Field(pattern=_TIMESTAMP)  # noqa: N815 - the vendor's name


class SeedContact(Document):
    """A contact as `load` reads it and `dump` writes it; states that no request leads to are allowed."""

    model_config = ConfigDict(use_enum_values=True)

    id: int | None = Field(default=None, ge=1, lt=10**18)
    firstName: str  # noqa: N815 - the vendor's name
    lastName: str  # noqa: N815 - the vendor's name
    email: str
    phone: str = ""
    externalId: str | None = None  # noqa: N815 - the vendor's name
    status: Status = Status.SUBSCRIBED
    smsStatus: SmsStatus | None = None  # noqa: N815 - the vendor's name
    groups: tuple[SeedMembership, ...] = ()
    customFields: tuple[SeedValue, ...] = ()  # noqa: N815 - the vendor's name
    companies: tuple[int, ...] = ()
    externalUrls: tuple[SeedUrl, ...] = ()  # noqa: N815 - the vendor's name
    privacyConsentData: SeedPrivacyConsent | None = None  # noqa: N815 - the vendor's name
    isAnonymised: bool = False  # noqa: N815 - the vendor's name
    modifiedDate: str | None = Field(default=None, pattern=_TIMESTAMP)  # noqa: N815 - the vendor's name


class Seed(Account):
    """What `load` reads; each part may be missing."""

    contacts: tuple[Any, ...] = ()
    """`SeedContact` documents; read one by one while they are stored, because there may be a million."""


def read_contacts(documents: Iterable[JsonValue], account: Account, now: str) -> Iterator[Contact]:
    """Contacts to store. Raises SandboxError where one is malformed or speaks of what the account has not."""
    for position, document in enumerate(documents):
        try:
            seed = SeedContact.model_validate(document)
        except ValidationError as error:
            raise SandboxError(f"contacts.{position}.{first_fault(error)}") from error
        unknown = [f"group {g.groupId}" for g in seed.groups if g.groupId not in account.groups_by_id]
        unknown += [f"custom field {v.fieldId}" for v in seed.customFields if v.fieldId not in account.fields_by_id]
        unknown += [f"company {company}" for company in seed.companies if company not in account.companies_by_id]
        if unknown:
            raise SandboxError(f"contacts.{position}: not in the account: {', '.join(unknown)}")
        yield _contact(seed, now)


def seed_of(contact: Contact) -> JsonValue:
    """The document that `read_contacts` would make this contact from."""
    return {
        "id": contact.id,
        "firstName": contact.first_name,
        "lastName": contact.last_name,
        "email": contact.email,
        "phone": contact.phone,
        "externalId": contact.external_id,
        "status": contact.status,
        "smsStatus": contact.sms_status,
        "groups": [{"groupId": group_id, "joinDate": joined} for group_id, joined in contact.groups.items()],
        "customFields": [{"fieldId": field_id, "value": value} for field_id, value in contact.custom_fields.items()],
        "companies": list(contact.companies),
        "externalUrls": list(contact.external_urls.values()),
        "privacyConsentData": contact.privacy_consent,
        "isAnonymised": contact.is_anonymised,
        "modifiedDate": f"{contact.modified_date} UTC",
    }


def _contact(seed: SeedContact, now: str) -> Contact:
    consent = seed.privacyConsentData
    return Contact(
        id=seed.id,
        first_name=seed.firstName,
        last_name=seed.lastName,
        email=seed.email,
        phone=seed.phone,
        external_id=seed.externalId,
        status=seed.status,
        sms_status=seed.smsStatus,
        groups={entry.groupId: plain_timestamp(entry.joinDate) or now for entry in seed.groups},
        custom_fields={entry.fieldId: entry.value for entry in seed.customFields},
        companies=seed.companies,
        external_urls={entry.ref: entry.model_dump(mode="json") for entry in seed.externalUrls},
        privacy_consent=None if consent is None else consent.model_dump(mode="json"),
        is_anonymised=seed.isAnonymised,
        modified_date=plain_timestamp(seed.modifiedDate) or now,
    )
