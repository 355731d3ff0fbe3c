"""The command line in processes of its own, forked from one that has imported it: quick to start, real to kill."""

from __future__ import annotations

import glob
import multiprocessing
import os
import resource
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from multiprocessing.context import ForkServerProcess

PRELOADED: Final = ("pipeline.cli", "pipeline.run", "pipeline.console", "deltalake")
LIMIT_SECONDS: Final = 60


def _kill_when(pattern: str) -> None:
    """Kills this process as soon as a file of that name appears, or is written anew."""

    def seen() -> set[tuple[str, int]]:
        found = set()
        for path in glob.glob(pattern, recursive=True):  # noqa: PTH207 - the pattern is absolute
            with suppress(FileNotFoundError):
                found.add((path, Path(path).stat().st_mtime_ns))
        return found

    before, pause = seen(), threading.Event()

    def watch() -> None:
        while seen() <= before:
            pause.wait(0.001)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def _run(
    arguments: list[str],
    folder: str,
    environment: dict[str, str],
    largest: int | None,
    killed_when: str | None,
    planned: int | None,
) -> None:
    """What the child does: the command line with its own streams, environment and folder."""
    from pipeline import memory
    from pipeline.cli import main

    if planned is not None:
        vars(memory)["PLANNED_BYTES_PER_BYTE"] = planned
    if killed_when is not None:
        _kill_when(killed_when)

    if largest is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
    for name, number in (("out", 1), ("err", 2)):
        file = os.open(Path(folder) / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, number)
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["consent-sync", *arguments]
    try:
        main()
    finally:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        (Path(folder) / "peak").write_text(str(peak), encoding="utf-8")


@dataclass(frozen=True)
class Child:
    """A running command."""

    process: ForkServerProcess
    folder: Path

    @property
    def pid(self) -> int:
        """The process to signal."""
        assert self.process.pid is not None
        return self.process.pid

    def wait(self, limit_seconds: float = LIMIT_SECONDS) -> int:
        """Its exit code; negative: the signal that ended it."""
        self.process.join(limit_seconds)
        code = self.process.exitcode
        if code is None:
            self.process.kill()
            self.process.join()
            raise AssertionError(f"still running after {limit_seconds} seconds: {self.err}")
        return code

    @property
    def err(self) -> str:
        """What it said on stderr."""
        return (self.folder / "err").read_text(encoding="utf-8")

    @property
    def peak_megabytes(self) -> int:
        """The most memory that it had, when it has ended by itself."""
        return int((self.folder / "peak").read_text(encoding="utf-8"))

    @property
    def out(self) -> str:
        """What it said on stdout."""
        return (self.folder / "out").read_text(encoding="utf-8")


def start(
    folder: Path,
    environment: Mapping[str, str],
    *arguments: str,
    largest: int | None = None,
    killed_when: str | None = None,
    planned: int | None = None,
) -> Child:
    """Starts the command line in `folder`. `largest`: bytes that a file may have, as on a disk that is full.

    `killed_when`: it is killed as soon as a file appears, or is written anew, whose path fits this pattern. `planned`:
    bytes that planning a byte of an export is taken to need, so that a small one is divided.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    folder.mkdir(exist_ok=True)
    given = (list(arguments), str(folder), dict(environment), largest, killed_when, planned)
    process = context.Process(target=_run, args=given)
    process.start()
    return Child(process, folder)
