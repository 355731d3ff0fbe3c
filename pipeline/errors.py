"""What can be wrong with the world, and the exit code each kind ends with.

    ConsentSyncError                 1   unexpected: nothing below fits
    ├── UsageError                   2   the command line, the settings or a file named there; nothing was sent
    │   ├── SettingsError            2   an environment variable is missing or wrong
    │   ├── MappingError             2   the mapping, with file, line and path
    │   ├── MappingErrors            2   everything that is wrong with one mapping
    │   ├── ExportError              2   the export as a whole: missing, empty, wrong encoding, header
    │   │   └── ExportChanged        2   another file lies there since reading it was begun
    │   └── RunFolderError           2   the run folder: missing, changed by hand, another plan's hash
    ├── GuardTripped                 4   a limit of the mapping's `guards`; nothing was sent, or only the opt-outs
    │   └── CanaryDiffers            4   the first items came out otherwise than planned; nothing but them was sent
    ├── DestinationError             5   `resume` goes on
    │   ├── Unreachable              5   no answer within the time limit
    │   └── Refused                  5   credentials, or a configuration that the destination refuses
    ├── Interrupted                  5   stopped by a signal after the batch in flight; `resume` goes on
    ├── StorageError                 1   the disk or the ledger database: full, read-only, locked
    └── DestinationBusy              6   another run holds this destination

A bad record is data (an outcome), a bad answer is a verdict: neither is an exception.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable


class ConsentSyncError(Exception):
    """The root. `str(error)` is a sentence for the operator and ends with the next step; it holds no personal data."""

    exit_code: ClassVar[int] = 1


class UsageError(ConsentSyncError):
    """The command line, the settings or a file named there cannot be used as it is; nothing was sent."""

    exit_code = 2


class SettingsError(UsageError):
    """An environment variable is missing or has a value that cannot be used."""


class MappingError(UsageError):
    """The mapping is wrong at one place.

    `line` counts from 1 (None where the problem has no line), `path` is dotted (`consent.channels.EMAIL.column`).
    """

    def __init__(self, problem: str, *, file: str, line: int | None = None, path: str = "") -> None:
        self.problem, self.file, self.line, self.path = problem, file, line, path
        where = file if line is None else f"{file}:{line}"
        super().__init__(f"{where}: {path}: {problem}" if path else f"{where}: {problem}")


class MappingErrors(UsageError):
    """Everything that is wrong with one mapping, so that it is put right in one go; the message has a line for each."""

    SHOWN: ClassVar[int] = 50

    def __init__(self, errors: Iterable[MappingError]) -> None:
        self.errors = tuple(errors)
        lines = [str(error) for error in self.errors[: self.SHOWN]]
        if len(self.errors) > self.SHOWN:
            lines.append(f"and {len(self.errors) - self.SHOWN} more")
        super().__init__("\n".join(lines))


class ExportError(UsageError):
    """The export cannot be read as a whole: missing, empty, in another encoding, with a header that cannot be used."""


class ExportChanged(ExportError):
    """The export is not the file any more whose reading was begun; read from the start it may be whole."""


class RunFolderError(UsageError):
    """The run folder is missing, was changed after planning, or belongs to another plan than the one approved."""


class GuardTripped(ConsentSyncError):
    """A limit of the mapping's `guards` is exceeded; nothing was sent, or nothing but opt-outs, where they were let."""

    exit_code = 4


class CanaryDiffers(GuardTripped):
    """The first items of the plan came out otherwise than planned; nothing but them was sent."""


class DestinationError(ConsentSyncError):
    """The destination cannot be used now; what was settled is kept and `resume` goes on."""

    exit_code = 5


class Unreachable(DestinationError):
    """No usable answer within the time limit."""


class Refused(DestinationError):
    """The destination refuses the credentials, or the configuration (an unknown attribute, group or audience).

    `said` is the vendor's own message, from which the place in the mapping can be found.
    """

    def __init__(self, message: str, *, said: str = "") -> None:
        self.said = said
        super().__init__(message)


class Interrupted(ConsentSyncError):
    """Stopped by a signal or a cancellation after the batches in flight were settled."""

    exit_code = 5


class StorageError(ConsentSyncError):
    """The disk or the ledger database does not take what must be written: full, read-only, locked."""


class DestinationBusy(ConsentSyncError):
    """Another run holds this destination's lock."""

    exit_code = 6
