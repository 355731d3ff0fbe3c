"""Prefect's API inside this process, on a free port of 127.0.0.1, for runs without a server.

The temporary server that Prefect itself would start is another process: it takes twice the processor time, and Ctrl-C
in a terminal ends it before the run can say how it ended.
"""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import uvicorn
from prefect.server.api.server import create_app
from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, PREFECT_HOME, temporary_settings

from pipeline.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

STARTUP_SECONDS: Final = 120.0
"""The first start under a PREFECT_HOME creates the database: 13 s of processor time, later starts 1 s."""


@contextmanager
def serving() -> Iterator[str]:
    """Serves the API, and has Prefect use it, until the block ends; yields its URL. The database is in PREFECT_HOME."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/api"
        server = _Server(uvicorn.Config(create_app(ephemeral=True, ignore_cache=True), lifespan="on", log_config=None))
        thread = threading.Thread(target=server.run, args=([listener],), name="prefect-api", daemon=True)
        thread.start()
        try:
            server.require_started()
            # Heartbeats are for servers that watch over flows from elsewhere; ending their thread takes a second.
            with temporary_settings({PREFECT_API_URL: url, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
                yield url
                _send_what_waits()
        finally:
            server.should_exit = True
            thread.join()


class _Server(uvicorn.Server):
    """A server that can be waited for."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._settled = threading.Event()

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            super().run(sockets)
        finally:
            self._settled.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._settled.set()

    def require_started(self) -> None:
        """Waits until requests are answered. Raises StorageError where that does not happen."""
        if not self._settled.wait(STARTUP_SECONDS) or not self.started:
            raise StorageError(f"Prefect's temporary API does not start; look at its folder {PREFECT_HOME.value()}")


def _send_what_waits() -> None:
    """Logs and task states are sent by threads of Prefect's, which end while there is still somebody to take them."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    EventsWorker.drain_all()
    APILogWorker.drain_all()
