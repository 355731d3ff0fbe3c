"""Builds each row's wire JSON from that row alone, by polars expressions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import polars as pl

from pipeline.model import Column, Operation, Status
from pipeline.values import json_text
from pipeline.wire_json import array, member, obj

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
        return obj(member("attributes", array(pairs)), _consent(job.targets))
    to = obj(member("attributes", array(pairs)), _consent(job.targets))
    if job.identity_is_key:
        return obj(member("key", identity), member("to", to))
    selector = pl.concat_str(pl.lit(f'[{{"field":{json.dumps(job.identity_field)},"eq":'), identity, pl.lit("}]"))
    return obj(member("addressable", selector), member("to", to))


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
    body = member("consentGroups", array(entries)) if entries else member("channels", array(channels))
    return member("consent", pl.when(body.is_not_null()).then(obj(body)))


def _group(group_id: str, targets: Sequence[Target]) -> pl.Expr:
    named = member("consentGroupId", pl.lit(json.dumps(group_id)))
    if targets[0].channel is None:
        rest = member("status", _status(targets[0]))
    else:
        rest = member("channels", array([_channel(target) for target in targets]))
    return pl.when(rest.is_not_null()).then(obj(named, rest))


def _channel(target: Target) -> pl.Expr:
    return pl.concat_str(pl.lit(f'{{"channel":"{target.channel}","status":'), _status(target), pl.lit("}"))


def _status(target: Target) -> pl.Expr:
    """The status as a JSON token; clearing is null (AC-06)."""
    status = pl.col(target.part)
    return (
        pl.when(status == Status.CLEAR).then(pl.lit("null")).otherwise(pl.concat_str(pl.lit('"'), status, pl.lit('"')))
    )
