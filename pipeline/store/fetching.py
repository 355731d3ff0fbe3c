"""Brings a run from the store of a home: one that another host has planned, or has gone on with since.

HOME/runs/RUN_ID/.seen is the hash of the manifest that the store had when the two copies were last the same.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from pipeline.errors import RunFolderError
from pipeline.run_folder import FILE_MODE, FOLDER_MODE, MANIFEST, Manifest, RunFolder, storing
from pipeline.store.place import store_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.store.bucket import Store

SEEN: Final = ".seen"
LATEST: Final = "latest"
READINGS: Final = 5
"""How often a run is read that another host is writing meanwhile."""
THREADS: Final = 4


def found(home: Path, run: str) -> Path:
    """The folder of an existing run, as it is on the store, if the home has one. Raises RunFolderError."""
    runs = home / "runs"
    if run == LATEST:
        run = _latest(home)
    bring(home, Path(run).name)
    path = next((p for p in (runs / run, Path(run)) if (p / MANIFEST).is_file()), None)
    if path is None:
        raise RunFolderError(f"there is no run '{run}' under {runs}; `consent-sync runs` lists them")
    return path


def _latest(home: Path) -> str:
    """The last of all runs that are whole, here or on the store, by name, which begins with the time."""
    here = {path.parent.name for path in (home / "runs").glob(f"*/{MANIFEST}")}
    store = store_of(home)
    there = set(store.folders("runs")) if store else set()
    for name in sorted(here | there, reverse=True):
        if store is None or name in here - there or is_whole(store, name):
            return name
    raise RunFolderError(f"there are no runs under {home / 'runs'}; plan one with `consent-sync plan`")


def is_whole(store: Store, run_id: str) -> bool:
    """Whether a run was published to its end."""
    return store.read(f"{key_of_run(run_id)}/{MANIFEST}") is not None


def others_than(home: Path, known: set[str]) -> list[str]:
    """Runs on the store beside those that are known."""
    store = store_of(home)
    return [] if store is None else [n for n in store.folders("runs") if n not in known and store.files(key_of_run(n))]


def half_published(home: Path) -> list[str]:
    """Runs of which something is on the store and not all: a host is publishing them, or was killed over it."""
    store = store_of(home)
    if store is None:
        return []
    return [name for name in store.folders("runs") if not is_whole(store, name) and store.files(key_of_run(name))]


def bring(home: Path, run_id: str) -> None:
    """Makes the home's copy of a run that of the store, unless it is.

    A run that was never published stays as it is. Raises RunFolderError for a copy whose original was removed.
    """
    if store_of(home) is not None:
        with alone(home):
            brought(home, run_id)


def brought(home: Path, run_id: str) -> None:
    """The same, for who is `alone`."""
    store = store_of(home)
    if store is None:
        return
    folder = RunFolder(home / "runs" / run_id)
    for _ in range(READINGS):
        content = store.read(f"{key_of_run(run_id)}/{MANIFEST}")
        seen = _seen(folder)
        if content is None:
            if seen is None:
                return
            raise RunFolderError(
                f"run {run_id} was removed from {store}; what is left under {folder.path} is a copy, with which "
                "nothing is done; plan the export again"
            )
        if seen == hashlib.sha256(content).hexdigest() and (folder.path / MANIFEST).is_file():
            return
        with storing(folder.path):
            if _fetched(store, folder, content):
                return
    raise RunFolderError(f"run {run_id} is being written by another host; wait until it ends")


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Waits until nobody else on this host brings copies into the home."""
    path = home / "locks" / "fetching.lock"
    with storing(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def contents(home: Path, run_id: str, name: str) -> bytes | None:
    """One file of a run, as it is on the store, without bringing the run; None: there is none."""
    store, path = store_of(home), home / "runs" / run_id / name
    kept = store.read(f"{key_of_run(run_id)}/{name}") if store else None
    with storing(path):
        return path.read_bytes() if kept is None and path.is_file() else kept


def sealed_alike(one: Manifest, other: Manifest) -> bool:
    """Whether two manifests are of the same plan, and the same people were taken out of it."""
    return (one.plan_hash, one.erased) == (other.plan_hash, other.erased)


@contextmanager
def all_here(home: Path) -> Iterator[None]:
    """Has every run of the store in the home meanwhile, as it is there; those that it did not have leave again.

    Copies of runs that were removed from the store leave for good.
    """
    store = store_of(home)
    if store is None:
        yield
        return
    copies = sorted(home.glob(f"runs/*/{SEEN}"))
    there = store.folders("runs")  # after looking here: what is published meanwhile was not removed
    for seen in copies:
        if seen.parent.name not in there:
            shutil.rmtree(seen.parent)
    lacking = [run_id for run_id in there if not (home / "runs" / run_id).exists()]
    try:
        for run_id in there:
            bring(home, run_id)
        yield
    finally:
        for run_id in lacking:
            shutil.rmtree(home / "runs" / run_id, ignore_errors=True)


def key_of_run(run_id: str) -> str:
    """Where a run is on a store."""
    return f"runs/{run_id}"


def is_sealed(name: str) -> bool:
    """Whether a file does not change once the plan is sealed, but for whoever is taken out of it."""
    return name.startswith(("plan/", "source/"))


def listed_here(folder: RunFolder) -> dict[str, int]:
    """The files of a run's folder with their sizes, but for what is being written."""
    files = (path for path in folder.path.rglob("*") if path.is_file() and path.name != SEEN)
    found = {path.relative_to(folder.path).as_posix(): path.stat().st_size for path in files}
    return {name: size for name, size in found.items() if ".tmp" not in name}


def _seen(folder: RunFolder) -> str | None:
    try:
        return (folder.path / SEEN).read_text(encoding="ascii")
    except FileNotFoundError:
        return None


def _fetched(store: Store, folder: RunFolder, content: bytes) -> bool:
    """Brings the files, the manifest last; False where the store's copy changed meanwhile."""
    base, there = key_of_run(folder.run_id), store.files(key_of_run(folder.run_id))
    kept = _kept(folder, content)
    here = listed_here(folder) if folder.path.exists() else {}
    same = {name for name, size in there.items() if kept and is_sealed(name) and here.get(name) == size}
    wanted = sorted(there.keys() - same - {MANIFEST})
    (folder.path / SEEN).unlink(missing_ok=True)
    for name in {"plan", "source", *(str(Path(name).parent) for name in wanted)}:
        (folder.path / name).mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    try:
        with ThreadPoolExecutor(THREADS, thread_name_prefix="fetch") as pool:
            moved = [pool.submit(_fetch, store, f"{base}/{name}", folder.path / name) for name in wanted]
            for one in moved:
                one.result()
    except FileNotFoundError:
        return False
    if store.read(f"{base}/{MANIFEST}") != content:
        return False
    for name in here.keys() - there.keys():
        (folder.path / name).unlink(missing_ok=True)
    folder.write_bytes(MANIFEST, content)
    folder.write_text(SEEN, hashlib.sha256(content).hexdigest())
    return True


def _kept(folder: RunFolder, content: bytes) -> bool:
    """Whether the plan that the home has is the store's."""
    try:
        there = Manifest.model_validate_json(content)
        return sealed_alike(Manifest.model_validate_json((folder.path / MANIFEST).read_bytes()), there)
    except (OSError, ValidationError):
        return False


def _fetch(store: Store, key: str, path: Path) -> None:
    temporary = path.with_name(f"{path.name}.tmp")
    store.fetch(key, temporary)
    temporary.replace(path)
