"""Work is done ahead of who waits for it, in order and never on many things."""

from __future__ import annotations

import threading

import pytest

from pipeline.ahead import in_order


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_what_is_made_comes_in_the_order_of_the_things(threads: int) -> None:
    """Whichever is ready first."""
    second_is_made = threading.Event()

    def work(thing: int) -> int:
        if thing == 1:
            second_is_made.set()
        if thing == 0 and threads > 1:
            assert second_is_made.wait(30)
        return thing * 10

    assert list(in_order(work, range(4), threads)) == [0, 10, 20, 30]


def test_no_more_are_begun_than_are_allowed() -> None:
    """Who takes nothing holds the work up: what is made is in memory until it is taken."""
    begun: list[int] = []

    def work(thing: int) -> int:
        begun.append(thing)
        return thing

    made = in_order(work, range(10), 3)
    assert next(made) == 0
    assert len(begun) <= 3
    assert list(made) == list(range(1, 10))


def test_what_fails_is_raised_in_its_turn_and_ends_it() -> None:
    """The things before it are made, those after it hardly begun."""
    begun: list[int] = []

    def work(thing: int) -> int:
        begun.append(thing)
        return 1 // (thing - 2)

    made = in_order(work, range(100), 2)
    assert [next(made), next(made)] == [-1, -1]
    with pytest.raises(ZeroDivisionError):
        next(made)
    assert len(begun) <= 4
