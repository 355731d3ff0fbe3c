"""A plain, gzipped or zipped file as a stream of bytes. Nothing is unpacked to disk."""

from __future__ import annotations

import gzip
import struct
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Final, Literal, cast

from pipeline.errors import ExportChanged, ExportError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.stages.read.source import Limits

_GZIP_MAGIC: Final = b"\x1f\x8b"
_ZIP_MAGIC: Final = b"PK"
_UNPACKING_ERRORS: Final = (
    *(gzip.BadGzipFile, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError, KeyError),
    *(struct.error, ValueError),
)
"""What the two modules raise for archives that were damaged, or made to do damage."""
_UNPACKED: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Of the other methods the module unpacks as much as there is, in one go."""
LONGEST_NAME: Final = 80


@dataclass(frozen=True, slots=True)
class Container:
    """The export file, how it is packed, and what it was when it was opened."""

    path: Path
    packing: Literal["plain", "gzip", "zip"]
    member: str
    """Of a zip: the file inside."""
    is_workbook: bool
    size_bytes: int
    modified_ns: int
    identity: tuple[int, int]
    """Device and inode: another file may be put in its place."""
    limits: Limits

    @property
    def name(self) -> str:
        return f"{self.path.name}/{_shown(self.member)}" if self.member else self.path.name

    @property
    def suffix(self) -> str:
        """What says the format: `.csv` of `contacts.csv.gz`, of a zip the member's."""
        if self.packing == "gzip" and self.path.suffix.lower() in {".gz", ".gzip"}:
            return Path(self.path.stem).suffix.lower()
        return PurePosixPath(self.member or self.path.name).suffix.lower()

    def require_unchanged(self) -> None:
        """Raise ExportError if the file is not the one that was opened: the plan would mix two exports."""
        try:
            now = self.path.stat()
        except OSError as error:
            raise _unreadable(self.path, error) from error
        found = (now.st_size, now.st_mtime_ns, now.st_dev, now.st_ino)
        if found != (self.size_bytes, self.modified_ns, *self.identity):
            raise ExportChanged(
                f"{self.name}: changed while it was read; wait until the export is complete and run again"
            )

    def blocks(self, block_bytes: int) -> Iterator[bytes]:
        """The unpacked bytes, `block_bytes` at a time (the last may be shorter, none is empty)."""
        unpacked = 0
        allowed = max(self.limits.expansion_floor_bytes, self.limits.expansion * self.size_bytes)
        try:
            with self._stream() as stream:
                while block := stream.read(block_bytes):
                    unpacked += len(block)
                    if self.packing == "plain" and unpacked > self.size_bytes:
                        self.require_unchanged()  # It grows while it is read, and may do so without end.
                    if self.packing != "plain" and unpacked > allowed:
                        raise ExportError(
                            f"{self.name}: unpacks to more than {self.limits.expansion} times its size "
                            f"({allowed:,} bytes are allowed), which no export of contacts does; unpack it yourself "
                            "and name the file inside if it is right"
                        )
                    yield block
        except _UNPACKING_ERRORS as error:
            raise _broken(self.name, self.packing, error) from error
        except OSError as error:
            raise _unreadable(self.path, error) from error

    @contextmanager
    def _stream(self) -> Iterator[IO[bytes]]:
        match self.packing:
            case "plain":
                with self.path.open("rb") as plain:
                    yield plain
            case "gzip":
                with gzip.open(self.path, "rb") as inflated:
                    yield cast("IO[bytes]", inflated)
            case "zip":
                with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as unzipped:
                    yield unzipped


