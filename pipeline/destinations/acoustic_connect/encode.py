"""Builds each row's wire JSON from that row alone, by polars expressions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import polars as pl

from pipeline.model import Column, Operation, Status
from pipeline.values import json_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.job import Job, Target


def item(job: Job, operation: Operation) -> pl.Expr:
    """One element of `updateContactInputs` (AC-01, AC-02) or of `contactsInput` (AC-08)."""
    identity = json_text(pl.col(Column.IDENTITY))
    pairs = [_pair(a.name, pl.col(a.part)) for a in job.sent_attributes(operation)]
    if operation is Operation.CREATE:
        if all(a.name != job.identity_field for a in job.attributes):
            pairs.insert(0, _pair(job.identity_field, identity))
        return _object(_member("attributes", _list(pairs)), _consent(job.targets))
    to = _object(_member("attributes", _list(pairs)), _consent(job.targets))
    if job.identity_is_key:
        return _object(_member("key", identity), _member("to", to))
    selector = pl.concat_str(pl.lit(f'[{{"field":{json.dumps(job.identity_field)},"eq":'), identity, pl.lit("}]"))
    return _object(_member("addressable", selector), _member("to", to))


def _pair(name: str, value: pl.Expr) -> pl.Expr:
    return pl.concat_str(pl.lit(f'{{"name":{json.dumps(name, ensure_ascii=False)},"value":'), value, pl.lit("}"))


def _consent(targets: Sequence[Target]) -> pl.Expr:
    """`consent` by channels (AC-03) or by groups (AC-04, AC-05), never both (AC-11); null where no target is set."""
    channels = [_channel(target) for target in targets if target.group_id is None]
    groups: dict[str, list[Target]] = {}
    for target in targets:
        if target.group_id is not None:
            groups.setdefault(target.group_id, []).append(target)
    entries = [_group(group_id, of_group) for group_id, of_group in groups.items()]
    body = _member("consentGroups", _list(entries)) if entries else _member("channels", _list(channels))
    return _member("consent", pl.when(body.is_not_null()).then(_object(body)))


def _group(group_id: str, targets: Sequence[Target]) -> pl.Expr:
    named = _member("consentGroupId", pl.lit(json.dumps(group_id)))
    if targets[0].channel is None:
        rest = _member("status", _status(targets[0]))
    else:
        rest = _member("channels", _list([_channel(target) for target in targets]))
    return pl.when(rest.is_not_null()).then(_object(named, rest))


def _channel(target: Target) -> pl.Expr:
    return pl.concat_str(pl.lit(f'{{"channel":"{target.channel}","status":'), _status(target), pl.lit("}"))


def _status(target: Target) -> pl.Expr:
    """The status as a JSON token; clearing is null (AC-06)."""
    status = pl.col(target.part)
    return (
        pl.when(status == Status.CLEAR).then(pl.lit("null")).otherwise(pl.concat_str(pl.lit('"'), status, pl.lit('"')))
    )


def _member(name: str, value: pl.Expr) -> pl.Expr:
    """`"name":value`, null where the value is null."""
    return pl.concat_str(pl.lit(f'"{name}":'), value)


def _list(elements: Sequence[pl.Expr]) -> pl.Expr:
    """The elements that are not null, in brackets; null where all are."""
    if not elements:
        return pl.lit(None, pl.String)
    some = pl.any_horizontal(element.is_not_null() for element in elements)
    joined = pl.concat_str(*elements, separator=",", ignore_nulls=True)
    return pl.when(some).then(pl.concat_str(pl.lit("["), joined, pl.lit("]")))


def _object(*members: pl.Expr) -> pl.Expr:
    """The members that are not null, in braces."""
    return pl.concat_str(pl.lit("{"), pl.concat_str(*members, separator=",", ignore_nulls=True), pl.lit("}"))
