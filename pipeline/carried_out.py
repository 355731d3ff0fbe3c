"""A run while it is carried out, and what a command came to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.model import RunStatus
from pipeline.suppression import Lists

if TYPE_CHECKING:
    from pipeline.context import Context
    from pipeline.errors import ConsentSyncError
    from pipeline.job import Job
    from pipeline.ledger.ledger import Ledger
    from pipeline.reporting.summary import Summary
    from pipeline.run_folder import Manifest, RunFolder


@dataclass(frozen=True, slots=True)
class Result:
    """What a command came to: its summary, what stopped it, if anything did, and what is worth knowing besides."""

    summary: Summary
    error: ConsentSyncError | None = None
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 all settled and clean, 3 finished with exceptions, else the error's."""
        if self.error is not None:
            return self.error.exit_code
        return 0 if self.summary.clean or self.summary.status is RunStatus.PLANNED else 3


@dataclass(frozen=True, slots=True)
class Run:
    """A plan and what it is carried out with."""

    folder: RunFolder
    manifest: Manifest
    job: Job
    context: Context
    ledger: Ledger
    lists: Lists = field(default_factory=Lists)
    """The suppression lists as they are now, where the plan is not of this moment."""
