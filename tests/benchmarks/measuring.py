"""Runs one process to its end and says what it took. Linux: memory is read in its units."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT: Final = Path(__file__).parents[2]
LOOK_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process took from start to exit, by the kernel's account, with those that it started and waited for."""

    wall_seconds: float
    user_seconds: float
    system_seconds: float
    peak_bytes: int
    """Resident memory: the most of a single process, or what was seen of all of them together, whichever is more.

    At least that of the process which starts it, so that one imports nothing large.
    """
    exit_code: int
    """Negative: the signal that ended it."""

    @property
    def cpu_seconds(self) -> float:
        """User and system: what is left to compare where other programs share the processors."""
        return self.user_seconds + self.system_seconds


def run(command: Sequence[str], output: Path, limit_seconds: float, settings: Mapping[str, str] | None = None) -> Usage:
    """Runs a command in the project's folder; stdout goes to `output`, stderr beside it. It is killed at the limit."""
    with output.open("wb") as said, output.with_suffix(".err").open("wb") as complained:
        begun = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - the commands of this package's cases
            command, stdout=said, stderr=complained, cwd=ROOT, env=_environment() | dict(settings or {})
        )
        with _seen(process.pid) as together:
            usage = _reap(process, limit_seconds)
    used = _used(process, usage, time.perf_counter() - begun)
    return replace(used, peak_bytes=max(used.peak_bytes, *together))


def _environment() -> dict[str, str]:
    """Where modules are compiled once and kept, as they are unless somebody forbids it."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@contextmanager
def _seen(root: int) -> Iterator[list[int]]:
    """What a process and its descendants are seen to hold together, in bytes, from time to time."""
    together, ended = [0], threading.Event()

    def look() -> None:
        while not ended.wait(LOOK_SECONDS):
            if len(pids := list(_tree(root))) > 1:  # the kernel counts one by itself, and misses no moment
                together[0] = max(together[0], sum(map(_resident_bytes, pids)))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield together
    finally:
        ended.set()
        thread.join()


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in path.read_text().split():
                yield from _tree(int(child))


def _resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:  # it has ended
        return 0


@contextmanager
def serving(command: Sequence[str]) -> Iterator[Server]:
    """Starts a server that says its port on its first line; ends it, and then `server` has what it said and took."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True)  # noqa: S603 - as above
    assert process.stdout is not None
    server = Server(int(process.stdout.readline()))
    begun = time.perf_counter()
    try:
        yield server
    finally:
        process.terminate()
        server.said = json.loads(process.stdout.readline() or "{}")
        process.stdout.close()
        server.usage = _used(process, _reap(process, 10.0), time.perf_counter() - begun)


@dataclass(slots=True)
class Server:
    """A server on 127.0.0.1; `said` and `usage` are known when it has ended."""

    port: int
    said: Mapping[str, Any] | None = None
    usage: Usage | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}/"


def _reap(process: subprocess.Popen[Any], limit_seconds: float) -> Any:
    """Waits for a process as the kernel lets one do only once, together with its account."""
    timer = threading.Timer(limit_seconds, process.kill)
    timer.start()
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        process.kill()
        raise
    finally:
        timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage


def _used(process: subprocess.Popen[Any], usage: Any, wall_seconds: float) -> Usage:
    return Usage(wall_seconds, usage.ru_utime, usage.ru_stime, usage.ru_maxrss * 1024, process.returncode)


def python(module: str, *arguments: str) -> list[str]:
    """The command that runs a module with this interpreter."""
    return [sys.executable, "-m", module, *arguments]
