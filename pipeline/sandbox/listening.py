"""The server's port, which can be closed for a while: who connects meanwhile is refused, as if nobody were there."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Final
from weakref import WeakSet

import uvicorn

from pipeline.sandbox.vendor import SandboxError

HOST: Final = "127.0.0.1"
_CLOSE_AT_ONCE: Final = struct.pack("ii", 1, 0)


class Port:
    """A port that stays ours while nobody listens there. Raises SandboxError where it is another's."""

    def __init__(self, number: int) -> None:
        # Bound and never listened on: the system gives a port that is closed for a moment to nobody else.
        self._kept = _bound(number)
        self.number: int = self._kept.getsockname()[1]

    def listen(self) -> socket.socket:
        """A new socket that listens there."""
        try:
            listener = _bound(self.number)
            listener.listen()
        except (OSError, SandboxError):
            self.close()
            raise
        return listener

    def close(self) -> None:
        """Let go of the port."""
        self._kept.close()


class Server(uvicorn.Server):
    """uvicorn's, which can close its port; requests find the way to do so in `scope["state"]["close_port"]`.

    `scope["state"]["cut"]` has the connections that it reset: what came by them is not carried out any more.
    """

    def __init__(self, config: uvicorn.Config, port: Port) -> None:
        super().__init__(config)
        self._port = port
        self._opening: asyncio.Task[None] | None = None
        self._cut = WeakSet[asyncio.BaseTransport]()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve."""
        self.lifespan.state |= {"close_port": self.close_port, "cut": self._cut}
        await super().startup(sockets)

    def close_port(self, seconds: float) -> None:
        """Resets every connection and refuses new ones for so long; to be called in the server's thread."""
        for server in self.servers:
            server.close()
        self.servers.clear()
        for connection in list(self.server_state.connections):
            cut(connection.transport)
            self._cut.add(connection.transport)
        if self._opening is None or self._opening.done():
            self._opening = asyncio.get_running_loop().create_task(self._open(seconds))

    async def _open(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        # uvicorn has no way of its own to serve another socket once it runs.
        make = lambda: self.config.http_protocol_class(  # type: ignore[call-arg]  # noqa: E731 - typed by its use
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        serving = await asyncio.get_running_loop().create_server(make, sock=self._port.listen())
        self.servers.append(serving)


def cut(transport: asyncio.Transport | None) -> None:
    """Resets a connection: the client's next read fails with a reset, not with an orderly end."""
    if transport is None or transport.is_closing():  # the client may have left
        return
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _CLOSE_AT_ONCE)
    transport.abort()


def _bound(number: int) -> socket.socket:
    # The protocol is named because asyncio turns Nagle's delay off only where it sees TCP.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((HOST, number))
    except OSError as error:
        bound.close()
        raise SandboxError(f"cannot listen on port {number}: {error.strerror}") from error
    return bound
