"""A bare HTTP server on 127.0.0.1 that accepts everything: as cheap as can be, so that it is not what is measured.

It knows three requests by their first bytes: the audience, a page of contacts, and anything else, which is a mutation
of as many contacts as its body has `"key":`. It is the same for all contestants. It keeps nothing: it has the contacts
that the runs under `--holds` have sent, or none.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

DATA_SET_ID: Final = "4fe4136f-c007-44a3-b38f-922200000000"
HEAD_END: Final = b"\r\n\r\n"
ANSWER_HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: "
LENGTH: Final = b"\r\ncontent-length:"
KEY_ATTRIBUTE: Final = "Contact ID"
OPENING: Final = 64
"""Bytes of a body that tell a query from a mutation."""


def _attribute(name: str, *channels: str, key: bool = False) -> dict[str, Any]:
    return {"name": name, "type": "TEXT", "identifyAs": {"key": key, "channels": channels}}


AUDIENCE: Final[dict[str, Any]] = {
    "dataSetId": DATA_SET_ID,
    "name": "Benchmark",
    "attributes": [
        _attribute(KEY_ATTRIBUTE, key=True),
        _attribute("Email", "EMAIL"),
        _attribute("Cell Phone", "SMS"),
        _attribute("First Name"),
        _attribute("Last Name"),
    ],
    "consentGroups": [],
}
DATA_SETS: Final = json.dumps({"data": {"dataSets": {"nodes": [AUDIENCE]}}}).encode()
CONTACTS: Final = b'{"data":{"contacts":{"pageInfo":{"hasNextPage":false},"nodes":[%s]}}}'


@dataclass(slots=True)
class Received:
    """What arrived: the evidence that a contestant has sent what it says."""

    mutations: int = 0
    queries: int = 0
    rows: int = 0
    bytes: int = 0


class Connection(asyncio.Protocol):
    """One kept-alive connection; requests come one after the other."""

    def __init__(self, received: Received, contacts: Mapping[str, bytes]) -> None:
        self.received, self.contacts = received, contacts
        self.buffer = bytearray()
        self.body_at = 0
        self.end = 0
        """Where the request ends in the buffer; 0: its head is not complete."""
        self.transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport for the answers."""
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answers as soon as a request is complete."""
        self.buffer += data
        if not self.end:
            self._read_head()
        if self.end and len(self.buffer) >= self.end:
            answer = self._answer()
            assert self.transport is not None
            self.transport.write(b"%s%d%s%s" % (ANSWER_HEAD, len(answer), HEAD_END, answer))
            self.buffer.clear()
            self.end = 0

    def _read_head(self) -> None:
        at = self.buffer.find(HEAD_END)
        if at < 0:
            return
        head = bytes(self.buffer[:at]).lower() + b"\r\n"
        length = head.partition(LENGTH)[2].partition(b"\r\n")[0]
        self.body_at = at + len(HEAD_END)
        self.end = self.body_at + int(length or 0)

    def _answer(self) -> bytes:
        opening = self.buffer[self.body_at : self.body_at + OPENING]
        if b"mutation" not in opening:
            self.received.queries += 1
            return DATA_SETS if b"DataSets" in opening else self._page()
        rows = self.buffer.count(b'"key":', self.body_at)
        self.received.mutations += 1
        self.received.rows += rows
        self.received.bytes += self.end - self.body_at
        return b'{"data":{"updateContacts":{"modifiedCount":%d}}}' % rows

    def _page(self) -> bytes:
        if not self.contacts:
            return CONTACTS % b""
        asked = json.loads(self.buffer[self.body_at :])["variables"]["rules"][0]["in"]
        return CONTACTS % b",".join(self.contacts[key] for key in asked if key in self.contacts)


def contacts_of(home: Path) -> dict[str, bytes]:
    """Key -> the contact as it is read, as the runs of a home have sent it, the last word of each."""
    import polars as pl

    written, opening = pl.col("wire"), '{"attributes":['
    key = written.str.extract(r'^\{"key":("(?:[^"\\]|\\.)*"),"to":')
    rest = written.str.strip_suffix("}").str.slice(key.str.len_chars() + len('{"key":,"to":' + opening))
    node = pl.concat_str(pl.lit(opening + f'{{"name":"{KEY_ATTRIBUTE}","value":'), key, pl.lit("},"), rest)
    found: dict[str, bytes] = {}
    for path in sorted(home.glob("runs/*/plan/items-*.parquet")):
        rows = pl.read_parquet(path, columns=["identity", "wire"]).select("identity", node.cast(pl.Binary))
        found |= dict(rows.iter_rows())
    return found


async def serve(received: Received, contacts: Mapping[str, bytes]) -> None:
    """Says its port on stdout and serves until it is terminated."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    server = await loop.create_server(lambda: Connection(received, contacts), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await stopped.wait()
    server.close()


def main() -> None:
    """Serves, then says what it has received, as JSON."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--holds", type=Path, metavar="HOME")
    given = parser.parse_args()
    received, contacts = Received(), contacts_of(given.holds) if given.holds else {}
    asyncio.run(serve(received, contacts))
    sys.stdout.write(json.dumps(asdict(received)) + "\n")


if __name__ == "__main__":
    main()
