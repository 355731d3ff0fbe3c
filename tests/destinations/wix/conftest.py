"""A sandbox for each module, and an empty site for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline.sandbox.server import Sandbox

from .bench import Site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    """A sandbox."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def site(running: Sandbox, tmp_path: Path) -> Site:
    """A site without consents."""
    running.reset()
    site = Site(running, tmp_path)
    site.seed()
    return site
