"""Maps records to identity, addresses, typed attributes and one consent intent per target; judges nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.model import Channel, Column, Status
from pipeline.stages.addresses import normalise_emails, normalise_phones
from pipeline.values import JSON_NULL, instant, json_text, typed

if TYPE_CHECKING:
    from datetime import datetime

    from pipeline.job import Attribute, Instant, Job, Target, Words

CLOCK_SKEW: Final = timedelta(days=1)


def map_records(records: pl.DataFrame, job: Job, now: datetime) -> pl.DataFrame:
    """One row per record: `identity`; per attribute its value as JSON text and its cell; per target status, at, source.

    Blank cells are null: no change. A time in the future is unknown, since nobody can have consented then.
    """
    cells = records.select(
        pl.col(Column.RECORD),
        pl.col(Column.LINE),
        identity_of(job).alias(Column.IDENTITY),
        *(cell(a.column, job.null_values).alias(cell_of(a)) for a in job.attributes),
        *(expression for t in job.targets for expression in _intent(t, job.null_values)),
    )
    latest = pl.lit(now + CLOCK_SKEW)
    valued = cells.with_columns(
        *(pl.when(pl.col(t.at_column) <= latest).then(pl.col(t.at_column)) for t in job.targets if t.at is not None),
        *(_value(attribute).alias(attribute.part) for attribute in job.attributes if not attribute.channels),
    )
    for attribute in job.addresses:
        valued = _with_address(valued, attribute)
    return valued


def identity_of(job: Job) -> pl.Expr:
    """The identity as text. Several columns that identify together are compared trimmed and without case.

    They are joined by `|`; a backslash goes before a `|` or a backslash of their own, so that no two people are one.
    """
    cells = [cell(column, job.null_values) for column in job.identity_columns]
    if not cells:
        return pl.lit(None, pl.String)
    if len(cells) == 1:
        return cells[0]
    escaped = [c.str.to_lowercase().str.replace_all(r"([\\|])", r"\$1") for c in cells]
    return pl.concat_str(escaped, separator="|")


def cell(column: str, null_values: frozenset[str]) -> pl.Expr:
    """The trimmed text of a column, null where it is blank."""
    text = pl.col(column).str.strip_chars()
    return pl.when(~text.is_in(list(null_values))).then(text)


def cell_of(attribute: Attribute) -> str:
    """The column that holds an attribute's trimmed cell until it is validated."""
    return f"{attribute.part}@cell"


def _value(attribute: Attribute) -> pl.Expr:
    text = pl.col(cell_of(attribute))
    value = typed(text, attribute.type, attribute.format, attribute.choices)
    if attribute.blank == "clear":
        return pl.when(text.is_null()).then(pl.lit(JSON_NULL)).otherwise(value)
    return value


def _intent(target: Target, null_values: frozenset[str]) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    status = _word(target.status, null_values, otherwise=Status.UNLISTED)
    at = _when(target.at, null_values)
    source = _word(target.evidence, null_values, otherwise=None)
    return status.alias(target.part), at.alias(target.at_column), source.alias(target.source)


def _when(at: Instant | None, null_values: frozenset[str]) -> pl.Expr:
    if at is None:
        return pl.lit(None, pl.Datetime("us", "UTC"))
    return instant(cell(at.column, null_values), at.format, at.timezone)


def _word(words: Words | None, null_values: frozenset[str], otherwise: str | None) -> pl.Expr:
    if words is None or words.column is None:
        return pl.lit(words.constant if words else None, pl.String)
    text = cell(words.column, null_values)
    if words.values is None:
        return text
    says = text.is_not_null()
    if words.silent:
        says &= ~text.str.to_lowercase().is_in(sorted(words.silent))
    return pl.when(says).then(
        text.str.to_lowercase().replace_strict(
            list(words.values), list(words.values.values()), default=otherwise, return_dtype=pl.String
        )
    )


def _with_address(frame: pl.DataFrame, attribute: Attribute) -> pl.DataFrame:
    texts = frame.get_column(cell_of(attribute))
    normal = (
        normalise_emails(texts) if Channel.EMAIL in attribute.channels else normalise_phones(texts, attribute.region)
    )
    return frame.with_columns(
        normal.get_column("address").alias(attribute.part), normal.get_column("reason").alias(attribute.reason)
    ).with_columns(json_text(pl.col(attribute.part)).alias(attribute.part))
