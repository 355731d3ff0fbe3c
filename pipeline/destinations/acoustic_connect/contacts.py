"""Turns contacts as read into a frame that compares with what was sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl

from pipeline.job import part_of, reach_of, stored_of
from pipeline.model import Channel, Column
from pipeline.values import typed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipeline.destinations.acoustic_connect.wire import Consent, Contact
    from pipeline.job import Attribute, Job

MIXED = "MIXED"
"""A group whose channels have different statuses."""


def frame_of(contacts: Iterable[Contact], job: Job) -> pl.DataFrame:
    """One row per contact: `identity`, attributes as JSON text, known targets' statuses, reachable channels (AC-16).

    With suppression lists, all addresses too: consent may be for one that is not mapped.
    """
    keys = job.known_keys
    stored = job.channel_fields if job.policy.suppression else {}
    rows = [_row(contact, job, keys, stored) for contact in contacts]
    texts = [Column.IDENTITY, *(a.part for a in job.attributes), *(part_of(key) for key in keys)]
    flags = [reach_of(channel) for channel in job.channel_fields]
    schema = pl.Schema(
        [
            *((name, pl.String()) for name in texts),
            *((name, pl.Boolean()) for name in flags),
            *((stored_of(channel), pl.List(pl.String())) for channel in stored),
        ]
    )
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.with_columns(_comparable(attribute).alias(attribute.part) for attribute in job.attributes)


def _row(contact: Contact, job: Job, keys: Iterable[str], stored: Mapping[Channel, tuple[str, ...]]) -> tuple[Any, ...]:
    values = {attribute.name: attribute.value for attribute in contact.attributes}
    statuses = statuses_of(contact.consent)
    return (
        _text(values.get(job.identity_field)),
        *(_text(values.get(attribute.name)) for attribute in job.attributes),
        *(statuses.get(key) for key in keys),
        *(any(_text(values.get(name)) for name in names) for names in job.channel_fields.values()),
        *([_text(values.get(name)) for name in names] for names in stored.values()),
    )


def statuses_of(consent: Consent | None) -> dict[str, str]:
    """Target key -> status. A group has no status of its own on read: it is that of its channels, or MIXED."""
    found: dict[str, str] = {}
    if consent is None:
        return found
    for entry in consent.channels or ():
        if entry.status:
            found[entry.channel] = entry.status
    for group in consent.consentGroups or ():
        of_group = {c.channel: c.status for c in group.channels if c.status}
        found |= {f"group:{group.id}:{channel}": status for channel, status in of_group.items()}
        if of_group:
            first, *others = set(of_group.values())
            found[f"group:{group.id}"] = MIXED if others else first
    return found


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value or None
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _comparable(attribute: Attribute) -> pl.Expr:
    """The value as it would be sent. Phones may come back without their plus sign."""
    text = pl.col(attribute.part)
    if attribute.channels and Channel.EMAIL not in attribute.channels:
        text = pl.concat_str(pl.lit("+"), text.str.strip_prefix("+"))
    if attribute.type == "list":
        return pl.when(text.str.starts_with("[")).then(text).otherwise(typed(text, "text"))
    return typed(text, attribute.type)
