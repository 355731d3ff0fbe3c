"""Wix's shapes: paths, words and answers, and nothing else."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from pipeline.model import Channel, Status

CONSENTS: Final = "/v1/marketing-consent"
QUERY: Final = f"{CONSENTS}/query"
BULK_UPSERT: Final = "/v1/bulk/marketing-consent/upsert"

MOST_IN_BULK: Final = 500
"""No page of the vendor prints a limit; a caller of the API refuses more."""
PAGE: Final = 100

TYPES: Final[dict[str, str]] = {Channel.EMAIL: "EMAIL", Channel.SMS: "PHONE"}
ADDRESS_FIELDS: Final[dict[str, str]] = {Channel.EMAIL: "email", Channel.SMS: "phone"}
STATES: Final[dict[str, str]] = {
    Status.OPT_IN: "CONFIRMED",
    Status.OPT_IN_UNVERIFIED: "PENDING",
    Status.OPT_OUT: "REVOKED",
    "NEVER_CONFIRMED": "NEVER_CONFIRMED",
    "UNKNOWN_STATE": "UNKNOWN_STATE",
}
"""Status -> state (WX-02)."""
STATUSES: Final = {state: status for status, state in STATES.items()}
CONFIRMATION: Final = "lastConfirmationActivity"
REVOCATION: Final = "lastRevokeActivity"
EXTENDED: Final = "extendedFields"
CONFIRMATION_SOURCES: Final = ("IN_PERSON", "FORM", "LINK_CONFIRMATION", "EMAIL_SERVICE", "WIX_USERS", "OTHER")
REVOKE_SOURCES: Final = ("IN_PERSON", "FORM", "REVOKE_LINK", "WIX_USERS", "OTHER")
"""WX-04"""


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True, populate_by_name=True)


class Details(_Answer):
    """Whose consent it is (WX-01)."""

    type: str = ""
    email: str | None = None
    phone: str | None = None

    @property
    def identity(self) -> str:
        """The address as identities are written: e-mail in lower case, a phone number in E.164."""
        return (self.email or "").strip().lower() if self.type == "EMAIL" else (self.phone or "")


class Activity(_Answer):
    """When, and how, a consent was confirmed or revoked (WX-03)."""

    updatedDate: datetime | None = Field(None, validation_alias=AliasChoices("updatedDate", "updated_date"))  # noqa: N815 - the vendor's name


class ExtendedFields(_Answer):
    """Values of the site's own, by namespace (WX-11)."""

    namespaces: Annotated[dict[str, dict[str, Any]], BeforeValidator(lambda given: given or {})] = Field(
        default_factory=dict
    )


class MarketingConsent(_Answer):
    """A consent as answers show it."""

    id: str
    revision: str
    details: Details
    state: str
    lastConfirmationActivity: Activity | None = None  # noqa: N815 - the vendor's name
    lastRevokeActivity: Activity | None = None  # noqa: N815 - the vendor's name
    extendedFields: ExtendedFields | None = None  # noqa: N815 - the vendor's name

    @property
    def set_at(self) -> datetime | None:
        """When the person gave or withdrew it; None: not said."""
        activity = self.lastRevokeActivity if self.state == "REVOKED" else self.lastConfirmationActivity
        return activity.updatedDate if activity else None


class Link(_Answer):
    """Where the person confirms or revokes (WX-10)."""

    url: str = ""


class Written(_Answer):
    """A consent after a write, with its link."""

    marketingConsent: MarketingConsent  # noqa: N815 - the vendor's name
    link: Link | None = None


class ItemMetadata(_Answer):
    """How the vendor's other bulk methods say what `Result` says itself."""

    originalIndex: int | None = None  # noqa: N815 - the vendor's name
    error: Any = None


class Result(_Answer):
    """One item's answer in bulk (WX-09). `error` is a text, or an object of `code` and `description`."""

    originalIndex: int | None = None  # noqa: N815 - the vendor's name
    marketingConsent: MarketingConsent | None = None  # noqa: N815 - the vendor's name
    error: Any = None
    link: Link | None = None
    itemMetadata: ItemMetadata | None = None  # noqa: N815 - the vendor's name

    @property
    def index(self) -> int | None:
        """The position of the item in the call; None: not said."""
        nested = self.itemMetadata.originalIndex if self.itemMetadata else None
        return nested if self.originalIndex is None else self.originalIndex

    @property
    def refusal(self) -> str | None:
        """What is wrong with the item, in the vendor's words; None: nothing."""
        said = self.error or (self.itemMetadata.error if self.itemMetadata else None)
        if isinstance(said, dict):
            return f"{said.get('code', '')}: {said.get('description', '')}"
        return str(said) if said else None


class Totals(_Answer):
    """How many items were taken."""

    totalSuccess: int | None = Field(None, validation_alias=AliasChoices("totalSuccess", "totalSuccesses"))  # noqa: N815 - the vendor's name


class Bulk(_Answer):
    """The answer to a bulk upsert: in the shape of this service, or of the vendor's other ones."""

    results: tuple[Result, ...]
    metadata: Totals = Field(Totals(totalSuccess=None), validation_alias=AliasChoices("metadata", "bulkActionMetadata"))


class Cursors(_Answer):
    """Where the next page begins."""

    next: str | None = None


class Paging(_Answer):
    """Whether there is a next page."""

    cursors: Cursors | None = None
    hasNext: bool | None = None  # noqa: N815 - the vendor's name


class Page(_Answer):
    """A page of consents; the vendor's name of the list is in the singular (WX-12).

    An answer without the list says nothing of anybody: it must not be taken for an empty one.
    """

    marketingConsent: tuple[MarketingConsent, ...]  # noqa: N815 - the vendor's name
    pagingMetadata: Paging = Paging()  # noqa: N815 - the vendor's name


class Violation(_Answer):
    """One wrong field of a request."""

    field: str = ""
    description: str = ""
    violatedRule: str = ""  # noqa: N815 - the vendor's name


class Violations(_Answer):
    """All wrong fields of a request."""

    fieldViolations: tuple[Violation, ...] = ()  # noqa: N815 - the vendor's name


class ApplicationError(_Answer):
    """An error with a code."""

    code: str = ""
    description: str = ""


class ErrorDetails(_Answer):
    """Either of the two, or neither."""

    applicationError: ApplicationError | None = None  # noqa: N815 - the vendor's name
    validationError: Violations | None = None  # noqa: N815 - the vendor's name


class Error(_Answer):
    """The envelope of errors; a system error says nothing in it."""

    message: str = ""
    details: ErrorDetails = ErrorDetails()
