"""Mappings, bound to an invented audience, and the records of small exports, for tests of the stages."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from pipeline import mapping_file as mf
from pipeline.binding import bind
from pipeline.destinations.interface import Audience, Field
from pipeline.model import Channel, Column

if TYPE_CHECKING:
    from pipeline.job import Job

NOW: Final = datetime(2025, 6, 1, 12, tzinfo=UTC)
NEWS, PROMO = "g-news", "g-promo"
KEY_FIELD: Final = "Member No"
FIELDS: Final = (
    Field(KEY_FIELD, "text", is_key=True),
    Field("Email", "text", frozenset({Channel.EMAIL})),
    Field("Cell Phone", "text", frozenset({Channel.SMS})),
    Field("First Name", "text"),
    Field("Birthday", "date"),
    Field("Points", "number", decimals=2),
    Field("Active", "boolean"),
    Field("Tags", "list"),
    Field("Extra", "any"),
)
AUDIENCE: Final = Audience(
    "ds-1", "Lakeside members", {field.name: field for field in FIELDS}, {NEWS: "Newsletters", PROMO: "Promotions"}
)

EMAIL_ADDRESS: Final = {"column": "email", "attribute": "Email"}
SMS_ADDRESS: Final = {"column": "mobile", "attribute": "Cell Phone", "region": "US"}
ADDRESSES: Final = {"EMAIL": EMAIL_ADDRESS, "SMS": SMS_ADDRESS}
VALUES: Final = {"OPT_IN": ["Y"], "OPT_OUT": ["N"], "OPT_IN_UNVERIFIED": ["P"], "CLEAR": ["C"]}


def target(name: str, **more: Any) -> dict[str, Any]:
    """A consent target whose columns are called after it: status, time and source."""
    return {"column": f"{name}_ok", "values": VALUES, "at": f"{name}_at", "source": f"{name}_src", **more}


EMAIL_AND_SMS: Final = {"channels": {"EMAIL": target("email"), "SMS": target("sms")}}


def mapping(**changes: Any) -> dict[str, Any]:
    """A mapping with both channels, both addresses and a first name; the given sections replaced."""
    whole = {
        "version": 1,
        "destination": "acoustic_connect",
        "options": {"data_set_id": "ds-1"},
        "identity": {"column": "id"},
        "addresses": ADDRESSES,
        "attributes": {"First Name": "first_name"},
        "consent": EMAIL_AND_SMS,
        **changes,
    }
    return {key: section for key, section in whole.items() if section is not None}


def job_of(audience: Audience = AUDIENCE, **changes: Any) -> Job:
    """The job of `mapping(**changes)`; a section of None is left out."""
    return bind(mf.read(json.dumps(mapping(**changes)).encode(), Path("members.yaml")), audience)


def columns_of(job: Job) -> list[str]:
    """Every column of the export that the job reads."""
    named = [*job.identity_columns, *(attribute.column for attribute in job.attributes)]
    for one in job.targets:
        words = [w.column for w in (one.status, one.evidence) if w is not None]
        named += [column for column in (*words, one.at and one.at.column) if column]
    return list(dict.fromkeys(named))


def records_of(job: Job, *rows: dict[str, str]) -> pl.DataFrame:
    """The records of an export, numbered from 1; a column that a row does not name is blank."""
    cells = [[row.get(column, "") for row in rows] for column in columns_of(job)]
    return pl.DataFrame(
        {
            Column.RECORD: pl.Series(range(1, len(rows) + 1), dtype=pl.Int64),
            Column.LINE: pl.Series(range(2, len(rows) + 2), dtype=pl.Int64),
            **{name: pl.Series(column, dtype=pl.String) for name, column in zip(columns_of(job), cells, strict=True)},
        }
    )
