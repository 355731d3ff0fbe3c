"""The lines of a csv or tsv block that are plainly one record each: found and read all at once, in columns."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Final

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from pipeline.stages.read.encoding import is_utf8
from pipeline.stages.read.export import LINE, MALFORMED_SCHEMA, RECORD, Chunk, Flaw, records_schema
from pipeline.stages.read.quoting import Block, Settled, Shape, Slip

if TYPE_CHECKING:
    from collections.abc import Sequence

_QUOTED: Final = '"(?:[^"]|"")*"'


class PlainLines:
    """The lines of one block: which are blank, and which are plainly a record of `shape`."""

    def __init__(self, shape: Shape, text: bytes, first_line: int, *, is_last: bool) -> None:
        self._shape = shape
        lines = _split(text)
        sizes = lines.bin.size().cast(pl.Int64)
        self._body = _decoded(lines).str.strip_suffix("\r")
        self._is_blank = (self._body == "").fill_null(value=False)
        quoted = lines.bin.contains(b'"').arg_true() if b'"' in text else pl.Series(dtype=pl.UInt32)
        is_clean = self._find_clean(text, sizes, quoted)
        self._is_plain = is_clean & ~self._find_misread(text)
        self.block = Block(
            data=text,
            starts=_integers(pl.concat([pl.Series([0]), (sizes + 1).cum_sum()])),
            quoted=_integers(quoted),
            clean_until=_integers(is_clean.cast(pl.Int64).cum_sum()),
            first_line=first_line,
            is_last=is_last,
        )

    def _find_clean(self, text: bytes, sizes: pl.Series, quoted: pl.Series) -> pl.Series:
        """Lines that are by themselves a record: as many fields as the header, no stray quote, not too long, text."""
        columns, mark = len(self._shape.columns), self._shape.delimiter
        is_clean = self._body.str.count_matches(mark, literal=True) == columns - 1
        if len(quoted):
            # Counted delimiters are right where none is quoted; only the other lines need the slow count.
            is_simple = self._body.gather(quoted).str.contains(_record_pattern(mark, rf'[^"{_escaped(mark)}]'))
            is_clean = is_clean.scatter(quoted, is_clean.gather(quoted) & is_simple)
            rest = quoted.filter(~is_simple.fill_null(value=False))
            body = self._body.gather(rest)
            marks = body.str.replace_all(_QUOTED, "").str.count_matches(mark, literal=True)
            is_whole = body.str.contains(_record_pattern(mark, '[^"]'))
            is_clean = is_clean.scatter(rest, is_whole & (marks == columns - 1))
        is_clean &= (sizes <= self._shape.record_bytes) & ~self._is_blank
        if b"\0" in text:
            is_clean &= ~self._body.str.contains("\0", literal=True)
        return is_clean.fill_null(value=False)

    def _find_misread(self, text: bytes) -> pl.Series:
        """Lines with what the csv parser does not take as text: a carriage return, a byte-order mark at the start."""
        misread = pl.repeat(value=False, n=len(self._body), eager=True)
        if b"\r" in text:
            misread |= self._body.str.contains("\r", literal=True)
        if b"\xef" in text and codecs.BOM_UTF8 in text:  # the first question is many times faster
            misread |= self._body.str.starts_with("\ufeff")
        return misread.fill_null(value=False)

    def unclear(self) -> list[int]:
        """The lines that are neither blank nor plainly a record."""
        return (~(self._is_plain | self._is_blank)).arg_true().to_list()

    def chunk(self, settled: Settled, first_record: int) -> Chunk:
        """The records that start before `settled.stop`, in the order of the file."""
        starts_record = ~self._is_blank
        is_plain = self._is_plain
        if settled.continued:
            starts_record = starts_record.scatter(settled.continued, values=False)
            is_plain = is_plain.scatter(settled.continued, values=False)
        numbers = starts_record.cast(pl.Int64).cum_sum() + (first_record - 1)
        plain = is_plain.head(settled.stop).arg_true()
        records = self._plain_records(plain, numbers)
        if settled.rows:
            records = pl.concat([records, self._settled_records(settled, numbers)]).sort(RECORD)
        slips = [
            (number, self.block.first_line + slip.index, *self._described(slip))
            for number, slip in zip(numbers.gather([slip.index for slip in settled.slips]), settled.slips, strict=True)
        ]
        return Chunk(records, pl.DataFrame(slips, schema=MALFORMED_SCHEMA, orient="row"))

    def _plain_records(self, plain: pl.Series, numbers: pl.Series) -> pl.DataFrame:
        columns = self._shape.columns
        place = pl.DataFrame({RECORD: numbers.gather(plain), LINE: plain.cast(pl.Int64) + self.block.first_line})
        if plain.is_empty():
            return pl.DataFrame(schema=records_schema(columns))
        fields = _parse(self._body.gather(plain), self._shape)
        return place.hstack(fields)

    def _settled_records(self, settled: Settled, numbers: pl.Series) -> pl.DataFrame:
        indices = [index for index, _ in settled.rows]
        rows = [
            (number, self.block.first_line + index, *fields)
            for number, (index, fields) in zip(numbers.gather(indices), settled.rows, strict=True)
        ]
        return pl.DataFrame(rows, schema=records_schema(self._shape.columns), orient="row")

    def _described(self, slip: Slip) -> tuple[str, str, int | None, int | None]:
        if slip.flaw in {Flaw.TOO_FEW_FIELDS, Flaw.TOO_MANY_FIELDS}:
            return slip.flaw, slip.raw, len(self._shape.columns), slip.found
        return slip.flaw, slip.raw, None, None


def _split(text: bytes) -> pl.Series:
    """Physical lines, Binary, without their newlines."""
    lines = pc.split_pattern(pa.array([text], pa.large_binary()), b"\n").flatten()
    return pl.Series("line", lines if not text.endswith(b"\n") else lines[:-1])


def _decoded(lines: pl.Series) -> pl.Series:
    """The lines as String, null where one is not UTF-8."""
    try:
        return lines.cast(pl.String)
    except pl.exceptions.ComputeError:  # one invalid line fails all of them
        texts = [line.decode() if is_utf8(line) else None for line in lines.to_list()]
        return pl.Series("line", texts, dtype=pl.String)


def _integers(series: pl.Series) -> Sequence[int]:
    """The same without a copy; an item of a series costs ten times as much."""
    values = series.cast(pl.Int64).rechunk().to_arrow()
    return memoryview(values.buffers()[1]).cast("q")[values.offset : values.offset + len(values)]


def _parse(lines: pl.Series, shape: Shape) -> pl.DataFrame:
    """Lines that are each a record, as columns of text."""
    names = [str(number) for number in range(len(shape.columns))]
    text = lines.str.join("\n").cast(pl.Binary).item()
    table = csv.read_csv(
        pa.BufferReader(text),
        # No record may be longer than a block of the parser, which would end the reading.
        read_options=csv.ReadOptions(column_names=names, block_size=max(4 * 1024 * 1024, 2 * shape.record_bytes)),
        parse_options=csv.ParseOptions(delimiter=shape.delimiter, ignore_empty_lines=False),
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False, check_utf8=False
        ),
    )
    frame = pl.DataFrame(table)
    frame.columns = list(shape.columns)
    return frame


def _record_pattern(mark: str, inside: str) -> str:
    """Matches a line that is a record without stray quotes; quoted fields consist of `inside` and doubled quotes."""
    one_field = f'(?:[^"{_escaped(mark)}]*|"(?:{inside}|"")*")'
    return f"^{one_field}(?:{_escaped(mark)}{one_field})*$"


def _escaped(delimiter: str) -> str:
    """For a regular expression, inside or outside brackets."""
    return f"\\x{ord(delimiter):02x}"
