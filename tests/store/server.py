"""An S3 server on a free port of 127.0.0.1, in a process of its own: `python -m tests.store.server`.

It says where it is on stdout, and ends with its stdin. PUT /_control/refuse makes it refuse everything that writes
(`?3`: but for the next three such requests), or (with `?all`) everything; PUT /_control/allow takes that back.
"""

from __future__ import annotations

import logging
import sys
import threading
from typing import TYPE_CHECKING, Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


class Refusing:
    """Passes requests on, unless it was told to refuse."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application
        self._refused: frozenset[str] = frozenset()
        self._left = 0

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if path.startswith("/_control/"):
            writing = {"PUT", "POST", "DELETE"}
            everything = writing | ({"GET", "HEAD"} if environ["QUERY_STRING"] == "all" else set())
            self._refused = frozenset(everything) if path.endswith("refuse") else frozenset()
            self._left = int(environ["QUERY_STRING"]) if environ["QUERY_STRING"].isdigit() else 0
            start_response("200 OK", [("Content-Length", "0")])
            return [b""]
        if method in self._refused and self._left <= 0:
            start_response("403 Forbidden", [("Content-Type", "application/xml"), ("Content-Length", str(len(DENIED)))])
            return [DENIED]
        self._left -= method in self._refused
        return self._application(environ, start_response)


def main() -> None:
    """Serves until stdin ends."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, Refusing(DomainDispatcherApplication(create_backend_app)), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.port}", flush=True)  # noqa: T201 - which the fixture reads
    sys.stdin.read()


if __name__ == "__main__":
    main()
