"""Turns contacts as read into a frame that compares with what was sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl

from pipeline.destinations.ivvy import wire
from pipeline.destinations.ivvy.directory import key_of
from pipeline.destinations.ivvy.fields import ALL_URLS, COMPANIES, URL
from pipeline.destinations.ivvy.identity import Wanted, split_names
from pipeline.job import kin_of, part_of, reach_of, stored_of
from pipeline.model import Channel, Column, Status
from pipeline.values import typed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pipeline.destinations.ivvy.identity import Found
    from pipeline.destinations.ivvy.wire import Contact
    from pipeline.job import Attribute, Job

STRICTEST_KIN = (Status.OPT_OUT, "NO_MARKETING")
RESTRICTED = (2, 3, 5)
"""Statuses of whom an opt-out for the address has nothing to add: 4, registering, may become subscribed."""


def wanted_of(frame: pl.DataFrame, job: Job) -> list[Wanted]:
    """The identities of a frame, each once, with address and names as the export gives them."""
    parts = {a.name: a.part for a in job.attributes if a.part in frame.columns}
    rows = frame.unique(Column.IDENTITY, keep="first", maintain_order=True).to_dicts()
    return [_wanted(row, job, parts) for row in rows]


def _wanted(row: dict[str, Any], job: Job, parts: dict[str, str]) -> Wanted:
    identity = row[Column.IDENTITY]
    if len(job.identity_columns) > 1:
        first, last, email = split_names(identity)
        return Wanted(identity, email, (first, last))
    given = {name: json.loads(row[part]) for name, part in parts.items() if row[part] is not None}
    first, last = (str(given.get(name) or "").strip().lower() for name in ("firstName", "lastName"))
    return Wanted(identity, key_of("email", given.get("email")), (first, last) if first and last else None)


def frame_of(found: Iterable[Found], job: Job) -> pl.DataFrame:
    """One row per identity of whom something is known, whether the contact exists or only its kin."""
    keys = job.known_keys
    texts = [Column.IDENTITY, Column.HANDLE, Column.BARRED, *(a.part for a in job.attributes)]
    texts += [*(part_of(key) for key in keys), kin_of(Channel.EMAIL)]
    flags = [Column.EXISTS, *(reach_of(channel) for channel in job.channel_fields)]
    columns: dict[str, Any] = dict.fromkeys(texts, pl.String) | dict.fromkeys(flags, pl.Boolean)
    stored = tuple(job.channel_fields) if job.policy.suppression else ()
    columns |= dict.fromkeys((Column.KIN, *(stored_of(channel) for channel in stored)), pl.List(pl.String))
    rows = [_row(one, job, keys, stored) for one in found if one.contact is not None or one.kin]
    frame = pl.DataFrame(rows, schema=columns, orient="row")
    return frame.with_columns(_comparable(attribute).alias(attribute.part) for attribute in job.attributes)


def handle_of(contact: Contact) -> str:
    """What a write needs of a contact: its id, the status that it must not lift unasked, and whether we named it."""
    return json.dumps({"id": contact.id, "status": contact.status, "named": bool(contact.externalId)})


def _row(found: Found, job: Job, keys: Sequence[str], stored: Sequence[Channel]) -> tuple[Any, ...]:
    contact = found.contact
    values = _values(contact) if contact else {}
    statuses = _statuses(contact, keys) if contact else {}
    kin = [_word(wire.EMAIL_WORDS, c.status) for c in found.kin]
    addresses = {Channel.EMAIL: contact.email, Channel.SMS: contact.phone} if contact else {}
    return (
        found.wanted.identity,
        handle_of(contact) if contact else None,
        found.barred,
        *(_text(values.get(a.id or a.name)) for a in job.attributes),
        *(statuses.get(key) for key in keys),
        next((str(word) for word in STRICTEST_KIN if word in kin), None),
        contact is not None,
        *(bool(addresses.get(channel)) for channel in job.channel_fields),
        [handle_of(c) for c in found.kin if c.status not in RESTRICTED],
        *([addresses.get(channel)] for channel in stored),
    )


def _statuses(contact: Contact, keys: Iterable[str]) -> dict[str, str | None]:
    """Target key -> status; who is not in a group is ABSENT from it (IV-07, IV-08)."""
    groups = {f"member:{membership.groupId}" for membership in contact.groups}
    found: dict[str, str | None] = {key: str(Status.OPT_IN if key in groups else Status.ABSENT) for key in keys}
    found[Channel.EMAIL] = _word(wire.EMAIL_WORDS, contact.status)
    found[Channel.SMS] = _word(wire.SMS_WORDS, contact.smsStatus)
    return found


def _word(words: Mapping[int, str], number: int | None) -> str | None:
    """A number that nobody knows restricts: in doubt nobody is contacted."""
    return words.get(number, "NO_MARKETING") if number else None


def _values(contact: Contact) -> dict[str, Any]:
    """Attribute's name, or custom field's id -> value."""
    names = ("firstName", "lastName", "email", "phone", "externalId")
    values: dict[str, Any] = {name: getattr(contact, name) for name in names}
    values["privacyConsent"] = contact.privacyConsentData is not None
    values[COMPANIES] = [str(company) for company in contact.companies]
    values[ALL_URLS] = [f"{entry.ref}={entry.url}" for entry in contact.externalUrls]
    values |= {f"{URL}{entry.ref}": entry.url for entry in contact.externalUrls}
    values |= {str(field.fieldId): field.value for field in contact.customFields}
    return values


def _text(value: Any) -> str | None:
    """A value as text; what is empty is not there."""
    if value in (None, "", [], {}):
        return None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _comparable(attribute: Attribute) -> pl.Expr:
    """The value as it would be sent."""
    text = pl.col(attribute.part)
    if attribute.type == "list":
        return text
    if attribute.type == "date":
        text = text.str.strip_suffix(" UTC")
    return typed(text, attribute.type)
