"""Whether what a plan was made from is still what it was: the export, and the mapping."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import RunFolderError

if TYPE_CHECKING:
    from pipeline.run_folder import Manifest


def require_same(manifest: Manifest, *, begun: bool) -> tuple[str, ...]:
    """What is worth knowing: which of the two files is gone. Raises RunFolderError where one has other contents now.

    A revert is made from a run's folder, which stays as it is. Exports are rotated, so a missing file stops nobody: the
    plan has its own copy of all that it needs.
    """
    if manifest.reverts is not None:
        return ()
    notes = []
    for what, path, planned in (
        ("export", manifest.export, manifest.export_sha256),
        ("mapping", manifest.mapping, manifest.mapping_sha256),
    ):
        now = _sha256(Path(path))
        if now is None:
            notes.append(
                f"the {what} {path} is no longer there; the plan is carried out as it was made from it (SHA-256 "
                f"{planned[:12]})"
            )
        elif now != planned:
            finish = f", or finish what was begun: `consent-sync resume {manifest.run_id}`" if begun else ""
            raise RunFolderError(
                f"the {what} {path} has changed since run {manifest.run_id} was planned (SHA-256 {now[:12]} now, "
                f"{planned[:12]} then), so its plan is not of what lies there; nothing was sent; plan the export again"
                f"{finish}"
            )
    return tuple(notes)


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RunFolderError(
            f"{path} cannot be read ({error.strerror}), so nobody can say whether it changed"
        ) from error
