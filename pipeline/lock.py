"""One holder of a name on a machine: the kernel's lock on a file, which dies with its holder."""

from __future__ import annotations

import fcntl
import json
import os
import re
import stat
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from pipeline.errors import DestinationBusy, StorageError
from pipeline.run_folder import FILE_MODE, FOLDER_MODE, storing

if TYPE_CHECKING:
    from collections.abc import Iterator

TRIES: Final = 10
"""How often a lock is opened anew whose file somebody removed in between."""


@dataclass(frozen=True, slots=True)
class Lock:
    """A held lock; its file says by whom, for the message that others get."""

    file: IO[str]

    def name(self, run_id: str | None) -> None:
        """Says which run holds the destination; None while it has no name yet."""
        self.file.seek(0)
        self.file.truncate()
        json.dump({"run_id": run_id, "pid": os.getpid()}, self.file)
        self.file.flush()


def name_of(destination: str, account: str) -> str:
    """The name of the lock, which is that of the state's folder."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", f"{destination}-{account}")


@contextmanager
def holding(home: Path, destination: str, account: str) -> Iterator[Lock]:
    """Holds the destination in a home. Raises DestinationBusy, naming the run that holds it."""
    folder = home / "locks"
    with storing(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
    with held(folder / f"{name_of(destination, account)}.lock", destination) as lock:
        yield lock


@contextmanager
def held(path: Path, what: str) -> Iterator[Lock]:
    """Holds the lock of a file, `what` for people. Raises DestinationBusy, naming the run that holds it."""
    file = _locked(path, what)
    with file:
        lock = Lock(file)
        lock.name(None)
        yield lock


def _locked(path: Path, what: str) -> IO[str]:
    for _ in range(TRIES):
        file = _opened(path)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise DestinationBusy(f"{what} is held by {_holder(path)}; wait until it ends") from None
        # Whoever clears a temporary folder may have removed it: a lock that has no name any more excludes nobody.
        if _is_there(path, file):
            return file
        file.close()
    raise StorageError(f"{path} is removed again and again while it is used as a lock; let nobody clear that folder")


def _opened(path: Path) -> IO[str]:
    """Opens a file of ours: not a link, nor anything that somebody else has put there."""
    with storing(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_nlink > 1:
        os.close(descriptor)
        raise StorageError(f"{path} is not a file of this user, so it is no lock; remove it, and run again")
    return os.fdopen(descriptor, "r+", encoding="utf-8")


def _is_there(path: Path, file: IO[str]) -> bool:
    try:
        there = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False
    mine = os.fstat(file.fileno())
    return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)


def machine_folder() -> Path:
    """Where all homes of a user meet on a machine: always the same, whatever the environment says."""
    return Path(f"/tmp/consent-sync-{os.geteuid()}")  # noqa: S108 - checked by `require_own`


def require_own(folder: Path) -> None:
    """Makes a folder that only its user can reach. Raises StorageError where somebody else could have made it."""
    with storing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            folder.mkdir(mode=FOLDER_MODE)
        found = folder.stat(follow_symlinks=False)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) != FOLDER_MODE:
        raise StorageError(
            f"{folder} is not a folder that this user alone can reach, so locks in it exclude nobody for certain; "
            "remove it, and run again"
        )


def _holder(path: Path) -> str:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        run = f"run {found['run_id']}" if found["run_id"] else "a run that is being planned"
        return f"{run} (process {found['pid']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another run"
