"""A sandbox for each module, emptied and loaded anew for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from pipeline.sandbox.server import Options, Sandbox

from .client import PHONE, START, Client, Clock, consent

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def running() -> Iterator[Client]:
    """A sandbox with its own clock, and a client with open connections."""
    clock = Clock()
    with Sandbox(Options(clock=clock)) as sandbox, httpx.Client(timeout=30) as http:
        yield Client(sandbox, http, clock)


@pytest.fixture
def client(running: Client) -> Client:
    """Ann's address is confirmed, Bob's revoked, Cleo's pending; one phone was never asked."""
    running.clock.now = START
    running.sandbox.reset()
    running.load(
        consent("ann@example.com", id="id-ann"),
        consent("bob@example.com", "REVOKED", id="id-bob"),
        consent("cleo@example.org", "PENDING", id="id-cleo"),
        consent(PHONE, "NEVER_CONFIRMED", id="id-phone"),
    )
    return running
