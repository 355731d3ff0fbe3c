"""An empty account for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .bench import Account

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.sandbox.server import Sandbox


@pytest.fixture
def account(running: Sandbox, tmp_path: Path) -> Account:
    """An account with groups, custom fields and companies, and nobody in it."""
    running.reset()
    account = Account(running, tmp_path)
    account.seed()
    return account
