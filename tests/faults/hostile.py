"""Files that are made to break a reader: a little is written again and again."""

from __future__ import annotations

import gzip
import io
import os
import struct
import zipfile
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from pathlib import Path

MB: Final = 1024 * 1024
GB: Final = 1024 * MB
SLOWEST_SECONDS: Final = 240
"""Nothing here is about time; a machine may be busy."""
HEADER: Final = b"contact_id,email,first_name,email_opt_in\n"
GOOD: Final = b"C-1,a@example.com,Ann,Y\n"
OBJECT: Final = b'{"contact_id":"1","email":"a@example.com","first_name":"Ann","email_opt_in":"Y"}\n'
MAPPING: Final = """\
version: 1
destination: acoustic_connect
options: {data_set_id: 4fe4136f-c007-44a3-b38f-922200000000}
identity: {column: contact_id}
addresses: {EMAIL: {column: email, attribute: Email}}
attributes: {First Name: first_name}
consent: {channels: {EMAIL: {column: email_opt_in, values: {OPT_IN: [Y], OPT_OUT: [N]}}}}
"""


def repeated(path: Path, start: bytes, unit: bytes, size: int, end: bytes = b"") -> Path:
    """`start`, then `unit` until about `size` bytes are written, then `end`; gzipped where the name says so."""
    block = unit * max(1, MB // len(unit))
    with gzip.open(path, "wb", compresslevel=1) if path.suffix == ".gz" else path.open("wb") as file:
        file.write(start)
        for _ in range(max(1, size // len(block))):
            file.write(block)
        file.write(end)
    return path


def sparse(path: Path, start: bytes, size: int) -> Path:
    """`start`, and NUL bytes that take no room on the disk."""
    path.write_bytes(start)
    os.truncate(path, size)
    return path


def zipped(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    """An archive of several files."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def lying_zip(path: Path) -> Path:
    """A file inside says that it is shorter than it is."""
    zipped(path, {"a.csv": HEADER + GOOD * 100_000})
    content = bytearray(path.read_bytes())
    at = content.rfind(b"PK\x01\x02")
    content[at + 24 : at + 28] = struct.pack("<I", 1000)
    path.write_bytes(content)
    return path


def nested_zip(path: Path) -> Path:
    """An archive in an archive, whose name says that it is an export."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", bytes(20 * MB))
    return zipped(path, {"a.csv": inner.getvalue()})


def encrypted_zip(path: Path) -> Path:
    """The file inside says that it is protected."""
    zipped(path, {"a.csv": HEADER + GOOD})
    content = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.find(mark) + offset] |= 1
    path.write_bytes(content)
    return path


def workbook(path: Path) -> Path:
    """An Excel workbook with 200 MB of texts, entities of entities, and a sheet that says it has a billion cells."""
    laughs = b'<!DOCTYPE x [<!ENTITY a "ha">' + b"".join(
        b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10 if n else b"&a;" * 10) for n in range(12)
    )
    members = {
        "[Content_Types].xml": laughs + b"]><x>&a11;</x>",
        "xl/sharedStrings.xml": b"x" * (200 * MB),
        "xl/worksheets/sheet1.xml": b'<worksheet><dimension ref="A1:XFD1048576"/></worksheet>',
    }
    return zipped(path, members)


def parquet(path: Path, text: str, records: int) -> Path:
    """A file in which one text, kept once, stands in every record."""

    def column(value: str) -> pa.DictionaryArray:
        return pa.DictionaryArray.from_arrays(pa.array([0]).take(pa.array([0] * records)), pa.array([value]))

    table = pa.table(
        {"contact_id": column("1"), "email": column("a@b.c"), "first_name": column(text), "email_opt_in": column("Y")}
    )
    pq.write_table(table, path, compression="zstd", store_schema=False)
    return path


def parquet_page(path: Path) -> Path:
    """A page of 256 MB that takes next to nothing when packed."""
    texts = ["x" * (MB // 2)] * 512
    table = pa.table({"contact_id": texts, "email": ["a@b.c"] * 512})
    pq.write_table(table, path, compression="zstd", use_dictionary=False, data_page_size=GB)
    return path


def lying_parquet(path: Path, footer: bytes, length: int) -> Path:
    """A file whose end is made by hand."""
    path.write_bytes(b"PAR1" + footer + struct.pack("<I", length) + b"PAR1")
    return path
