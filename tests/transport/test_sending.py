"""The transport: pacing, retries, time limits and what is unclear, over real sockets."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.destinations.halting import shown
from pipeline.destinations.interface import Kind, Verdict
from pipeline.errors import Interrupted, Refused, Unreachable
from pipeline.pacing.allowance import Pace
from pipeline.pacing.turns import Pacer
from pipeline.transport.sending import Attempt, Patience, Transport
from tests.delivery.world import KEY, contacts_of
from tests.destinations.acoustic_connect.bench import adapter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.delivery.world import World

pytest_plugins = ["tests.delivery.fixtures"]

QUICK = Patience(attempts=3, first_wait_seconds=0.005, longest_wait_seconds=0.02, limit_seconds=60)
# What no answer on this machine takes, however busy it is; tests of a time limit give a fault that lasts longer.
AMPLE = 30
UPDATE = (
    '{"query":"mutation($d:ID!,$r:[UpdateContactInput!]){updateContacts(dataSetId:$d,updateContactInputs:$r)'
    '{modifiedCount}}","variables":{"d":"4fe4136f-c007-44a3-b38f-922200000000",'
    '"r":[{"key":"C-0001","to":{"attributes":[{"name":"Points","value":7}]}}]}}'
)


def update(url: str) -> httpx.Request:
    """A mutation that gives C-0001 seven points."""
    return httpx.Request("POST", url, headers={"x-api-key": KEY, "content-type": "application/json"}, content=UPDATE)


@contextmanager
def transport(
    world: World, patience: Patience = QUICK, *, seconds: float = AMPLE, per_second: float | None = None
) -> Iterator[Transport]:
    """A transport that judges as Acoustic Connect's adapter does."""
    stop = threading.Event()
    judge = adapter(world).classify
    with Transport(judge, seconds, Pacer(Pace(per_second), stop), stop, patience) as made:
        yield made


@pytest.fixture
def seeded(world: World) -> World:
    """One contact."""
    world.seed(contacts_of(1))
    return world


def points(world: World) -> Any:
    """What the sandbox has."""
    [(attributes, _)] = world.stored()["C-0001"]
    return attributes.get("Points")


@pytest.mark.parametrize(
    ("fault", "least", "most"),
    [
        ({"retry_after": 0.4}, 0.4, AMPLE),
        ({"retry_after": 1, "retry_after_form": "date"}, 0.9, AMPLE),
        ({"retry_after": 0}, 0, AMPLE),
        ({}, 0, AMPLE),
    ],
)
def test_a_throttled_request_waits_as_long_as_it_is_told(
    seeded: World, fault: dict[str, Any], least: float, most: float
) -> None:
    """`Retry-After` in seconds or as a date is kept; without it the wait is short."""
    seeded.sandbox.faults([{"fault": "throttle", "nth": [1]} | fault])
    with transport(seeded) as t:
        begun = time.monotonic()
        reply = t.sender([])(update(seeded.sandbox.url), repeatable=False)
    assert reply.verdict.kind is Kind.OK
    assert least <= time.monotonic() - begun <= most
    assert [entry.status for entry in seeded.mutations()] == [429, 200]


@pytest.mark.parametrize("header", ["soon", "Thu, 01 Jan 1970 00:00:00 GMT", "-5", "nan", "inf", "1e999"])
def test_a_strange_retry_after_neither_fails_nor_blocks(seeded: World, header: str) -> None:
    """A header that says nothing usable, or a time gone by, leaves the usual wait."""
    answers = iter([httpx.Response(429, headers={"retry-after": header}), httpx.Response(200, json={"data": {}})])
    with transport(seeded) as t:
        t.make_client = lambda: t.watched(httpx.Client(transport=httpx.MockTransport(lambda _: next(answers))))
        assert t.sender([])(update("http://127.0.0.1/"), repeatable=False).verdict.kind is Kind.OK


