"""Acoustic Connect's shapes: GraphQL documents, request bodies and answers, and nothing else."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Generation = Literal["dataset", "current"]

UPDATE: Final[dict[Generation, str]] = {
    "dataset": "mutation UpdateContacts($dataSetId: ID!, $rows: [UpdateContactInput!]) "
    "{ updateContacts(dataSetId: $dataSetId, updateContactInputs: $rows) { modifiedCount } }",
    "current": "mutation UpdateContacts($rows: [UpdateContactInput!]!) "
    "{ updateContacts(updateContactInputs: $rows) { modifiedCount } }",
}
CREATE: Final[dict[Generation, str]] = {
    "dataset": "mutation CreateContacts($dataSetId: ID!, $rows: [ContactCreateInput!]!) "
    "{ createContacts(dataSetId: $dataSetId, contactsInput: $rows) { items { contactId } } }",
    "current": "mutation CreateContacts($rows: [ContactCreateInput!]!) "
    "{ createContacts(contactsInput: $rows) { items { contactKey } } }",
}
_CONTACTS: Final = """query ReadContacts(
  $first: Float, $after: Cursor, $rules: [%(rule)s!], $order: [SortField!], $names: [String!]
) {
  contacts(first: $first, after: $after, filter: $rules, orderBy: $order) {
    pageInfo { hasNextPage endCursor }
    nodes {
      attributes(selectByName: $names) { name value }
      consent { channels { channel status } consentGroups { id channels { channel status } } }
    }
  }
}"""
CONTACTS: Final[dict[Generation, str]] = {
    "dataset": _CONTACTS % {"rule": "RuleInput"},
    "current": _CONTACTS % {"rule": "ContactRule"},
}
DATA_SETS: Final[dict[Generation, str]] = {
    "dataset": """query DataSets($rules: [RuleInput!]) {
  dataSets(filter: $rules) {
    nodes {
      dataSetId name
      attributes { name type category identifyAs { key channels } }
      consentGroups { id name }
    }
  }
}""",
    "current": """query DataSets($rules: [RuleInput!]) {
  dataSets(filter: $rules) {
    nodes {
      dataSetId name
      attributes { name type decimalPrecision category identifyAs { key channels } }
      consentGroups { id name }
    }
  }
}""",
}


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)


class Identity(_Answer):
    """What an attribute identifies: the contact, or the address of channels."""

    key: bool | None = None
    channels: tuple[str, ...] | None = None


class Attribute(_Answer):
    """An attribute of the audience (AC-13)."""

    name: str
    type: str
    decimalPrecision: int | None = None  # noqa: N815 - the vendor's name
    identifyAs: Identity | None = None  # noqa: N815 - the vendor's name


class Group(_Answer):
    """A consent group of the audience (AC-13)."""

    id: str
    name: str


class DataSet(_Answer):
    """An audience (AC-13)."""

    dataSetId: str  # noqa: N815 - the vendor's name
    name: str | None = None
    attributes: tuple[Attribute, ...] | None = None
    consentGroups: tuple[Group, ...] | None = None  # noqa: N815 - the vendor's name


class DataSets(_Answer):
    """The account's audiences (AC-13)."""

    nodes: tuple[DataSet, ...] = ()


class Updated(_Answer):
    """How many contacts an update modified, and nothing else (AC-01, AC-15)."""

    modifiedCount: int  # noqa: N815 - the vendor's name


class CreatedItem(_Answer):
    """A new contact; only the current generation names its key."""

    contactKey: str | None = None  # noqa: N815 - the vendor's name


class Created(_Answer):
    """One item for each new contact, in the order sent (AC-08)."""

    items: tuple[CreatedItem, ...]


class ContactAttribute(_Answer):
    """One attribute of a contact as read."""

    name: str
    value: Any = None


class ChannelConsent(_Answer):
    """The consent of one channel as read (AC-16)."""

    channel: str
    status: str | None = None


class GroupConsent(_Answer):
    """The consent of one group as read, per channel (AC-16)."""

    id: str
    channels: tuple[ChannelConsent, ...] = ()


class Consent(_Answer):
    """All consent of a contact as read (AC-16)."""

    channels: tuple[ChannelConsent, ...] | None = None
    consentGroups: tuple[GroupConsent, ...] | None = None  # noqa: N815 - the vendor's name


class Contact(_Answer):
    """A contact as read (AC-16)."""

    attributes: tuple[ContactAttribute, ...] = ()
    consent: Consent | None = None


class PageInfo(_Answer):
    """Where the next page begins."""

    hasNextPage: bool | None = None  # noqa: N815 - the vendor's name
    endCursor: str | None = None  # noqa: N815 - the vendor's name


class Page(_Answer):
    """A page of contacts."""

    pageInfo: PageInfo = Field(default_factory=PageInfo)  # noqa: N815 - the vendor's name
    nodes: tuple[Contact, ...] = ()


class Extensions(_Answer):
    """Where an error carries its code (AC-14)."""

    code: str = ""
    category: str | None = None


class Error(_Answer):
    """A GraphQL error. It carries no index of the row that it is about (AC-15)."""

    message: str = ""
    extensions: Annotated[Extensions, BeforeValidator(lambda given: given or {})] = Field(default_factory=Extensions)


class Answer(_Answer):
    """The envelope. Neither `data` nor `errors`: the gateway spoke, not the API."""

    data: dict[str, Any] | None = None
    errors: Annotated[tuple[Error, ...], BeforeValidator(lambda given: given or ())] = ()
    message: str | None = None
