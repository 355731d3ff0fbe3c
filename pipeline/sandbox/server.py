"""The sandbox as a server on 127.0.0.1: all vendors at their real paths, and the control routes."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

import uvicorn
from starlette.applications import Starlette

from pipeline.sandbox.acoustic_connect import AcousticConnect
from pipeline.sandbox.control import control_routes, refuse
from pipeline.sandbox.faults import Schedule
from pipeline.sandbox.ivvy import Ivvy
from pipeline.sandbox.journal import Entry, Journal
from pipeline.sandbox.listening import HOST, Port, Server
from pipeline.sandbox.traffic import Traffic
from pipeline.sandbox.vendor import SandboxError, Vendor
from pipeline.sandbox.wire import Protocol
from pipeline.sandbox.wix import Wix

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType

    from pydantic import JsonValue

DEFAULT_PORT: Final = 8765
ACOUSTIC_CONNECT: Final = "acoustic_connect"
IVVY: Final = "ivvy"
WIX: Final = "wix"


@dataclass(frozen=True, slots=True)
class Options:
    """What a sandbox starts with. Data and settings are by vendor; faults are a list of rules."""

    port: int = 0
    """0: any free port."""
    data: Mapping[str, JsonValue] = field(default_factory=dict)
    settings: Mapping[str, JsonValue] = field(default_factory=dict)
    faults: JsonValue = None
    database: Path | None = None
    """A file that keeps the data between runs, each vendor's in tables of its own; None: in memory."""
    clock: Callable[[], float] = time.time
    """Seconds since 1970, for times of record and for the visibility delay."""


class Sandbox:
    """The server in a thread: `with Sandbox() as sandbox: ...` serves at `sandbox.url` until the block ends.

    Its methods act at once, without HTTP; the control routes do the same.
    """

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        self.vendors = _vendors(self.options)
        self._traffic = _traffic(self.vendors, self.options)
        try:
            self._port = Port(self.options.port)
            self._socket = self._port.listen()
        except SandboxError:
            self._close_vendors()
            raise
        self._server = _server(self._traffic, self._port)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="sandbox", daemon=True)
        self.url = f"http://{HOST}:{self._port.number}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving and let go of port and files."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join()
        self._socket.close()
        self._port.close()
        self._close_vendors()

    def serve(self) -> None:
        """Serve in this thread until it is interrupted."""
        try:
            self._server.run([self._socket])
        finally:
            self.close()

    @property
    def environment(self) -> dict[str, str]:
        """The variables that a client needs."""
        return {name: value for v in self.vendors.values() for name, value in v.environment(self.url).items()}

    def load(self, data: Mapping[str, JsonValue], *, replace: bool = False) -> None:
        """Load seeds by vendor. Raises SandboxError."""
        _load(self.vendors, data, replace=replace)

    def dump(self) -> dict[str, JsonValue]:
        """Everything stored, by vendor, in the seeds' shape."""
        return {name: vendor.dump() for name, vendor in self.vendors.items()}

    def requests(self, vendor: str | None = None) -> list[Entry]:
        """The request log; complete up to the last answer received."""
        return self._traffic.journal.entries(vendor)

    def clear_requests(self) -> None:
        """Empty the request log."""
        self._traffic.journal.clear()

    def settings(self, vendor: str = ACOUSTIC_CONNECT, /, **changes: JsonValue) -> dict[str, JsonValue]:
        """Set some of a vendor's switches; returns all of them."""
        self.vendors[vendor].change_settings(changes)
        return self.vendors[vendor].settings()

    def faults(self, rules: JsonValue) -> None:
        """Put a fault schedule in force; an empty list ends all faults. Raises SandboxError."""
        self._traffic.schedule.replace(rules)

    def reset(self) -> None:
        """As freshly started, without data, faults and log."""
        for vendor in self.vendors.values():
            vendor.reset()
        self._traffic.schedule.replace(None)
        self._traffic.journal.clear()

    def _close_vendors(self) -> None:
        for vendor in self.vendors.values():
            vendor.close()


def serve(options: Options, announce: Callable[[str], None]) -> None:
    """Serve until interrupted; announces the URL, then one `export` line for each variable that a client needs."""
    sandbox = Sandbox(options)
    announce(f"Sandbox listening on {sandbox.url} (control: {sandbox.url}/_control/)")
    for name, value in sandbox.environment.items():
        announce(f"export {name}={value}")
    sandbox.serve()


def _vendors(options: Options) -> dict[str, Vendor]:
    given = {name: _object(name, value) for name, value in options.settings.items()}
    vendors: dict[str, Vendor] = {
        ACOUSTIC_CONNECT: AcousticConnect(given.pop(ACOUSTIC_CONNECT, None), options.database, options.clock),
        IVVY: Ivvy(given.pop(IVVY, None), options.database, options.clock),
        WIX: Wix(given.pop(WIX, None), options.database, options.clock),
    }
    if given:
        raise SandboxError(f"settings for an unknown vendor: {', '.join(given)}")
    _load(vendors, options.data, replace=False)
    return vendors


def _load(vendors: Mapping[str, Vendor], data: Mapping[str, JsonValue], *, replace: bool) -> None:
    for name, document in data.items():
        if name not in vendors:
            raise SandboxError(f"data for an unknown vendor: {name}")
        vendors[name].load(document, replace=replace)


def _object(name: str, value: JsonValue) -> dict[str, JsonValue]:
    if not isinstance(value, dict):
        raise SandboxError(f"{name}: settings are an object of names and values")
    return value


def _traffic(vendors: Mapping[str, Vendor], options: Options) -> Traffic:
    app = Starlette(exception_handlers={SandboxError: refuse})
    traffic = Traffic(app, tuple(vendors.values()), Schedule(options.faults), Journal(), options.clock)
    app.router.routes += [route for vendor in vendors.values() for route in vendor.routes()]
    app.router.routes += control_routes(vendors, traffic)
    return traffic


def _server(traffic: Traffic, port: Port) -> Server:
    config = uvicorn.Config(
        traffic,
        http=Protocol,
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=60,
    )
    return Server(config, port)
