"""A sandbox for each module, emptied for each test: `pytest_plugins = ["tests.delivery.fixtures"]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline.sandbox.server import Sandbox

from .commands import Commands
from .world import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A server on a free port."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, sandbox: Sandbox) -> World:
    """An empty home beside an empty sandbox."""
    return World(tmp_path, sandbox)


@pytest.fixture
def command(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    """The command line, with settings that lead to the sandbox."""
    return Commands(world, monkeypatch, capsys)
