"""The lines of a csv or tsv block that are not plainly a record: settled one by one, in time linear in the text.

A record normally is a line. A line that ends inside quotes goes on in the following lines, if the quote is closed
within `record_bytes` and the record so found is whole. Otherwise the quote was a slip: the line alone is malformed and
the lines after it are read again as records of their own. Up to the line where that quote would have been closed, a
quote inside an unquoted field (elsewhere: text) counts as badly quoted, as it may be the other end of that slip.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.stages.read.encoding import is_utf8
from pipeline.stages.read.export import RAW_BYTES, Flaw
from pipeline.stages.read.tokens import End, Tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.stages.read.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Shape:
    """What a record of the file is."""

    delimiter: str
    columns: tuple[str, ...]
    record_bytes: int
    """A longer record is malformed."""


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive physical lines, numbered from 0, and what was found out about all of them at once."""

    data: bytes
    starts: Sequence[int]
    """Offset of each line in `data`, and where a line after the last would start."""
    quoted: Sequence[int]
    """The numbers of the lines with a quote in them, ascending."""
    clean_until: Sequence[int]
    """How many lines up to and with this one are, each by itself, a record without stray quotes."""
    first_line: int
    """Number of line 0 in the file."""
    is_last: bool

    def __len__(self) -> int:
        return len(self.starts) - 1

    def raw(self, first: int, last: int) -> bytes:
        """Lines `first` to `last` without the last newline."""
        return self.data[self.starts[first] : self.starts[last + 1] - 1]

    def size_bytes(self, first: int, last: int) -> int:
        """Of lines `first` to `last` without the last newline."""
        return self.starts[last + 1] - self.starts[first] - 1

    def text(self, first: int, last: int) -> str:
        """Lines `first` to `last` without the last line's end; U+FFFD for what is not UTF-8."""
        return self.raw(first, last).removesuffix(b"\r").decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Slip:
    """A malformed record of a block."""

    index: int
    flaw: Flaw
    raw: str
    found: int
    """Fields; means something only where their number is the flaw."""


@dataclass(slots=True)
class Settled:
    """What became of the lines that were looked at one by one; indices are lines of the block."""

    rows: list[tuple[int, list[str]]] = field(default_factory=list)
    slips: list[Slip] = field(default_factory=list)
    continued: list[int] = field(default_factory=list)
    """Lines that belong to the record before them."""
    stop: int = 0
    """The first line that cannot be settled before more is read, or the number of lines."""


class Settler:
    """Settles block after block of one file."""

    def __init__(self, shape: Shape) -> None:
        self._tokenizer = Tokenizer(shape.delimiter)
        self._columns = len(shape.columns)
        self._record_bytes = shape.record_bytes
        self._doubtful_until = -1
        """Line of the file up to which a stray quote may be the other end of a slip."""

    def settle(self, block: Block, indices: Iterable[int]) -> Settled:
        """Read the records that start at `indices` (ascending, none blank) and are not plainly records."""
        settled = Settled(stop=len(block))
        quotes = _OpenQuotes(block, self._tokenizer, self._record_bytes)
        free_from = 0
        for index in indices:
            if index < free_from:
                continue
            if block.size_bytes(index, index) > self._record_bytes:
                raw = block.raw(index, index)[: min(RAW_BYTES, self._record_bytes)].decode(errors="replace")
                settled.slips.append(Slip(index, Flaw.RECORD_TOO_LONG, raw, 0))
                continue
            text = block.text(index, index)
            tokens = self._tokenizer.split(text)
            last = index
            if tokens.end is End.IN_QUOTES:
                closing = quotes.closing(index, len(tokens.fields))
                if closing is _UNDECIDED:
                    settled.stop = index
                    break
                last = self._last_line(block, index, closing)
                if last > index:
                    text = block.text(index, last)
                    tokens = self._tokenizer.split(text)
            is_text = "\0" not in text and ("\ufffd" not in text or is_utf8(block.raw(index, last)))
            is_doubtful = tokens.has_stray_quote and block.first_line + index <= self._doubtful_until
            slip = self._judge(tokens, is_text=is_text, is_doubtful=is_doubtful)
            if slip is None:
                settled.rows.append((index, tokens.fields))
            else:
                settled.slips.append(Slip(index, slip, text, len(tokens.fields)))
            settled.continued.extend(range(index + 1, last + 1))
            free_from = last + 1
        return settled

    def _last_line(self, block: Block, index: int, closing: _Closing) -> int:
        """Where the record ends that opens a quote at `index`: there, if the quote is a slip."""
        if closing.end is End.IN_QUOTES:
            return index
        swallows_a_record = block.clean_until[closing.line] > block.clean_until[index]
        if closing.end is End.WHOLE and (closing.fields == self._columns or not swallows_a_record):
            return closing.line
        self._doubtful_until = max(self._doubtful_until, block.first_line + closing.line)
        return index

    def _judge(self, tokens: Tokens, *, is_text: bool, is_doubtful: bool) -> Flaw | None:
        if not is_text:
            return Flaw.INVALID_ENCODING
        if tokens.end is not End.WHOLE or is_doubtful:
            return Flaw.BADLY_QUOTED
        if len(tokens.fields) != self._columns:
            return Flaw.TOO_FEW_FIELDS if len(tokens.fields) < self._columns else Flaw.TOO_MANY_FIELDS
        return None


@dataclass(frozen=True, slots=True)
class _Closing:
    """Where an open quote leads: the last line of the record it would make, how that ends, its number of fields."""

    line: int
    end: End
    fields: int


_UNDECIDED = _Closing(-1, End.IN_QUOTES, 0)
_NEVER = _Closing(-2, End.IN_QUOTES, 0)


class _OpenQuotes:
    """Follows open quotes through the lines of a block.

    How a line is read that begins inside quotes does not depend on where they were opened; what was found for one
    opening line is therefore kept for the next, and no line is followed twice.
    """

    def __init__(self, block: Block, tokenizer: Tokenizer, record_bytes: int) -> None:
        self._block = block
        self._tokenizer = tokenizer
        self._record_bytes = record_bytes
        self._from = self._to = 0
        """Positions in `block.quoted`: in the lines from the one to before the other, quotes stay open."""
        self._fields = [0]
        """Running total of the fields that those lines complete."""
        self._closing: _Closing | None = None
        """What ends the stretch, at position `_to`, with the fields of its line alone."""

    def closing(self, opening: int, fields: int) -> _Closing:
        """Where the quote leads that line `opening` leaves open after `fields` whole fields."""
        block = self._block
        position = bisect_right(block.quoted, opening)
        if position > self._to:
            self._from = self._to = position
            self._fields, self._closing = [0], None
        while self._closing is None:
            if self._to == len(block.quoted):
                is_too_long = block.size_bytes(opening, len(block) - 1) > self._record_bytes
                return _NEVER if block.is_last or is_too_long else _UNDECIDED
            index = block.quoted[self._to]
            if block.size_bytes(opening, index) > self._record_bytes:
                return _NEVER
            tokens = self._tokenizer.split('"' + block.text(index, index))
            if tokens.end is End.IN_QUOTES:
                self._fields.append(self._fields[-1] + len(tokens.fields))
                self._to += 1
            else:
                self._closing = _Closing(index, tokens.end, len(tokens.fields))
        skipped = self._fields[position - self._from]
        return _Closing(
            self._closing.line, self._closing.end, fields + self._fields[-1] - skipped + self._closing.fields
        )
