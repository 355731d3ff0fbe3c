"""A bare HTTP server on 127.0.0.1 that accepts everything: as cheap as can be, so that it is not what is measured.

It knows three requests by their first bytes: the audience, a page of contacts (always empty), and anything else, which
is a mutation of as many contacts as its body has `"key":`. It is the same for all contestants.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from dataclasses import asdict, dataclass
from typing import Any, Final

DATA_SET_ID: Final = "4fe4136f-c007-44a3-b38f-922200000000"
HEAD_END: Final = b"\r\n\r\n"
ANSWER_HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: "
LENGTH: Final = b"\r\ncontent-length:"
OPENING: Final = 64
"""Bytes of a body that tell a query from a mutation."""


def _attribute(name: str, *channels: str, key: bool = False) -> dict[str, Any]:
    return {"name": name, "type": "TEXT", "identifyAs": {"key": key, "channels": channels}}


AUDIENCE: Final[dict[str, Any]] = {
    "dataSetId": DATA_SET_ID,
    "name": "Benchmark",
    "attributes": [
        _attribute("Contact ID", key=True),
        _attribute("Email", "EMAIL"),
        _attribute("Cell Phone", "SMS"),
        _attribute("First Name"),
        _attribute("Last Name"),
    ],
    "consentGroups": [],
}
DATA_SETS: Final = json.dumps({"data": {"dataSets": {"nodes": [AUDIENCE]}}}).encode()
NO_CONTACTS: Final = b'{"data":{"contacts":{"pageInfo":{"hasNextPage":false},"nodes":[]}}}'


@dataclass(slots=True)
class Received:
    """What arrived: the evidence that a contestant has sent what it says."""

    mutations: int = 0
    queries: int = 0
    rows: int = 0
    bytes: int = 0


class Connection(asyncio.Protocol):
    """One kept-alive connection; requests come one after the other."""

    def __init__(self, received: Received) -> None:
        self.received = received
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
            return DATA_SETS if b"DataSets" in opening else NO_CONTACTS
        rows = self.buffer.count(b'"key":', self.body_at)
        self.received.mutations += 1
        self.received.rows += rows
        self.received.bytes += self.end - self.body_at
        return b'{"data":{"updateContacts":{"modifiedCount":%d}}}' % rows


async def serve(received: Received) -> None:
    """Says its port on stdout and serves until it is terminated."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    server = await loop.create_server(lambda: Connection(received), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await stopped.wait()
    server.close()


def main() -> None:
    """Serves, then says what it has received, as JSON."""
    received = Received()
    asyncio.run(serve(received))
    sys.stdout.write(json.dumps(asdict(received)) + "\n")


if __name__ == "__main__":
    main()
