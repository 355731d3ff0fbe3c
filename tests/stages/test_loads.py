"""Batches of several shards in one request: as few requests as the items of a kind need, and none that is too large."""

from __future__ import annotations

from collections import Counter
from math import ceil
from typing import TYPE_CHECKING

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pipeline.model import Column
from pipeline.stages.batch import numbered
from pipeline.stages.loads import Loads, Piece, piece_of
from tests.jobs import job_of
from tests.properties.chain import LIMITS

if TYPE_CHECKING:
    from pipeline.stages.batch import Kind

JOB = job_of(delivery={"mode": "upsert", "batch_size": 5})
KINDS = st.sampled_from([(0, "update"), (1, "update"), (2, "create"), (2, "update")])


def items_of(kinds: list[tuple[int, str]], wire: str = "{}") -> pl.DataFrame:
    """The items of a shard in sending order, one of each kind that is named."""
    phases, operations = [kind[0] for kind in sorted(kinds)], [kind[1] for kind in sorted(kinds)]
    schema = {Column.PHASE: pl.Int8, Column.OPERATION: pl.String}
    frame = pl.DataFrame({Column.PHASE: phases, Column.OPERATION: operations}, schema=schema)
    return frame.with_columns(pl.lit(wire).alias(Column.WIRE))


def pieces_of(shard: int, items: pl.DataFrame) -> list[Piece]:
    """The batches of a shard in their order."""
    parts = items.partition_by(Column.BATCH, maintain_order=True)
    return [piece_of((shard, part.item(0, Column.BATCH)), part, JOB) for part in parts]


@given(st.lists(st.lists(KINDS, max_size=20), min_size=1, max_size=8))
def test_a_kind_takes_its_items_divided_by_the_batch_size_rounded_up_once(shards: list[list[tuple[int, str]]]) -> None:
    """However the items lie in shards, each is in one load, and all loads of a kind but the last are full."""
    loads, sent = Loads.within(JOB, LIMITS), []
    for shard, kinds in enumerate(shards):
        filled: dict[Kind, int] = {kind: loads.filled(kind) for kind in set(kinds)}
        for piece in pieces_of(shard, numbered(items_of(kinds), JOB, LIMITS, filled)):
            sent += loads.add(piece)
    sent += loads.rest()
    wanted = Counter(kind for kinds in shards for kind in kinds)
    assert Counter(load[0].kind for load in sent) == {kind: ceil(rows / 5) for kind, rows in wanted.items()}
    came = Counter["Kind"]()
    for load in sent:
        assert {piece.kind for piece in load} == {load[0].kind}
        assert sum(piece.rows for piece in load) <= 5
        came[load[0].kind] += sum(piece.rows for piece in load)
    assert came == wanted
    assert len({piece.key for load in sent for piece in load}) == sum(map(len, sent))


def test_what_would_be_too_large_together_travels_apart() -> None:
    """Two batches whose bytes exceed what a request may have are two loads, though their rows would fit."""
    small = Loads(5, 60)
    one, other = (pieces_of(shard, numbered(items_of([(0, "update")], "x" * 39), JOB, LIMITS, {})) for shard in (0, 1))
    assert [small.add(piece) for piece in (*one, *other)] == [[], [tuple(one)]]
    assert small.rest() == [tuple(other)]


def test_batches_that_were_divided_stay_divided() -> None:
    """Two batches of one shard that are not full travel apart: their bytes were too many for one."""
    loads = Loads(5, 10_000)
    first, second = (Piece((0, number), (0, "update"), 2, 80) for number in (0, 1))
    assert [loads.add(first), loads.add(second), loads.rest()] == [[], [(first,)], [(second,)]]
