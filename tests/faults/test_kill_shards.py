"""A process that is killed while some of its shards are recorded and others still delivered loses nothing."""

from __future__ import annotations

import random
import signal
from typing import TYPE_CHECKING

import pytest

from pipeline import memory

from .destinations import WAYS
from .test_kill import ORDERLY, Target, Tripwire, kill_at, wired

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.sandbox.server import Sandbox

__all__ = ["wired"]

NAME = "acoustic_connect"
PLANNED = 3_000_000
KILLS = 4
FILES = {
    "the first of the state": "state/**/*.parquet",
    "the state's log, again": "state/**/_delta_log/*[1-9].json",
    "evidence": "evidence/**/*.parquet",
    "people": "people/**/*.parquet",
}


@pytest.fixture
def target(wired: tuple[Sandbox, Tripwire], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    """A run whose export is divided, and what it comes to undisturbed."""
    monkeypatch.setattr(memory, "PLANNED_BYTES_PER_BYTE", PLANNED)
    sandbox, tripwire = wired
    for folder in (tmp_path / "undisturbed", tmp_path / "killed"):
        folder.mkdir()
    undisturbed = Target(tmp_path / "undisturbed", sandbox, WAYS[NAME].subject, name=NAME)
    tripwire.arm()
    result = undisturbed.finish()
    end = undisturbed.end(result, tripwire.reads)
    assert len({row["shard"] for row in end.outcomes}) > 3
    return Target(tmp_path / "killed", sandbox, WAYS[NAME].subject, name=NAME, expected=end, dearness=PLANNED)


@pytest.mark.parametrize("seed", range(4))
def test_a_divided_run_that_is_killed_again_and_again_ends_like_an_undisturbed_one(
    target: Target, wired: tuple[Sandbox, Tripwire], seed: int
) -> None:
    """Killed at any request or a moment after it, while earlier shards are recorded: the same end, each row once."""
    chance = random.Random(seed)
    for _ in range(KILLS):
        at = chance.randint(1, target.expected.reads if target.last_run() is None else 24)
        code = kill_at(wired[1], target.begin(), at, chance.choice([0.0, chance.uniform(0.001, 0.05)]))
        assert code in ORDERLY
        if code != -signal.SIGKILL:
            assert kill_at(wired[1], target.begin(), 1, 0.0) == -signal.SIGKILL
    target.require_end(target.finish())


@pytest.mark.parametrize("when", FILES.values(), ids=FILES)
def test_a_divided_run_that_is_killed_while_it_records_ends_like_an_undisturbed_one(target: Target, when: str) -> None:
    """Killed as soon as a file of the state or the evidence appears, with shards still to be sent, and again later."""
    for _ in range(2):
        child = target.begin(when)
        assert child.wait() in ORDERLY, child.err
    target.require_end(target.finish())
