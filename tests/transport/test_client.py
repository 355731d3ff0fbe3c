"""Requests that are signed go out by a connection of our own, like all others."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import httpx
import pytest

from pipeline.destinations.interface import Kind, Verdict
from pipeline.pacing.allowance import Pace
from pipeline.pacing.turns import Pacer
from pipeline.transport.client import SignedClient
from pipeline.transport.sending import Attempt, Transport
from tests.transport.test_connection import OK, connection, peer, post

if TYPE_CHECKING:
    from collections.abc import Generator

STALE = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 5\r\n\r\nstale"


class Numbered(httpx.Auth):
    """Signs with a number; where the answer is 401, once more with the next one."""

    def __init__(self) -> None:
        self.number = 0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """As httpx calls it."""
        for _ in range(2):
            self.number += 1
            request.headers["x-number"] = str(self.number)
            response = yield request
            if response.status_code != 401:
                return


def numbers(heard: list[bytes]) -> list[bytes]:
    """The signature of each request."""
    return [said.partition(b"x-number: ")[2].partition(b"\r\n")[0] for said in heard]


def test_each_attempt_is_signed_anew_and_once_more_where_the_signature_wants_it() -> None:
    """All of it over one socket; the last answer is the answer."""
    with peer([OK, STALE, OK, STALE, STALE]) as other, connection() as mine:
        client = SignedClient(mine, Numbered())
        assert [client.exchange(post(other.url)).text for _ in range(3)] == ["ok", "ok", "stale"]
        client.close()
    assert [numbers(heard) for heard in other.heard] == [[b"1", b"2", b"3", b"4", b"5"]]


def test_what_fails_fails_as_it_would_without_a_signature() -> None:
    """No answer is no second attempt."""
    with peer([b""]) as other, connection() as mine:
        client = SignedClient(mine, Numbered())
        with pytest.raises(httpx.RemoteProtocolError):
            client.exchange(post(other.url))
    assert [numbers(heard) for heard in other.heard] == [[b"1"]]


def test_what_comes_behind_an_answer_confirms_no_signed_request() -> None:
    """As for requests without a signature, the second answer is waited for, and comes from the second connection."""
    stop, log = threading.Event(), list[Attempt]()
    transport = Transport(lambda _: Verdict(Kind.OK), 5, Pacer(Pace(), stop), stop, auth=Numbered())
    first, more, second = (OK.replace(b"ok", b"%d" % number) for number in (11, 22, 33))
    with peer([first + more, second], [second]) as other, transport:
        send = transport.sender(log)
        assert [send(post(other.url), repeatable=False).body for _ in range(2)] == [11, 33]
    assert [numbers(heard)[0] for heard in other.heard] == [b"1", b"2"]
