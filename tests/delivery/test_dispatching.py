"""How the batches of a plan travel: what was in flight never with what was not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pipeline.delivery.dispatching import loads_of
from pipeline.model import Column
from pipeline.stages.deliver import Batch
from tests.jobs import job_of
from tests.properties.chain import LIMITS

if TYPE_CHECKING:
    from collections.abc import Sequence

JOB = job_of(delivery={"mode": "upsert", "batch_size": 5})
BATCHES = st.lists(st.tuples(st.integers(1, 5), st.booleans(), st.sampled_from(["", "work", "rest"])), max_size=12)


def batches_of(given: Sequence[tuple[int, bool, str]]) -> list[Batch]:
    """A batch of each shard: how many rows it has, whether it has begun, and what keeps it by itself."""
    found = []
    for shard, (rows, begun, alone) in enumerate(given):
        items = pl.DataFrame(
            {
                Column.RECORD: range(rows),
                Column.PHASE: [0] * rows,
                Column.OPERATION: ["create"] * rows,
                "wire": ["{}"] * rows,
            }
        )
        works = ("job-1",) if alone == "work" else ()
        found.append(Batch((shard, 0), items, begun=begun, works=works, is_rest=alone == "rest"))
    return found


def run_of(shards: int, items: int) -> Any:
    """As much of a run as is looked at."""
    return cast("Any", SimpleNamespace(job=JOB, manifest=SimpleNamespace(shards=shards, items=items)))


@given(BATCHES)
def test_a_load_is_begun_as_a_whole_or_not_at_all(given: list[tuple[int, bool, str]]) -> None:
    """Each batch goes once; what may have been sent before is read back with its like, and begun work goes alone."""
    batches = batches_of(given)
    loads = list(loads_of(run_of(12, 60), iter(batches), LIMITS))
    assert sorted(batch.key for load in loads for batch in load) == [batch.key for batch in batches]
    for load in loads:
        assert len({batch.begun for batch in load}) == 1
        assert sum(batch.items.height for batch in load) <= 5
        assert len(load) == 1 or all(batch.may_join for batch in load)


def test_what_is_not_divided_or_not_small_travels_as_it_was_planned() -> None:
    """A load for each batch, in their order."""
    batches = batches_of([(1, False, ""), (2, False, ""), (1, True, "")])
    for run in (run_of(1, 4), run_of(3, 100_001)):
        assert [list(load) for load in loads_of(run, iter(batches), LIMITS)] == [[batch] for batch in batches]
