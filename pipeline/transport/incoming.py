"""An answer as its bytes come in. They are read by llhttp, the parser of Node.js, through httptools."""

from __future__ import annotations

from typing import Final

import httptools

LARGEST_HEAD: Final = 100 * 1024
"""Bytes of an answer's headers, as many as httpx allows."""
_FIRST_FINAL: Final = 200


class Incoming:
    """The answers on one connection, one after the other. `begin` comes before each, then its bytes.

    Whatever comes behind an answer belongs to no request: it is never read as the answer to the next one.
    """

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.begin()

    def begin(self) -> None:
        """Forgets the answer before."""
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.pieces: list[bytes] = []
        self.size = 0
        self.is_whole = self.may_go_on = False
        self._has_head = self._ends_with_connection = False
        self._head_bytes = 0

    def feed(self, data: bytes) -> None:
        """The next bytes; none: the other side has closed.

        Raises httptools.HttpParserError where they are no HTTP, or too much of it, or end too early.
        """
        if not data:
            self._close()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            raise httptools.HttpParserError("the server changed the protocol") from None
        except httptools.HttpParserError:
            self.may_go_on = False
            if not self.is_whole:
                raise
        if not self._has_head:
            self._head_bytes += len(data)
            if self._head_bytes > LARGEST_HEAD:
                raise httptools.HttpParserError(f"the headers are larger than {LARGEST_HEAD:,} bytes")

    def _close(self) -> None:
        if not self._ends_with_connection:
            where = "before the end of its answer" if self._has_head else "without an answer"
            raise httptools.HttpParserError(f"the server disconnected {where}")
        self.is_whole = True

    def on_message_begin(self) -> None:
        """Told by the parser."""
        if self.is_whole:
            self.may_go_on = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Told by the parser, of trailers as well."""
        if not self._has_head:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Told by the parser."""
        if self.is_whole:
            return
        self.status = self._parser.get_status_code()
        if self.status < _FIRST_FINAL:
            self.headers = []
            return
        self._has_head = True
        names = {name.lower(): value for name, value in self.headers}
        chunked = names.get(b"transfer-encoding", b"").lower().endswith(b"chunked")
        self._ends_with_connection = not chunked and b"content-length" not in names

    def on_body(self, piece: bytes) -> None:
        """Told by the parser."""
        if not self.is_whole:
            self.pieces.append(piece)
            self.size += len(piece)

    def on_message_complete(self) -> None:
        """Told by the parser, of what is sent ahead of an answer as well."""
        if self._has_head and not self.is_whole:
            self.is_whole = True
            self.may_go_on = self._parser.should_keep_alive()
