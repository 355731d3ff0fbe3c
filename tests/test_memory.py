"""How an export is divided for a budget of memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import memory
from pipeline.planning import dividing
from pipeline.reporting import outcome_files
from pipeline.reporting.outcome_files import OutcomeFiles
from pipeline.run_folder import RunFolder
from pipeline.state import BUCKETS
from tests.delivery.world import contacts_of, rows_of
from tests.jobs import NOW

if TYPE_CHECKING:
    from pathlib import Path

    from tests.delivery.world import World

pytest_plugins = ["tests.delivery.fixtures"]

MIB = 1024 * 1024


@given(st.integers(0, 1 << 40), st.integers(0, 1 << 36))
def test_what_is_planned_at_once_fits_the_memory(export_bytes: int, memory_bytes: int) -> None:
    """Shards are a power of two, no more than there are partitions, and small enough wherever that is possible."""
    shards = memory.shards_of(export_bytes, memory_bytes, BUCKETS)
    assert shards in {2**power for power in range(7)}
    at_once = min(memory.planners(), shards) * export_bytes * memory.PLANNED_BYTES_PER_BYTE / shards
    assert shards == BUCKETS or at_once <= max(1, memory_bytes - memory.AT_REST_BYTES)


def test_the_allocator_is_told_what_nobody_else_has_told_it() -> None:
    """It keeps what is free for a while; whoever sets the variable is left alone."""
    mine: dict[str, str] = {}
    theirs = {memory.ALLOCATOR: "narenas:1"}
    for environment in (mine, theirs):
        memory.spare_the_allocator(environment)
    assert f"dirty_decay_ms:{memory.KEPT_SECONDS * 1000}" in mine[memory.ALLOCATOR]
    assert theirs == {memory.ALLOCATOR: "narenas:1"}


def test_an_export_that_fits_is_one_shard() -> None:
    """Dividing costs something, so small exports are not; a larger budget divides less."""
    assert memory.shards_of(10 * MIB, 1024 * MIB, BUCKETS) == 1
    assert memory.shards_of(200 * MIB, 1024 * MIB, BUCKETS) > memory.shards_of(200 * MIB, 8192 * MIB, BUCKETS)


def test_a_run_in_shards_comes_to_what_a_whole_one_comes_to(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards that are planned at the same time, and merged by record, give the same outcomes; then nothing changes."""
    world.seed(contacts_of(40))
    mapping, export = world.mapping(), world.export(rows_of(40))
    monkeypatch.setattr(dividing, "GATHERED", 10)
    monkeypatch.setattr(outcome_files, "MERGED", 7)
    monkeypatch.setattr(memory, "PLANNED_BYTES_PER_BYTE", 5 * 10**5)
    first = world.sync(mapping, export)
    assert first.summary.rows.updated == 40
    outcomes = pl.read_parquet(f"{first.summary.run_dir}/outcomes.parquet")
    assert outcomes.get_column("record").to_list() == list(range(1, 41))
    assert outcomes.get_column("shard").n_unique() > 1
    assert pl.read_csv(f"{first.summary.run_dir}/outcomes.csv").get_column("record").to_list() == list(range(1, 41))
    second = world.sync(mapping, export, force=True)
    assert (second.summary.rows.unchanged, second.summary.requests.sent) == (40, 1)


OUTCOMES: Final = pl.Schema({"record": pl.Int64(), "withheld": pl.List(pl.String())})


@pytest.mark.parametrize("memory_bytes", [0, 1 << 30])
def test_outcomes_are_the_same_whether_they_are_kept_or_put_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory_bytes: int
) -> None:
    """Sorted by record over all shards, whether they fit the memory or not."""
    monkeypatch.setattr(outcome_files, "MERGED", 4)
    folder = RunFolder.create(tmp_path, "m", NOW)
    with OutcomeFiles(folder, 9, memory_bytes) as files:
        for shard in range(3):
            files.add(pl.DataFrame({"record": [shard + 1, shard + 4, shard + 7], "withheld": [[]] * 3}, OUTCOMES))
        files.write(pl.col("withheld").list.join(" "))
    assert pl.read_parquet(folder.path / "outcomes.parquet").get_column("record").to_list() == list(range(1, 10))
    assert pl.read_csv(folder.path / "outcomes.csv").get_column("record").to_list() == list(range(1, 10))


@pytest.mark.parametrize("memory_bytes", [0, 1 << 30])
def test_an_export_without_records_has_outcomes_without_rows(tmp_path: Path, memory_bytes: int) -> None:
    """The files are there all the same, with their columns."""
    folder = RunFolder.create(tmp_path, "m", NOW)
    nothing = OUTCOMES.to_frame()
    with OutcomeFiles(folder, 0, memory_bytes) as files:
        files.add(nothing)
        files.add(nothing)
        files.write(pl.col("withheld").list.join(" "))
    assert pl.read_parquet(folder.path / "outcomes.parquet").columns == nothing.columns
    assert (folder.path / "outcomes.csv").read_text() == "record,withheld\n"
    assert not (folder.path / "outcomes.tmp").exists()
