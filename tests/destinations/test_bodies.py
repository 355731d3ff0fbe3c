"""What is sent of a batch is joined beforehand; as soon as a part of it is sent, what is sent is that part."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.destinations.bodies import batches_of, joined
from pipeline.model import Column, Outcome
from pipeline.stages.courier import Courier
from tests.delivery.world import contacts_of, key_of
from tests.destinations.acoustic_connect.bench import bench

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.delivery.world import World

pytest_plugins = ["tests.delivery.fixtures"]

SCHEMA = {Column.BATCH: pl.Int32, Column.WIRE: pl.String}


def frame_of(rows: Sequence[tuple[int, str | None]]) -> pl.DataFrame:
    """Items with such batches and wire JSON."""
    return pl.DataFrame(rows, SCHEMA, orient="row")


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.lists(st.tuples(st.integers(0, 3), texts)))
def test_each_batch_is_joined_as_it_would_be_by_itself(rows: list[tuple[int, str]]) -> None:
    """In the order of the items, byte by byte, with the number and the height of what is sent by it."""
    items, start = frame_of(rows), 0
    bodies: list[bytes] = []
    for number, height, body in batches_of(items):
        mine = items.slice(start, height)
        assert mine.get_column(Column.BATCH).unique().to_list() == [number]
        assert body == joined(mine)
        bodies.append(body)
        start += height
    assert start == items.height
    assert b",".join(bodies) == ",".join(text for _, text in rows).encode()


def test_an_item_without_wire_json_is_never_left_out_unseen() -> None:
    """What cannot be written down is a fault, not a shorter request."""
    items = frame_of([(1, "{}"), (1, None)])
    with pytest.raises(TypeError):
        joined(items)
    with pytest.raises(TypeError):
        list(batches_of(items))


def test_what_is_sent_after_a_refusal_is_a_part_of_the_batch(world: World) -> None:
    """A contact that is not there is refused by itself; all others are written once."""
    world.seed(contacts_of(8))
    with bench(world) as ours:
        items = ours.items(range(1, 10))
        came = ours.session.destination.deliver(ours.job, items, ours.session.sender([]), joined(items))
        assert {e.record: e.outcome for e in came.exceptional} == {9: Outcome.FAILED}
        assert ours.points() == {key_of(number): [number] for number in range(1, 9)}
        assert world.applied() == {key_of(number): 1 for number in range(1, 9)}


def test_what_is_held_back_of_a_batch_is_not_sent_with_it(world: World) -> None:
    """Whoever a suppression list bars by now is in what was joined, and in nothing that is sent."""
    world.seed(contacts_of(4))
    with bench(world) as ours:
        items, session = ours.items(range(1, 5)), ours.session
        courier = Courier(ours.job, session.destination, session.sender([]), threading.Event())
        came = courier.settle(items, begun=False, barred=[3], body=joined(items))
        assert {e.record: e.outcome for e in came.exceptional} == {3: Outcome.HELD}
        assert set(world.applied()) == {key_of(1), key_of(2), key_of(4)}
