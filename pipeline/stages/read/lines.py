"""UTF-8 in arbitrary pieces -> whole physical lines, in bounded memory however long or short they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.stages.read.source import Limits


class LineReader:
    """Cuts a stream after newlines; of a line longer than `record_bytes`, at least one byte more than that is kept."""

    def __init__(self, blocks: Iterator[bytes], limits: Limits) -> None:
        self._blocks = blocks
        self._line_bytes = limits.record_bytes
        self._piece_lines = limits.chunk_lines
        self._whole = b""
        """Lines that were read and not yet handed out."""
        self._partial = b""
        """The beginning of the line after them."""
        self._is_skipping = False
        self._is_ended = False

    def skip(self, count: int) -> None:
        """Leave out the next `count` bytes, which end with a line or with the file."""
        while len(self._whole) < count and not self._is_ended:
            count -= len(self._whole)
            self._whole = b""
            self._advance()
        self._whole = self._whole[count:]

    def read(self, unsettled: bytes) -> tuple[bytes, bool]:
        """`unsettled` and some lines after it; whether that is the end of the file.

        Every line ends with a newline but perhaps the file's last. The text may be no longer than `unsettled`.
        """
        if not self._whole:
            self._advance()
        piece = self._whole
        while piece.count(b"\n") > self._piece_lines:
            half = piece.rfind(b"\n", 0, len(piece) // 2) + 1
            piece = piece[: half or piece.index(b"\n") + 1]
        self._whole = self._whole[len(piece) :]
        return unsettled + piece, self._is_ended and not self._whole

    def _advance(self) -> None:
        block = next(self._blocks, None)
        if block is None:
            self._whole, self._partial, self._is_ended = self._partial, b"", True
            return
        if self._is_skipping:
            newline = block.find(b"\n")
            if newline < 0:
                return
            block, self._is_skipping = block[newline:], False
        text = self._partial + block
        cut = text.rfind(b"\n") + 1
        self._whole, self._partial = text[:cut], text[cut:]
        if len(self._partial) > self._line_bytes:
            self._partial = self._partial[: self._line_bytes + 1]
            self._is_skipping = True
