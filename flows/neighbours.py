"""Other processes of this machine that a service meets: who holds its port, and what an earlier one left behind.

Who they are is read from /proc; where there is none, nobody is found.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import socket
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from pipeline.errors import StorageError
from pipeline.pulse import process_exists
from pipeline.run_folder import storing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PROC: Final = Path("/proc")
LISTENING: Final = "0A"
BOOK: Final = "processes.json"
END_SECONDS: Final = 20.0
LOOK_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Process:
    """A process, and what it was started as."""

    pid: int
    command: str

    def __str__(self) -> str:
        return f"process {self.pid} ({self.command[:100] or 'of another user'})"


def require_free(port: int) -> None:
    """Raises StorageError where somebody listens on a port of 127.0.0.1; it says who, and how to end it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise StorageError(f"port {port} cannot be had: {error.strerror}; choose PREFECT_PORT=...") from None
        else:
            return
    holder = _holder(port)
    who = f"{holder}: end it by `kill {holder.pid}`" if holder else "a process that cannot be seen from here: end it"
    raise StorageError(f"port {port} is held by {who}, or choose another one by PREFECT_PORT=...")


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Holds the folder of a service. Raises StorageError where another one does that."""
    lock = folder / "up.lock"
    with storing(lock), lock.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            pid = file.read().strip() or "?"
            raise StorageError(
                f"process {pid} serves from {folder} already: end it by `kill -INT {pid}`, or choose another "
                "CONSENT_SYNC_HOME"
            ) from None
        _write(file, str(os.getpid()))
        yield


def note(folder: Path, children: Mapping[str, int]) -> None:
    """Keeps which processes are children of the service that holds the folder."""
    with storing(folder / BOOK):
        (folder / BOOK).write_text(json.dumps(dict(children)), encoding="utf-8")


def end_what_was_left(folder: Path, say: Callable[[str], None]) -> None:
    """Ends the children of an earlier service that was killed. Whoever calls it holds the folder."""
    for name, pid in _noted(folder).items():
        if f"prefect {name} start" not in command_of(pid):
            continue  # it is gone, or its number is another process' by now
        say(f"ending the {name} that was left behind, process {pid}")
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
            end = time.monotonic() + END_SECONDS
            while process_exists(pid) and command_of(pid) and time.monotonic() < end:
                time.sleep(LOOK_SECONDS)


def _noted(folder: Path) -> dict[str, int]:
    try:
        return {str(name): int(pid) for name, pid in json.loads((folder / BOOK).read_text("utf-8")).items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _write(file: IO[str], text: str) -> None:
    file.seek(0)
    file.truncate()
    file.write(text)
    file.flush()


def _holder(port: int) -> Process | None:
    """Who listens on a port of this machine, where it can be seen."""
    sockets = {f"socket:[{inode}]" for table in ("tcp", "tcp6") for inode in _listeners(PROC / "net" / table, port)}
    for folder in PROC.glob("[0-9]*"):
        with suppress(OSError):
            if any(str(opened.readlink()) in sockets for opened in (folder / "fd").iterdir()):
                return Process(int(folder.name), command_of(int(folder.name)))
    return None


def _listeners(table: Path, port: int) -> Iterator[str]:
    with suppress(OSError):
        for line in table.read_text("ascii").splitlines()[1:]:
            words = line.split()
            if words[3] == LISTENING and int(words[1].rpartition(":")[2], 16) == port:
                yield words[9]


def command_of(pid: int) -> str:
    """What a process was started as; empty where it is none any more."""
    try:
        return (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""
