"""Puts a run on the store of its home: every file whole, the manifest last, so that it is there only when it is whole.

A home without a store keeps its runs to itself, and nothing here does anything.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from pipeline.errors import RunFolderError, StorageError
from pipeline.run_folder import MANIFEST, Manifest, RunFolder, storing
from pipeline.store.fetching import SEEN, is_sealed, key_of_run, listed_here, sealed_alike
from pipeline.store.place import FORGOTTEN, store_of

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.store.bucket import Store

LEADING: Final = ("plan/addresses-", "plan/records-")
"""By these a person is found in the other files: without them nobody could finish an erasure that was cut short."""
THREADS: Final = 4
"""Files that travel at once."""


def publish(folder: RunFolder, *, afresh: bool = False) -> None:
    """Makes the store's copy of a run that of the home. `afresh`: of the plan too, which a person was taken out of.

    Raises StorageError where the store refuses.
    """
    store = store_of(_home(folder))
    if store is None:
        return
    base = key_of_run(folder.run_id)
    with storing(folder.path):
        here = listed_here(folder)
        there = store.files(base)
        moving = [n for n, size in here.items() if afresh or not is_sealed(n) or there.get(n) != size]
        for turn in range(len(LEADING) + 1):
            _put(store, folder, [name for name in moving if name != MANIFEST and _turn_of(name) == turn])
        put_manifest(folder)
        for name in there.keys() - here.keys():
            store.remove(f"{base}/{name}")


def put_manifest(folder: RunFolder) -> None:
    """Says on the store how far the run came."""
    store = store_of(_home(folder))
    if store is None:
        return
    with storing(folder.path):
        content = (folder.path / MANIFEST).read_bytes()
        store.put(f"{key_of_run(folder.run_id)}/{MANIFEST}", content)
        folder.write_text(SEEN, hashlib.sha256(content).hexdigest())


def first(folder: RunFolder) -> None:
    """Publishes a plan that was sealed just now.

    Raises RunFolderError, and leaves no copy of the run, where a contact was forgotten while it was planned.
    """
    store = store_of(_home(folder))
    if store is None:
        return
    publish(folder)
    known = _home(folder) / FORGOTTEN
    if (store.read(FORGOTTEN) or b"") != (known.read_bytes() if known.exists() else b""):
        base = key_of_run(folder.run_id)
        store.remove(f"{base}/{MANIFEST}")
        store.remove_all(base)
        raise RunFolderError(
            f"a contact was forgotten while run {folder.run_id} was planned; nothing was sent; delete the folder "
            f"{folder.path}, and plan the export again"
        )


def secure(folder: RunFolder, manifest: Manifest) -> None:
    """Makes sure that the plan is on the store before anything of it is sent: whatever becomes of this host.

    Raises StorageError where it is not, and cannot be put there.
    """
    store = store_of(_home(folder))
    if store is None:
        return
    content = store.read(f"{key_of_run(folder.run_id)}/{MANIFEST}")
    if content is None:
        publish(folder)
        return
    with suppress(ValidationError):
        if sealed_alike(Manifest.model_validate_json(content), manifest):
            return
    raise StorageError(
        f"{store.uri(key_of_run(folder.run_id))} is not the run that this host has; nothing was sent; plan the export "
        "again"
    )


def _home(folder: RunFolder) -> Path:
    return folder.path.parent.parent


def _turn_of(name: str) -> int:
    """What leads to others goes after them."""
    return next((turn for turn, begins in enumerate(LEADING, start=1) if name.startswith(begins)), 0)


def _put(store: Store, folder: RunFolder, names: list[str]) -> None:
    base = key_of_run(folder.run_id)
    with ThreadPoolExecutor(THREADS, thread_name_prefix="publish") as pool:
        moved = [pool.submit(store.put_file, f"{base}/{name}", folder.path / name) for name in names]
        for one in moved:
            one.result()
