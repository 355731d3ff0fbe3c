"""Splits mapped records into valid and rejected, and withholds the smallest wrong part of the valid ones.

A rule is a named boolean expression, true where a part is wrong (null counts as wrong); its name is the reason code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.model import Column, Reason, Status
from pipeline.stages.map import cell_of
from pipeline.stages.precedence import permits
from pipeline.values import list_items

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipeline.job import Attribute, Job, Target

MANGLED: Final = r"^[+-]?\d([.,]\d+)?[eE]\+\d+$"
"""A spreadsheet's 4.41E+11: the digits after the first few are lost."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`wrong` is true (or null) where the rule is broken; `path` names what of the record it is about."""

    reason: Reason
    wrong: pl.Expr
    about: str = ""


@dataclass(frozen=True, slots=True)
class Validated:
    """What the rules say of the records."""

    valid: pl.DataFrame
    """parts that are wrong are null and have a reason"""
    rejected: pl.DataFrame
    """record, line, identity, reason, message"""
    witnesses: pl.DataFrame
    """of the rejected records: identity, addresses, statuses, times; they are not sent, and what they forbid holds"""


def validate(mapped: pl.DataFrame, job: Job) -> Validated:
    """Applies the rules of the job. Every mapped record is in exactly one of the two frames."""
    judged = mapped.with_columns(
        _first_broken(record_rules(job)).alias(Column.REASON),
        _first_broken(record_rules(job), lambda rule: f"column '{rule.about}'").alias(Column.MESSAGE),
        *(_first_broken(attribute_rules(a)).alias(a.reason) for a in job.attributes),
    ).with_columns(_broken_address(t, job).alias(t.reason) for t in job.targets)
    withheld = judged.with_columns(
        *(pl.when(pl.col(a.reason).is_null()).then(pl.col(a.part)).alias(a.part) for a in job.attributes),
        *(pl.when(pl.col(t.reason).is_null()).then(pl.col(t.part)).alias(t.part) for t in job.targets),
    ).drop(cell_of(a) for a in job.attributes)
    rejected = withheld.filter(pl.col(Column.REASON).is_not_null()).select(
        Column.RECORD, Column.LINE, Column.IDENTITY, Column.REASON, Column.MESSAGE
    )
    statuses = [column for t in job.targets for column in (t.part, t.at_column)]
    witnesses = mapped.join(rejected.select(Column.RECORD), on=Column.RECORD, how="semi").select(
        Column.RECORD, Column.LINE, Column.IDENTITY, *(a.part for a in job.addresses), *statuses
    )
    valid = withheld.filter(pl.col(Column.REASON).is_null()).drop(Column.REASON, Column.MESSAGE)
    return Validated(valid, rejected, witnesses)


def record_rules(job: Job) -> Iterator[Rule]:
    """Rules that reject the whole record."""
    identity = pl.col(Column.IDENTITY)
    if not job.by_address:
        named = ", ".join(job.identity_columns)
        yield Rule(Reason.IDENTITY_MISSING, identity.is_null(), named)
        yield Rule(Reason.MANGLED_NUMBER, identity.str.contains(MANGLED), named)
    for attribute in job.attributes:
        if attribute.blank == "reject":
            yield Rule(Reason.ATTRIBUTE_BLANK, pl.col(cell_of(attribute)).is_null(), attribute.column)
    if job.policy.unknown_value == "reject":
        for target in job.targets:
            unlisted = pl.col(target.part).eq_missing(pl.lit(Status.UNLISTED))
            yield Rule(Reason.UNKNOWN_CONSENT_VALUE, unlisted, target.status.column or "")


def attribute_rules(attribute: Attribute) -> Iterator[Rule]:
    """Rules that withhold an attribute."""
    given, cell = pl.col(cell_of(attribute)).is_not_null(), pl.col(cell_of(attribute))
    yield Rule(Reason.MANGLED_NUMBER, given & cell.str.contains(MANGLED))
    unusable = given & pl.col(attribute.part).is_null()
    if attribute.channels:
        for reason in (Reason.MANGLED_NUMBER, Reason.PHONE_NOT_E164, Reason.EMAIL_INVALID):
            yield Rule(reason, unusable & pl.col(attribute.reason).eq_missing(pl.lit(reason)))
        return
    if attribute.choices is not None:
        yield Rule(Reason.CHOICE_INVALID, unusable)
    if attribute.pattern is not None:
        yield Rule(Reason.TEXT_INVALID, given & ~_fits(attribute, f"^(?:{attribute.pattern})$"))
    if attribute.most is not None:
        yield Rule(Reason.TEXT_INVALID, given & (list_items(cell, attribute.format).list.len() > attribute.most))
    match attribute.type:
        case "number":
            yield Rule(Reason.NUMBER_INVALID, unusable)
            if attribute.decimals is not None:
                too_fine = rf"\.\d{{{attribute.decimals}}}\d*[1-9]"
                yield Rule(Reason.NUMBER_INVALID, given & cell.str.contains(too_fine))
        case "boolean":
            yield Rule(Reason.BOOLEAN_INVALID, unusable)
        case "date":
            yield Rule(Reason.DATE_INVALID, unusable)


def _fits(attribute: Attribute, pattern: str) -> pl.Expr:
    cell = pl.col(cell_of(attribute))
    if attribute.type != "list":
        return cell.str.contains(pattern)
    return list_items(cell, attribute.format).list.eval(pl.element().str.contains(pattern)).list.all()


def _first_broken(rules: Iterator[Rule], said: Callable[[Rule], str] = lambda rule: rule.reason) -> pl.Expr:
    broken = [pl.when(rule.wrong.fill_null(value=True)).then(pl.lit(str(said(rule)))) for rule in rules]
    return pl.coalesce(*broken, pl.lit(None, pl.String))


def _broken_address(target: Target, job: Job) -> pl.Expr:
    """A permission needs the address it is given for. All else stays: another record may have the address."""
    address = job.address_of(target.channel)
    if address is None or target.channel is None:
        return pl.lit(None, pl.String)
    return pl.when(permits(pl.col(target.part))).then(pl.col(address.reason))
