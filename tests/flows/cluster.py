"""A Dask cluster on this machine: a scheduler and workers, each a process of its own that the tests end.

Workers read their settings anew for each piece of work, from `.env` in their folder: tests write it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROJECT: Final = Path(__file__).parents[2]


@dataclass
class Cluster:
    """Its scheduler's address, and its workers by name."""

    folder: Path
    address: str = ""
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        """Starts a part of the cluster; its output goes to a file of its name."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.children[name] = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", "dask", *command],
                cwd=self.folder,
                env=_bare() | {"PYTHONPATH": str(PROJECT)},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self.children[name]

    def worker(self, name: str) -> None:
        """Starts a worker, which takes one shard at a time; it is there when something is to be done."""
        local = str(self.folder / name)
        self.start(
            name, "worker", self.address, "--name", name, "--nthreads", "1", "--no-nanny", "--no-dashboard",
            "--local-directory", local, "--host", "127.0.0.1",
        )  # fmt: skip

    def settings(self, **values: str) -> None:
        """What the workers' settings are from now on."""
        text = "".join(f"{name}={value}\n" for name, value in values.items())
        (self.folder / ".env").write_text(text, encoding="utf-8")

    def kill(self, name: str) -> None:
        """SIGKILL."""
        child = self.children.pop(name)
        child.send_signal(signal.SIGKILL)
        child.wait()

    def log(self, name: str) -> str:
        """What a part of it said."""
        return (self.folder / f"{name}.log").read_text(encoding="utf-8")

    def end(self) -> None:
        """Ends all of it, at once: nothing of it is needed any more."""
        for child in self.children.values():
            child.kill()
        for child in self.children.values():
            child.wait()


@contextmanager
def cluster(folder: Path, workers: int = 2) -> Iterator[Cluster]:
    """A scheduler on a free port and so many workers."""
    folder.mkdir()
    found = Cluster(folder)
    try:
        file = folder / "scheduler.json"
        found.start(
            "scheduler", "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show",
            "--scheduler-file", str(file),
        )  # fmt: skip
        until(file.exists)
        found.address = json.loads(file.read_text())["address"]
        for number in range(1, workers + 1):
            found.worker(f"worker-{number}")
        yield found
    finally:
        found.end()


def until(happened: Callable[[], bool], limit_seconds: float = 60) -> None:
    """Returns when it has happened. Fails after a while."""
    deadline, pause = time.monotonic() + limit_seconds, threading.Event()
    while not happened():
        assert time.monotonic() < deadline
        pause.wait(0.02)


def _bare() -> dict[str, str]:
    """The environment without what a test has set in it for itself."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("CONSENT_SYNC_", "ACOUSTIC_"))}
