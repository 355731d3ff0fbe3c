"""Bytes in the declared encoding -> UTF-8, and the question whether the declaration is evidently wrong.

A byte sequence that is not valid in the declared encoding stays invalid in the UTF-8, so it is found with the record it
is in.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Final

from pipeline.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.stages.read.container import Container
    from pipeline.stages.read.source import Encoding

SAMPLE_BYTES: Final = 256 * 1024
"""What is looked at before the first record: the header must end within it."""
_INVALID: Final = b"\xff"
_UTF16_BOMS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def utf8_blocks(container: Container, encoding: Encoding, block_bytes: int) -> Iterator[bytes]:
    """The unpacked text as UTF-8 without byte-order mark, about `block_bytes` at a time."""
    blocks = container.blocks(block_bytes)
    if encoding != "utf-8":
        yield from _transcoded(blocks, encoding)
        return
    start = b""
    for block in blocks:
        start += block
        if len(start) >= len(codecs.BOM_UTF8):
            break
    yield start.removeprefix(codecs.BOM_UTF8)
    yield from blocks


def sample(container: Container, encoding: Encoding) -> bytes:
    """The first whole lines of the text as UTF-8, of SAMPLE_BYTES at most (b"": the first line is longer).

    Raises ExportError where `encoding` is evidently wrong.
    """
    raw = bytearray()
    for block in container.blocks(SAMPLE_BYTES):
        raw += block
        if len(raw) >= SAMPLE_BYTES:
            break
    if not raw:
        raise ExportError(f"{container.name}: is empty, it has not even a header; export again")
    _refuse_other_unicode(container.name, bytes(raw), encoding)
    if encoding == "utf-8":
        text = bytes(raw).removeprefix(codecs.BOM_UTF8)
    else:
        text = b"".join(_transcoded(iter([bytes(raw)]), encoding))
    _refuse_binary(container.name, text)
    if len(raw) >= SAMPLE_BYTES:
        text = text[: text.rfind(b"\n") + 1]
    if encoding == "utf-8":
        _refuse_legacy(container.name, text)
    elif encoding != "utf-16":
        _refuse_mojibake(container.name, bytes(raw), encoding)
    return text


def is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _transcoded(blocks: Iterator[bytes], encoding: Encoding) -> Iterator[bytes]:
    # Both handlers let through as a lone surrogate what is invalid, and write it as bytes that are not UTF-8.
    errors = "surrogatepass" if encoding == "utf-16" else "surrogateescape"
    codec: str = encoding
    pending = b""
    if encoding == "utf-16":
        for block in blocks:
            pending += block
            if len(pending) >= 2:
                break
        codec = "utf-16" if pending[:2] in _UTF16_BOMS else "utf-16-be" if pending[:1] == b"\0" else "utf-16-le"
    decoder = codecs.getincrementaldecoder(codec)(errors)
    if pending:
        yield decoder.decode(pending).encode("utf-8", errors)
    for block in blocks:
        yield decoder.decode(block).encode("utf-8", errors)
    try:
        yield decoder.decode(b"", final=True).encode("utf-8", errors)
    except UnicodeDecodeError:
        yield _INVALID  # half a character at the end: the last record is malformed


def _refuse_other_unicode(name: str, raw: bytes, encoding: Encoding) -> None:
    """Byte-order marks and NULs say what a file is."""
    has_utf16_bom = raw.startswith(_UTF16_BOMS)
    if encoding == "utf-16":
        nul_share = raw.count(0) / len(raw)
        if not has_utf16_bom and nul_share < 0.2:
            raise ExportError(
                f"{name}: is declared as utf-16, but byte 1 is no byte-order mark and the text is in single bytes; "
                "say `encoding: utf-8` or `encoding: cp1252`"
            )
        return
    if has_utf16_bom:
        raise ExportError(
            f"{name}: is declared as {encoding}, but begins with the byte-order mark of UTF-16; say `encoding: utf-16`"
        )
    if encoding != "utf-8" and raw.startswith(codecs.BOM_UTF8):
        raise ExportError(
            f"{name}: is declared as {encoding}, but begins with the byte-order mark of UTF-8; say `encoding: utf-8`"
        )


def _refuse_binary(name: str, text: bytes) -> None:
    """A few NULs are malformed records; one in the first line, or in every twentieth byte, is another encoding."""
    first = text.find(b"\0")
    if first < 0:
        return
    if b"\n" not in text[:first] or text.count(b"\0") * 20 > len(text):
        line = text.count(b"\n", 0, first) + 1
        raise ExportError(
            f"{name}: byte {first + 1} (line {line}) is NUL, so this is not text in the declared encoding; "
            "say `encoding: utf-16` if it is, or export as CSV UTF-8"
        )


def _refuse_legacy(name: str, text: bytes) -> None:
    """Declared as UTF-8: refuse an invalid first line, or invalid lines in a share that no damage explains."""
    lines = text.removesuffix(b"\n").split(b"\n")
    invalid = [number for number, line in enumerate(lines) if not line.isascii() and not is_utf8(line)]
    if not invalid:
        return
    beyond_ascii = sum(not line.isascii() for line in lines)
    many = len(invalid) * (20 if len(lines) >= 200 else 2) > len(lines) and len(invalid) * 2 > beyond_ascii
    if invalid[0] == 0 or many:
        offset = sum(len(line) + 1 for line in lines[: invalid[0]])
        try:
            lines[invalid[0]].decode()
        except UnicodeDecodeError as error:
            offset += error.start
        raise ExportError(
            f"{name}: byte {offset + 1} (line {invalid[0] + 1}) is not UTF-8, as in {len(invalid)} of the first "
            f"{len(lines)} lines; say `encoding: cp1252`, `latin-1` or `utf-16`, whichever wrote the file"
        )


def _refuse_mojibake(name: str, raw: bytes, encoding: Encoding) -> None:
    """Declared as single-byte: refuse three or more lines beyond ASCII of which every one is valid UTF-8."""
    lines = [line for line in raw.split(b"\n")[: -1 if len(raw) >= SAMPLE_BYTES else None] if not line.isascii()]
    if len(lines) >= 3 and all(map(is_utf8, lines)):
        raise ExportError(
            f"{name}: is declared as {encoding}, but at its beginning all {len(lines)} lines with letters beyond ASCII "
            "are valid UTF-8 and would be read as garbage; say `encoding: utf-8`"
        )
