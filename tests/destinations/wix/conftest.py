"""An empty site for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .bench import Site

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.sandbox.server import Sandbox


@pytest.fixture
def site(running: Sandbox, tmp_path: Path) -> Site:
    """A site without consents."""
    running.reset()
    site = Site(running, tmp_path)
    site.seed()
    return site