def test_throttling_uses_no_attempts(seeded: World) -> None:
    """More throttled answers than attempts still end in success."""
    seeded.sandbox.faults([{"fault": "throttle", "times": 9}])
    log: list[Attempt] = []
    with transport(seeded, Patience(1, 0.001, 0.002, 60)) as t:
        assert t.sender(log)(update(seeded.sandbox.url), repeatable=False).verdict.kind is Kind.OK
    assert [attempt.verdict for attempt in log] == ["throttled"] * 9 + ["ok"]
    assert [attempt.number for attempt in log] == list(range(1, 11))


def test_throttling_ends_with_the_time_limit(seeded: World) -> None:
    """A destination that throttles for ever is unreachable when the time is up."""
    seeded.sandbox.faults([{"fault": "throttle"}])
    with transport(seeded, Patience(3, 0.01, 0.02, 0.3)) as t:
        begun = time.monotonic()
        with pytest.raises(Unreachable, match="resume"):
            t.sender([])(update(seeded.sandbox.url), repeatable=True)
    assert time.monotonic() - begun < AMPLE


def test_a_retry_after_beyond_the_time_limit_is_not_cut_short(seeded: World) -> None:
    """Who is told to come back in an hour gives up at once instead of knocking earlier."""
    seeded.sandbox.faults([{"fault": "throttle", "retry_after": 3600}])
    with transport(seeded) as t:
        begun = time.monotonic()
        with pytest.raises(Unreachable):
            t.sender([])(update(seeded.sandbox.url), repeatable=True)
    assert time.monotonic() - begun < AMPLE
    assert len(seeded.mutations()) == 1


