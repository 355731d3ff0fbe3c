"""What is sent of a batch is joined beforehand; as soon as a part of it is sent, what is sent is that part."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pipeline.destinations.bodies import joined, joined_by_batch
from pipeline.model import Column, Outcome
from pipeline.stages.courier import Courier
from tests.delivery.world import contacts_of, key_of
from tests.destinations.acoustic_connect.bench import bench

if TYPE_CHECKING:
    from tests.delivery.world import World

pytest_plugins = ["tests.delivery.fixtures"]

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.lists(st.tuples(st.integers(0, 3), texts), min_size=1))
def test_each_batch_is_joined_as_it_would_be_by_itself(rows: list[tuple[int, str]]) -> None:
    """In the order of the items, byte by byte."""
    rows.sort(key=lambda row: row[0])
    schema = {Column.BATCH: pl.Int32, Column.WIRE: pl.String}
    items = pl.DataFrame(rows, schema, orient="row")
    apart = [joined(items.filter(pl.col(Column.BATCH) == number)) for number in sorted({row[0] for row in rows})]
    assert joined_by_batch(items).to_list() == apart
    assert b",".join(apart) == joined(items) == ",".join(text for _, text in rows).encode()


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
