"""One kept-alive HTTP/1.1 connection: what httpx asks for goes over a socket of ours, at a quarter of its cost.

Requests, answers and errors are httpx's. Left out is what a destination does not need: pools, cookies, redirects, HEAD,
bodies of unknown length, HTTP/2. Behind a proxy httpx's own client is used.
"""

from __future__ import annotations

import re
import select
import socket
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import httptools
import httpx

from pipeline.transport.answer import Answer
from pipeline.transport.answer_limit import LARGEST_ANSWER, limit
from pipeline.transport.incoming import Incoming

if TYPE_CHECKING:
    import ssl

PIECE_BYTES: Final = 65_536
_PORTS: Final = {"http": 80, "https": 443}
_TOKEN: Final = re.compile(rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+")
_TARGET: Final = re.compile(rb"[!-~]+")
_VALUE: Final = re.compile(rb"(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?")
"""What a request's head is made of (RFC 9110)."""
NOT_SPOKEN: Final = frozenset({b"transfer-encoding", b"expect", b"upgrade", b"te", b"trailer"})
"""Headers that announce what this connection does not do."""
_FAILED: Final = {
    "connect": (httpx.ConnectError, httpx.ConnectTimeout),
    "write": (httpx.WriteError, httpx.WriteTimeout),
    "read": (httpx.ReadError, httpx.ReadTimeout),
}
"""How httpx calls what fails at each step, and what takes too long."""


class Connection:
    """A Client for one thread. `limit_seconds`: how long a request may take, from its first byte to its answer's last.

    A socket that the other side has closed meanwhile is replaced before anything is sent, so that nobody needs to ask
    whether a request on it took effect.
    """

    def __init__(self, limit_seconds: float, tls: ssl.SSLContext) -> None:
        self._limit_seconds, self._tls = limit_seconds, tls
        self._origin: tuple[str, str, int | None] | None = None
        self._socket: socket.socket | None = None
        self._incoming = Incoming()
        self._ends = 0.0

    def exchange(self, request: httpx.Request) -> httpx.Response:
        """The whole answer to one request."""
        self._ends = time.monotonic() + self._limit_seconds
        message, step, may_go_on = _message(request), "connect", False
        try:
            link = self._opened(request.url)
            step = "write"
            is_sent = self._write(link, message)
            step = "read"
            answer = self._read(link, request)
            may_go_on = is_sent and self._incoming.may_go_on
        except TimeoutError as error:
            raise _FAILED[step][1](str(error), request=request) from error
        except OSError as error:
            raise _FAILED[step][0](str(error), request=request) from error
        except httptools.HttpParserError as error:
            raise httpx.RemoteProtocolError(str(error), request=request) from error
        finally:
            if not may_go_on:
                self.close()
        return answer

    def close(self) -> None:
        """The next request opens another socket."""
        if self._socket is not None:
            self._socket.close()
        self._incoming.end()
        self._socket, self._incoming = None, Incoming()

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

    def _write(self, link: socket.socket, message: bytes) -> bool:
        """Whether all of it was taken. Whoever refuses a body before its end has answered already."""
        link.settimeout(self._left())
        try:
            link.sendall(message)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def _read(self, link: socket.socket, request: httpx.Request) -> httpx.Response:
        incoming = self._incoming
        incoming.begin()
        while not incoming.is_whole:
            link.settimeout(self._left())
            incoming.feed(link.recv(PIECE_BYTES))
            if incoming.size > LARGEST_ANSWER:
                raise httpx.ReadError(f"the answer is larger than {LARGEST_ANSWER:,} bytes", request=request)
        return _answer(incoming, request)

    def _left(self) -> float:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer did not end within the time limit")
        return left


def _message(request: httpx.Request) -> bytes:
    """The request in one piece, since each piece costs a system call and a turn at the interpreter.

    Raises LocalProtocolError where it cannot be written down, or its headers say another length than the body has: what
    is left over would begin another request.
    """
    method, target, body = request.method.encode("ascii"), request.url.raw_path, request.read()
    lines, lengths, hosts = [], [], 0
    for name, value in request.headers.raw:
        kind = name.lower()
        if kind == b"content-length":
            lengths.append(value)
        else:
            lines.append(_line(name, value))
            hosts += kind == b"host"
    framed = hosts == 1 and lengths == ([b"%d" % len(body)] if body or lengths else [])
    if not framed or b"" in lines or method == b"HEAD" or not (_TOKEN.fullmatch(method) and _TARGET.fullmatch(target)):
        raise httpx.LocalProtocolError("a method, target or header that cannot be sent", request=request)
    lines += [b"content-length: %b\r\n" % length for length in lengths]
    return b"%b %b HTTP/1.1\r\n%b\r\n%b" % (method, target, b"".join(lines), body)


@lru_cache(maxsize=256)
def _line(name: bytes, value: bytes) -> bytes:
    """A header as it is sent; empty where it cannot be. All but the length are the same in most requests."""
    good = _TOKEN.fullmatch(name) and _VALUE.fullmatch(value) and name.lower() not in NOT_SPOKEN
    return b"%b: %b\r\n" % (name, value) if good else b""


def _answer(incoming: Incoming, request: httpx.Request) -> httpx.Response:
    """As httpx has it; a body that was packed is unpacked, no further than to the limit."""
    body = incoming.take()
    if all(name.lower() != b"content-encoding" for name, _ in incoming.headers):
        return Answer(incoming.status, incoming.headers, body, request)
    stream = httpx.ByteStream(body)
    packed = httpx.Response(incoming.status, headers=incoming.headers, stream=stream, request=request)
    limit(packed)
    return Answer(incoming.status, packed.headers.raw, packed.read(), request)


def _is_readable(link: socket.socket) -> bool:
    """Between two requests: the other side has closed it, or says what nobody asked for."""
    poll = select.poll()
    poll.register(link, select.POLLIN)
    return bool(poll.poll(0))
