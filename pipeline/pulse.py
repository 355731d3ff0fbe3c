"""Who is alive: an orchestrator's run holds a lock of its own on this machine, which ends with its process.

The lock of a destination does not say as much: the next run may hold it already, and a run has it only while it works.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from pipeline.run_folder import FOLDER_MODE, storing

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER: Final = Path("locks", "orchestrated")


@dataclass(frozen=True, slots=True)
class Beat:
    """What is known of a process that carries out an orchestrator's run."""

    name: str
    """What the orchestrator calls its run."""
    attempt: int
    """How often it was begun, this time included."""
    host: str
    pid: int
    run_id: str | None = None
    """The run that it carries out, once it has one."""
    ended: bool = False
    """Whether it came to its end, and only the orchestrator may not know it."""

    @property
    def over(self) -> bool:
        """Whether the process is no more, as far as this machine can say."""
        return not (self.ended and process_exists(self.pid))


class Pulse:
    """A held lock; its file says by whom."""

    def __init__(self, file: IO[str], beat: Beat) -> None:
        self._file, self.beat = file, beat
        file.seek(0)
        self.before = _read(file)
        """The attempt before this one, where this machine made it."""
        self._write(beat)

    @property
    def interrupted(self) -> str | None:
        """The run that the attempt before was killed in, so that it came to no end."""
        return self.before.run_id if self.before is not None and not self.before.ended else None

    def carries_out(self, run_id: str) -> None:
        """Says which run it is."""
        self._write(replace(self.beat, run_id=run_id))

    def ended(self) -> None:
        """Says that the run came to its end."""
        self._write(replace(self.beat, ended=True))

    def _write(self, beat: Beat) -> None:
        self.beat = beat
        self._file.seek(0)
        self._file.truncate()
        json.dump(asdict(beat), self._file)
        self._file.flush()


@contextmanager
def beating(home: Path, name: str, attempt: int = 1) -> Iterator[Pulse]:
    """Holds the lock of an orchestrator's run.

    The file stays, for whoever must say how a run ended or tries it again; where the orchestrator itself ends the
    process, to go on in another one, it goes.
    """
    path = home / FOLDER / f"{name}.json"
    with storing(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
        file = path.open("a+", encoding="utf-8")
    with file:
        # A process of the same run that hangs still holds it: then there are two, and the destination's lock decides.
        _taken(file)
        try:
            yield Pulse(file, Beat(name, attempt, socket.gethostname(), os.getpid()))
        except Exception:
            raise
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def stopped(home: Path) -> Iterator[Beat]:
    """Runs of this machine whose lock nobody holds any more."""
    for path in sorted((home / FOLDER).glob("*.json")):
        try:
            with path.open("r+", encoding="utf-8") as file:
                if not _taken(file):
                    continue
                beat = _read(file)
        except FileNotFoundError:
            continue
        if beat is not None and beat.host == socket.gethostname() and beat.over:
            yield beat


def known(home: Path, name: str) -> bool:
    """Whether this machine has carried out the run, or does."""
    return (home / FOLDER / f"{name}.json").exists()


def clear(home: Path, before: datetime) -> None:
    """Forgets runs whose file nobody has written to since a time, but for those that are alive."""
    for path in (home / FOLDER).glob("*.json"):
        with storing(path), suppress(FileNotFoundError), path.open("r+", encoding="utf-8") as file:
            if datetime.fromtimestamp(path.stat().st_mtime, UTC) < before and _taken(file):
                path.unlink()


def process_exists(pid: int) -> bool:
    """Whether this machine has a process of that number."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _read(file: IO[str]) -> Beat | None:
    try:
        return Beat(**json.load(file))
    except (ValueError, TypeError):
        return None


def _taken(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
