"""How much is in flight while a plan is sent."""

from __future__ import annotations

import pytest

from pipeline.stages.deliver import AHEAD, TURN_SECONDS, in_flight


@pytest.mark.parametrize("threads", [1, 4])
def test_turns_grow_though_each_settles_one_load_alone(threads: int) -> None:
    """One answer in a thousandth of a second is as fast as many in a turn: commits are not one for each request."""
    assert in_flight(threads, 1, TURN_SECONDS / 1_000) == threads * AHEAD
    assert in_flight(threads, threads * AHEAD, 0.0) == threads * AHEAD


@pytest.mark.parametrize("threads", [1, 4])
def test_little_is_in_flight_where_answers_come_slowly(threads: int) -> None:
    """Each thread has its load and the next one, which are what is to be read back after a crash."""
    assert in_flight(threads, 1, TURN_SECONDS * 8) == threads * 2
    assert in_flight(threads, threads * 3, TURN_SECONDS) == threads * 6
