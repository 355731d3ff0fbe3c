"""Waits until an export has arrived as a whole: nobody writes to it any more, and it has been at rest for a while."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
from contextlib import nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from pipeline.errors import ExportChanged, ExportError, Interrupted
from pipeline.planning import drafting

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.context import Context, Request
    from pipeline.ledger.ledger import Ledger
    from pipeline.planning.drafting import Draft
    from pipeline.subject import Subject

STEP_SECONDS: Final = 0.5
READINGS: Final = 3
"""How often an export is read that changes meanwhile."""
_NOT_QUIET: Final = getattr(fcntl, "F_SETLEASE", None)
"""Where the kernel can tell that somebody has a file open for writing."""


def awaited(path: Path, context: Context) -> None:
    """Waits until the export is whole. Raises ExportError where it still grows, Interrupted where the run is stopped.

    It is whole once no process has it open for writing, and it was written long enough ago, or has not changed for as
    long while it was watched: a clock that is wrong makes nobody wait for ever.
    """
    quiet, limit = context.settings.consent_sync_quiet_seconds, context.settings.consent_sync_arrival_seconds
    before, watched, waited = _facts(path), 0.0, 0.0
    while quiet and before is not None:
        written = _is_written_to(path)
        age = context.clock().timestamp() - before[1] / 1e9
        if not written and (age >= quiet or watched >= quiet):
            return
        if waited >= limit:
            how = "somebody has it open for writing" if written else "it keeps changing"
            raise ExportError(
                f"{path.name}: is still growing after {waited:,.0f} seconds ({how}); nothing was read or sent; run "
                "again when it is complete, or let the system that writes it rename it into place"
            )
        step = min(quiet, STEP_SECONDS)
        context.progress("waiting until the export is complete", int(waited), int(limit))
        if context.pause(context.stop, step):
            raise Interrupted(
                "stopped while waiting for the export, before anything was sent; run the same command again"
            )
        waited += step
        now = _facts(path)
        watched = watched + step if now == before and not written else 0.0
        before = now


def read(request: Request, subject: Subject, context: Context, ledger: Ledger) -> tuple[Draft, int]:
    """A plan begun with the export, whole, and the number of its records.

    Where the export changes while it is read, it is read from the start.
    """
    for left in reversed(range(READINGS)):
        awaited(request.export, context)
        with suppress(ExportChanged) if left else nullcontext():
            draft = context.perform("open the export", lambda: drafting.draft(request, subject, context, ledger.knows))
            exported = context.perform("read", partial(drafting.read, draft, context))
            break
    return draft, exported


def _facts(path: Path) -> tuple[int, int, int, int] | None:
    """Size, time and identity of a regular file; None: it is none, or not there, which reading it says."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_size, found.st_mtime_ns, found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None


def _is_written_to(path: Path) -> bool:
    """Whether a process has the file open for writing. False where nobody can tell."""
    if _NOT_QUIET is None:
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # Who opens the file at this moment makes the kernel send a signal: one that is ignored, not SIGIO, which kills.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, _NOT_QUIET, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, _NOT_QUIET, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    finally:
        os.close(descriptor)
    return False
