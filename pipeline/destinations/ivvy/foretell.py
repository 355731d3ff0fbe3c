"""How many requests a plan's batches take: the calls of `writing`, counted without making them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from pipeline.destinations.foretelling import Foretold
from pipeline.destinations.ivvy import wire
from pipeline.destinations.ivvy.calls import AUTO_FROM
from pipeline.model import Column, Operation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.destinations.ivvy.options import Options


def foretell(items: pl.DataFrame, looked_at: pl.DataFrame, options: Options) -> Foretold:
    """The least that it takes: a batch that is not done at the first poll is asked again, after a longer wait."""
    found = Foretold()
    for calls in _calls(items):
        for action, count in calls.items():
            found += _made(action, count, options)
    reading = Foretold()
    known = (pl.col(Column.OPERATION) == Operation.UPDATE).sum()
    for _, count, updates in looked_at.group_by(Column.BATCH).agg(pl.len(), known.alias("known")).iter_rows():
        # By its identity, others who share its address, and with its statuses who is there.
        reading += _made(wire.LIST, count, options) + _made(wire.LIST, count, options)
        reading += _made(wire.GET, updates, options)
    looks = sum(reading.requests.values())
    return found + Foretold(waiting_seconds=reading.waiting_seconds, looks=looks)


def _calls(items: pl.DataFrame) -> Iterator[dict[str, int]]:
    """Of each batch: action -> how many calls of it may travel together, memberships one for each group."""
    text = pl.col(Column.WIRE)
    groups = [
        text.str.extract(f'"{key}":\\[([^\\]]*)\\]').str.split(",").explode().replace("", None).drop_nulls().n_unique()
        for key in ("remove", "add")
    ]
    counted = items.group_by(Column.BATCH, maintain_order=True).agg(
        text.str.extract(r'"kin":\[([^\]]*)\]').str.split(",").explode().drop_nulls().n_unique().alias("kin"),
        text.str.contains('"contact":{', literal=True).sum().alias("contacts"),
        groups[0].alias("remove"),
        groups[1].alias("add"),
    )
    for _, kin, contacts, removals, additions in counted.iter_rows():
        if kin:
            yield {wire.ADD_OR_UPDATE: kin}
        yield {wire.ADD_OR_UPDATE: contacts}
        yield from [{wire.REMOVE_FROM_GROUP: 1}] * removals
        yield from [{wire.ADD_TO_GROUP: 1}] * additions


def _made(action: str, count: int, options: Options) -> Foretold:
    """Calls one by one, or as batches, each with a poll and its results."""
    if not count:
        return Foretold()
    if options.bulk == "never" or (options.bulk == "auto" and count <= AUTO_FROM):
        return Foretold({action: count})
    parts = -(-count // options.jobs_per_batch)
    kinds = {f"batches of {action}": parts, "polls": parts, "results": parts}
    return Foretold(kinds, waiting_seconds=parts * options.poll_seconds)
