"""How much is asked at once: halved, grown again, and never below one."""

from __future__ import annotations

import threading

import polars as pl
import pytest

from pipeline.errors import Interrupted, Unreachable
from pipeline.pacing.governor import GROWN_AFTER, Governor


def rows(count: int) -> pl.DataFrame:
    """Numbered rows."""
    return pl.DataFrame({"row": range(count)})


def test_rows_and_requests_are_halved_down_to_one_and_grown_again() -> None:
    """Each time-out halves both; each ten answers in time are a step up, until all is as before."""
    governor, stop = Governor(4), threading.Event()
    sizes = []
    for part in governor.parts(rows(40)):
        sizes.append(part.height)
        with governor.flight(stop):
            governor.timed_out()
    assert sizes == [40]
    for part in governor.parts(rows(40)):
        sizes.append(part.height)
        with governor.flight(stop):
            governor.timed_out()
    assert sizes[1:6] == [20, 10, 5, 2, 1]
    assert set(sizes[6:]) == {1}
    assert (governor.in_flight, governor.lowest_in_flight, governor.lowest_rows) == (1, 1, 1)
    for _ in range(10 * GROWN_AFTER):
        governor.in_time()
    assert (governor.in_flight, governor.rows) == (4, None)
    assert (governor.lowest_in_flight, governor.lowest_rows) == (1, 1)


def test_those_in_flight_together_count_once() -> None:
    """Four requests that time out together halve once, not four times."""
    governor, stop = Governor(8), threading.Event()
    flown = threading.Barrier(4)

    def work() -> None:
        for _ in governor.parts(rows(64)):
            with governor.flight(stop):
                flown.wait(60)
                governor.timed_out()
                flown.wait(60)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (governor.in_flight, governor.rows) == (4, 32)


def test_no_more_fly_than_are_let() -> None:
    """Who would be one too many waits, and is let go by a stop."""
    governor, stop = Governor(1), threading.Event()
    with governor.flight(stop):
        stop.set()
        with pytest.raises(Interrupted), governor.flight(stop):
            raise AssertionError
    stop.clear()
    with governor.flight(stop):
        pass


def test_every_row_is_handed_out_once_in_its_order() -> None:
    """Whatever the sizes of the parts become on the way."""
    governor = Governor()
    seen: list[int] = []
    for number, part in enumerate(governor.parts(rows(50))):
        seen += part["row"].to_list()
        if number < 3:
            governor.too_large()
        else:
            for _ in range(GROWN_AFTER):
                governor.in_time()
    governor.rows = 7
    for number, part in enumerate(governor.parts(rows(50))):
        seen += part["row"].to_list()
        if number % 2:
            governor.too_large()
    assert seen == [*range(50), *range(50)]


def test_what_is_read_in_vain_is_read_in_smaller_parts() -> None:
    """A vendor who answers for at most five rows is asked for five at a time, and for all of them."""
    governor = Governor()
    asked: list[int] = []

    def read(part: pl.DataFrame) -> pl.DataFrame:
        asked.append(part.height)
        if part.height > 5:
            governor.timed_out()
            raise Unreachable("no answer")
        return part

    assert governor.read(rows(48), read)["row"].to_list() == list(range(48))
    assert max(asked[3:]) <= 5
    assert governor.read(rows(0), read).is_empty()


def test_an_outage_is_not_taken_for_a_size() -> None:
    """Where nothing was halved, or one row is too much, the error is told."""
    governor = Governor()

    def dead(_: pl.DataFrame) -> pl.DataFrame:
        raise Unreachable("no answer")

    with pytest.raises(Unreachable):
        governor.read(rows(48), dead)

    def slow(_: pl.DataFrame) -> pl.DataFrame:
        governor.timed_out()
        raise Unreachable("no answer")

    with pytest.raises(Unreachable):
        governor.read(rows(48), slow)
