"""Splits records by address and gathers them again, for destinations where consent belongs to an address.

Between the two, each address of a record is a row of its own, whose identity is the address; folding, state and
delivery then treat two records with one address as one, and two addresses of one record as two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.job import part_of
from pipeline.model import POLICY_REASONS, SEND, Column, Outcome, Reason
from pipeline.stages.fold import address_text
from pipeline.stages.records import NO_WINNER, RECORDS
from pipeline.stages.withheld import NOTHING_WITHHELD

if TYPE_CHECKING:
    from pipeline.job import Attribute, Job, Target
    from pipeline.model import Channel
    from pipeline.stages.validate import Validated

_WEIGHT: Final = (SEND, Outcome.UNCHANGED, Outcome.FAILED, Outcome.HELD, Outcome.REJECTED, Outcome.SUPERSEDED)
"""What decides for a record: the first of these that one of its rows has."""
_LOST: Final = "_lost"


@dataclass(frozen=True, slots=True)
class Split:
    """Valid records by address."""

    valid: pl.DataFrame
    """One row per record and address that something is said of; the identity is the address."""
    witnesses: pl.DataFrame
    """What rejected records forbid, by address."""
    records: pl.DataFrame
    """Every valid record: number, line, identity for people, and `_lost`: what is said without a usable address."""


def by_address(validated: Validated, job: Job) -> Split:
    """Each address of a record takes the consent of its channel along, and every other attribute."""
    channels = [(channel, address) for address in job.addresses for channel in address.channels]
    rows = [_rows(validated.valid, channel, address, job) for channel, address in channels]
    witnesses = [_rows(validated.witnesses, channel, address, job, silent=True) for channel, address in channels]
    people = [pl.col(Column.IDENTITY), *(address_text(pl.col(address.part)) for _, address in channels)]
    records = validated.valid.select(
        Column.RECORD,
        Column.LINE,
        pl.coalesce(people).alias(Column.IDENTITY),
        pl.any_horizontal(*(pl.col(a.part).is_not_null() for a in job.addresses)).alias("_addressed"),
        pl.concat_list(*(_lost(target, job) for target in job.targets), *(_broken(a) for a in job.addresses))
        .list.drop_nulls()
        .alias(_LOST),
    )
    return Split(pl.concat(rows), pl.concat(witnesses), records)


def gather(rows: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """One row per record again; `rows`: decisions by record and channel. What the best of them leaves is withheld.

    `people`: the records as `Split.records` has them.
    """
    weights = {str(word): weight for weight, word in enumerate(_WEIGHT)}
    weight = pl.col(Column.DECISION).replace_strict(weights, return_dtype=pl.Int8)
    ranked = rows.with_columns(weight.alias("_weight")).sort(Column.RECORD, "_weight", Column.CHANNEL)
    undone = pl.col(Column.DECISION).is_in([Outcome.FAILED, Outcome.HELD, Outcome.REJECTED])
    left = undone & (pl.col("_weight") > pl.col("_weight").min().over(Column.RECORD))
    whole = pl.concat_list(_entry(pl.format("consent:{}", pl.col(Column.CHANNEL)), pl.col(Column.REASON)))
    parts = pl.when(left & (pl.col(Column.WITHHELD).list.len() == 0)).then(whole).otherwise(pl.col(Column.WITHHELD))
    ranked = ranked.with_columns(parts.alias(Column.WITHHELD))
    first = [Column.DECISION, Column.REASON, Column.MESSAGE, Column.WINNER]
    best = ranked.group_by(Column.RECORD, maintain_order=True).agg(
        *(pl.col(column).first() for column in first), pl.col(Column.WITHHELD).explode(empty_as_null=False)
    )
    joined = people.join(best, on=Column.RECORD, how="left", maintain_order="left").with_columns(
        pl.col(Column.WITHHELD).fill_null(NOTHING_WITHHELD)
    )
    withheld = pl.concat_list(Column.WITHHELD, _LOST).list.unique(maintain_order=True)
    return joined.with_columns(withheld.alias(Column.WITHHELD)).pipe(_without_rows).select(RECORDS)


def people_of(records: pl.DataFrame) -> pl.DataFrame:
    """Records with an address of which nothing is lost, for `gather`."""
    return records.select(
        Column.RECORD,
        Column.LINE,
        Column.IDENTITY,
        pl.lit(value=True).alias("_addressed"),
        NOTHING_WITHHELD.alias(_LOST),
    )


def _rows(
    records: pl.DataFrame, channel: Channel, address: Attribute, job: Job, *, silent: bool = False
) -> pl.DataFrame:
    """The records that have an address of the channel and say something of it; `silent`: statuses alone."""
    mine = [t for t in job.targets if t.channel == channel]
    said = [pl.col(t.part).is_not_null() for t in mine]
    said += [] if silent else [pl.col(t.reason).is_not_null() for t in mine]
    said += [] if silent else [pl.col(a.part).is_not_null() for a in job.written_attributes]
    others = [c for t in job.targets if t not in mine for c in (t.part, t.at_column, t.source, t.reason)]
    others += [c for a in job.addresses if a is not address for c in (a.part, a.reason)]
    something = pl.any_horizontal(*said, pl.lit(value=False))
    return records.filter(pl.col(address.part).is_not_null() & something).with_columns(
        address_text(pl.col(address.part)).alias(Column.IDENTITY),
        pl.lit(str(channel)).alias(Column.CHANNEL),
        *(pl.lit(None, records.schema[c]).alias(c) for c in others if c in records.columns),
    )


def _entry(part: pl.Expr, reason: pl.Expr) -> pl.Expr:
    return pl.struct(part.alias("part"), reason.alias("reason"))


def _lost(target: Target, job: Job) -> pl.Expr:
    """What is said of a channel whose address is missing or broken."""
    address = job.address_of(target.channel)
    nowhere = pl.lit(value=True) if address is None else pl.col(address.part).is_null()
    broken = pl.lit(None, pl.String) if address is None else pl.col(address.reason)
    said = pl.col(target.part).is_not_null() | pl.col(target.reason).is_not_null()
    reason = pl.coalesce(pl.col(target.reason), broken, pl.lit(str(Reason.ADDRESS_MISSING)))
    return pl.when(nowhere & said).then(_entry(pl.lit(part_of(target.key)), reason))


def _broken(address: Attribute) -> pl.Expr:
    return pl.when(pl.col(address.reason).is_not_null()).then(_entry(pl.lit(address.part), pl.col(address.reason)))


def _without_rows(records: pl.DataFrame) -> pl.DataFrame:
    """Decides the records of which nothing could be sent to any address."""
    reasons = pl.col(_LOST).list.eval(pl.element().struct.field("reason"))
    first = reasons.list.first()
    by_policy = reasons.list.eval(pl.element().is_in([str(r) for r in POLICY_REASONS])).list.all()
    cases = [
        (first.is_not_null() & by_policy, Outcome.HELD, first),
        (first.is_not_null(), Outcome.REJECTED, first),
        (~pl.col("_addressed"), Outcome.REJECTED, pl.lit(str(Reason.ADDRESS_MISSING))),
        (pl.lit(value=True), Outcome.UNCHANGED, pl.lit(str(Reason.NOTHING_TO_SEND))),
    ]
    decision = pl.coalesce(pl.when(case).then(pl.lit(str(outcome))) for case, outcome, _ in cases)
    reason = pl.coalesce(pl.when(case).then(why) for case, _, why in cases)
    apart = pl.col(Column.DECISION).is_null()
    return records.with_columns(
        pl.when(apart).then(decision).otherwise(pl.col(Column.DECISION)).alias(Column.DECISION),
        pl.when(apart).then(reason).otherwise(pl.col(Column.REASON)).alias(Column.REASON),
        pl.col(Column.MESSAGE).fill_null(""),
        pl.coalesce(Column.WINNER, NO_WINNER).alias(Column.WINNER),
    )