@pytest.mark.parametrize("per_second", [None, 20.0])
def test_one_throttled_answer_slows_every_thread(seeded: World, per_second: float | None) -> None:
    """After a 429 nobody sends until its time is over, not even who was already waiting for a turn."""
    seeded.sandbox.faults([{"fault": "throttle", "nth": [1], "retry_after": 0.5}])
    with transport(seeded, per_second=per_second) as t:
        answered = threading.Event()
        done: list[Kind] = []

        def judge(response: httpx.Response) -> Verdict:
            verdict = adapter(seeded).classify(response)
            if verdict.kind is Kind.THROTTLED:
                answered.set()
            return verdict

        t.classify = judge

        def work(wait_first: bool) -> None:
            if wait_first:
                assert answered.wait(AMPLE)
            done.append(t.sender([])(update(seeded.sandbox.url), repeatable=True).verdict.kind)

        threads = [threading.Thread(target=work, args=(n > 0,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(AMPLE)
    assert done == [Kind.OK] * 4
    times = [datetime.fromisoformat(entry.time) for entry in seeded.mutations()]
    # One request may have left between the answer and its judgement.
    assert sum((at - times[0]).total_seconds() < 0.45 for at in times) <= 2


def test_a_thread_that_waits_for_its_turn_is_held_too() -> None:
    """A hold that is placed while a caller waits for its turn delays that caller."""
    pacer = Pacer(Pace(20.0), threading.Event())
    first = pacer.turn()
    second = pacer.claim()
    pacer.answered(first, throttled=True)
    pacer.throttled(first, 0.3, 0.1, 10)
    assert not pacer.still(second)
    assert pacer.claim().at - pacer.clock() > 0.25


def test_the_pace_is_shared_by_all_threads(seeded: World) -> None:
    """`requests_per_second` holds for the sum over the threads."""
    with transport(seeded, per_second=50) as t:
        begun = time.monotonic()
        threads = [
            threading.Thread(target=lambda: t.sender([])(update(seeded.sandbox.url), repeatable=True))
            for _ in range(11)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(AMPLE)
    assert time.monotonic() - begun >= 10 / 50
    assert len(seeded.mutations()) == 11


def closed_port() -> str:
    """An address where nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"


@pytest.mark.parametrize("repeatable", [True, False])
def test_a_refused_connection_is_tried_again_and_certainly_not_sent(seeded: World, repeatable: bool) -> None:
    """Where nobody listens nothing can have taken effect, so that even a creation is tried again."""
    log: list[Attempt] = []
    with transport(seeded) as t, pytest.raises(Unreachable, match="consent-sync resume"):
        t.sender(log)(update(closed_port()), repeatable=repeatable)
    assert len(log) == QUICK.attempts


UNCLEAR: list[tuple[dict[str, Any], bool]] = [
    ({"fault": "reset", "at": "before_write"}, False),
    ({"fault": "reset", "at": "after_write"}, True),
    ({"fault": "reset", "at": "mid_answer"}, True),
    ({"fault": "server_error", "status": 502}, False),
    ({"fault": "server_error", "status": 500, "write": True}, True),
    ({"fault": "gateway_timeout"}, False),
    ({"fault": "gateway_timeout", "write": True}, True),
    ({"fault": "gateway_timeout", "write": True, "status": 200}, True),
    ({"fault": "truncated_json"}, True),
    ({"fault": "invalid_json"}, True),
    ({"fault": "drip", "seconds": 12, "pieces": 240}, True),
    ({"fault": "latency", "seconds": 3}, True),
]


def limit_for(fault: dict[str, Any]) -> float:
    """Less than a fault lasts that takes time; the others are answered at once, and no busy machine may end them."""
    return 1.5 if fault["fault"] in ("drip", "latency") else AMPLE


@pytest.mark.parametrize(("fault", "written"), UNCLEAR, ids=str)
def test_what_may_have_taken_effect_is_sent_once_and_unclear(
    seeded: World, fault: dict[str, Any], written: bool
) -> None:
    """A request that must not be repeated is not repeated, whether or not the fault hid a success."""
    seeded.sandbox.faults([fault])
    with transport(seeded, seconds=limit_for(fault)) as t:
        reply = t.sender([])(update(seeded.sandbox.url), repeatable=False)
        assert reply.unclear
        assert reply.verdict.kind is Kind.RETRY
    assert len(seeded.until(1)) == 1
    assert (points(seeded) == 7) == written


@pytest.mark.parametrize(("fault", "written"), UNCLEAR, ids=str)
def test_what_may_be_repeated_is_repeated_until_an_answer_is_clear(
    seeded: World, fault: dict[str, Any], written: bool
) -> None:
    """An update is sent again after every kind of unclear answer."""
    seeded.sandbox.faults([fault | {"nth": [1, 2]}])
    log: list[Attempt] = []
    with transport(seeded, seconds=limit_for(fault)) as t:
        reply = t.sender(log)(update(seeded.sandbox.url), repeatable=True)
    assert (reply.verdict.kind, reply.unclear) == (Kind.OK, False)
    assert [attempt.verdict for attempt in log] == ["retry", "retry", "ok"]
    assert len(seeded.until(3)) == 3
    assert points(seeded) == 7


def test_a_wrong_content_type_does_not_hide_a_good_answer(seeded: World) -> None:
    """The body is read whatever its label."""
    seeded.sandbox.faults([{"fault": "content_type"}])
    with transport(seeded) as t:
        assert t.sender([])(update(seeded.sandbox.url), repeatable=False).verdict.kind is Kind.OK


def test_an_answer_that_drips_in_ends_with_the_time_limit(seeded: World) -> None:
    """The limit is for the whole answer: pieces that keep coming do not prolong it."""
    seeded.sandbox.faults([{"fault": "drip", "seconds": 2 * AMPLE, "pieces": 20 * AMPLE}])
    with transport(seeded, seconds=0.3) as t:
        begun = time.monotonic()
        assert t.sender([])(update(seeded.sandbox.url), repeatable=False).unclear
    assert time.monotonic() - begun < AMPLE


def test_repeating_ends_with_the_attempts(seeded: World) -> None:
    """A destination that is broken for good is asked as often as patience says, then handed back as unclear."""
    seeded.sandbox.faults([{"fault": "server_error"}])
    with transport(seeded) as t:
        assert t.sender([])(update(seeded.sandbox.url), repeatable=True).unclear
    assert len(seeded.mutations()) == QUICK.attempts


@given(attempts=st.integers(1, 6), first=st.floats(0.0001, 0.002), longest=st.floats(0.002, 0.004))
def test_waits_between_attempts_stay_below_the_longest(attempts: int, first: float, longest: float) -> None:
    """Full jitter: whatever the numbers, all waits together are at most attempts times the longest."""
    waits: list[float] = []

    class Noting(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout or 0)
            return False

    stop = Noting()
    patience = Patience(attempts, first, longest, 10)
    answer: Callable[[httpx.Request], httpx.Response] = lambda _: httpx.Response(503)  # noqa: E731
    with Transport(lambda _: Verdict(Kind.RETRY), 1, Pacer(Pace(), stop), stop, patience) as t:
        t.make_client = lambda: t.watched(httpx.Client(transport=httpx.MockTransport(answer)))
        t.sender([])(update("http://127.0.0.1/"), repeatable=True)
    assert len(waits) == attempts - 1
    assert all(0 <= seconds <= longest for seconds in waits)
    assert all(seconds <= first * 2**number for number, seconds in enumerate(waits))


def test_a_body_that_cannot_be_unpacked_is_unclear(seeded: World) -> None:
    """An answer that says it is compressed and is not, is a verdict like any other broken answer."""
    packed = httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"not gzip"))
    with transport(seeded) as t:
        t.make_client = lambda: t.watched(httpx.Client(transport=httpx.MockTransport(lambda _: packed)))
        assert t.sender([])(update("http://127.0.0.1/"), repeatable=False).unclear


def test_redirects_are_not_followed(seeded: World) -> None:
    """Consent goes where the settings say and nowhere else."""
    asked: list[str] = []

    def redirect(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(307, headers={"location": "http://elsewhere.example.com/"})

    with transport(seeded) as t:
        t.make_client = lambda: t.watched(httpx.Client(transport=httpx.MockTransport(redirect)))
        t.sender([])(update("http://127.0.0.1/"), repeatable=False)
    assert asked == ["http://127.0.0.1/"]


def test_a_stop_ends_every_wait_at_once(seeded: World) -> None:
    """A run that is stopped does not wait out a Retry-After."""
    seeded.sandbox.faults([{"fault": "throttle", "retry_after": 2 * AMPLE}])
    with transport(seeded, replace(QUICK, limit_seconds=3 * AMPLE)) as t:
        timer = threading.Timer(0.2, t.stop.set)
        timer.start()
        begun = time.monotonic()
        with pytest.raises(Interrupted):
            t.sender([])(update(seeded.sandbox.url), repeatable=True)
        timer.join()
    assert time.monotonic() - begun < AMPLE


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [(403, "Forbidden", "refuses the credentials"), (404, "Not Found", "refuses the configuration")],
)
def test_a_halting_answer_is_an_error_after_one_request(
    seeded: World, status: int, message: str, expected: str
) -> None:
    """What would be refused for every request is not asked twice."""
    seeded.sandbox.faults([{"fault": "answer", "status": status, "body": {"message": message}}])
    with transport(seeded) as t, pytest.raises(Refused, match=expected):
        t.sender([])(update(seeded.sandbox.url), repeatable=True)
    assert len(seeded.mutations()) == 1


@pytest.mark.parametrize("said", ["ann@example.com", "+1 212 555 0123", "(212) 555-0123", "2125550123"])
def test_addresses_are_left_out_of_messages_for_the_operator(said: str) -> None:
    """A vendor's message is shown without what looks like an address or a number in it."""
    text = shown(Verdict(Kind.HALT, "X", f"Variable got '{said}' at rows; data set 4fe4136f-c007-44a3-922200000000"))
    assert said not in text
    assert "555" not in text
    assert "4fe4136f-c007-44a3-922200000000" in text
