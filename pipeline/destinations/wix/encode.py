"""Builds each item's wire JSON from that row alone, by polars expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.destinations.wix import wire
from pipeline.model import Column, Operation, Status
from pipeline.values import json_text
from pipeline.wire_json import member, obj, some_obj

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pipeline.destinations.wix.options import Options
    from pipeline.job import Attribute, Job, Target

LONGEST_DESCRIPTION: Final = 1000
TIME: Final = "%Y-%m-%dT%H:%M:%S%.3fZ"


def item(job: Job, operation: Operation, options: Options) -> pl.Expr:
    """A `marketingConsent` without id and revision: whose it is, and only what is to change (WX-01, WX-07)."""
    own = [a for a in job.sent_attributes(operation) if not a.identifies]
    return obj(
        member("details", _details()),
        member("state", _by_channel(job.targets, lambda target: _words(pl.col(target.part), wire.STATES))),
        member(wire.CONFIRMATION, _by_channel(job.targets, lambda target: _confirmation(target, options))),
        member(wire.REVOCATION, _by_channel(job.targets, lambda target: _revocation(target, options))),
        member(wire.EXTENDED, _extended(own)),
    )


def _details() -> pl.Expr:
    fields = pl.coalesce(
        pl.when(pl.col(Column.CHANNEL) == channel).then(member(field, json_text(pl.col(Column.IDENTITY))))
        for channel, field in wire.ADDRESS_FIELDS.items()
    )
    return obj(member("type", _words(pl.col(Column.CHANNEL), wire.TYPES)), fields)


def _by_channel(targets: Sequence[Target], build: Callable[[Target], pl.Expr]) -> pl.Expr:
    """The token of the one target that the row has a status of; null where it has none."""
    return pl.coalesce(*(build(target) for target in targets), pl.lit(None, pl.String))


def _words(word: pl.Expr, meaning: Mapping[str, str]) -> pl.Expr:
    """A word as a JSON string in the vendor's spelling."""
    spelled = {str(mine): f'"{theirs}"' for mine, theirs in meaning.items()}
    return word.replace_strict(list(spelled), list(spelled.values()), default=None, return_dtype=pl.String)


def _confirmation(target: Target, options: Options) -> pl.Expr:
    """WX-03, WX-05"""
    status = pl.col(target.part)
    double = pl.when(status == Status.OPT_IN_UNVERIFIED).then(pl.lit('"DOUBLE_CONFIRMATION"'))
    level = double.otherwise(pl.lit(f'"{options.opt_in_level}"'))
    activity = obj(*_activity(target, wire.CONFIRMATION_SOURCES, options), member("optInLevel", level))
    return pl.when(status.is_in([str(Status.OPT_IN), str(Status.OPT_IN_UNVERIFIED)])).then(activity)


def _revocation(target: Target, options: Options) -> pl.Expr:
    """WX-03"""
    activity = obj(*_activity(target, wire.REVOKE_SOURCES, options))
    return pl.when(pl.col(target.part) == Status.OPT_OUT).then(activity)


def _activity(target: Target, sources: Sequence[str], options: Options) -> list[pl.Expr]:
    """Source, description and time. What is no source of the vendor's is told as OTHER, in its own words (WX-04)."""
    said = pl.col(target.source)
    word = said.str.to_uppercase()
    source = pl.when(word.is_in(list(sources))).then(word).otherwise(pl.lit("OTHER"))
    general = pl.lit(options.description, pl.String)
    own = pl.when(~word.is_in(list(sources))).then(said.str.head(LONGEST_DESCRIPTION))
    at = pl.col(target.since).dt.strftime(TIME)
    return [
        member("source", json_text(source)),
        member("description", json_text(pl.coalesce(own, general))),
        member("updatedDate", json_text(at)),
    ]


def _extended(attributes: Sequence[Attribute]) -> pl.Expr:
    """`{"namespaces": {NAMESPACE: {FIELD: value}}}` (WX-11)."""
    spaces: dict[str, list[pl.Expr]] = {}
    for attribute in attributes:
        namespace, _, field = attribute.name.partition(".")
        value = pl.col(attribute.part)
        spaces.setdefault(namespace, []).append(member(field, value))
    namespaces = some_obj([member(namespace, some_obj(fields)) for namespace, fields in spaces.items()])
    return pl.when(namespaces.is_not_null()).then(obj(member("namespaces", namespaces)))
