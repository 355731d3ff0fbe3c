"""What a host does when another has forgotten somebody: its copies of runs, and what `verify` found, lose them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from pipeline.erasure import audits
from pipeline.erasure.forgotten import Forgotten
from pipeline.errors import RunFolderError
from pipeline.run_folder import RunFolder
from pipeline.store.fetching import SEEN, alone, brought, is_whole
from pipeline.store.place import FORGOTTEN

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.store.bucket import Store


def follow(home: Path, store: Store) -> None:
    """Takes out of the home whoever is on the store's list, and not yet on the copy of it that the home has.

    That copy is written last: what was stopped halfway is done again.
    """
    listed, known = store.read(FORGOTTEN), home / FORGOTTEN
    if listed is not None and not (known.exists() and known.read_bytes() == listed):
        with alone(home):
            _follow(home, store, listed)


def _follow(home: Path, store: Store, listed: bytes) -> None:
    for seen in sorted(home.glob(f"runs/*/{SEEN}")):
        try:
            brought(home, seen.parent.name)
        except RunFolderError:
            if is_whole(store, seen.parent.name):
                raise
            shutil.rmtree(seen.parent)  # it was removed from the store
    for path in audits.kept(home):
        rows = audits.read(path)
        named = Forgotten(home).named(rows.get_column("identity"))
        if named.any():
            audits.put(path, rows.filter(~named))
    known = home / FORGOTTEN
    RunFolder(known.parent).write_bytes(known.name, listed)
