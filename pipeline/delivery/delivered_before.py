"""A processed export: where the last run has delivered just this by the same mapping, there is nothing to do."""

from __future__ import annotations

import hashlib
import hmac
import json
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from pydantic import ValidationError

from pipeline import suppression
from pipeline.carried_out import Result
from pipeline.delivery import standing
from pipeline.errors import RunFolderError
from pipeline.evidence.pseudonym import key_of, path_of
from pipeline.ledger import sequence
from pipeline.ledger.tables import METADATA, RUNS
from pipeline.model import RunStatus
from pipeline.planning import arrival
from pipeline.quarantine import entries
from pipeline.reporting.summary import ModifiedCount, Requests, Summary

if TYPE_CHECKING:
    from pipeline.carried_out import Run
    from pipeline.context import Context, Request
    from pipeline.ledger.ledger import Ledger
    from pipeline.mapping_file import MappingFile
    from pipeline.run_folder import Manifest, RunFolder

PRODUCT: Final = "consent-sync"
DELIVERED: Final = sa.Table(
    "delivered",
    METADATA,
    sa.Column("run_id", sa.String, primary_key=True),
    sa.Column("place", sa.String, nullable=False),
)
"""Runs that ended clean, and where: a keyed hash of the endpoint and the credentials, which nobody can read back."""


def note(run: Run, status: RunStatus) -> None:
    """Keeps that a run has delivered all of its export."""
    mine = DELIVERED.c.run_id == run.folder.run_id
    with run.ledger.transaction() as connection:
        connection.execute(DELIVERED.delete().where(mine))
        if status is RunStatus.COMPLETED and run.manifest.reverts is None:
            key = key_of(run.context.home, made=True)
            place = _place(run.job.destination, run.context, key)
            connection.execute(DELIVERED.insert().values(run_id=run.folder.run_id, place=place))


def found(request: Request, file: MappingFile, context: Context, ledger: Ledger) -> Result | None:
    """What a sync comes to that would do nothing; None: it has to be planned. Asks the destination nothing.

    Since the run nobody else has written to the account, no suppression list has changed, nobody of it was forgotten,
    and nothing of the mapping waits to be tried again.
    """
    if request.force or request.full or not path_of(context.home).exists():
        return None
    arrival.awaited(request.export, context)
    try:
        with request.export.open("rb") as export:
            sha256 = hashlib.file_digest(export, "sha256").hexdigest()
    except OSError:  # which reading it says better
        return None
    run_id = _last(sha256, file, context, ledger)
    if run_id is None:
        return None
    try:
        folder, manifest = standing.existing(run_id, context)
        summary = Summary.model_validate_json((folder.path / "summary.json").read_bytes())
    except (RunFolderError, OSError, ValidationError):
        return None
    if not _still_holds(manifest, file, context, ledger):
        return None
    return Result(_again(summary, folder, manifest), notes=(_said(manifest),))


def _last(sha256: str, file: MappingFile, context: Context, ledger: Ledger) -> str | None:
    """The last run of this export by a mapping of this name at this place, if it was clean."""
    place = _place(file.mapping.destination, context, key_of(context.home))
    same = sa.select(RUNS.c.run_id, RUNS.c.status).join(DELIVERED, DELIVERED.c.run_id == RUNS.c.run_id)
    same = same.where(
        RUNS.c.destination == file.mapping.destination,
        RUNS.c.mapping == file.path.stem,
        RUNS.c.export_sha256 == sha256,
        DELIVERED.c.place == place,
    )
    with ledger.transaction() as connection:
        last = connection.execute(same.order_by(RUNS.c.planned_at.desc()).limit(1)).first()
    return last.run_id if last is not None and last.status == RunStatus.COMPLETED else None


def _still_holds(manifest: Manifest, file: MappingFile, context: Context, ledger: Ledger) -> bool:
    same = manifest.mapping_sha256 == file.sha256 and manifest.versions.get(PRODUCT) == version(PRODUCT)
    if not same or manifest.erased is not None or sequence.overtaken_by(ledger, manifest.run_id) is not None:
        return False
    lists = [(facts.file, facts.sha256) for facts in suppression.load(file, context.clock()).facts]
    planned = [(facts.file, facts.sha256) for facts in manifest.suppression_since or manifest.suppression]
    waiting = entries.waiting(ledger, entries.Whose(manifest.destination, manifest.account, file.path.stem))
    return lists == planned and waiting.is_empty()


def _again(summary: Summary, folder: RunFolder, manifest: Manifest) -> Summary:
    """What the run came to, as it is now: what was sent then is unchanged."""
    rows = summary.rows
    still = rows.created + rows.updated + rows.unchanged
    return summary.model_copy(
        update={
            "rows": rows.model_copy(update={"created": 0, "updated": 0, "unchanged": still}),
            "requests": Requests(),
            "modified_count": ModifiedCount(),
            "transitions": {},
            "planned_transitions": {},
            "samples": {},
            "resubscriptions": {},
            "next": [],
            "already_delivered_at": manifest.finished_at,
            "run_dir": str(folder.path),
        }
    )


def _said(manifest: Manifest) -> str:
    at = (manifest.finished_at or manifest.planned_at)[:16].replace("T", " ")
    return f"already delivered by run {manifest.run_id} at {at} UTC; nothing was asked or sent; --force plans it again"


def _place(destination: str, context: Context, key: bytes) -> str:
    settings = context.settings
    where = json.dumps([destination, settings.url(destination), settings.credentials(destination)], sort_keys=True)
    return hmac.new(key, where.encode(), hashlib.sha256).hexdigest()
