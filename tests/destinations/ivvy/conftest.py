"""A sandbox for each module, and an empty account for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline.sandbox.server import Sandbox

from .bench import Account

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    """A sandbox."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def account(running: Sandbox, tmp_path: Path) -> Account:
    """An account with groups, custom fields and companies, and nobody in it."""
    running.reset()
    account = Account(running, tmp_path)
    account.seed()
    return account
