"""A connection of our own: httpx's answers and errors, over sockets whose other end is scripted."""

from __future__ import annotations

import gc
import gzip
import socket
import ssl
import threading
import weakref
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import httptools
import httpx
import pytest
import trustme

from pipeline.transport.connection import Connection
from pipeline.transport.incoming import LARGEST_HEAD, Incoming

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked \r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Peer:
    """Serves one script per accepted connection: for each request the bytes to answer; None ends the connection."""

    def __init__(self, scripts: Sequence[Sequence[bytes | None]], tls: ssl.SSLContext | None = None) -> None:
        self.scripts, self.tls = scripts, tls
        self.heard: list[list[bytes]] = []
        self.listening = socket.create_server(("127.0.0.1", 0))
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self.listening.getsockname()[1]}/path?q=1"

    def serve(self) -> None:
        """Plays the scripts to their end."""
        for script in self.scripts:
            plain, _ = self.listening.accept()
            heard: list[bytes] = []
            self.heard.append(heard)
            # A caller who does not trust the certificate hangs up.
            with plain, suppress(ssl.SSLError, ConnectionError), self._greeted(plain) as link:
                self._play(script, link, heard)

    def _greeted(self, link: socket.socket) -> socket.socket:
        return self.tls.wrap_socket(link, server_side=True) if self.tls else link

    def _play(self, script: Sequence[bytes | None], link: socket.socket, heard: list[bytes]) -> None:
        for answer in script:
            if answer is None:
                break
            heard.append(_request(link))
            if not heard[-1]:
                break
            link.sendall(answer)


def _request(link: socket.socket) -> bytes:
    received = b""
    while True:
        head, end, body = received.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        if end and len(body) >= int(length or 0):
            return received
        if not (piece := link.recv(65_536)):
            return b""
        received += piece


@contextmanager
def peer(*scripts: Sequence[bytes | None], tls: ssl.SSLContext | None = None) -> Iterator[Peer]:
    """A peer that has played all of its scripts when the block ends."""
    made = Peer(scripts, tls)
    thread = threading.Thread(target=made.serve)
    thread.start()
    try:
        yield made
        thread.join(5)
        assert not thread.is_alive()
    finally:
        made.listening.close()


@contextmanager
def connection(seconds: float = 5, tls: ssl.SSLContext | None = None) -> Iterator[Connection]:
    """A connection that is closed afterwards."""
    made = Connection(seconds, tls or ssl.create_default_context())
    try:
        yield made
    finally:
        made.close()


def post(url: str, body: bytes = b"body") -> httpx.Request:
    """A request as the adapters make it."""
    return httpx.Request("POST", url, headers={"x-api-key": "k"}, content=body)


def test_a_request_travels_as_httpx_would_send_it() -> None:
    """Method, target, headers and body are those of the request."""
    with peer([OK]) as other, connection() as mine:
        response = mine.exchange(post(other.url))
        mine.close()
    head, _, body = other.heard[0][0].partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert (response.status_code, response.read(), body) == (200, b"ok", b"body")
    assert lines[0] == b"post /path?q=1 http/1.1"
    assert {b"x-api-key: k", b"content-length: 4"} <= set(lines)


def test_the_next_request_takes_the_same_socket() -> None:
    """A connection is kept alive."""
    with peer([OK, OK]) as other, connection() as mine:
        assert [mine.exchange(post(other.url)).text for _ in range(2)] == ["ok", "ok"]
        mine.close()
    assert [len(heard) for heard in other.heard] == [2]


def test_a_socket_that_was_closed_meanwhile_is_replaced_before_anything_is_sent() -> None:
    """Nobody has to ask whether a request on a dead connection took effect."""
    with peer([OK, None], [OK]) as other, connection() as mine:
        mine.exchange(post(other.url))
        assert mine._socket is not None
        assert mine._socket.recv(1, socket.MSG_PEEK) == b""  # the other side has closed it by now
        assert mine.exchange(post(other.url)).text == "ok"
        mine.close()
    assert [len(heard) for heard in other.heard] == [1, 1]


