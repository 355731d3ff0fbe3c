"""How a run ended: what stopped it, and what became of its canary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from pipeline.delivery.canary_figures import CanaryFigures
from pipeline.ledger.canaries import canary_of
from pipeline.model import Extent, RunStatus
from pipeline.reporting.problem import Before, Problem

if TYPE_CHECKING:
    from pipeline.carried_out import Run
    from pipeline.errors import ConsentSyncError

SUMMARY: Final = "summary.json"


def problem(run: Run, status: RunStatus, error: ConsentSyncError | None) -> Problem | None:
    """What stopped it now; where a report is written again, what the last one said."""
    if error is not None:
        return Problem(code=error.exit_code, message=str(error))
    path = run.folder.path / SUMMARY
    if status not in {RunStatus.STOPPED, RunStatus.INTERRUPTED} or not path.is_file():
        return None
    try:
        before = Before.model_validate_json(path.read_bytes())
    except ValidationError:
        return None
    return before.error if before.status == status else None


def canary_figures(run: Run) -> CanaryFigures | None:
    """What became of the items that went first; None: all went at once."""
    known = canary_of(run.ledger, run.folder.run_id)
    if known is None or not known.asked:
        return None
    figures = {name: getattr(known, name) for name in ("asked", "sent", "read_back", "differ", "state")}
    return CanaryFigures(**figures, extent=run.ledger.permitted(run.folder.run_id) or Extent.WHOLE)
