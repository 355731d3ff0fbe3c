"""A process that is killed while its canary, or the rest of a batch that it began, is under way loses nothing."""

from __future__ import annotations

import random
import signal
from typing import TYPE_CHECKING

import pytest

from .test_kill import EACH, ORDERLY, Target, Tripwire, ends, kill_at, target, wired

if TYPE_CHECKING:
    from pipeline.sandbox.server import Sandbox

__all__ = ["ends", "target", "wired"]

FIRST = 6
"""Ends within a batch of four."""
KILLS = 3


@EACH
@pytest.mark.parametrize("seed", range(2))
def test_a_killed_canary_is_finished_and_followed_by_the_rest(
    target: Target, wired: tuple[Sandbox, Tripwire], seed: int
) -> None:
    """Killed at any request or a moment after it, and each time it is resumed: the end is that of a run without."""
    chance = random.Random(seed)
    target.more = ("--canary", str(FIRST))
    for _ in range(KILLS):
        at = chance.randint(1, target.expected.reads if target.last_run() is None else 12)
        code = kill_at(wired[1], target.begin(), at, chance.choice([0.0, chance.uniform(0.001, 0.05)]))
        assert code in ORDERLY
        if code != -signal.SIGKILL:
            assert kill_at(wired[1], target.begin(), 1, 0.0) == -signal.SIGKILL
    planned = target.last_run() is not None
    result = target.finish()
    target.require_end(result)
    figures = {"asked": FIRST, "sent": FIRST, "read_back": FIRST, "differ": 0}
    assert result.summary.document()["canary"] == (figures if planned else None)
