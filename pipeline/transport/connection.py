"""One kept-alive HTTP/1.1 connection: what httpx asks for goes over a socket of ours, at a fifth of its cost.

The protocol is h11's, as it is in httpx: requests, answers and errors are httpx's. Left out is what a destination does
not need: pools, cookies, redirects, HTTP/2. Behind a proxy, and to sign requests, httpx's own client is used.
"""

from __future__ import annotations

import select
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

import h11
import httpx

from pipeline.transport.answer import Answer
from pipeline.transport.answer_limit import LARGEST_ANSWER, limit

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

PIECE_BYTES: Final = 65_536
LARGEST_HEAD: Final = 100 * 1024
"""Bytes of an answer's headers, as many as httpx allows."""
_PORTS: Final = {"http": 80, "https": 443}


class Client(Protocol):
    """The part of httpx.Client that a destination is reached by."""

    def send(self, request: httpx.Request, *, stream: bool = False, auth: httpx.Auth | None = None) -> httpx.Response:
        """One attempt at one request. Raises httpx.RequestError."""
        ...

    def close(self) -> None:
        """Closes all connections."""
        ...


class Connection:
    """A Client for one thread. `limit_seconds`: how long a request may take, from its first byte to its answer's last.

    A socket that the other side has closed meanwhile is replaced before anything is sent, so that nobody needs to ask
    whether a request on it took effect.
    """

    def __init__(self, limit_seconds: float, tls: ssl.SSLContext) -> None:
        self._limit_seconds, self._tls = limit_seconds, tls
        self._origin: tuple[str, str, int | None] | None = None
        self._socket: socket.socket | None = None
        self._protocol = _protocol()
        self._ends = 0.0

    def send(
        self,
        request: httpx.Request,
        *,
        stream: bool = False,  # noqa: ARG002 - the protocol has it: this answer is read already
        auth: httpx.Auth | None = None,
    ) -> httpx.Response:
        """The whole answer."""
        if auth is not None:
            raise ValueError("a connection signs nothing")
        self._ends = time.monotonic() + self._limit_seconds
        whole = False
        try:
            with _as_httpx(httpx.ConnectError, httpx.ConnectTimeout, request):
                link = self._opened(request.url)
            message = self._message(request)
            with _as_httpx(httpx.WriteError, httpx.WriteTimeout, request):
                self._write(link, message)
            with _as_httpx(httpx.ReadError, httpx.ReadTimeout, request):
                response = self._read(link, request)
            whole = True
        finally:
            if not whole or self._protocol.our_state is not h11.DONE or self._protocol.their_state is not h11.DONE:
                self.close()
            else:
                self._protocol.start_next_cycle()
        return response

    def close(self) -> None:
        """The next request opens another socket."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._protocol = None, _protocol()

    def _opened(self, url: httpx.URL) -> socket.socket:
        origin = (url.scheme, url.raw_host.decode("ascii"), url.port)
        if self._socket is not None and (origin != self._origin or _is_readable(self._socket)):
            self.close()
        if self._socket is None:
            scheme, host, port = self._origin = origin
            link = socket.create_connection((host, port or _PORTS[scheme]), self._left())
            try:
                link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._socket = self._tls.wrap_socket(link, server_hostname=host) if scheme == "https" else link
            except BaseException:
                link.close()
                raise
        return self._socket

    def _message(self, request: httpx.Request) -> bytes:
        """The request in one piece, since each piece costs a system call and a turn at the interpreter."""
        with _as_httpx(httpx.LocalProtocolError, httpx.LocalProtocolError, request):
            head = h11.Request(
                method=request.method.encode("ascii"), target=request.url.raw_path, headers=request.headers.raw
            )
            parts = [self._protocol.send(head), self._protocol.send(h11.Data(data=request.read()))]
            return b"".join(part for part in (*parts, self._protocol.send(h11.EndOfMessage())) if part)

    def _write(self, link: socket.socket, message: bytes) -> None:
        link.settimeout(self._left())
        try:
            link.sendall(message)
        except (BrokenPipeError, ConnectionResetError):
            # Whoever refuses a body before its end has answered already.
            self._protocol.send_failed()

    def _read(self, link: socket.socket, request: httpx.Request) -> httpx.Response:
        head: h11.Response | None = None
        pieces: list[bytes] = []
        size = 0
        while True:
            event = self._protocol.next_event()
            if event is h11.NEED_DATA:
                link.settimeout(self._left())
                received = link.recv(PIECE_BYTES)
                if not received and head is None:
                    raise h11.RemoteProtocolError("the server disconnected without an answer")
                self._protocol.receive_data(received)
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                pieces.append(bytes(event.data))
                size += len(event.data)
                if size > LARGEST_ANSWER:
                    raise httpx.ReadError(f"the answer is larger than {LARGEST_ANSWER:,} bytes", request=request)
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                break
            elif not isinstance(event, h11.InformationalResponse):
                raise h11.RemoteProtocolError("the server disconnected before the end of its answer")
        return _response(head, b"".join(pieces), request)

    def _left(self) -> float:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer did not end within the time limit")
        return left


def _protocol() -> h11.Connection:
    return h11.Connection(h11.CLIENT, max_incomplete_event_size=LARGEST_HEAD)


def _response(head: h11.Response, body: bytes, request: httpx.Request) -> httpx.Response:
    """As httpx has it; a body that was packed is unpacked when it is read, and no further than to the limit."""
    headers = head.headers.raw_items()
    if any(name == b"content-encoding" for name, _ in head.headers):
        packed = httpx.Response(head.status_code, headers=headers, stream=httpx.ByteStream(body), request=request)
        limit(packed)
        return packed
    return Answer(head.status_code, headers=headers, content=body, request=request)


def _is_readable(link: socket.socket) -> bool:
    """Between two requests: the other side has closed it, or says what nobody asked for."""
    poll = select.poll()
    poll.register(link, select.POLLIN)
    return bool(poll.poll(0))


@contextmanager
def _as_httpx(
    failed: type[httpx.RequestError], timed_out: type[httpx.RequestError], request: httpx.Request
) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise timed_out(str(error), request=request) from error
    except OSError as error:
        raise failed(str(error), request=request) from error
    except h11.LocalProtocolError as error:
        raise httpx.LocalProtocolError(str(error), request=request) from error
    except h11.RemoteProtocolError as error:
        raise httpx.RemoteProtocolError(str(error), request=request) from error
