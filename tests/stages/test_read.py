"""Stage `read`: formats, encodings, archives, and the export as a whole."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import zipfile
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ExportError
from pipeline.stages.read import LINE, RECORD, Flaw, Limits, SourceOptions, open_export
from pipeline.stages.read.lines import LineReader

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.stages.read.source import Encoding

HEADER = b"id,email,note\n"


def written(folder: Path, content: bytes, name: str = "export.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def rows(path: Path, source: SourceOptions | None = None, limits: Limits | None = None) -> list[tuple[object, ...]]:
    export = open_export(path, source or SourceOptions(), limits=limits or Limits())
    return [row for chunk in export.chunks() for row in chunk.records.rows()]


def malformed(
    path: Path, source: SourceOptions | None = None, limits: Limits | None = None
) -> list[tuple[object, ...]]:
    export = open_export(path, source or SourceOptions(), limits=limits or Limits())
    return [row for chunk in export.chunks() for row in chunk.malformed.rows()]


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_records_are_numbered_and_their_text_is_kept(tmp_path: Path) -> None:
    """Records count from 1, lines as in the file, values are text as it stands, blank and quoted blank are the same."""
    path = written(tmp_path, HEADER + b'007, +1 ,""\n\n\r\n8,,"two\r\nlines, ""so"""\r\n9,a,5"x')
    export = open_export(path, SourceOptions())
    chunks = list(export.chunks())
    assert export.header == ("id", "email", "note")
    assert chunks[0].records.columns == [RECORD, LINE, "id", "email", "note"]
    assert pl.concat(chunk.records for chunk in chunks).rows() == [
        (1, 2, "007", " +1 ", ""),
        (2, 5, "8", "", 'two\r\nlines, "so"'),
        (3, 7, "9", "a", '5"x'),
    ]
    assert all(chunk.malformed.is_empty() for chunk in chunks)


def test_each_kind_of_malformed_record_says_what_is_wrong(tmp_path: Path) -> None:
    """A malformed record takes no other with it and comes with its number, line, reason, text and fields."""
    body = b'1,a\n2,a,b,c\n3,"a"b,c\n4,\xff,c\n5,"open,c\n6,a,b\n7,a,"b"\n8,\0,c\n9,' + b"x" * 50 + b",c\n10,a,b\n"
    path = written(tmp_path, HEADER + body)
    limits = Limits(record_bytes=40)
    assert malformed(path, limits=limits) == [
        (1, 2, Flaw.TOO_FEW_FIELDS, "1,a", 3, 2),
        (2, 3, Flaw.TOO_MANY_FIELDS, "2,a,b,c", 3, 4),
        (3, 4, Flaw.BADLY_QUOTED, '3,"a"b,c', None, None),
        (4, 5, Flaw.INVALID_ENCODING, "4,\ufffd,c", None, None),
        (5, 6, Flaw.BADLY_QUOTED, '5,"open,c', None, None),
        (8, 9, Flaw.INVALID_ENCODING, "8,\0,c", None, None),
        (9, 10, Flaw.RECORD_TOO_LONG, "9,… (more than 40 bytes)", None, None),
    ]
    assert [row[0] for row in rows(path, limits=limits)] == [6, 7, 10]


def test_a_quote_left_open_takes_no_other_record_with_it(tmp_path: Path) -> None:
    """The line with the open quote alone is malformed, however many records stand before the next quote."""
    others = b"".join(b"%d,a,b\n" % number for number in range(2, 5000))
    path = written(tmp_path, HEADER + b'1,"a,b\n' + others + b'5000,"a",b\n5001,"a,b\n')
    assert [row[:3] for row in malformed(path)] == [
        (1, 2, Flaw.BADLY_QUOTED),
        (5001, 5002, Flaw.BADLY_QUOTED),
    ]
    assert [row[0] for row in rows(path)] == list(range(2, 5001))


