"""Items and what came of them -> rows of evidence, and who these rows are about: the two are kept apart.

A row of evidence names its contact by a keyed hash alone. It can never be taken back, so nothing of the person may be
in it: what the destination said is stripped of addresses and of every value that was sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.hashing import hmac_sha256
from pipeline.job import row_key
from pipeline.model import Column, Reason
from pipeline.stages.fold import address_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pipeline.job import Attribute, Job, Target

TOLD: Final = pl.Schema(
    [
        ("run", pl.String()),
        ("export", pl.String()),
        ("export_sha256", pl.String()),
        ("record", pl.Int64()),
        ("channel", pl.String()),
        ("mapping_sha256", pl.String()),
        ("destination", pl.String()),
        ("account", pl.String()),
        ("subject", pl.String()),
        ("operation", pl.String()),
        ("target", pl.String()),
        ("target_key", pl.String()),
        ("before", pl.String()),
        ("status", pl.String()),
        ("consented_at", pl.Datetime("us", "UTC")),
        ("source", pl.String()),
        ("operator", pl.String()),
        ("recorded_at", pl.Datetime("us", "UTC")),
        ("outcome", pl.String()),
        ("reason", pl.String()),
        ("message", pl.String()),
    ]
)
"""What a row of evidence says."""
ONCE: Final = ("run", "record", "channel", "target_key", "outcome", "reason")
"""What is the same in two rows is the same answer: it is recorded once."""
PEOPLE: Final = pl.Schema(dict.fromkeys(("subject", "identity", "channel", "address"), pl.String()))
"""Who a subject is: a row for each address that was sent, or one without any."""

HIDDEN: Final = "•••"
_EMAIL: Final = r"[^\s@\"'<>(),;:=]+@[^\s@\"'<>(),;:=]+"
_NUMBER: Final = r"\+[0-9](?:[ ()./-]{0,2}[0-9]){6,}"
_SHORTEST: Final = 3
"""Characters; shorter values would be found in any sentence."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What all rows of a run have in common, and the key of the home's hashes."""

    run: str
    export: str
    export_sha256: str
    mapping_sha256: str
    operator: str
    now: datetime
    key: bytes


def answered(settled: pl.DataFrame) -> pl.DataFrame:
    """The items that were sent, or held at the last moment: all but those whose turn never came."""
    return settled.filter(pl.col(Column.REASON).ne_missing(pl.lit(str(Reason.NOT_SENT))))


def evidence(items: pl.DataFrame, settled: pl.DataFrame, job: Job, origin: Origin) -> pl.DataFrame:
    """One row per item that has an answer and consent target that it told, by record."""
    said = answered(settled).select(*row_key(job), Column.OUTCOME, Column.REASON, Column.MESSAGE)
    joined = (
        items.drop(Column.REASON, Column.MESSAGE, Column.OUTCOME, strict=False)
        .join(said, on=row_key(job), how="inner", maintain_order="left")
        .with_columns(subject(pl.col(Column.IDENTITY), origin.key).alias("subject"))
        .pipe(_without_person, Column.MESSAGE, job, job.attributes)
    )
    rows = [_of_target(joined, target, job, origin) for target in job.targets]
    whole = pl.concat([TOLD.to_frame(), *rows])
    return whole.sort("record", "channel", nulls_last=False, maintain_order=True)


def people(items: pl.DataFrame, settled: pl.DataFrame, job: Job, key: bytes) -> pl.DataFrame:
    """Who the subjects are that something was sent to, and the addresses that were sent."""
    answers = answered(settled).select(row_key(job))
    sent = items.join(answers, on=row_key(job), how="semi").with_columns(
        subject(pl.col(Column.IDENTITY), key).alias("subject")
    )
    addresses = [
        sent.select(
            "subject",
            Column.IDENTITY,
            pl.lit(str(channel)).alias("channel"),
            address_text(pl.col(address.part)).alias("address"),
        ).drop_nulls("address")
        for address in job.addresses
        for channel in address.channels
    ]
    known = pl.concat([PEOPLE.to_frame(), *addresses])
    silent = sent.select("subject", Column.IDENTITY).join(known, on="subject", how="anti")
    return pl.concat([known, silent], how="diagonal").unique(maintain_order=True)


def subject(identity: pl.Expr, key: bytes) -> pl.Expr:
    """What a contact is called in the evidence."""
    return hmac_sha256(identity, key)


def _of_target(joined: pl.DataFrame, target: Target, job: Job, origin: Origin) -> pl.DataFrame:
    told = joined.filter(pl.col(target.part).is_not_null()).pipe(_without_person, target.source, job, job.addresses)
    constants = {
        "run": origin.run,
        "export": origin.export,
        "export_sha256": origin.export_sha256,
        "mapping_sha256": origin.mapping_sha256,
        "destination": job.destination,
        "account": job.account,
        "target": target.label,
        "target_key": target.key,
        "operator": origin.operator,
        "recorded_at": origin.now,
    }
    columns = {
        "record": Column.RECORD,
        "subject": "subject",
        "operation": Column.OPERATION,
        "before": target.before,
        "status": target.part,
        "consented_at": target.at_column,
        "source": target.source,
        "outcome": Column.OUTCOME,
        "reason": Column.REASON,
        "message": Column.MESSAGE,
    }
    channel = pl.col(Column.CHANNEL) if job.by_address else pl.lit(None)
    values = {name: pl.lit(value) for name, value in constants.items()}
    values |= {name: pl.col(column) for name, column in columns.items()} | {"channel": channel}
    return told.select(values[name].cast(kind).alias(name) for name, kind in TOLD.items())


def _without_person(rows: pl.DataFrame, column: str, job: Job, sent: Sequence[Attribute]) -> pl.DataFrame:
    """The text without addresses, the identity and any text of `sent`.

    Where such a value is left in another spelling, the whole text goes: nobody could take it out again.
    """
    some = rows.filter(pl.col(column).fill_null("") != "")
    if some.is_empty():
        return rows
    values = {"_identity": pl.col(Column.IDENTITY)} | {f"_{a.part}": _text(pl.col(a.part)) for a in sent}
    text = pl.col(column).str.replace_all(_EMAIL, HIDDEN).str.replace_all(_NUMBER, HIDDEN)
    bare = some.select(*row_key(job), text.alias("_text"), **values)
    for name in values:
        without = pl.col("_text").str.split(pl.col(name)).list.join(HIDDEN)
        bare = bare.with_columns(pl.when(pl.col(name).is_not_null()).then(without).otherwise("_text").alias("_text"))
    lower = pl.col("_text").str.to_lowercase()
    left = [lower.str.contains(pl.col(n).str.to_lowercase(), literal=True).fill_null(value=False) for n in values]
    clean = pl.when(pl.any_horizontal(left)).then(pl.lit(HIDDEN)).otherwise("_text").alias("_text")
    joined = rows.join(bare.select(*row_key(job), clean), on=row_key(job), how="left", maintain_order="left")
    return joined.with_columns(pl.col("_text").alias(column)).drop("_text")


def _text(part: pl.Expr) -> pl.Expr:
    """A text that was sent, without its JSON quotes; numbers and yes or no tell nobody apart."""
    bare = part.str.strip_prefix('"').str.strip_suffix('"')
    return pl.when(part.str.starts_with('"') & (bare.str.len_chars() >= _SHORTEST)).then(bare)
