"""A sandbox for each module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline.sandbox.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    """A sandbox."""
    with Sandbox() as sandbox:
        yield sandbox
