"""Ends requests that are overdue. A client's own time limit is for one read: what drips in has any number of them."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator


class Watch:
    """One request. `overdue`: its connection was shut, or will be as soon as there is one."""

    def __init__(self, ends: float, connection: threading.local) -> None:
        self.ends, self.overdue = ends, False
        self._connection = connection
        self._socket: socket.socket | None = getattr(connection, "socket", None)

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """Told by the client of what it does; takes the socket of a connection that it opens."""
        if not event.endswith(("connect_tcp.complete", "start_tls.complete", "connect_unix_socket.complete")):
            return
        found = info["return_value"].get_extra_info("socket")
        self._socket = self._connection.socket = found
        if self.overdue:
            # Looking up the name, or connecting, took too long: nothing is sent any more.
            self.shut()
            found.close()  # which the client would leave to nobody
            raise httpx.ConnectTimeout("no connection within the time limit")

    def shut(self) -> None:
        """Whoever reads or writes on the connection is told that it has ended."""
        self.overdue = True
        if self._socket is not None:
            with suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class Watchdog:
    """Watches the requests of several threads, of which each has one connection; a thread of its own shuts them."""

    def __init__(self) -> None:
        self._watches: set[Watch] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._connection = threading.local()

    @contextmanager
    def watching(self, seconds: float) -> Iterator[Watch]:
        """A request that must be over by then."""
        watch = Watch(time.monotonic() + seconds, self._connection)
        with self._changed:
            self._watches.add(watch)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
                self._thread.start()
            elif len(self._watches) == 1:
                self._changed.notify()
        try:
            yield watch
        finally:
            with self._changed:
                self._watches.discard(watch)

    def close(self) -> None:
        """Ends its thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                for watch in [watch for watch in self._watches if watch.ends <= now]:
                    watch.shut()
                    self._watches.discard(watch)
                soonest = min((watch.ends for watch in self._watches), default=None)
                self._changed.wait(None if soonest is None else soonest - now)
