"""A world for flow runs, and Prefect's API once for all tests of this folder."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.sandbox.server import Sandbox
from tests.delivery.world import World
from tests.flows.operations import Operations, operated
from tests.flows.world import opted_in

if TYPE_CHECKING:
    from collections.abc import Iterator

# Prefect reads its settings when it is imported, which the test modules do.
PREFECT_HOME = Path(tempfile.mkdtemp(prefix="prefect-"))
atexit.register(shutil.rmtree, PREFECT_HOME)
os.environ |= {"PREFECT_HOME": str(PREFECT_HOME), "DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
os.environ.pop("PREFECT_API_URL", None)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Sixty contacts who opted in to e-mail, in a sandbox that the environment names."""
    with Sandbox() as sandbox:
        found = World(tmp_path, sandbox)
        found.seed(opted_in())
        for name, value in (sandbox.environment | {"CONSENT_SYNC_HOME": str(found.home)}).items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        yield found


@pytest.fixture(scope="session")
def prefect_database(pytestconfig: pytest.Config) -> Path:
    """A database with Prefect's tables and no runs. Making it takes Prefect 10 s, so pytest's cache keeps it."""
    cache = pytestconfig.cache
    assert cache is not None
    folder = cache.mkdir(f"prefect-{version('prefect')}")
    ready = folder / "ready.db"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            command = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"]
            subprocess.run(  # noqa: S603 - our own command
                command, env=os.environ | {"PREFECT_HOME": str(folder)}, check=True, capture_output=True
            )
            (folder / "prefect.db").rename(ready)
    return ready


@pytest.fixture(scope="session")
def prefect_api(prefect_database: Path) -> Iterator[str]:
    """The URL of Prefect's API, which flows that are run in this process use."""
    from flows.temporary_api import serving

    shutil.copy(prefect_database, PREFECT_HOME / "prefect.db")
    with serving() as url:
        yield url


@pytest.fixture(scope="session")
def operations(prefect_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operations]:
    """A real Prefect server with a worker, once for all tests of this process."""
    with Sandbox() as sandbox, operated(tmp_path_factory.mktemp("operations"), sandbox, prefect_database) as found:
        yield found
