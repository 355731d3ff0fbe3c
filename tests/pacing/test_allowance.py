"""The share of an allowance that is used, by clocks that only the test sets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.pacing.allowance import AHEAD_SECONDS, Book, Pace
from pipeline.pacing.throttling import Throttled

from .clock import Bucket, Caller, Clock, SharedDesk, SlidingWindow, World, most_in_a_minute, pacer_of

if TYPE_CHECKING:
    from collections.abc import Callable

MINUTES = 6


@dataclass
class WixWindow(SlidingWindow):
    """Its adapter waits a minute where a 429 names no wait."""

    def asks(self, _now: float) -> float | None:
        return 60.0


def used(vendor: object, pace: Pace, *, processes: int = 1, seconds: float = 0.05) -> tuple[World, list[int]]:
    """Four threads in each process that always want a turn; returns what was accepted in each minute."""
    clock = Clock()
    desk, world = SharedDesk(clock), World(clock, vendor)
    for _ in range(processes):
        pacer = pacer_of(clock, pace, desk)
        for _ in range(4):
            world.add(Caller(pacer, seconds))
    begun = clock.now
    world.run(begun + 60 * MINUTES)
    return world, [sum(begun + 60 * m <= at < begun + 60 * (m + 1) for at in world.accepted) for m in range(MINUTES)]


KNOWN: dict[str, tuple[Callable[[], object], Pace]] = {
    "a pace against a window": (lambda: SlidingWindow(100), Pace(per_second=100 / 60)),
    "a pace against a bucket of one": (lambda: Bucket(100), Pace(per_second=100 / 60)),
    "a minute's allowance against a window": (lambda: SlidingWindow(100), Pace(per_minute=100)),
}


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize(("vendor", "pace"), KNOWN.values(), ids=KNOWN)
def test_a_known_allowance_is_used_and_never_passed(vendor: Callable[[], object], pace: Pace, processes: int) -> None:
    """Of 100 requests a minute at least 98 are sent, by one process or two, and none is throttled."""
    world, minutes = used(vendor(), pace, processes=processes)
    assert min(minutes) >= 98
    assert world.refused == []


LEARNED: dict[str, tuple[Callable[[], object], Pace]] = {
    "a window that says nothing": (lambda: SlidingWindow(100), Pace()),
    "a window that says how long": (lambda: SlidingWindow(100, says=True), Pace()),
    "half of the minute's allowance that was named": (lambda: WixWindow(100), Pace(per_minute=200)),
    "less than the pace that was named": (lambda: Bucket(100), Pace(per_second=2)),
    "a window below the pace that was named": (lambda: SlidingWindow(100), Pace(per_second=2)),
}


@pytest.mark.parametrize(("vendor", "pace"), LEARNED.values(), ids=LEARNED)
def test_an_allowance_that_nobody_named_is_learned(vendor: Callable[[], object], pace: Pace) -> None:
    """At least 95 of 100 in each minute. The four that are in flight when it is met are refused; then one a minute."""
    world, minutes = used(vendor(), pace)
    assert min(minutes) >= 95
    first = [at for at in world.refused if at < world.refused[0] + 1]
    assert len(first) <= 4
    assert most_in_a_minute(world.refused[len(first) :]) <= 1


def test_two_processes_that_learn_at_once_learn_what_both_were_allowed() -> None:
    """Neither takes its own half for the whole."""
    _, minutes = used(SlidingWindow(100), Pace(), processes=2)
    assert min(minutes) >= 90


def test_a_bucket_that_holds_little_is_found_by_trying_upwards() -> None:
    """Ten a second in portions of ten, and nothing is named: after two minutes nine tenths are used."""
    _, minutes = used(Bucket(600, burst=10), Pace())
    assert min(minutes[1:]) >= 540


def test_what_was_learned_is_there_for_the_next_run() -> None:
    """A run that begins after another one learned meets no 429."""
    clock = Clock()
    desk, world = SharedDesk(clock), World(clock, SlidingWindow(100))
    for number in range(2):
        refused = len(world.refused)
        world.add(Caller(pacer_of(clock, Pace(), desk)))
        world.run(clock.now + 40)
        assert len(world.refused) - refused == (1 if number == 0 else 0)
        world._queue.clear()


def test_a_day_without_a_429_forgets() -> None:
    """What was learned of a bad hour does not slow the next days down."""
    book, _ = Book(written_at=100.0).throttled(Throttled(0, 1, 1, 900), Pace(per_second=2))
    assert book.allowed(Pace(per_second=2)) == 100
    assert book.at(100.0 + 86_401).allowed(Pace(per_second=2)) == 120


def test_no_limit_asks_nobody() -> None:
    """Without an allowance no entry is made, and nobody waits."""
    clock = Clock()
    desk, world = SharedDesk(clock), World(clock, SlidingWindow(10**9))
    pacer = pacer_of(clock, Pace(), desk)
    callers = [world.add(Caller(pacer)) for _ in range(4)]
    world.run(clock.now + 10)
    assert desk.changes == 0
    assert all(not any(caller.waits) for caller in callers)


@pytest.mark.parametrize("pace", [Pace(per_second=50), Pace(per_second=1000), Pace(per_minute=600)], ids=str)
def test_entries_are_few(pace: Pace) -> None:
    """A busy holder makes a few entries a second, whatever the pace."""
    clock = Clock()
    desk, world = SharedDesk(clock), World(clock, SlidingWindow(10**9))
    pacer = pacer_of(clock, pace, desk)
    for _ in range(64):
        world.add(Caller(pacer, 0.001))
    world.run(clock.now + 30)
    assert desk.changes <= 30 * 4


@pytest.mark.parametrize("pace", [Pace(per_second=10), Pace(per_minute=600)], ids=str)
def test_what_one_reserves_and_does_not_use_is_not_missed(pace: Pace) -> None:
    """Beside a process that wants three turns a second, another has nearly all of the other seven."""
    clock = Clock()
    desk, world = SharedDesk(clock), World(clock, SlidingWindow(10**9))
    world.add(Caller(pacer_of(clock, pace, desk), 0.01, pause=0.32))
    for _ in range(8):
        world.add(Caller(pacer_of(clock, pace, desk), 0.01))
    world.run(clock.now + 120)
    assert len(world.accepted) >= 0.95 * 1200


@pytest.mark.parametrize("pace", [Pace(per_second=10), Pace(per_minute=600)], ids=str)
def test_the_turns_of_a_killed_holder_come_back(pace: Pace) -> None:
    """A holder that is killed at the height of its work costs at most the twentieth part of one minute."""
    clock = Clock()
    desk, world = SharedDesk(clock), World(clock, SlidingWindow(10**9))
    doomed = pacer_of(clock, pace, desk)
    for _ in range(4):
        world.add(Caller(doomed, 0.01))
    world.run(clock.now + 30)
    world._queue.clear()
    for _ in range(4):
        world.add(Caller(pacer_of(clock, pace, desk), 0.01))
    world.run(clock.now + 90)
    assert len(world.accepted) >= 0.95 * 1200


@st.composite
def scenes(draw: st.DrawFn) -> tuple[Pace, list[tuple[float, str, int]], list[tuple[int, float, float]]]:
    """A pace, what happens when (a hold, a clock that is set back), and callers of up to three processes."""
    most = draw(st.integers(1, 60))
    pace = Pace(per_minute=most) if draw(st.booleans()) else Pace(per_second=most / 60)
    happening = st.tuples(st.floats(0, 150), st.sampled_from(["hold", "back"]), st.integers(1, 90))
    caller = st.tuples(st.integers(0, 2), st.floats(0, 3), st.floats(0, 20))
    return pace, sorted(draw(st.lists(happening, max_size=4))), draw(st.lists(caller, min_size=1, max_size=6))


@settings(max_examples=60, deadline=None)
@given(scenes())
def test_whatever_happens_no_minute_has_a_turn_too_many_and_nobody_starves(
    scene: tuple[Pace, list[tuple[float, str, int]], list[tuple[int, float, float]]],
) -> None:
    """Any interleaving of callers, holds and clocks that go back: never more than the allowance in any 60 seconds.

    Each waits at most until all others have had their turns, and holds and lost minutes are over.
    """
    pace, happenings, callers = scene
    assert pace.named is not None
    clock = Clock()
    desk, world = SharedDesk(clock), World(clock, SlidingWindow(10**9))
    pacers = [pacer_of(clock, pace, desk) for _ in range(3)]
    all_callers = [world.add(Caller(pacers[of], seconds, pause), pause) for of, seconds, pause in callers]
    begun = clock.now
    for at, what, seconds in happenings:
        world.run(begun + at)
        if what == "back":
            clock.set_back += seconds
        else:
            desk.change(partial(Book.throttled, said=Throttled(0, seconds, 1, 900), pace=Pace()))
    world.run(begun + 300)
    assert most_in_a_minute(world.sent) <= max(1, round(pace.named))
    held = sum(seconds for _, _, seconds in happenings) + 2 * 62
    bound = held + (len(callers) + 1) * 63 / min(pace.named, len(callers) + 1) + AHEAD_SECONDS
    stuck = [clock.now - c.asked_at for c in all_callers if c.turn is not None and c.turn.at > clock.now]
    assert max([wait for c in all_callers for wait in c.waits] + stuck, default=0.0) <= bound


def test_after_a_429_one_request_tries_alone() -> None:
    """When a hold is over the others wait until one is seen to be let through, so that one is refused, not all."""
    clock = Clock()
    pacer = pacer_of(clock, Pace())
    flying = [pacer.claim() for _ in range(4)]
    for turn in flying:
        pacer.answered(turn, throttled=True)
        pacer.throttled(turn, 3.0, 0.5, 900)
    turns = [pacer.claim() for _ in range(4)]
    assert [turn.asks for turn in turns] == [False, True, True, True]
    assert turns[0].at == clock.now + 3
    pacer.answered(turns[0])
    assert not pacer.claim().asks


def test_the_longest_wait_that_is_asked_for_holds() -> None:
    """A second answer to the same 429 asks for more: who has claimed a turn after the first hold claims anew."""
    clock = Clock()
    pacer = pacer_of(clock, Pace())
    first, second = pacer.claim(), pacer.claim()
    for turn, seconds in ((first, 3.0), (second, 10.0)):
        pacer.answered(turn, throttled=True)
        pacer.throttled(turn, seconds, 0.5, 900)
        claimed = pacer.claim() if turn is first else None
        assert claimed is None or claimed.at == clock.now + 3
    assert pacer.claim().at == clock.now + 10
