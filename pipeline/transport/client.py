"""What requests go out by: a connection of our own, signed where the destination wants it; behind a proxy, httpx's."""

from __future__ import annotations

import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Final, Protocol

import httpx

from pipeline.transport.answer import Answer
from pipeline.transport.answer_limit import limit

if TYPE_CHECKING:
    from pipeline.transport.watchdog import Watchdog

NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.LocalProtocolError)
"""Failures before the first byte of the request: it has certainly not taken effect."""


class Client(Protocol):
    """The way to a destination, for one thread."""

    def exchange(self, request: httpx.Request) -> httpx.Response:
        """The whole answer to one request, within the time limit. Raises httpx.RequestError."""
        ...

    def close(self) -> None:
        """Closes all connections."""
        ...


class SignedClient:
    """A client whose requests are signed, each attempt anew, as httpx's own client would do it."""

    def __init__(self, client: Client, auth: httpx.Auth) -> None:
        self._client, self._auth = client, auth

    def exchange(self, request: httpx.Request) -> httpx.Response:
        """The last answer: a signature may be given another one for it, as by another clock."""
        flow = self._auth.sync_auth_flow(request)
        with closing(flow):
            answer = self._client.exchange(next(flow))
            with suppress(StopIteration):
                while True:
                    answer = self._client.exchange(flow.send(answer))
        return answer

    def close(self) -> None:
        """Closes all connections."""
        self._client.close()


class WatchedClient:
    """httpx's client, whose own time limit is for one read: a watchdog ends what drips in for longer."""

    def __init__(self, client: httpx.Client, limit_seconds: float, watchdog: Watchdog) -> None:
        self._client, self._limit_seconds, self._watchdog = client, limit_seconds, watchdog
        client.event_hooks["response"].append(limit)

    def exchange(self, request: httpx.Request) -> httpx.Response:
        """The whole answer. An end is put to it when its time is over, though each of its bytes came in time."""
        with self._watchdog.watching(self._limit_seconds) as watch:
            request.extensions = {**request.extensions, "trace": watch.trace}
            try:
                response = self._client.send(request, stream=True)
                pieces: list[bytes] = []
                try:
                    for piece in response.iter_bytes():
                        pieces.append(piece)
                        if time.monotonic() > watch.ends:
                            raise httpx.ReadTimeout("the answer did not end within the time limit", request=request)
                finally:
                    response.close()
            except httpx.RequestError as error:
                if watch.overdue and not isinstance(error, NOT_SENT):
                    raise httpx.ReadTimeout("the answer did not end within the time limit", request=request) from None
                raise
        return Answer(response.status_code, response.headers.raw, b"".join(pieces), request)

    def close(self) -> None:
        """Closes all connections."""
        self._client.close()
