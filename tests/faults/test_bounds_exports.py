"""Exports that are broken, or made to break the reader: little memory, and a message that says what to do."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Final

import pytest

from . import hostile
from .hostile import GB, GOOD, HEADER, MB, OBJECT, SLOWEST_SECONDS
from .processes import start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .processes import Child

MOST_MEGABYTES: Final = 450
"""A process that has only started has some 150."""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder whose files, some of them large, are gone after the test."""
    yield tmp_path
    for file in tmp_path.iterdir():
        if file.is_file():
            file.unlink()


def checked(folder: Path, export: Path) -> Child:
    """`check` of the export, in a process of its own, that had little memory and did not crash."""
    mapping = folder / "m.yaml"
    mapping.write_text(hostile.MAPPING, encoding="utf-8")
    child = start(folder / "process", {}, "check", str(mapping), "--export", str(export))
    child.wait(SLOWEST_SECONDS)
    assert "Traceback" not in child.err, child.err[-2000:]
    assert child.peak_megabytes < MOST_MEGABYTES, (child.peak_megabytes, child.out, child.err)
    return child


def columns(count: int) -> bytes:
    return b",".join(b"c%d" % number for number in range(count)) + b"\n"


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("a.csv", lambda p: hostile.repeated(p, HEADER + GOOD, b"x", GB)),
        ("a.csv", lambda p: hostile.repeated(p, HEADER + GOOD + b'"', b"x", GB)),
        ("a.tsv", lambda p: hostile.repeated(p, (HEADER + GOOD).replace(b",", b"\t"), b"x", GB)),
        ("a.ndjson", lambda p: hostile.repeated(p, OBJECT + b'{"contact_id":"', b"x", GB)),
        ("a.csv", lambda p: hostile.sparse(p, HEADER + GOOD * 20_000, GB)),
        ("a.csv", lambda p: hostile.repeated(p, HEADER + GOOD, b"1,", 2 * MB, b"\n" + GOOD)),
        ("a.csv", lambda p: hostile.repeated(p, HEADER + GOOD + b"C-2,", b"x", 100 * MB, b",A,Y\n")),
        ("a.csv", lambda p: hostile.repeated(p, HEADER + GOOD + b'C-2,"', b"x", 100 * MB, b'",A,Y\n')),
        ("a.csv", lambda p: hostile.repeated(p, HEADER + b'"C-0,a@example.com,Ann,Y\n', GOOD, 50 * MB)),
        ("a.ndjson", lambda p: hostile.repeated(p, OBJECT + b'{"contact_id":', b"[", MB, b"\n" + OBJECT)),
        ("a.ndjson", lambda p: hostile.repeated(p, OBJECT, b'{"a":', 2 * MB - 9, b"\n" + OBJECT)),
    ],
    ids=["line", "open quote", "tsv", "ndjson", "nul", "cells", "cell", "quoted", "unclosed", "lists", "objects"],
)
def test_one_record_without_end_is_malformed_and_costs_little(
    folder: Path, name: str, make: Callable[[Path], Path]
) -> None:
    """A line, a cell or a nesting without end is one malformed record; what stands before and after it is read."""
    child = checked(folder, make(folder / name))
    assert child.process.exitcode == 3, child.err
    assert "1 record is malformed and would be rejected" in child.out


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("a.csv", lambda p: hostile.sparse(p, b"", GB), "byte 1 (line 1) is NUL"),
        ("a.csv", lambda p: hostile.repeated(p, b"", b"x", GB), "the header does not end within the first 262,144"),
        ("a.csv", lambda p: hostile.repeated(p, b"", b"abc", 100 * MB, b"\n" + GOOD), "the header does not end within"),
        ("a.csv", lambda p: hostile.repeated(p, b'"' + HEADER, GOOD, 50 * MB), "a quote that is left open"),
        ("a.csv", lambda p: hostile.repeated(p, columns(10_000), b"1," * 9_999 + b"1\n", 20 * MB), "10,000 columns"),
        ("a.csv", lambda p: hostile.repeated(p, columns(1_000_000), b"1,", MB), "the header does not end within"),
        ("a.csv", lambda p: hostile.repeated(p, HEADER + GOOD, b"x\n", 5 * MB), "may have 2,000,000 of them"),
        ("a.csv.gz", lambda p: hostile.repeated(p, HEADER + GOOD, b"x", GB), "unpacks to more than 200 times its size"),
        ("a.zip", lambda p: hostile.zipped(p, {"a.csv": HEADER + GOOD * (8 * MB)}), "200 times its size"),
        ("a.zip", lambda p: hostile.zipped(p, {"a.csv": bytes(20 * MB)}, zipfile.ZIP_BZIP2), "packed by method 12"),
        ("a.zip", lambda p: hostile.zipped(p, {"a.csv": bytes(20 * MB)}, zipfile.ZIP_LZMA), "packed by method 14"),
        ("a.zip", lambda p: hostile.zipped(p, {f"{n:050}.csv": b"" for n in range(15_000)}), "its list of the files"),
        ("a.zip", lambda p: hostile.zipped(p, {"a.csv": HEADER, "b\x1b[2J.csv": HEADER}), "b?[2J.csv"),
        ("a.zip", hostile.nested_zip, "a.zip/a.csv: byte 6 (line 1) is NUL"),
        ("a.zip", hostile.lying_zip, "the zip file is broken"),
        ("a.zip", hostile.encrypted_zip, "is protected by a password"),
        ("a.xlsx", hostile.workbook, "save it as `CSV UTF-8`"),
        ("a.parquet", lambda p: hostile.parquet(p, "x" * MB, 100_000), "unpacks to more than 200 times its size"),
        ("a.parquet", hostile.parquet_page, "unpacks to more than 200 times its size"),
        ("a.parquet", lambda p: hostile.lying_parquet(p, b"", 2**31 - 1), "its beginning or its end"),
        ("a.parquet", lambda p: hostile.lying_parquet(p, bytes(20 * MB), 20 * MB), "16,777,216 are allowed"),
        (
            "a.parquet",
            lambda p: hostile.lying_parquet(p, b"\x19\xfc\xff\xff\xff\xff\x07" + bytes(99), 106),
            "cannot be read as Parquet",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_is_no_export_is_refused_before_it_costs_memory(
    folder: Path, name: str, make: Callable[[Path], Path], message: str
) -> None:
    """Exit code 2 and one line that names the file, what was found and what to do."""
    child = checked(folder, make(folder / name))
    assert child.process.exitcode == 2, (child.out, child.err)
    assert child.err.startswith(f"consent-sync: {name}")
    assert message in child.err
    assert len(child.err) < 500


def test_keys_that_most_objects_leave_out_take_little_memory(folder: Path) -> None:
    """An NDJSON file with thousands of columns and objects without any is read in small chunks."""
    wide = b"{" + b",".join(b'"c%d":1' % number for number in range(3_000)) + b"}\n"
    mapping = hostile.MAPPING + "ignore: [" + ", ".join(f"c{number}" for number in range(3_000)) + "]\n"
    export = folder / "a.ndjson"
    export.write_bytes(OBJECT + wide + b"{}\n" * 20_000)
    (folder / "wide.yaml").write_text(mapping, encoding="utf-8")
    child = start(folder / "process", {}, "check", str(folder / "wide.yaml"), "--export", str(export))
    assert child.wait(SLOWEST_SECONDS) == 0, child.err
    assert child.peak_megabytes < 2 * MOST_MEGABYTES


def test_a_name_in_a_zip_leads_nowhere(folder: Path) -> None:
    """A file inside that is named as one outside is read, and nothing is written."""
    inside = folder / "inside"
    inside.mkdir()
    child = checked(folder, hostile.zipped(inside / "a.zip", {"../../slipped.csv": HEADER + GOOD}))
    assert child.process.exitcode == 0, child.err
    assert not list(folder.parent.rglob("slipped.csv"))


def test_a_text_that_is_too_long_in_parquet_is_one_malformed_record(folder: Path) -> None:
    """The other records are read, each with its own number."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from pipeline.stages.read import RECORD, Flaw, SourceOptions, open_export

    path = folder / "a.parquet"
    pq.write_table(pa.table({"a": ["1", "x" * (3 * MB), None], "b": [1, 2, 3]}), path, compression="none")
    [chunk] = open_export(path, SourceOptions()).chunks()
    assert chunk.records.rows() == [(1, 1, "1", "1"), (3, 3, "", "3")]
    assert chunk.malformed.select("record", "reason").rows() == [(2, Flaw.RECORD_TOO_LONG)]
    assert chunk.records.columns[0] == RECORD
