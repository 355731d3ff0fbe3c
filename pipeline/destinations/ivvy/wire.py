"""iVvy's shapes: paths, numbers and answers, and nothing else."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from pipeline.model import Status

API: Final = "/api/1.0"
CONTACT: Final = "contact"
BATCH: Final = "batch"
ADD_OR_UPDATE: Final = "addOrUpdateContact"
GET: Final = "getContact"
LIST: Final = "getContactList"
GROUPS: Final = "getSubscriptionGroupList"
FIELDS: Final = "getCustomFieldDefinition"
ADD_TO_GROUP: Final = "addContactsToSubscriptionGroup"
REMOVE_FROM_GROUP: Final = "removeContactsFromSubscriptionGroup"

MOST_JOBS: Final = 200
"""IV-14"""
MOST_BATCH_BYTES: Final = 1_000_000
PAGE: Final = 100

EMAIL_STATUS: Final[dict[str, int]] = {Status.OPT_IN: 1, Status.OPT_OUT: 2, "BOUNCED": 3, "NO_MARKETING": 5}
"""IV-07"""
SMS_STATUS: Final[dict[str, int]] = {Status.OPT_IN: 1, Status.OPT_OUT: 2, "FAILED": 3, "NO_MARKETING": 4}
"""IV-08: no marketing is another number here."""
EMAIL_WORDS: Final = {number: word for word, number in EMAIL_STATUS.items()} | {4: "REGISTERING"}
"""4 is read and never written."""
SMS_WORDS: Final = {number: word for word, number in SMS_STATUS.items()}

FIELD_TYPES: Final = {0: "text", 1: "text", 2: "text", 3: "list", 5: "date", 8: "number"}
"""IV-05: small and large text, single and multiple select, date, whole number. Addresses, files and static text are
not written."""
SINGLE_SELECT: Final = 2
MULTIPLE_SELECT: Final = 3

NOT_FOUND: Final = 24096
NOT_COMPLETED: Final = 24114
BATCH_NOT_FOUND: Final = 24105
INVALID: Final = 23016
MISSING: Final = 23017
STALE: Final = 23005


def _utc(given: Any) -> Any:
    """`2026-02-09 22:41:03 UTC`, where the suffix may be missing."""
    return f"{given.removesuffix(' UTC').replace(' ', 'T')}+00:00" if isinstance(given, str) else given


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)


def _listed(given: Any) -> Any:
    """An array may arrive as an object, or as null."""
    return list(given.values()) if isinstance(given, dict) else given or ()


class Membership(_Answer):
    """A group that a contact is in."""

    groupId: int  # noqa: N815 - the vendor's name


class FieldValue(_Answer):
    """A custom field's value."""

    fieldId: int  # noqa: N815 - the vendor's name
    value: Any = None


class ExternalUrl(_Answer):
    """A link of a contact."""

    ref: str = ""
    url: str | None = None


class Contact(_Answer):
    """A contact as read; the list of contacts leaves out `status` and `externalUrls`."""

    id: int
    firstName: str | None = None  # noqa: N815 - the vendor's name
    lastName: str | None = None  # noqa: N815 - the vendor's name
    email: str | None = None
    phone: str | None = None
    externalId: str | None = None  # noqa: N815 - the vendor's name
    status: int | None = None
    smsStatus: int | None = None  # noqa: N815 - the vendor's name
    groups: Annotated[tuple[Membership, ...], BeforeValidator(_listed)] = ()
    customFields: Annotated[tuple[FieldValue, ...], BeforeValidator(_listed)] = ()  # noqa: N815 - the vendor's name
    companies: Annotated[tuple[int, ...], BeforeValidator(_listed)] = ()
    externalUrls: Annotated[tuple[ExternalUrl, ...], BeforeValidator(_listed)] = ()  # noqa: N815 - the vendor's name
    privacyConsentData: Any = None  # noqa: N815 - the vendor's name
    isAnonymised: bool = False  # noqa: N815 - the vendor's name
    modifiedDate: Annotated[datetime | None, BeforeValidator(_utc)] = None  # noqa: N815 - the vendor's name


class Meta(_Answer):
    """How a page lies in the whole."""

    totalResults: int | None = None  # noqa: N815 - the vendor's name
    start: int = 0
    count: int | None = None


class ContactList(_Answer):
    """A page of contacts. An answer without the list says nothing of anybody: it must not be taken for an empty one."""

    meta: Meta = Meta()
    results: tuple[Contact, ...]

    def goes_on(self, count: int) -> bool:
        """Whether there may be more than the `count` contacts that were read; the keys of `meta` may be missing."""
        return bool(self.results) and (self.meta.totalResults is None or count < self.meta.totalResults)


class Group(_Answer):
    """A subscription group."""

    id: str
    groupName: str  # noqa: N815 - the vendor's name


class FieldDefinition(_Answer):
    """A custom field (IV-05)."""

    fieldId: str  # noqa: N815 - the vendor's name
    fieldType: int  # noqa: N815 - the vendor's name
    displayName: str  # noqa: N815 - the vendor's name
    isActive: bool = True  # noqa: N815 - the vendor's name
    selectValues: Annotated[dict[str, str], BeforeValidator(lambda given: given or {})] = Field(default_factory=dict)  # noqa: N815 - the vendor's name


class MemberResult(_Answer):
    """Whether a group's list of members was changed for a contact."""

    contactId: int  # noqa: N815 - the vendor's name
    status: bool = False


class Written(_Answer):
    """The answer to a write (IV-11): success, unless it says otherwise."""

    id: int | None = None
    success: bool = True
    message: str | None = None


class Error(_Answer):
    """The error envelope (IV-13)."""

    errorCode: int  # noqa: N815 - the vendor's name
    message: str = ""
    specificCode: int | None = None  # noqa: N815 - the vendor's name
    additionalMessages: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()  # noqa: N815 - the vendor's name


class Started(_Answer):
    """A batch that was taken."""

    asyncId: str  # noqa: N815 - the vendor's name


class Progress(_Answer):
    """Percent of a batch."""

    progress: float


class JobResult(_Answer):
    """One job of a batch, with what was asked of it."""

    action: str = ""
    request: Any = None
    response: Any = None


class BatchResults(_Answer):
    """All jobs of a batch."""

    results: tuple[JobResult, ...] = ()