def test_the_other_end_of_a_slip_is_not_taken_for_text(tmp_path: Path) -> None:
    """A line that would close a quote whose record is broken is badly quoted, whatever its number of fields."""
    path = written(tmp_path, b'id,email\n"1\n2" x,b\n3,5"c\n')
    assert [row[:3] for row in malformed(path)] == [(1, 2, Flaw.BADLY_QUOTED), (2, 3, Flaw.BADLY_QUOTED)]
    assert rows(path) == [(3, 4, "3", '5"c')]


def test_many_lines_that_open_quotes_are_read_in_linear_time(tmp_path: Path) -> None:
    """Lines that each open a quote, and close the one before, do not make the reader look ahead from each of them."""
    count = 20_000
    path = written(tmp_path, b"id,email\n" + b'",x","\n' * count)
    assert len(malformed(path)) + len(rows(path)) > 0


@pytest.mark.parametrize("packing", ["", ".gz", ".zip"])
@pytest.mark.parametrize(
    ("encoding", "codec"),
    [
        ("utf-8", "utf-8"),
        ("utf-8", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16", "utf-16-le"),
        ("utf-16", "utf-16-be"),
        ("cp1252", "cp1252"),
        ("latin-1", "latin-1"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_encoding_and_packing_is_read(
    tmp_path: Path, encoding: Encoding, codec: str, packing: str, end: str
) -> None:
    """The same text comes out of each encoding, line end and packing; the checksum and size are those of the file."""
    text = end.join(["id;név" if codec.startswith("utf") else "id;nom", "1;Zoë", '2;"Ü', 'ß"', "3;x"])
    plain = text.encode(codec)
    content = (
        gzip.compress(plain) if packing == ".gz" else zipped({"export.csv": plain}) if packing == ".zip" else plain
    )
    path = written(tmp_path, content, f"export.csv{packing}")
    export = open_export(path, SourceOptions(encoding=encoding, delimiter=";"), limits=Limits(chunk_bytes=8))
    found = [row for chunk in export.chunks() for row in chunk.records.rows()]
    assert found == [(1, 2, "1", "Zoë"), (2, 3, "2", f"Ü{end}ß"), (3, 5, "3", "x")]
    assert export.sha256 == hashlib.sha256(content).hexdigest()
    assert export.size_bytes == len(content)


@pytest.mark.parametrize(
    ("encoding", "record"), [("cp1252", b"2,\x81"), ("utf-16", "2,".encode("utf-16-le") + b"\x00\xd8")]
)
def test_a_byte_that_the_encoding_does_not_have_rejects_its_record(
    tmp_path: Path, encoding: Encoding, record: bytes
) -> None:
    """Also in other encodings than UTF-8 an invalid sequence costs one record."""
    codec = "utf-16-le" if encoding == "utf-16" else encoding
    around = ["id,a\n1,é\n", "\n3,é\n"]
    content = around[0].encode(codec) + record + around[1].encode(codec)
    path = written(tmp_path, content)
    assert [row[2:4] for row in malformed(path, SourceOptions(encoding=encoding))] == [
        (Flaw.INVALID_ENCODING, "2,\ufffd" if encoding == "cp1252" else "2,\ufffd\ufffd\ufffd")
    ]
    assert [row[0] for row in rows(path, SourceOptions(encoding=encoding))] == [1, 3]


def test_half_a_character_at_the_end_rejects_the_last_record(tmp_path: Path) -> None:
    """A UTF-16 file with an odd number of bytes was cut off: its last record is not taken as it is."""
    path = written(tmp_path, "id\n1\n2".encode("utf-16") + b"x")
    assert [row[:3] for row in malformed(path, SourceOptions(encoding="utf-16"))] == [(2, 3, Flaw.INVALID_ENCODING)]


@pytest.mark.parametrize(
    ("name", "delimiter"), [("a.csv", ","), ("a.tsv", "\t"), ("a.TXT", ","), ("a.tab.gz", "\t"), ("b.gz", ",")]
)
def test_format_and_delimiter_come_from_the_file_name(tmp_path: Path, name: str, delimiter: str) -> None:
    """Without `format` the file name says it, without `delimiter` the format does; a declared format wins."""
    content = f"id{delimiter}email\n1{delimiter}a@example.com\n".encode()
    path = written(tmp_path, gzip.compress(content) if name.endswith("gz") else content, name)
    source = SourceOptions(format="csv") if name == "b.gz" else SourceOptions()
    assert rows(path, source) == [(1, 2, "1", "a@example.com")]


def test_a_header_alone_is_an_export_without_records(tmp_path: Path) -> None:
    """No record is not an error: the guards judge it."""
    assert rows(written(tmp_path, HEADER)) == []
    assert rows(written(tmp_path, HEADER.strip())) == []


def test_the_header_may_come_late_and_take_several_lines(tmp_path: Path) -> None:
    """Blank lines before the header and line ends in a quoted column name count as lines of the file."""
    path = written(tmp_path, b'\r\n\n"i\nd",email\n1,a\n')
    assert open_export(path, SourceOptions()).header == ("i\nd", "email")
    assert rows(path) == [(1, 5, "1", "a")]


def test_chunks_can_be_read_again(tmp_path: Path) -> None:
    """Each call of `chunks` starts at the first record."""
    export = open_export(written(tmp_path, HEADER + b"1,2,3\n"), SourceOptions())
    assert (
        [chunk.records.height for chunk in export.chunks()]
        == [chunk.records.height for chunk in export.chunks()]
        == [1]
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n\r\n", "only blank lines"),
        (b"id,,note\n", "column 2 of the header has no name"),
        (b"id,email,id\n", "columns 1 and 3 have the same name"),
        (b"id,consent_sync:line\n", "the name of column 2 starts with"),
        (b"id;email\n1;2\n", 'say `delimiter: ";"`'),
        (b"id\temail\n1\t2\n", r'say `delimiter: "\t"`'),
        (b'id,"em"ail\n', "line 1: a quoted column name goes on"),
        (b'id,"email\n1,2\n', "the header does not end"),
        (b"i" * 300_000, "the header does not end"),
        ("id,email\n1,é\n".encode("utf-16"), "say `encoding: utf-16`"),
        ("id,email\n1,2\n".encode("utf-16-le"), "byte 2 (line 1) is NUL"),
        ("id,prénom\n".encode("cp1252"), "byte 6 (line 1) is not UTF-8"),
        ("id,a\n1,x\n2,é\n3,é\n4,é\n".encode("cp1252"), "byte 12 (line 3) is not UTF-8"),
    ],
)
def test_an_export_that_cannot_be_right_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    """Header, encoding and delimiter are judged before any record is read, and the message says the next step."""
    path = written(tmp_path, content)
    with pytest.raises(ExportError, match=re.escape(message)):
        open_export(path, SourceOptions())


@pytest.mark.parametrize(
    ("codec", "declared", "advice"),
    [
        ("utf-8", "cp1252", "say `encoding: utf-8`"),
        ("utf-8", "latin-1", "say `encoding: utf-8`"),
        ("utf-8-sig", "latin-1", "say `encoding: utf-8`"),
        ("utf-8", "utf-16", "say `encoding: utf-8`"),
        ("utf-16", "cp1252", "say `encoding: utf-16`"),
    ],
)
def test_another_encoding_than_declared_is_refused(tmp_path: Path, codec: str, declared: Encoding, advice: str) -> None:
    """Text that would be read as garbage is recognized, and the right encoding is named."""
    path = written(tmp_path, "id,a\n1,é\n2,ü\n3,ß\n".encode(codec))
    with pytest.raises(ExportError, match=re.escape(advice)):
        open_export(path, SourceOptions(encoding=declared))


@pytest.mark.parametrize("delimiter", ["\0", ",,", '"', "\n", "§"])
def test_a_delimiter_that_cannot_delimit_is_refused(tmp_path: Path, delimiter: str) -> None:
    """A delimiter is one ASCII character that has no other meaning."""
    with pytest.raises(ExportError, match="cannot be used"):
        open_export(written(tmp_path, HEADER), SourceOptions(delimiter=delimiter))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv.gz", HEADER, "is not a gz file"),
        ("a.zip", HEADER, "is not a zip file"),
        ("a.zip", zipped({"a.csv": HEADER})[:-30], "zip file is broken"),
        ("a.zip", zipped({}), "has no file inside"),
        ("a.zip", zipped({"a.csv": HEADER, "b.csv": HEADER}), "has 2 files inside (a.csv, b.csv)"),
        ("a.csv.gz", gzip.compress(b"", mtime=0), "is empty"),
        ("a.csv.gz", gzip.compress(HEADER, mtime=0)[:-4], "gzip file is broken"),
        ("a.xlsx", zipped({"[Content_Types].xml": b""}), "save it as `CSV UTF-8`"),
        ("a.csv", zipped({"[Content_Types].xml": b""}), "save it as `CSV UTF-8`"),
        ("a.dat", HEADER, "say `format:`"),
        ("a.parquet", b"PAR1 not really", "cannot be read as Parquet"),
        ("a.parquet.gz", gzip.compress(b"PAR1", mtime=0), "unpack it"),
        ("a.ndjson", b"id,email\n", "no JSON object"),
    ],
    # Archives hold the time at which they were made: as names of tests they would differ from process to process.
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    """A broken archive, a workbook or a file without format says so and what to do."""
    path = written(tmp_path, content, name)
    with pytest.raises(ExportError, match=re.escape(message)):
        open_export(path, SourceOptions())


def test_a_missing_file_a_folder_and_a_pipe_are_refused(tmp_path: Path) -> None:
    """What is no regular file is not waited for."""
    os.mkfifo(tmp_path / "pipe.csv")
    for name, message in [("none.csv", "no such file"), ("", "is a folder"), ("pipe.csv", "not a regular file")]:
        with pytest.raises(ExportError, match=message):
            open_export(tmp_path / name, SourceOptions())


def test_litter_of_file_managers_in_a_zip_is_passed_over(tmp_path: Path) -> None:
    """A zip made on a desktop has one export inside, whatever else was added for the desktop."""
    litter = {"__MACOSX/._export.csv": b"x", ".DS_Store": b"x", "folder/": b""}
    path = written(tmp_path, zipped({"folder/export.csv": HEADER + b"1,2,3\n"} | litter), "a.zip")
    assert rows(path) == [(1, 2, "1", "2", "3")]


def test_a_broken_archive_is_an_error_even_after_good_chunks(tmp_path: Path) -> None:
    """A checksum that does not fit is found at the end of the file, and not passed over."""
    content = bytearray(gzip.compress(HEADER + b"1,2,3\n" * 500_000))
    content[-6] ^= 0xFF
    export = open_export(written(tmp_path, bytes(content), "a.csv.gz"), SourceOptions())
    with pytest.raises(ExportError, match="broken"):
        list(export.chunks())


@pytest.mark.parametrize("packing", ["gz", "zip"])
def test_an_archive_that_unpacks_without_end_is_stopped(tmp_path: Path, packing: str) -> None:
    """An archive of more than `expansion` times its size is not read on."""
    plain = HEADER + b"1,2,3\n" * 200_000
    content = gzip.compress(plain) if packing == "gz" else zipped({"a.csv": plain})
    path = written(tmp_path, content, f"a.csv.{packing}")
    with pytest.raises(ExportError, match="100 times its size"):
        rows(path, limits=Limits(chunk_bytes=4096, expansion=100, expansion_floor_bytes=100_000))
    assert len(rows(path)) == 200_000


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    """Neither the records nor the checksum of a file that was written to meanwhile are used."""
    path = written(tmp_path, HEADER + b"1,2,3\n")
    export = open_export(path, SourceOptions())
    with path.open("ab") as file:
        file.write(b"4,5,6\n")
    with pytest.raises(ExportError, match="changed while it was read"):
        list(export.chunks())
    with pytest.raises(ExportError, match="changed while it was read"):
        _ = export.sha256


def test_json_values_are_the_text_they_were_written_as(tmp_path: Path) -> None:
    """Columns are the keys of the first records; numbers keep their digits, null and a missing key are blank."""
    path = written(
        tmp_path,
        b'{"id": "007", "n": 1.50, "ok": true}\n\n{"id": 12345678901234567890, "tags": ["a", 1]}\r\n'
        b'{"n": null, "id": "\\u00e9"}',
        "a.ndjson",
    )
    assert open_export(path, SourceOptions()).header == ("id", "n", "ok", "tags")
    assert rows(path, limits=Limits(chunk_bytes=16)) == [
        (1, 1, "007", "1.50", "true", ""),
        (2, 3, "12345678901234567890", "", "", '["a", "1"]'),
        (3, 4, "é", "", "", ""),
    ]


def test_a_line_that_is_no_object_of_these_columns_is_malformed(tmp_path: Path) -> None:
    """Broken JSON, a key given twice, a key that no earlier record had, and half a character cost one record each."""
    first = b'{"id": "x"}\n' * 23_000
    path = written(
        tmp_path,
        first
        + b'{"id": 1\n[1]\n{"id": 1, "id": 2}\n{"id": 1, "late": 2}\n{"id": "\\ud800"}\n{"id": "\xff"}\n{"id": 3}\n',
        "a.jsonl",
    )
    assert [(row[0], row[2]) for row in malformed(path)] == [
        (23_001, Flaw.INVALID_JSON),
        (23_002, Flaw.INVALID_JSON),
        (23_003, Flaw.INVALID_JSON),
        (23_004, Flaw.TOO_MANY_FIELDS),
        (23_005, Flaw.INVALID_JSON),
        (23_006, Flaw.INVALID_ENCODING),
    ]
    assert rows(path)[-1] == (23_007, 23_007, "3")


def test_parquet_columns_become_text(tmp_path: Path) -> None:
    """Values are text, times are ISO 8601 with their offset, null is blank; a list is refused."""
    path = tmp_path / "a.parquet"
    at = datetime(2024, 5, 1, 10, 0, 0, 500_000, tzinfo=UTC)
    frame = pl.DataFrame({"id": [7, None], "ok": [True, False], "on": [date(2024, 5, 1), None], "at": [at, None]})
    frame.write_parquet(path)
    assert rows(path) == [
        (1, 1, "7", "true", "2024-05-01", "2024-05-01T10:00:00.500+00:00"),
        (2, 2, "", "false", "", ""),
    ]
    pl.DataFrame({"id": [[1]]}).write_parquet(path)
    with pytest.raises(ExportError, match="column 'id' holds List"):
        open_export(path, SourceOptions())


@given(
    st.lists(st.sampled_from([b"a", b"\n", b"bcd", b"\r"]), max_size=40),
    st.integers(1, 9),
    st.integers(0, 5),
    st.integers(1, 3),
)
def test_lines_are_cut_where_they_end_and_long_ones_are_shortened(
    pieces: list[bytes], block_bytes: int, line_bytes: int, piece_lines: int
) -> None:
    """However the stream is cut, the lines come out whole; of a long one at least a byte more than allowed remains."""
    text = b"".join(pieces)
    blocks = [text[start : start + block_bytes] for start in range(0, len(text), block_bytes)]
    reader = LineReader(iter(blocks), Limits(chunk_lines=piece_lines, record_bytes=line_bytes))
    found, is_last = b"", False
    while not is_last:
        read, is_last = reader.read(b"")
        assert is_last or not read or read.endswith(b"\n")
        assert read.count(b"\n") <= piece_lines
        found += read
    for line, original in zip(found.split(b"\n"), text.split(b"\n"), strict=True):
        assert line == original or (len(line) > line_bytes and original.startswith(line))
