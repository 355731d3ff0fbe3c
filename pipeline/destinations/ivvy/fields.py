"""What a mapping may write to a contact: its own fields, external URLs by reference, and custom fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.destinations.interface import Audience, Field
from pipeline.destinations.ivvy import wire
from pipeline.model import Channel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NAMES: Final = ("firstName", "lastName", "email")
EXTERNAL_ID: Final = "externalId"
COMPANIES: Final = "companies"
ALL_URLS: Final = "externalUrls"
URL: Final = "externalUrl:"
"""Begins the name of the attribute for the URL of one reference."""
MOST_URLS: Final = 3
HTTPS: Final = r'https://[^\s"\\]+'
"""A quote or a backslash is percent-encoded in a URL."""

OWN: Final = (
    Field("firstName", "text", is_required=True),
    Field("lastName", "text", is_required=True),
    Field("email", "text", frozenset({Channel.EMAIL}), is_required=True),
    Field("phone", "text", frozenset({Channel.SMS})),
    Field(EXTERNAL_ID, "text", is_key=True),
    Field("privacyConsent", "boolean"),
    Field(COMPANIES, "list", pattern=r"[1-9]\d{0,17}"),
    Field(ALL_URLS, "list", pattern=rf"[\w-]+={HTTPS}", most=MOST_URLS),
)
"""IV-02, IV-06, IV-09, IV-10"""
_OWN_NAMES: Final = frozenset(field.name for field in OWN)


def is_of_contact(name: str) -> bool:
    """Whether an attribute is a member of the contact by its own name."""
    return name in _OWN_NAMES and name != ALL_URLS


def audience_of(
    account: str,
    groups: Iterable[wire.Group],
    definitions: Iterable[wire.FieldDefinition],
    *,
    silence_subscribes: bool = True,
) -> Audience:
    """The account in the words that mappings use. `silence_subscribes`: no status is said of a silent new contact."""
    fields = {field.name: field for field in (*OWN, *_custom(definitions))}
    return Audience(
        account=account,
        name=f"iVvy account {account}",
        fields=fields,
        groups={group.id: group.groupName for group in groups},
        implicit_opt_in=frozenset({Channel.EMAIL} if silence_subscribes else ()),
        asks_first=True,
        kin=Channel.EMAIL,
        groups_are_apart=True,
        naming_fields=NAMES,
        open_fields={rf"{URL}[\w-]+": HTTPS},
    )


def _custom(definitions: Iterable[wire.FieldDefinition]) -> Iterator[Field]:
    """The custom fields that can be written (IV-05), by name, and by name and id where that is not unique."""
    known = [d for d in definitions if d.isActive and d.fieldType in wire.FIELD_TYPES]
    names = [d.displayName for d in known]
    for definition in known:
        name = definition.displayName
        if names.count(name) > 1 or name in _OWN_NAMES:
            name = f"{name} ({definition.fieldId})"
        selects = definition.fieldType in (wire.SINGLE_SELECT, wire.MULTIPLE_SELECT)
        number = wire.FIELD_TYPES[definition.fieldType] == "number"
        yield Field(
            name,
            wire.FIELD_TYPES[definition.fieldType],
            id=definition.fieldId,
            choices=definition.selectValues if selects else None,
            decimals=0 if number else None,
        )
