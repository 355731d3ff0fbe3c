"""A sandbox for each module, emptied and loaded anew for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from pipeline.sandbox.server import Options, Sandbox

from .client import AGREED, NAMES, NEWS, OFFERS, REEF, START, TEXT, Client, Clock, seed, stored

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def running() -> Iterator[Client]:
    """A sandbox with its own clock, and a client with open connections."""
    clock = Clock(START)
    with Sandbox(Options(clock=clock)) as sandbox, httpx.Client(timeout=30) as http:
        yield Client(sandbox, http, clock)


@pytest.fixture
def client(running: Client) -> Client:
    """Five contacts, one of each status; Ann has groups, a company and custom fields."""
    running.clock.now = START
    running.sandbox.reset()
    ann = stored(
        1,
        phone="+61 491 570 006",
        groups=[{"groupId": NEWS, "joinDate": "2025-05-01 10:00:00"}, {"groupId": OFFERS}],
        companies=[REEF],
        customFields=[{"fieldId": TEXT, "value": "Annie"}, {"fieldId": AGREED, "value": "2025-05-01 00:00:00 UTC"}],
        externalUrls=[{"ref": "consent", "url": "https://consent.example.org/1", "label": "Record"}],
        privacyConsentData={"source": 4, "dateTime": "2025-05-01 10:00:00 UTC"},
        modifiedDate="2025-06-01 00:00:00 UTC",
    )
    others = [stored(at, status=at, modifiedDate="2025-06-01 00:00:00") for at in NAMES if at > 1]
    running.sandbox.load(seed(ann, *others))
    return running
