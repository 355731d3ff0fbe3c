"""Turns consents as read into a frame that compares with what was sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl

from pipeline.destinations.wix import wire
from pipeline.job import part_of, reach_of, shown_at
from pipeline.model import Column, Status
from pipeline.values import typed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.destinations.wix.wire import MarketingConsent
    from pipeline.job import Attribute, Job

CHANNELS = {kind: channel for channel, kind in wire.TYPES.items()}


def frame_of(consents: Iterable[MarketingConsent], job: Job) -> pl.DataFrame:
    """One row per consent: `identity`, attributes, status and time of its channel, handle (WX-12)."""
    keys = [key for key in job.known_keys if key in wire.TYPES]
    columns: dict[str, Any] = {Column.IDENTITY: pl.String, Column.HANDLE: pl.String}
    columns |= {a.part: pl.String for a in job.attributes}
    columns |= {part_of(key): pl.String for key in keys}
    columns |= {shown_at(key): pl.Datetime("us", "UTC") for key in keys}
    columns |= {reach_of(channel): pl.Boolean for channel in job.channel_fields}
    rows = [_row(consent, job, keys) for consent in consents if consent.details.type in CHANNELS]
    frame = pl.DataFrame(rows, schema=columns, orient="row")
    return frame.with_columns(_comparable(attribute).alias(attribute.part) for attribute in job.attributes)


def handle_of(consent: MarketingConsent) -> str:
    """What an update needs of a consent: its id, and the revision that it is decided on (WX-08)."""
    return json.dumps({"id": consent.id, "revision": consent.revision})


def _row(consent: MarketingConsent, job: Job, keys: Iterable[str]) -> tuple[Any, ...]:
    channel, identity = CHANNELS[consent.details.type], consent.details.identity
    spaces = consent.extendedFields.namespaces if consent.extendedFields else {}
    values = {f"{space}.{name}": value for space, fields in spaces.items() for name, value in fields.items()}
    values[wire.ADDRESS_FIELDS[channel]] = identity
    # A state that nobody knows forbids: in doubt nobody is contacted.
    status = wire.STATUSES.get(consent.state, str(Status.OPT_OUT))
    return (
        identity,
        handle_of(consent),
        *(_text(values.get(attribute.name)) for attribute in job.attributes),
        *(status if key == channel else None for key in keys),
        *(consent.set_at if key == channel else None for key in keys),
        *(mine == channel for mine in job.channel_fields),
    )


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _comparable(attribute: Attribute) -> pl.Expr:
    """The value as it would be sent."""
    text = pl.col(attribute.part)
    return text if attribute.type == "list" else typed(text, attribute.type)
