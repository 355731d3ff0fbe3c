"""Settles a run that another one has overtaken: what it sent is read back, and nothing is sent any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.carried_out import Result
from pipeline.delivery import delivering, recording
from pipeline.model import RunStatus
from pipeline.reporting import reporting

if TYPE_CHECKING:
    from pipeline.carried_out import Run
    from pipeline.errors import RunFolderError
    from pipeline.session import Session


def settle(run: Run, session: Session, stale: RunFolderError) -> Result:
    """Settles by reading what was sent of a plan that is stale by now; raises `stale` where there is no such thing."""
    batches = run.ledger.batches(run.folder.run_id)
    if all(row.clear for row in batches.values()):
        raise stale
    try:
        delivering.look_back(run, session)
    finally:
        run.ledger.log_requests(run.folder.run_id, session.take_log())
    recording.record(run)
    begun_all = len(batches) == run.manifest.batches
    return Result(reporting.write(run, None if begun_all else RunStatus.INTERRUPTED), None if begun_all else stale)
