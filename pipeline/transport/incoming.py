"""An answer as its bytes come in. They are read by llhttp, the parser of Node.js, through httptools.

It is as strict as RFC 9112 wants it, but for line ends without CR and blanks behind a chunk's size, which do no harm.
What has two lengths, or a length and chunks, is no answer.
"""

from __future__ import annotations

from typing import Final

import httptools

LARGEST_HEAD: Final = 100 * 1024
"""Bytes of an answer that are not of its body, as many as httpx allows for headers."""
CHUNK_HEADS: Final = 8
"""As many more for each byte of the body: chunks have heads."""
_FIRST, _FIRST_FINAL = 100, 200


class Incoming:
    """The answers on one connection, one after the other. `begin` comes before each, then its bytes.

    Whatever comes behind an answer belongs to no request: it is never read as the answer to the next one.
    """

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True)
        self.begin()

    def begin(self) -> None:
        """Forgets the answer before."""
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.size = 0
        self.is_whole = self.may_go_on = False
        self._pieces: list[bytes] = []
        self._has_head = self._ends_with_connection = False
        self._around_bytes = 0
        self._wrong = ""

    def take(self) -> bytes:
        """The body of an answer that is whole, which is kept no longer."""
        body, self._pieces = b"".join(self._pieces), []
        return body

    def end(self) -> None:
        """Nothing more comes in. The parser refers to this object, and each would keep the other."""
        self.begin()
        del self._parser

    def feed(self, data: bytes) -> None:
        """The next bytes; none: the other side has closed.

        Raises httptools.HttpParserError where they are no HTTP, or too much of it, or end too early.
        """
        if not data:
            self._close()
            return
        before = self.size
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            # What was raised in here is about us, or is Ctrl-C.
            raise error.__context__ or error from None
        except httptools.HttpParserUpgrade:
            self._wrong = "" if self.is_whole else "the server changed the protocol"
            self.may_go_on = False
        except httptools.HttpParserError:
            self.may_go_on = False
            if not self.is_whole:
                raise
        if self._wrong:
            raise httptools.HttpParserError(self._wrong)
        self._around_bytes += len(data) - (self.size - before)
        if not self.is_whole and self._around_bytes > LARGEST_HEAD + CHUNK_HEADS * self.size:
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
            self.headers.append((name, value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        """Told by the parser."""
        if self.is_whole:
            return
        self.status = self._parser.get_status_code()
        if self.status < _FIRST_FINAL:
            self.headers = []
            self._wrong = self._wrong or ("" if self.status >= _FIRST else f"the status {self.status} is none")
            return
        self._has_head = True
        framing = [(name.lower(), value.lower()) for name, value in self.headers]
        codings = [value for name, value in framing if name == b"transfer-encoding"]
        if codings not in ([], [b"chunked"]):
            self._wrong = "a transfer encoding that is not read"
        self._ends_with_connection = not codings and all(name != b"content-length" for name, _ in framing)

    def on_body(self, piece: bytes) -> None:
        """Told by the parser."""
        if self._has_head and not self.is_whole:
            self._pieces.append(piece)
            self.size += len(piece)

    def on_message_complete(self) -> None:
        """Told by the parser, of what is sent ahead of an answer as well."""
        if self._has_head and not self.is_whole:
            self.is_whole = True
            self.may_go_on = self._parser.should_keep_alive()
