"""A world whose ledger is on PostgreSQL, and whose exports are divided into four shards."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.delivery.world import World

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.sandbox.server import Sandbox

SHARDS = 4


@pytest.fixture
def world(tmp_path: Path, sandbox: Sandbox, postgresql: str) -> World:
    """An empty home beside an empty sandbox."""
    found = World(tmp_path, sandbox)
    found.more = {"consent_sync_database_url": postgresql, "consent_sync_least_shards": SHARDS}
    return found


@pytest.fixture
def alone(world: World, tmp_path: Path) -> World:
    """Another home beside the same sandbox, with a ledger of its own, whose runs are not spread."""
    (tmp_path / "alone").mkdir()
    other = replace(world, path=tmp_path / "alone", more={"consent_sync_least_shards": SHARDS})
    world.seed()
    return other
