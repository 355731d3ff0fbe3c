"""One writer per destination and account on a machine: the kernel's lock, which dies with its holder."""

from __future__ import annotations

import fcntl
import json
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from pipeline.errors import DestinationBusy
from pipeline.run_folder import FOLDER_MODE, storing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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
    """Holds the destination. Raises DestinationBusy, naming the run that holds it."""
    path = home / "locks" / f"{name_of(destination, account)}.lock"
    with storing(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
        file = path.open("a+", encoding="utf-8")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DestinationBusy(f"{destination} is held by {_holder(path)}; wait until it ends") from None
        held = Lock(file)
        held.name(None)
        yield held


def _holder(path: Path) -> str:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        run = f"run {held['run_id']}" if held["run_id"] else "a run that is being planned"
        return f"{run} (process {held['pid']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another run"