@pytest.mark.parametrize("answer", [OK.replace(b"OK\r\n", b"OK\r\nconnection: close\r\n"), OK.replace(b"1.1", b"1.0")])
def test_a_connection_that_is_to_end_is_not_used_again(answer: bytes) -> None:
    """`Connection: close` and HTTP/1.0 are heeded."""
    with peer([answer], [OK]) as other, connection() as mine:
        assert [mine.exchange(post(other.url)).text for _ in range(2)] == ["ok", "ok"]
        mine.close()
    assert [len(heard) for heard in other.heard] == [1, 1]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", "abc"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, "ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", ""),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil it ends", "until it ends"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx-more: 1\r\n\r\n", "a"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked \r\n\r\n1  \r\na\r\n0\r\n\r\n", "a"),
        (OK.replace(b"\r\n", b"\n"), "ok"),
        (b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + OK, "ok"),
        (
            b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n%s"
            % (len(packed := gzip.compress(b"packed", mtime=0)), packed),
            "packed",
        ),
    ],
)
def test_answers_of_all_shapes_are_read(answer: bytes, text: str) -> None:
    """In chunks, after an informational answer, without a body, as long as the connection lasts, packed."""
    with peer([answer]) as other, connection() as mine:
        assert b"".join(mine.exchange(post(other.url)).iter_bytes()).decode() == text
        mine.close()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", httpx.RemoteProtocolError),
        (OK[:-1], httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nconte", httpx.RemoteProtocolError),
        (b"nonsense\r\n\r\n", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 2\r\n\r\nok", httpx.RemoteProtocolError),
        (OK.replace(b"length: 2", b"length: 2\r\ncontent-length: 1"), httpx.RemoteProtocolError),
        (b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000, httpx.RemoteProtocolError),
        (CHUNKED + b"5\r\n{}", httpx.RemoteProtocolError),
        (CHUNKED.replace(b"chunked", b"gzip") + b"{}", httpx.RemoteProtocolError),
        (CHUNKED.replace(b"chunked", b"chunked\r\ntransfer-encoding: gzip") + b"{}", httpx.RemoteProtocolError),
        (b"HTTP/1.1 099 No\r\ncontent-length: 3\r\n\r\nabc" + OK, httpx.RemoteProtocolError),
        (CHUNKED + b"1\r\na\r\n0\r\nx: " + b"y" * 200_000, httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\nok", httpx.DecodingError),
    ],
)
def test_an_answer_that_breaks_off_is_an_error_and_the_next_request_is_whole(
    answer: bytes, error: type[httpx.RequestError]
) -> None:
    """The rest of a broken answer is never taken for the answer to another request."""
    with peer([answer], [OK]) as other, connection() as mine:
        with pytest.raises(error):
            mine.exchange(post(other.url))
        assert mine.exchange(post(other.url)).text == "ok"
        mine.close()


UPGRADE = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"


@pytest.mark.parametrize("behind", [OK.replace(b"ok", b"NO"), OK[:20], b"nonsense", b"\0", UPGRADE])
def test_what_comes_behind_an_answer_is_the_answer_to_nothing(behind: bytes) -> None:
    """A second answer to one request would be taken for a confirmation of the next: the connection is given up."""
    with peer([OK + behind, OK], [OK]) as other, connection() as mine:
        assert [mine.exchange(post(other.url)).text for _ in range(2)] == ["ok", "ok"]
        mine.close()
    assert [len([said for said in heard if said]) for heard in other.heard] == [1, 1]


def test_nothing_is_kept_of_a_connection_that_has_ended() -> None:
    """Its last answer is not left to the garbage collector, which is asked rarely while contacts are read."""
    ending = OK.replace(b"OK\r\n", b"OK\r\nconnection: close\r\n")
    gc.collect()
    gc.disable()
    try:
        with peer([ending]) as other, connection() as mine:
            before = weakref.ref(mine._incoming)
            assert mine.exchange(post(other.url)).text == "ok"
            assert before() is None
    finally:
        gc.enable()


def test_what_is_raised_while_an_answer_is_read_is_not_the_servers_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends the run; it is no answer to try again after."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Incoming, "on_body", interrupted)
    with peer([OK]) as other, connection() as mine:
        with pytest.raises(KeyboardInterrupt):
            mine.exchange(post(other.url))
        assert mine._socket is None


@pytest.mark.parametrize("begun", [b"HTTP/1.1 200 OK\r\nx: ", CHUNKED + b"1\r\na\r\n0\r\nx: "])
def test_what_goes_on_for_ever_around_a_body_is_given_up(begun: bytes) -> None:
    """A header or a trailer without end takes no more memory than any head may."""
    incoming = Incoming()
    incoming.feed(begun)
    incoming.feed(b"y" * (LARGEST_HEAD - len(begun)))
    with pytest.raises(httptools.HttpParserError, match="larger than"):
        incoming.feed(b"y" * 1_000)


@pytest.mark.parametrize("coding", [b"gzip", b"chunked\r\ntransfer-encoding: gzip", b"gzip, chunked", b"identity"])
def test_an_answer_in_a_coding_that_is_not_read_is_not_waited_for(coding: bytes) -> None:
    """Where its body would end is not known, so it is an error as soon as its head is there."""
    with pytest.raises(httptools.HttpParserError):
        Incoming().feed(b"HTTP/1.1 200 OK\r\ntransfer-encoding: " + coding + b"\r\n\r\n")


def test_an_answer_may_come_byte_by_byte() -> None:
    """Wherever the bytes are divided, the answer and the next one are the same."""
    incoming = Incoming()
    for _ in range(2):
        incoming.begin()
        for byte in b"HTTP/1.1 100 Continue\r\n\r\n" + OK:
            assert not incoming.is_whole
            incoming.feed(bytes([byte]))
        found = (incoming.status, incoming.headers, incoming.take())
        assert found == (200, [(b"content-length", b"2")], b"ok")
        assert (incoming.is_whole, incoming.may_go_on) == (True, True)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Who signs certificates."""
    return trustme.CA()


@pytest.fixture(scope="module")
def server_side(authority: trustme.CA) -> ssl.SSLContext:
    """A server with a certificate of the authority."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_keeps_its_socket_and_notices_its_end(
    authority: trustme.CA, server_side: ssl.SSLContext, version: ssl.TLSVersion
) -> None:
    """What TLS says by itself, as a ticket for a later session, is no reason to connect anew; its end is."""
    mine_trusts = ssl.create_default_context()
    mine_trusts.minimum_version = mine_trusts.maximum_version = version
    authority.configure_trust(mine_trusts)
    large = b"x" * 300_000
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 300000\r\n\r\n" + large
    with peer([OK, answer, None], [OK], tls=server_side) as other, connection(tls=mine_trusts) as mine:
        assert mine.exchange(post(other.url)).text == "ok"
        assert mine.exchange(post(other.url, large)).content == large
        assert mine._socket is not None
        assert mine._socket.recv(1) == b""  # the other side has closed it by now
        assert mine.exchange(post(other.url)).text == "ok"
        mine.close()
    assert [len(heard) for heard in other.heard] == [2, 1]
    assert other.heard[0][1].endswith(large)


