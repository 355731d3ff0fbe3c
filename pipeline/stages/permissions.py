"""The addresses at which a plan would let somebody be contacted, and which of them a list forbids by now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from pipeline.job import row_key
from pipeline.model import Channel, Column
from pipeline.stages.fold import address_text
from pipeline.stages.precedence import raises
from pipeline.stages.reconcile import moving, permits_something
from pipeline.stages.suppress import DIGEST, LIST, REACHED, among, reach

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.job import Job
    from pipeline.stages.suppress import Listed

_STORED = "_stored"


def permissions(items: pl.DataFrame, exported: pl.DataFrame, shown: pl.DataFrame, job: Job) -> pl.DataFrame:
    """The row key of every item that raises a status or gives another address, and the addresses at which it would let
    somebody be contacted.

    `exported`: the identities as the export gives them; `shown`: what the destination showed of them.
    """
    about = items.filter(permits_something(job)).select(Column.IDENTITY)
    others, known = (frame.join(about, on=Column.IDENTITY, how="semi") for frame in (exported, shown))
    reached = pl.concat([reach(others, job), reach(known, job, stored=True)]).unique()
    rows = []
    for channel in Channel:
        raising = [raises(pl.col(t.part)) for t in job.targets if t.channel in (None, channel)]
        mine = items.filter(pl.any_horizontal(*raising, pl.lit(value=False))).select(*row_key(job), Column.IDENTITY)
        rows.append(mine.join(reached.filter(pl.col(REACHED) == channel), on=Column.IDENTITY, how="inner"))
        moved = _moved(items.filter(moving(channel, job)), shown, channel, job)
        brought = reach(moved, job).filter(pl.col(REACHED) == channel)
        rows.append(moved.select(*row_key(job), Column.IDENTITY).join(brought, on=Column.IDENTITY, how="inner"))
    return pl.concat(rows).drop(Column.IDENTITY).unique()


def _moved(items: pl.DataFrame, shown: pl.DataFrame, channel: Channel, job: Job) -> pl.DataFrame:
    """The items whose address of the channel is not the one that the destination showed."""
    address = job.address_of(channel)
    if address is None or address.part not in shown.columns:
        return items
    stored = shown.select(Column.IDENTITY, address_text(pl.col(address.part)).alias(_STORED)).unique(Column.IDENTITY)
    there = items.join(stored, on=Column.IDENTITY, how="left", maintain_order="left")
    return there.filter(~address_text(pl.col(address.part)).eq_missing(pl.col(_STORED))).drop(_STORED)


def barred(permitted: pl.DataFrame, lists: Sequence[Listed]) -> pl.DataFrame:
    """Of the permissions of a plan, those for an address that is listed: row key and number of the list."""
    found = []
    for number, listed in enumerate(lists):
        channels = [str(channel) for channel in Channel if listed.is_for(channel)]
        mine = permitted.filter(pl.col(REACHED).is_in(channels))
        mine = mine.filter(among(mine, listed))
        found.append(mine.drop(REACHED, DIGEST).unique().with_columns(pl.lit(number, pl.Int32).alias(LIST)))
    return pl.concat(found)