def open_container(path: Path, limits: Limits) -> Container:
    """Find out what the file is by its first bytes; raises ExportError if it is missing, empty or broken."""
    try:
        if path.is_dir():
            raise ExportError(f"{path.name}: is a folder; name the export file inside")
        if path.exists() and not path.is_file():
            raise ExportError(f"{path.name}: is not a regular file; save the export to one and name that")
        with path.open("rb") as file:
            magic = file.read(2)
        status = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from error
    if not magic:
        raise ExportError(f"{path.name}: is empty, it has not even a header; export again")
    packing: Literal["plain", "gzip", "zip"] = "plain"
    member, is_workbook = "", False
    if magic == _GZIP_MAGIC:
        packing = "gzip"
    elif magic == _ZIP_MAGIC and (path.suffix.lower() in {".zip", ".xlsx"} or zipfile.is_zipfile(path)):
        packing = "zip"
        member, is_workbook = _only_member(path, limits)
    elif path.suffix.lower() in {".gz", ".gzip", ".zip"}:
        raise ExportError(f"{path.name}: is not a {path.suffix[1:]} file by its content; check the name, export again")
    identity = (status.st_dev, status.st_ino)
    return Container(path, packing, member, is_workbook, status.st_size, status.st_mtime_ns, identity, limits)


class _Directory:
    """A zip as far as its list of files, which is read in one go and so must be small."""

    def __init__(self, file: IO[bytes], path: Path, limits: Limits) -> None:
        self._file, self._path, self._most = file, path, limits.directory_bytes
        self.tell, self.seekable, self.close = file.tell, file.seekable, file.close

    def read(self, count: int = -1) -> bytes:
        content = self._file.read(min(count, self._most + 1) if count >= 0 else self._most + 1)
        if len(content) > self._most:
            raise ExportError(
                f"{self._path.name}: its list of the files inside is larger than {self._most:,} bytes, and an export "
                "is one file; unpack it and name the file that is the export"
            )
        return content

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)


def _only_member(path: Path, limits: Limits) -> tuple[str, bool]:
    """The name of the one file in the zip, and whether the zip is an Excel workbook."""
    try:
        with (
            path.open("rb") as file,
            zipfile.ZipFile(cast("IO[bytes]", _Directory(file, path, limits))) as archive,
        ):
            entries = [entry for entry in archive.infolist() if not entry.is_dir() and not _is_litter(entry.filename)]
    except _UNPACKING_ERRORS as error:
        raise _broken(path.name, "zip", error) from error
    names = [entry.filename for entry in entries]
    if "[Content_Types].xml" in names:
        return "", True
    if not names:
        raise ExportError(f"{path.name}: has no file inside; pack the export into it")
    if len(names) > 1:
        listed = ", ".join(map(_shown, names[:5])) + (", …" if len(names) > 5 else "")
        raise ExportError(f"{path.name}: has {len(names)} files inside ({listed}); unpack it and name one of them")
    if entries[0].flag_bits & 0x1:
        raise ExportError(f"{path.name}: is protected by a password; unpack it and name the file inside")
    if entries[0].compress_type not in _UNPACKED:
        raise ExportError(
            f"{path.name}: {_shown(names[0])} is packed by method {entries[0].compress_type}, and only stored and "
            "deflated files are read; unpack it and name the file inside"
        )
    return names[0], False


def _shown(member: str) -> str:
    """The name of a file in an archive: whoever made it may have put anything there."""
    plain = "".join(letter if letter.isprintable() else "?" for letter in member[:LONGEST_NAME])
    return plain + "…" * (len(member) > LONGEST_NAME)


def _is_litter(member: str) -> bool:
    """What file managers add to an archive."""
    return member.startswith("__MACOSX/") or PurePosixPath(member).name in {".DS_Store", "Thumbs.db"}


def _broken(name: str, packing: str, error: Exception) -> ExportError:
    return ExportError(f"{name}: the {packing} file is broken ({error}); transfer or export it again")


def _unreadable(path: Path, error: OSError) -> ExportError:
    if isinstance(error, FileNotFoundError):
        return ExportError(f"{path}: there is no such file; check the path")
    return ExportError(f"{path.name}: cannot be read ({error.strerror or error}); check its permissions")
