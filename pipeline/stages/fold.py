"""Folds the records of one identity into one, so that no intent is lost to a later record that is silent about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from pipeline.job import row_key
from pipeline.model import Column, Reason, Status
from pipeline.stages.precedence import ends, forbids, strictness, winners
from pipeline.values import JSON_NULL

if TYPE_CHECKING:
    from pipeline.job import Attribute, Job, Target

_LATEST = "_latest_at"
_OWN = "_of_the_export"
ADDRESS_OUT = "_address_out"
"""Whether the record of another contact forbids contacting the address, where contacts share addresses."""


@dataclass(frozen=True, slots=True)
class Folded:
    """`identities`: one row per identity, carried by its last record; `superseded`: the others, with their `winner`."""

    identities: pl.DataFrame
    superseded: pl.DataFrame


def fold(valid: pl.DataFrame, job: Job, exported: int | None = None) -> Folded:
    """Each target takes its winning intent, each attribute the latest non-blank value.

    Records are ordered by the latest of their times, unknown first, then by number; the last one carries the outcome.
    Those that are numbered beyond `exported` are of earlier runs, and come before all of the export.
    A target that some record has an intent for is not withheld for what is wrong with another record; `TARGET@broken`
    says why the addresses are withheld of all records that speak of it.
    """
    valid = valid.with_columns(_broken_address(t, job).alias(broken_of(t)) for t in job.targets)
    twice = pl.col(Column.IDENTITY).is_duplicated()
    several = valid.filter(twice)
    if several.is_empty():
        return Folded(valid, several.with_columns(pl.lit(None, pl.Int64).alias(Column.WINNER)))
    times = [pl.col(target.at_column) for target in job.targets]
    latest = pl.max_horizontal(times) if times else pl.lit(None, pl.Datetime("us", "UTC"))
    own = pl.col(Column.RECORD) <= exported if exported is not None else pl.lit(value=True)
    ordered = several.with_columns(latest.alias(_LATEST), own.alias(_OWN)).sort(
        Column.IDENTITY, _OWN, _LATEST, Column.RECORD, nulls_last=False, maintain_order=True
    )
    folded = _one_per_identity(ordered, job)
    superseded = ordered.join(
        folded.select(Column.IDENTITY, pl.col(Column.RECORD).alias(Column.WINNER)), on=Column.IDENTITY, how="left"
    ).filter(pl.col(Column.RECORD) != pl.col(Column.WINNER))
    identities = pl.concat([valid.filter(~twice), folded.select(valid.columns)])
    return Folded(identities, superseded.drop(_LATEST, _OWN))


def hold_against(folded: Folded, witnesses: pl.DataFrame, job: Job) -> Folded:
    """Withholds permissions that a rejected record of the identity may forbid: by an opt-out or a value in doubt.

    Where contacts share addresses, what any record says of an address holds for every contact with that address. A
    permission that is provably newer stands.
    """
    identities = folded.identities
    for target in job.targets if not witnesses.is_empty() else ():
        identities = hold(identities, target, forbidding(witnesses, target, pl.col(Column.IDENTITY)))
    address = job.address_of(job.kin)
    if address is not None:
        reached, everything = address_text(pl.col(address.part)), (folded.identities, folded.superseded, witnesses)
        for other in (t for t in job.targets if t.channel == job.kin):
            said = pl.concat([forbidding(frame, other, reached) for frame in everything])
            identities = hold_at(identities, said, reached, other, job)
    return Folded(identities, folded.superseded)


def hold_at(frame: pl.DataFrame, said: pl.DataFrame, reached: pl.Expr, other: Target, job: Job) -> pl.DataFrame:
    """Withholds what overlaps with a target that others at the address have said, and marks the address itself."""
    for target in (t for t in job.targets if other.key in t.overlaps):
        frame = hold(frame, target, said, reached)
    before = pl.col(ADDRESS_OUT) if ADDRESS_OUT in frame.columns else pl.lit(value=False)
    speakers = said.group_by("_about").agg(pl.col("_who").n_unique().alias("_speakers"), pl.col("_who").first())
    joined = frame.with_columns(reached.alias("_about")).join(speakers, on="_about", how="left", maintain_order="left")
    others = pl.col("_speakers").is_not_null() & (
        (pl.col("_speakers") > 1) | pl.col("_who").ne_missing(pl.col(Column.IDENTITY))
    )
    return joined.with_columns((before | others).alias(ADDRESS_OUT)).drop("_about", "_speakers", "_who")


def address_text(part: pl.Expr) -> pl.Expr:
    """An address without its JSON quotes, in lower case: what it is compared by."""
    return part.str.strip_chars('"').str.to_lowercase()


def forbidding(records: pl.DataFrame, target: Target, key: pl.Expr) -> pl.DataFrame:
    """Whom a target's opt-outs, restrictions and values in doubt are about, and when each was said."""
    status = pl.col(target.part)
    doubtful = (status == Status.UNLISTED).fill_null(value=False)
    as_opt_out = pl.when(doubtful).then(pl.lit(str(Status.OPT_OUT))).otherwise(status).alias("_said")
    said = records.filter(forbids(status) | doubtful).select(
        as_opt_out, key.alias("_about"), pl.col(target.at_column).alias("_at"), pl.col(Column.IDENTITY).alias("_who")
    )
    return said.filter(pl.col("_about").is_not_null())


