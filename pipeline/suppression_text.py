"""The lines of a suppression list, in bounded memory whatever the file is."""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from pathlib import Path

    import polars as pl

CHUNK_BYTES: Final = 8 * 1024 * 1024
LINE_BYTES: Final = 4096
"""Of a list: an address takes 320 at most, a comment somewhat more."""
MOST_LINES: Final = 20_000_000
"""Of a list, with an address each: they are compared in memory, some 150 bytes each."""
_AS_OF: Final = re.compile(rb"#+\s*as[ _-]?of\s*:\s*(.*?)\s*", re.IGNORECASE)
ENDING: Final = "without it nothing is sent"


class Unusable(Exception):
    """Why a list cannot be used."""


class ListText:
    """The lines of a list, a few megabytes at a time, and what is learned on the way."""

    def __init__(self, file: BufferedReader, path: Path) -> None:
        self.file, self.path, self.digest, self.lines = file, path, hashlib.sha256(), 0
        self.blank = True
        self.as_of: str | None = None

    def chunks(self) -> Iterator[pl.Series]:
        """The lines as UTF-8 text. Raises UnicodeDecodeError; Unusable where a line is long, or there are too many."""
        import polars as pl

        head = True
        while content := self._block():
            self.digest.update(content)
            if head:
                content = content.removeprefix(b"\xef\xbb\xbf")
                self.as_of = _as_of(content)
                head = False
            text = content.decode().replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")
            self.blank = self.blank and not text.strip()
            self.lines += text.count("\n") + 1
            if self.lines > MOST_LINES:
                raise Unusable(
                    f"the suppression list {self.path} has more than the {MOST_LINES:,} lines that a list may have; "
                    f"divide it, or leave out what no export holds; {ENDING}"
                )
            yield pl.Series([text]).str.split("\n").explode()

    def _block(self) -> bytes:
        """The next whole lines. Raises Unusable where one is too long."""
        content = self.file.read(CHUNK_BYTES)
        if len(content) == CHUNK_BYTES and not content.endswith(b"\n"):
            content += self.file.readline(LINE_BYTES + 1)
            if not content.endswith(b"\n") and self.file.peek(1):
                # Lines may end with carriage returns alone.
                whole = max(content.rfind(b"\r"), content.rfind(b"\n")) + 1 or len(content)
                self.file.seek(whole - len(content), os.SEEK_CUR)
                content = content[:whole]
        lines = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        long = next((number for number, line in enumerate(lines, start=1) if len(line) > LINE_BYTES), None)
        if long is not None:
            raise Unusable(
                f"line {self.lines + long:,} of the suppression list {self.path} is longer than the {LINE_BYTES:,} "
                f"bytes that one may have; it has one address a line; {ENDING}"
            )
        return content


def _as_of(content: bytes) -> str | None:
    """What the comment lines before the first entry say."""
    for line in content.splitlines():
        said = line.strip().strip(b'"').strip()
        if said and not said.startswith(b"#"):
            return None
        if found := _AS_OF.fullmatch(said):
            return found[1].decode()
    return None
