"""What an account defines beside its contacts: subscription groups, custom fields and companies."""

from __future__ import annotations

from enum import IntEnum
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Document(BaseModel):
    """A part of a document that is read, in the vendor's names: no unknown fields, and not changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FieldType(IntEnum):
    """The kinds of custom fields of contacts."""

    SMALL_TEXT = 0
    LARGE_TEXT = 1
    SINGLE_SELECT = 2
    MULTIPLE_SELECT = 3
    ADDRESS = 4
    DATE = 5
    FILE = 6
    STATIC_TEXT = 7
    WHOLE_NUMBER = 8


class Group(Document):
    """A subscription group; its members are counted when it is read."""

    id: int
    groupName: str  # noqa: N815 - the vendor's name
    tagColour: str = "#888888"  # noqa: N815 - the vendor's name


class CustomField(Document):
    """A custom field of contacts."""

    fieldId: int  # noqa: N815 - the vendor's name
    fieldType: FieldType  # noqa: N815 - the vendor's name
    displayName: str  # noqa: N815 - the vendor's name
    isRequired: bool = False  # noqa: N815 - the vendor's name
    isActive: bool = True  # noqa: N815 - the vendor's name
    sortOrder: int = 0  # noqa: N815 - the vendor's name
    selectValues: dict[str, str] | None = None  # noqa: N815 - the vendor's name
    fileTypes: tuple[str, ...] | None = None  # noqa: N815 - the vendor's name


class Company(Document):
    """A company, without the fields on managers, trees and commissions that the vendor has besides."""

    id: int
    businessName: str  # noqa: N815 - the vendor's name
    externalId: str | None = None  # noqa: N815 - the vendor's name
    tradingName: str = ""  # noqa: N815 - the vendor's name
    businessNumber: str = ""  # noqa: N815 - the vendor's name
    phone: str = ""
    fax: str = ""
    website: str = ""
    email: str = ""
    address: dict[str, Any] | None = None
    modifiedDate: str = "2020-01-01 00:00:00"  # noqa: N815 - the vendor's name
    isAgent: bool = False  # noqa: N815 - the vendor's name


class Account(Document):
    """All definitions."""

    groups: tuple[Group, ...] = ()
    custom_fields: tuple[CustomField, ...] = ()
    companies: tuple[Company, ...] = ()

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Account:
        counts = (len(self.groups), len(self.custom_fields), len(self.companies))
        if counts != (len(self.groups_by_id), len(self.fields_by_id), len(self.companies_by_id)):
            raise ValueError("the ids of groups, custom fields and companies must be unique")
        return self

    @cached_property
    def groups_by_id(self) -> dict[int, Group]:
        """Groups by id."""
        return {group.id: group for group in self.groups}

    @cached_property
    def fields_by_id(self) -> dict[int, CustomField]:
        """Custom fields by id."""
        return {field.fieldId: field for field in self.custom_fields}

    @cached_property
    def companies_by_id(self) -> dict[int, Company]:
        """Companies by id."""
        return {company.id: company for company in self.companies}

    def merged(self, newer: Account) -> Account:
        """This account with `newer`'s definitions added, those of the same id replaced."""
        return Account(
            groups=tuple((self.groups_by_id | newer.groups_by_id).values()),
            custom_fields=tuple((self.fields_by_id | newer.fields_by_id).values()),
            companies=tuple((self.companies_by_id | newer.companies_by_id).values()),
        )
