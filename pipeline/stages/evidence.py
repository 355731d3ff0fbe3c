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

SUBJECT: Final = "subject"
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
    key: bytes


def answered(settled: pl.DataFrame) -> pl.DataFrame:
    """The items that were sent, or held at the last moment: all but those whose turn never came."""
    return settled.filter(pl.col(Column.REASON).ne_missing(pl.lit(str(Reason.NOT_SENT))))


def named(items: pl.DataFrame, key: bytes) -> pl.DataFrame:
    """Items with what their contacts are called in the evidence: hashed once for all that is made of them."""
    if SUBJECT in items.columns:
        return items
    return items.with_columns(subject(pl.col(Column.IDENTITY), key).alias(SUBJECT))


def evidence(items: pl.DataFrame, settled: pl.DataFrame, job: Job, origin: Origin, now: datetime) -> pl.DataFrame:
    """One row per item that has an answer and consent target that it told, by record."""
    said = answered(settled).select(*row_key(job), Column.OUTCOME, Column.REASON, Column.MESSAGE)
    joined = (
        named(items.drop(Column.REASON, Column.MESSAGE, Column.OUTCOME, strict=False), origin.key)
        .join(said, on=row_key(job), how="inner", maintain_order="left")
        .pipe(_without_person, Column.MESSAGE, job, job.attributes)
    )
    constants = {
        "run": origin.run,
        "export": origin.export,
        "export_sha256": origin.export_sha256,
        "mapping_sha256": origin.mapping_sha256,
        "destination": job.destination,
        "account": job.account,
        "operator": origin.operator,
        "recorded_at": now,
    }
    varying = pl.Schema({name: kind for name, kind in TOLD.items() if name not in constants})
    rows = [_of_target(joined, target, job, varying) for target in job.targets]
    # Sorted before it has the columns that are the same everywhere: they need not be carried.
    whole = pl.concat([varying.to_frame(), *rows]).sort("record", "channel", nulls_last=False, maintain_order=True)
    return whole.with_columns(pl.lit(value).cast(TOLD[name]).alias(name) for name, value in constants.items()).select(
        list(TOLD)
    )


def from_export(rows: pl.DataFrame, earlier: pl.DataFrame) -> pl.DataFrame:
    """The rows with the export that they are of. `earlier`: record, export and export_sha256 of what is tried again."""
    if earlier.is_empty():
        return rows
    joined = rows.join(earlier, on="record", how="left", maintain_order="left", suffix="_earlier")
    taken = [pl.coalesce(f"{name}_earlier", name).alias(name) for name in ("export", "export_sha256")]
    return joined.with_columns(taken).select(rows.columns)


def people(items: pl.DataFrame, settled: pl.DataFrame, job: Job, key: bytes) -> pl.DataFrame:
    """Who the subjects are that something was sent to, and the addresses that were sent."""
    sent = named(items.join(answered(settled).select(row_key(job)), on=row_key(job), how="semi"), key)
    columns = [
        (channel, address_text(pl.col(address.part))) for address in job.addresses for channel in address.channels
    ]
    addresses = [
        sent.select(SUBJECT, Column.IDENTITY, pl.lit(str(channel)).alias("channel"), text.alias("address")).drop_nulls(
            "address"
        )
        for channel, text in columns
    ]
    mute = pl.all_horizontal(*(text.is_null() for _, text in columns), pl.lit(value=True))
    silent = sent.filter(mute).select(SUBJECT, Column.IDENTITY)
    known = pl.concat([PEOPLE.to_frame(), *addresses, silent], how="diagonal")
    several = len({channel for channel, _ in columns}) < len(columns)
    if several or sent.get_column(Column.IDENTITY).n_unique() < sent.height:
        spoken = known.drop_nulls("address").select(SUBJECT)
        known = known.filter(pl.col("address").is_not_null() | ~pl.col(SUBJECT).is_in(spoken.to_series().implode()))
        return known.unique(maintain_order=True)
    return known


def subject(identity: pl.Expr, key: bytes) -> pl.Expr:
    """What a contact is called in the evidence."""
    return hmac_sha256(identity, key)


def _of_target(joined: pl.DataFrame, target: Target, job: Job, varying: pl.Schema) -> pl.DataFrame:
    told = joined.filter(pl.col(target.part).is_not_null()).pipe(_without_person, target.source, job, job.addresses)
    values = {
        "record": pl.col(Column.RECORD),
        "channel": pl.col(Column.CHANNEL) if job.by_address else pl.lit(None),
        "subject": pl.col(SUBJECT),
        "operation": pl.col(Column.OPERATION),
        "target": pl.lit(target.label),
        "target_key": pl.lit(target.key),
        "before": pl.col(target.before),
        "status": pl.col(target.part),
        "consented_at": pl.col(target.at_column),
        "source": pl.col(target.source),
        "outcome": pl.col(Column.OUTCOME),
        "reason": pl.col(Column.REASON),
        "message": pl.col(Column.MESSAGE),
    }
    return told.select(values[name].cast(kind).alias(name) for name, kind in varying.items())


def _without_person(rows: pl.DataFrame, column: str, job: Job, sent: Sequence[Attribute]) -> pl.DataFrame:
    """The text without addresses, the identity and any text of `sent`.

    Where such a value is left in another spelling, the whole text goes: nobody could take it out again.
    """
    some = rows.filter(pl.col(column).fill_null("") != "")
    if some.is_empty():
        return rows
    values = {"_identity": pl.col(Column.IDENTITY)} | {f"_{a.part}": _text(pl.col(a.part)) for a in sent}
    text = pl.col(column).str.replace_all(_EMAIL, HIDDEN).str.replace_all(_NUMBER, HIDDEN)
    found = [_holds(pl.col(column), value) for value in values.values()]
    some = some.filter(pl.any_horizontal(text != pl.col(column), *found))
    if some.is_empty():
        return rows
    bare = some.select(*row_key(job), text.alias("_text"), **values)
    for name in values:
        without = pl.col("_text").str.split(pl.col(name)).list.join(HIDDEN)
        bare = bare.with_columns(pl.when(pl.col(name).is_not_null()).then(without).otherwise("_text").alias("_text"))
    left = [_holds(pl.col("_text"), pl.col(name)) for name in values]
    clean = pl.when(pl.any_horizontal(left)).then(pl.lit(HIDDEN)).otherwise("_text").alias("_text")
    joined = rows.join(bare.select(*row_key(job), clean), on=row_key(job), how="left", maintain_order="left")
    return joined.with_columns(pl.coalesce("_text", column).alias(column)).drop("_text")


def _holds(text: pl.Expr, value: pl.Expr) -> pl.Expr:
    """Whether a text has the value in it, in any case."""
    return text.str.to_lowercase().str.contains(value.str.to_lowercase(), literal=True).fill_null(value=False)


def _text(part: pl.Expr) -> pl.Expr:
    """A text that was sent, without its JSON quotes; numbers and yes or no tell nobody apart."""
    bare = part.str.strip_prefix('"').str.strip_suffix('"')
    return pl.when(part.str.starts_with('"') & (bare.str.len_chars() >= _SHORTEST)).then(bare)
