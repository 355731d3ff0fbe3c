"""The reader of csv and tsv agrees with a slow and plain one, character by character, on arbitrary files."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.stages.read import LINE, RECORD, Limits, SourceOptions, open_export

PADDING_LINES = 60
"""Good records at the start of each generated file, so that a few broken ones do not make its encoding doubtful."""

Row = tuple[int, int, tuple[str, ...]]
Malformed = tuple[int, int, str, str, int | None, int | None]


@dataclass
class Walk:
    """What the state machine below found in a text."""

    end: str
    fields: list[str]
    stray: bool


def walk(text: str, delimiter: str) -> Walk:
    """Read `text` as one record with a state for each character."""
    fields: list[str] = []
    field, state, stray = "", "start", False
    for character in text:
        match state, character:
            case "start", '"':
                state = "quoted"
            case (("start" | "plain" | "closed"), _) if character == delimiter:
                fields.append(field)
                field, state = "", "start"
            case (("start" | "plain"), _):
                stray = stray or character == '"'
                field, state = field + character, "plain"
            case "quoted", '"':
                state = "closed"
            case "quoted", _:
                field += character
            case "closed", '"':
                field, state = field + '"', "quoted"
            case _:
                return Walk("badly quoted", fields, stray)
    if state == "quoted":
        return Walk("in quotes", fields, stray)
    return Walk("whole", [*fields, field], stray)


def is_text(raw: bytes) -> bool:
    try:
        return "\0" not in raw.decode()
    except UnicodeDecodeError:
        return False


def decoded(lines: list[bytes]) -> str:
    return b"\n".join(lines).removesuffix(b"\r").decode(errors="replace")


class Reference:
    """Reads records from physical lines one after the other and looks ahead as far as it must."""

    def __init__(self, lines: list[bytes], delimiter: str, columns: int, record_bytes: int) -> None:
        self.lines, self.delimiter, self.columns, self.record_bytes = lines, delimiter, columns, record_bytes
        self.rows: list[Row] = []
        self.malformed: list[Malformed] = []

    def is_record_by_itself(self, line: bytes) -> bool:
        found = walk(decoded([line]), self.delimiter)
        is_record = found.end == "whole" and not found.stray and len(found.fields) == self.columns
        return is_record and is_text(line) and len(line) <= self.record_bytes and line not in {b"", b"\r"}

    def last_line(self, first: int) -> tuple[int, Walk]:
        """The line at which the record that starts at `first` ends or breaks; `first` if it never does."""
        last = first
        found = walk(decoded(self.lines[first : last + 1]), self.delimiter)
        while found.end == "in quotes":
            last += 1
            if last == len(self.lines) or len(b"\n".join(self.lines[first : last + 1])) > self.record_bytes:
                return first, found
            found = walk(decoded(self.lines[first : last + 1]), self.delimiter)
        return last, found

    def read(self, first_line: int) -> Reference:
        index, record, doubtful_until = 0, 0, -1
        while index < len(self.lines):
            line = self.lines[index]
            if line in {b"", b"\r"}:
                index += 1
                continue
            record += 1
            place = (record, first_line + index)
            if len(line) > self.record_bytes:
                shown = line[: min(4096, self.record_bytes)].decode(errors="replace")
                # What may be half a word at the cut is left out, and the text says that it was cut.
                shown = re.sub(r'[^\s,;|"]{1,320}\Z', "", shown)
                said = f"{shown}… (more than {self.record_bytes} bytes)"
                self.malformed.append((*place, "record_too_long", said, None, None))
                index += 1
                continue
            last, found = self.last_line(index)
            swallowed = any(map(self.is_record_by_itself, self.lines[index + 1 : last + 1]))
            is_slip = found.end != "whole" or (len(found.fields) != self.columns and swallowed)
            if last > index and is_slip:
                doubtful_until = max(doubtful_until, last)
                last = index
                found = walk(decoded([line]), self.delimiter)
            self.take(place, self.lines[index : last + 1], found, is_doubtful=index <= doubtful_until)
            index = last + 1
        return self

    def take(self, place: tuple[int, int], lines: list[bytes], found: Walk, *, is_doubtful: bool) -> None:
        count = len(found.fields)
        if not is_text(b"\n".join(lines)):
            self.malformed.append((*place, "invalid_encoding", decoded(lines), None, None))
        elif found.end != "whole" or (found.stray and is_doubtful):
            self.malformed.append((*place, "badly_quoted", decoded(lines), None, None))
        elif count != self.columns:
            reason = "too_few_fields" if count < self.columns else "too_many_fields"
            self.malformed.append((*place, reason, decoded(lines), self.columns, count))
        else:
            self.rows.append((*place, tuple(found.fields)))


@dataclass(frozen=True)
class Case:
    delimiter: str
    columns: int
    body: bytes

    @property
    def file(self) -> bytes:
        header = self.delimiter.join(f"c{number}" for number in range(self.columns))
        good = self.delimiter.join(["x"] * self.columns)
        return "\n".join([header, *[good] * PADDING_LINES, ""]).encode() + self.body

    def reference(self, record_bytes: int) -> Reference:
        lines = self.file.split(b"\n")[1:]
        if lines[-1] == b"":
            lines.pop()
        return Reference(lines, self.delimiter, self.columns, record_bytes).read(first_line=2)


def read(case: Case, limits: Limits) -> tuple[list[Row], list[Malformed], list[int]]:
    """Rows, malformed records, and the record numbers in the order they came."""
    rows: list[Row] = []
    malformed: list[Malformed] = []
    order: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export.csv"
        path.write_bytes(case.file)
        for chunk in open_export(path, SourceOptions(delimiter=case.delimiter), limits=limits).chunks():
            rows += [(record, line, tuple(fields)) for record, line, *fields in chunk.records.iter_rows()]
            malformed += chunk.malformed.rows()
            order += sorted(chunk.records[RECORD].to_list() + chunk.malformed["record"].to_list())
            assert chunk.records[LINE].is_sorted()
    return rows, malformed, order


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Well-formed records of all kinds, and between them text that often is none."""
    delimiter = draw(st.sampled_from([",", ";", "\t", "|"]))
    columns = draw(st.integers(1, 4))
    characters = st.sampled_from(["a", "b", " ", '"', delimiter, "\n", "\r", "é", "日", "\ufeff", "+1", "007"])
    value = st.lists(characters, max_size=5).map("".join)

    def written(field: str, *, quoted: bool) -> str:
        must = field.startswith('"') or any(mark in field for mark in (delimiter, "\n", "\r"))
        return '"' + field.replace('"', '""') + '"' if quoted or must else field

    good = st.lists(st.builds(written, value, quoted=st.booleans()), min_size=columns, max_size=columns).map(
        lambda fields: delimiter.join(fields).encode()
    )
    pieces = st.sampled_from([b"a", b'"', b'""', delimiter.encode(), b"\r", b"\n", b"\xff", b"\0", "é".encode()])
    junk = st.lists(pieces, max_size=10).map(b"".join)
    records = draw(st.lists(good | good | junk, max_size=8))
    ends = draw(st.lists(st.sampled_from([b"\n", b"\r\n", b"\n\n"]), min_size=len(records), max_size=len(records)))
    body = b"".join(record + end for record, end in zip(records, ends, strict=True))
    return Case(delimiter, columns, body if draw(st.booleans()) else body.removesuffix(b"\n"))


LIMITS = st.builds(
    Limits,
    chunk_bytes=st.sampled_from([33, 97, 400, 100_000]),
    chunk_lines=st.sampled_from([3, 100_000]),
    record_bytes=st.sampled_from([12, 40, 4000]),
)


@settings(deadline=None)
@given(cases(), LIMITS)
@example(Case(",", 2, b'5,"open\n6,y\n7,"z"\n'), Limits())
@example(Case(",", 2, b'1,"a\n",x","\n1,2\nz"\n'), Limits())
@example(Case(",", 2, b'"a\nb" junk,x\n1,2\n'), Limits())
@example(Case(",", 2, b'1,"a\nx,y\nb",z\n1,2\n'), Limits())
def test_the_reader_agrees_with_the_reference(case: Case, limits: Limits) -> None:
    """Numbers, lines, values, and which records are malformed and why, are those of the reference, for any chunk size.

    Every record is read once: they are numbered 1, 2, 3, ... without a gap, in the order of the chunks.
    """
    reference = case.reference(limits.record_bytes)
    rows, malformed, order = read(case, limits)
    assert order == list(range(1, len(order) + 1))
    assert rows == reference.rows
    assert malformed == reference.malformed
