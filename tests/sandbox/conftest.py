"""A sandbox for each module, emptied and loaded anew for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from pipeline.sandbox.server import Sandbox

from .client import NEWS, Client, seed, stored

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Sandbox, httpx.Client]]:
    """A sandbox and an HTTP client with open connections."""
    with Sandbox() as sandbox, httpx.Client(timeout=30) as http:
        yield sandbox, http


@pytest.fixture
def client(running: tuple[Sandbox, httpx.Client]) -> Client:
    """Three contacts: M-1 with both addresses, M-2 without a phone, M-3 with statuses."""
    sandbox, http = running
    sandbox.reset()
    sandbox.load(
        seed(
            stored("M-1", mail="ann@example.com", mobile="+12125550101"),
            stored("M-2", mail="bob@example.com"),
            stored(
                "M-3",
                mail="cleo@example.com",
                mobile="+12125550103",
                channels={"EMAIL": "OPT_IN", "SMS": "OPT_OUT"},
                consentGroups={NEWS: {"EMAIL": "OPT_IN", "SMS": "OPT_OUT"}},
            ),
        )
    )
    return Client(sandbox, http)
