"""Whoever was forgotten may only be opted out: nothing else is sent, and no contact is made of them again.

They are known by keyed hashes alone, of their identity and of their addresses.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from pipeline.hashing import hmac_sha256
from pipeline.job import row_key
from pipeline.model import Column, Operation, Outcome, Reason
from pipeline.stages.fold import address_text
from pipeline.stages.precedence import raises

if TYPE_CHECKING:
    from collections.abc import Collection

    from pipeline.job import Attribute, Job, Target
    from pipeline.stages.resolve import Resolved
    from pipeline.stages.validate import Validated

_REASON = str(Reason.FORGOTTEN)


def trace(text: pl.Expr, key: bytes) -> pl.Expr:
    """The keyed hash of an identity or address, in any case. It is another one than the evidence names a contact by."""
    return hmac_sha256(pl.lit("forgotten ") + text.str.strip_chars().str.to_lowercase(), key)


def hold(validated: Validated, traces: Collection[str], key: bytes, job: Job) -> tuple[Validated, pl.Series]:
    """Withholds all but opt-outs of records that are about somebody forgotten, and says which records these are."""
    records = about(validated.valid, traces, key, job)
    return replace(validated, valid=withheld(validated.valid, records, job)), records


def about(frame: pl.DataFrame, traces: Collection[str], key: bytes, job: Job) -> pl.Series:
    """The records that have such an identity or address; one of them makes all records of its identity so."""
    texts = [pl.col(Column.IDENTITY), *(address_text(pl.col(a.part)) for a in job.addresses)]
    listed = pl.Series(sorted(traces), dtype=pl.String).implode()
    hit = pl.any_horizontal(trace(text, key).is_in(listed).fill_null(value=False) for text in texts)
    marked = frame.select(Column.RECORD, Column.IDENTITY, hit.alias("_hit"))
    of_identity = pl.col("_hit").any().over(Column.IDENTITY) & pl.col(Column.IDENTITY).is_not_null()
    return marked.filter(pl.col("_hit") | of_identity).get_column(Column.RECORD)


def withheld(frame: pl.DataFrame, records: pl.Series, job: Job) -> pl.DataFrame:
    """Withholds all but opt-outs of these records.

    Addresses stay, since an opt-out may be for whoever shares them, and what a new contact needs, since it is not for
    want of it that none is made: `without_rest` takes them out of what is sent.
    """
    mine = pl.col(Column.RECORD).is_in(records.unique().implode())
    parts: list[Target | Attribute] = [*job.targets, *(a for a in job.attributes if not _stays(a))]
    barred = [mine & (raises if part in job.targets else pl.Expr.is_not_null)(pl.col(part.part)) for part in parts]
    return frame.with_columns(
        *(pl.when(~held).then(pl.col(p.part)).alias(p.part) for p, held in zip(parts, barred, strict=True)),
        *(
            pl.when(held).then(pl.lit(_REASON)).otherwise(pl.col(p.reason)).alias(p.reason)
            for p, held in zip(parts, barred, strict=True)
        ),
    )


def _stays(attribute: Attribute) -> bool:
    return bool(attribute.channels) or attribute.identifies or attribute.is_required


def without_rest(resolved: Resolved, records: pl.Series, job: Job) -> Resolved:
    """Takes what stayed out of what is sent of these records; what would be new, or is nothing then, is held."""
    if records.is_empty():
        return resolved
    mine = pl.col(Column.RECORD).is_in(records.implode())
    kept = [a.part for a in job.attributes if a.identifies or (a.channels and job.by_address)]
    attributes = [a.part for a in job.attributes if a.part not in kept]
    changes = resolved.changes.with_columns(pl.when(~mine).then(pl.col(part)).alias(part) for part in attributes)
    silent = pl.all_horizontal(pl.col(t.part).is_null() for t in job.targets) if job.targets else pl.lit(value=True)
    barred = mine & ((pl.col(Column.OPERATION) == Operation.CREATE) | silent)
    held = changes.filter(barred).select(*row_key(job), pl.lit(value=True).alias("_barred"))
    decided = resolved.decided.join(held, on=row_key(job), how="left", maintain_order="left")
    is_barred = pl.col("_barred").fill_null(value=False)
    decided = decided.with_columns(
        pl.when(is_barred).then(pl.lit(str(Outcome.HELD))).otherwise(Column.DECISION).alias(Column.DECISION),
        pl.when(is_barred).then(pl.lit(_REASON)).otherwise(Column.REASON).alias(Column.REASON),
        pl.when(is_barred).then(pl.lit("")).otherwise(Column.MESSAGE).alias(Column.MESSAGE),
    )
    return replace(resolved, changes=changes.filter(~barred), decided=decided.drop("_barred"))