def hold(identities: pl.DataFrame, target: Target, said: pl.DataFrame, key: pl.Expr | None = None) -> pl.DataFrame:
    """Withholds the target's permissions that are not newer than all that was said against them."""
    status, at = pl.col(target.part), pl.col(target.at_column)
    # Sorted here and not in the aggregation, where polars 2.1 reads beyond its buffers.
    ranked = said.sort(strictness(pl.col("_said")), maintain_order=True)
    at_last = ranked.group_by("_about", maintain_order=True).agg(
        pl.col("_said").last(), pl.col("_at").max().alias("_last"), pl.col("_at").is_null().any().alias("_undated")
    )
    about = (pl.col(Column.IDENTITY) if key is None else key).alias("_about")
    joined = identities.with_columns(about).join(at_last, on="_about", how="left", maintain_order="left")
    newer = (at > pl.col("_last")).fill_null(value=False) & ~pl.col("_undated")
    # What is in doubt is not sent anyway, and keeps that reason.
    held = ends(status, pl.col("_said")) & ~newer & (status != Status.UNLISTED)
    reason = pl.when(held).then(pl.lit(str(Reason.RESUBSCRIBE_WITHOUT_EVIDENCE))).otherwise(pl.col(target.reason))
    return joined.with_columns(
        reason.alias(target.reason), pl.when(~held.fill_null(value=False)).then(status).alias(target.part)
    ).drop("_about", "_said", "_last", "_undated")


def broken_of(target: Target) -> str:
    """The column that holds why the address is withheld of every record that speaks of the target."""
    return f"{target.part}@broken"


def _broken_address(target: Target, job: Job) -> pl.Expr:
    address = job.address_of(target.channel)
    if address is None or target.channel is None:
        return pl.lit(None, pl.String)
    return pl.when(pl.col(target.part).is_not_null()).then(pl.col(address.reason))


def _one_per_identity(ordered: pl.DataFrame, job: Job) -> pl.DataFrame:
    by_time = job.policy.duplicates == "latest"
    folded = ordered.group_by(Column.IDENTITY, maintain_order=True).agg(
        *(pl.col(column).last() for column in (*row_key(job), Column.LINE)),
        *(_latest_value(attribute) for attribute in job.attributes),
        *(_latest_reason(attribute) for attribute in job.attributes),
        *(pl.col(t.reason).drop_nulls().last() for t in job.targets),
        *(_broken_everywhere(t).alias(broken_of(t)) for t in job.targets),
    )
    for target in job.targets:
        intents = winners(ordered, target, by_time=by_time)
        folded = folded.join(intents, on=Column.IDENTITY, how="left", maintain_order="left")
    return folded.with_columns(
        pl.when(pl.col(t.part).is_null()).then(pl.col(t.reason)).alias(t.reason) for t in job.targets
    )


def _broken_everywhere(target: Target) -> pl.Expr:
    broken, spoken = pl.col(broken_of(target)), pl.col(target.part).is_not_null()
    return pl.when(~(spoken & broken.is_null()).any()).then(broken.drop_nulls().last())


def _latest_reason(attribute: Attribute) -> pl.Expr:
    """Why the latest record that says something of the attribute has no value of it; an older value goes all the same.

    Were it withheld too, whether a contact can be reached would depend on the order of records without times.
    """
    reason = pl.col(attribute.reason)
    return reason.filter(pl.col(attribute.part).is_not_null() | reason.is_not_null()).last()


def _latest_value(attribute: Attribute) -> pl.Expr:
    """A value outranks a blank that clears: blank says the least."""
    value = pl.col(attribute.part)
    return pl.coalesce(value.filter(value != JSON_NULL).last(), value.drop_nulls().last()).alias(attribute.part)