def test_a_certificate_that_nobody_vouches_for_ends_it_before_the_first_byte(server_side: ssl.SSLContext) -> None:
    """Nothing of a request is sent to somebody else."""
    with peer([OK], tls=server_side) as other, connection() as mine:
        with pytest.raises(httpx.ConnectError, match="certificate"):
            mine.exchange(post(other.url))
        assert mine._socket is None
    assert other.heard == [[]]


def test_nobody_there_is_an_error_before_the_first_byte() -> None:
    """A refused connection has certainly had no effect."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with connection() as mine, pytest.raises(httpx.ConnectError):
        mine.exchange(post(f"http://127.0.0.1:{port}/"))


def test_the_time_limit_is_for_the_whole_answer() -> None:
    """An answer that never comes does not hold the run."""
    with socket.create_server(("127.0.0.1", 0)) as silent, connection(0.05) as mine:
        with pytest.raises(httpx.ReadTimeout):
            mine.exchange(post(f"http://127.0.0.1:{silent.getsockname()[1]}/"))
        assert mine._socket is None


def test_an_answer_to_an_unfinished_body_is_read() -> None:
    """Whoever refuses a large body has answered before its end."""
    refusal = b"HTTP/1.1 413 Content Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def refuse() -> None:
            link, _ = listening.accept()
            link.recv(100)
            link.sendall(refusal)
            link.shutdown(socket.SHUT_WR)
            while link.recv(1 << 20):
                pass
            link.close()

        thread = threading.Thread(target=refuse)
        thread.start()
        with connection() as mine:
            url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
            assert mine.exchange(post(url, b"x" * 10_000_000)).status_code == 413
        thread.join(5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"x-api-key", b"a\nb"),
        (b"x-api-key", b"a\r\nx-other: b"),
        (b"x-api-key", b"a\0"),
        (b"x-api-key", b" a"),
        (b"x key", b"secret"),
        (b"x-api-key: a\r\nx-other", b"secret"),
        (b"", b"secret"),
        (b"transfer-encoding", b"chunked"),
        (b"transfer-encoding: chunked", b"secret"),
        (b"content-length", b"999"),
        (b"content-length", b"2"),
        (b"content-length", b"secret"),
        (b"host", b"two.example.com"),
        (b"expect", b"100-continue"),
    ],
)
def test_a_header_that_cannot_be_sent_is_an_error_before_the_first_byte(name: bytes, value: bytes) -> None:
    """A key with a line break in it leaves nothing on the wire, and is not repeated by the error."""
    with socket.create_server(("127.0.0.1", 0)) as nobody, connection() as mine:
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
        # A header of its own, beside those of the request.
        request = httpx.Request("POST", url, content=b"body")
        request.headers = httpx.Headers([*request.headers.raw, (name, value)])
        with pytest.raises(httpx.LocalProtocolError) as raised:
            mine.exchange(request)
        assert mine._socket is None
    assert value.decode() not in str(raised.value)
