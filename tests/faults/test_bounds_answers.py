"""Answers of a destination that are larger or deeper than any should be: no usable answer, and little memory."""

from __future__ import annotations

import gzip
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final

import httpx
import pytest

from pipeline.destinations import DESTINATIONS
from pipeline.pacing.allowance import Pace
from pipeline.pacing.turns import Pacer
from pipeline.transport.sending import Attempt, Transport

from . import hostile
from .processes import start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_MEGABYTES: Final = 300
PIECE: Final = b" " * 65_536
BOMB: Final = gzip.compress(bytes(256 * hostile.MB), compresslevel=1, mtime=0)
DEEP: Final = b'{"data":' + b"[" * 100_000
IVVY: Final = """\
version: 1
destination: ivvy
identity: {column: contact_id}
addresses: {EMAIL: {column: email}}
attributes: {firstName: first_name}
consent: {channels: {EMAIL: {column: email_opt_in, values: {OPT_IN: [Y], OPT_OUT: [N]}}}}
"""
WIX: Final = """\
version: 1
destination: wix
addresses: {EMAIL: {column: email}}
consent: {channels: {EMAIL: {column: email_opt_in, values: {OPT_IN: [Y], OPT_OUT: [N]}}}}
ignore: [contact_id, first_name]
"""
MAPPINGS: Final = {"acoustic_connect": hostile.MAPPING, "ivvy": IVVY, "wix": WIX}


@contextmanager
def answering(body: bytes | None, encoding: str = "") -> Iterator[str]:
    """A server that gives every request the same answer; None: one that goes on as long as somebody reads."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(200)
            self.send_header("content-type", "application/json")
            if encoding:
                self.send_header("content-encoding", encoding)
            self.end_headers()
            try:
                for _ in range(1 if body is not None else 4 * hostile.GB // len(PIECE)):
                    self.wfile.write(PIECE if body is None else body)
            except OSError:  # the other end has had enough
                self.close_connection = True

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("destination", list(MAPPINGS))
@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (None, ""),
        (BOMB, "gzip"),
        (gzip.compress(BOMB, mtime=0), "gzip, gzip"),
        (b"x" * 1000, "br"),
        (b"no gzip", "gzip"),
        (DEEP, ""),
        (b'{"data":' + b"[" * 900 + b"]" * 900 + b"}", ""),
        (b'{"data":' + b"9" * 100_000 + b"}", ""),
    ],
    ids=["endless", "bomb", "twice", "br", "no gzip", "deep", "less deep", "digits"],
)
def test_an_answer_without_end_is_no_usable_answer(
    tmp_path: Path, destination: str, body: bytes | None, encoding: str
) -> None:
    """Exit code 5 with a message, in bounded memory, for each destination."""
    mapping = tmp_path / "m.yaml"
    mapping.write_text(MAPPINGS[destination], encoding="utf-8")
    with answering(body, encoding) as url:
        prefix = destination.upper()
        keys = {"API_KEY": "k", "API_SECRET": "s", "SITE_ID": "site"}
        environment = {f"{prefix}_{name}": value for name, value in keys.items()} | {f"{prefix}_URL": url}
        child = start(
            tmp_path / "process", environment | {"CONSENT_SYNC_ATTEMPTS": "1"}, "check", str(mapping), "--online"
        )
        code = child.wait()
    assert "Traceback" not in child.err, child.err[-2000:]
    assert code == 5, (child.out, child.err)
    assert "usable answer" in child.err or "in a shape that" in child.err
    assert child.peak_megabytes < MOST_MEGABYTES


@pytest.mark.parametrize(
    ("body", "encoding"), [(None, ""), (BOMB, "gzip"), (DEEP, "")], ids=["endless", "bomb", "deep"]
)
def test_a_write_that_is_answered_so_may_have_taken_effect(body: bytes | None, encoding: str) -> None:
    """It is unclear, and sent once: whoever sent it reads back."""
    stop, log = threading.Event(), list[Attempt]()
    judge = DESTINATIONS["wix"]("http://127.0.0.1", {"api_key": "k", "site_id": "s"}, {}).classify
    with answering(body, encoding) as url, Transport(judge, 30, Pacer(Pace(), stop), stop) as transport:
        reply = transport.sender(log)(httpx.Request("POST", url, content=b"{}"), repeatable=False)
    assert reply.unclear
    assert reply.body == {}
    assert [attempt.verdict for attempt in log] == ["retry"]
