"""An S3 server for the session, and two hosts that share a bucket of it and a PostgreSQL ledger."""

from __future__ import annotations

import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.sandbox.server import Sandbox
from tests.delivery.world import World

from .hosts import ACCESS_KEY, SECRET, Bucket, Hosts

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """Where the server is."""
    command = [sys.executable, "-m", "tests.store.server"]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.kill()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """An empty bucket, with credentials in the environment that lead to it."""
    for name, value in (("AWS_ACCESS_KEY_ID", ACCESS_KEY), ("AWS_SECRET_ACCESS_KEY", SECRET)):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    made = Bucket(endpoint, f"consent-{uuid.uuid4().hex}", monkeypatch)
    yield made
    made.allow()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A destination on a free port."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def hosts(tmp_path: Path, sandbox: Sandbox, bucket: Bucket, postgresql: str) -> Hosts:
    """Two hosts with empty homes."""
    shared = {"consent_sync_store": bucket.url, "consent_sync_database_url": postgresql}
    world = World(tmp_path, sandbox, more=shared)
    world.home = tmp_path / "a"
    return Hosts(world, bucket)
