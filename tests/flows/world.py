"""Requests for runs in a world, and the flow as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

from flows.request import Mode, SyncRequest
from tests.delivery.world import contact_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.delivery.world import World

CONTACTS: Final = 60


def opted_in() -> list[dict[str, Any]]:
    """Contacts C-0001 to C-0060, who opted in to e-mail."""
    return [contact_of(number, channels={"EMAIL": "OPT_IN"}) for number in range(1, CONTACTS + 1)]


def request_of(world: World, rows: Iterable[Mapping[str, str]], mode: Mode = Mode.SYNC, **delivery: Any) -> SyncRequest:
    """A request for a run of these rows."""
    return SyncRequest(mode=mode, mapping=str(world.mapping(**delivery)), export=str(world.export(rows)))


def start(world: World, request: SyncRequest, **environment: str) -> subprocess.Popen[str]:
    """Starts `python -m flows.sync_consent`; its output is one stream."""
    command = [sys.executable, "-m", "flows.sync_consent", "--mode", request.mode]
    command += ["--mapping", request.mapping, "--export", request.export]
    return subprocess.Popen(  # noqa: S603 - our own command
        command,
        cwd=world.path,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
