"""Contacts as rows of a table: the columns, and both directions between."""

from __future__ import annotations

import json
from typing import Any, Final

from pipeline.sandbox.ivvy.contact import Contact
from pipeline.sandbox.ivvy.values import folded

SCALARS: Final = (
    "id", "first_name", "last_name", "email", "phone", "external_id", "status", "sms_status", "modified_date",
    "is_anonymised",
)  # fmt: skip
"""The columns that a filter may compare."""
_NESTED: Final = ("groups", "custom_fields", "companies", "external_urls", "privacy_consent")
_KEYS: Final = ("email_key", "external_key", "triple_key")
NAMES: Final = (*SCALARS, *_NESTED, *_KEYS)
COLUMNS: Final = ", ".join(NAMES)
SLOTS: Final = ", ".join("?" * len(NAMES))
DEFINITION: Final = f"""
    id INTEGER PRIMARY KEY AUTOINCREMENT, {", ".join(SCALARS[1:])}, {", ".join(_NESTED)}, {", ".join(_KEYS)}
"""
"""Columns without types: a number stays one, a text too."""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

Row = tuple[Any, ...]


def row_of(contact: Contact) -> Row:
    """The row that a contact is stored as."""
    return (
        contact.id, contact.first_name, contact.last_name, contact.email, contact.phone, contact.external_id,
        contact.status, contact.sms_status, contact.modified_date, contact.is_anonymised,
        _encode(contact.groups), _encode(contact.custom_fields), _encode(contact.companies),
        _encode(contact.external_urls), _encode(contact.privacy_consent),
        folded(contact.email), None if contact.external_id is None else folded(contact.external_id),
        triple_key(contact.first_name, contact.last_name, contact.email),
    )  # fmt: skip


def contact_of(row: Row) -> Contact:
    """The contact that a row was made of."""
    groups, custom_fields, companies, external_urls, privacy_consent = map(json.loads, row[10:15])
    return Contact(
        id=row[0],
        first_name=row[1],
        last_name=row[2],
        email=row[3],
        phone=row[4],
        external_id=row[5],
        status=row[6],
        sms_status=row[7],
        modified_date=row[8],
        is_anonymised=bool(row[9]),
        groups={int(group_id): joined for group_id, joined in groups.items()},
        custom_fields={int(field_id): value for field_id, value in custom_fields.items()},
        companies=tuple(companies),
        external_urls=external_urls,
        privacy_consent=privacy_consent,
    )


def triple_key(first_name: str, last_name: str, email: str) -> str:
    """What identifies a person to the vendor, in the form in which it is compared (G9)."""
    return "\n".join(map(folded, (first_name, last_name, email)))
