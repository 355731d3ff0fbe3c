"""Keeps answers small: a body is unpacked here, a little at a time, and no further than to a limit."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST_ANSWER: Final = 16 * 1024 * 1024
"""Bytes of an answer, unpacked: some twenty times what a destination says of a page of a hundred contacts."""
_STEP: Final = 64 * 1024
_ANY_HEADER: Final = 32 + zlib.MAX_WBITS
"""For zlib: of gzip or of deflate, whichever it is."""


def limit(response: httpx.Response) -> None:
    """Makes the answer end with a ReadError where it is too large, and a DecodingError where it cannot be unpacked.

    For a client's event hooks, which run before the first byte of a body is read.
    """
    stream, packing = response.stream, response.headers.pop("content-encoding", "identity").strip().lower()
    if isinstance(stream, httpx.SyncByteStream):
        response.stream = _Limited(stream, packing, response.request)


class _Limited(httpx.SyncByteStream):
    def __init__(self, stream: httpx.SyncByteStream, packing: str, request: httpx.Request) -> None:
        self._stream, self._packing, self._request = stream, packing, request

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for piece in self._unpacked():
            size += len(piece)
            if size > LARGEST_ANSWER:
                raise httpx.ReadError(f"the answer is larger than {LARGEST_ANSWER:,} bytes", request=self._request)
            yield piece

    def _unpacked(self) -> Iterator[bytes]:
        match self._packing:
            case "identity" | "":
                yield from self._stream
            case "gzip" | "x-gzip" | "deflate":
                yield from self._inflated()
            case _:
                raise httpx.DecodingError(
                    f"the answer is packed by {self._packing[:40]!r}, which is not read", request=self._request
                )

    def _inflated(self) -> Iterator[bytes]:
        unpacking = zlib.decompressobj(_ANY_HEADER)
        try:
            for packed in self._stream:
                rest = packed
                while rest and not unpacking.eof:
                    yield unpacking.decompress(rest, _STEP)
                    rest = unpacking.unconsumed_tail
        except zlib.error as error:
            raise httpx.DecodingError("the answer cannot be unpacked", request=self._request) from error

    def close(self) -> None:
        self._stream.close()
