"""Requests that never end by themselves are ended, on real sockets."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from pipeline.destinations.interface import Kind, Verdict
from pipeline.pacing.allowance import Pace
from pipeline.pacing.turns import Pacer
from pipeline.transport.sending import Attempt, Patience, Transport
from pipeline.transport.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Iterator

ONCE = Patience(1, 0.001, 0.001, 10)
LIMIT = 1.5
"""Seconds for a request: enough to connect in on a busy machine."""
DRIPS = {
    "headers": (b"HTTP/1.1 200 OK\r\n", b"x-more: 1\r\n"),
    "the status line": (b"HTTP/1.1 200 ", b"O"),
    "a body": (b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n", b"x"),
}


@contextmanager
def dripping(first: bytes, then: bytes) -> Iterator[str]:
    """A server that answers, and goes on with its answer for ever."""
    ended = threading.Event()

    def serve(listener: socket.socket) -> None:
        while not ended.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                try:
                    connection.sendall(first)
                    while not ended.wait(0.02):
                        connection.sendall(then)
                except OSError:
                    continue

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        ended.set()
        # The server waits for a caller, or for the next drop.
        socket.create_connection(listener.getsockname()).close()
        thread.join(5)


@pytest.mark.parametrize("kind", ["connection", "httpx"])
@pytest.mark.parametrize(("first", "then"), DRIPS.values(), ids=DRIPS)
def test_what_drips_in_for_ever_is_ended_in_time(first: bytes, then: bytes, kind: str) -> None:
    """Each byte comes in time; the answer as a whole does not, and is unclear. The next request is served."""
    stop, log = threading.Event(), list[Attempt]()
    with (
        dripping(first, then) as url,
        Transport(lambda _: Verdict(Kind.OK), LIMIT, Pacer(Pace(), stop), stop, ONCE) as t,
    ):
        if kind == "httpx":
            # As behind a proxy, and where requests are signed.
            t.make_client = lambda: t.watched(httpx.Client(timeout=LIMIT))
        begun = time.monotonic()
        for _ in range(2):
            reply = t.sender(log)(httpx.Request("POST", url, content=b"{}"), repeatable=False)
            assert (reply.unclear, reply.verdict.code) == (True, "ReadTimeout")
        assert time.monotonic() - begun < 30
    assert len(log) == 2


def test_a_connection_that_comes_too_late_sends_nothing() -> None:
    """Where the name or the connection took the time, the request is ended before its first byte."""
    watchdog = Watchdog()
    near, far = socket.socketpair()

    class Stream:
        def get_extra_info(self, _: str) -> socket.socket:
            return near

    with near, far:
        with watchdog.watching(5) as watch:
            watch.shut()
            with pytest.raises(httpx.ConnectTimeout):
                watch.trace("connection.connect_tcp.complete", {"return_value": Stream()})
        assert far.recv(1) == b""
        assert near.fileno() == -1
    watchdog.close()
