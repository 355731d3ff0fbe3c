"""Runs of before: whether one may be carried out, or reverted, as planned, for the same account, not overtaken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.errors import RunFolderError
from pipeline.ledger.sequence import overtaken_by
from pipeline.run_folder import Manifest, RunFolder
from pipeline.store.joining import joined

if TYPE_CHECKING:
    from pipeline.context import Context
    from pipeline.job import Job
    from pipeline.ledger.ledger import Ledger


def existing(run_id: str, context: Context) -> tuple[RunFolder, Manifest]:
    """A run as it was planned. Raises RunFolderError where its files were changed since."""
    joined(context)
    folder = RunFolder.open(context.home, run_id)
    manifest = folder.manifest()
    folder.require_unchanged(manifest)
    return folder, manifest


def require_whole(manifest: Manifest) -> None:
    """Raises RunFolderError where a contact of the run was forgotten: its plan is no longer what was approved."""
    if manifest.erased:
        raise RunFolderError(
            f"a contact of run {manifest.run_id} was forgotten since, and it is not carried out, or reverted; plan the "
            "export again"
        )


def require_account(now_bound: Job, manifest: Manifest) -> None:
    """Raises RunFolderError where the settings lead to another account than the run was planned for."""
    if now_bound.account != manifest.account:
        raise RunFolderError(
            f"run {manifest.run_id} was planned for the account {manifest.account}, and the settings lead to "
            f"{now_bound.account}; nothing was done; correct the settings or plan the export again"
        )


def stale(manifest: Manifest, ledger: Ledger) -> RunFolderError | None:
    """What is to be said where another run has written to the account since the run was planned."""
    later = overtaken_by(ledger, manifest.run_id)
    if later is None:
        return None
    again = f"`consent-sync revert {manifest.reverts}` plans again" if manifest.reverts else "plan the export again"
    return RunFolderError(
        f"run {later} has written to this destination since {manifest.run_id} was planned; its plan is stale: {again}"
    )
