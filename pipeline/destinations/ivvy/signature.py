"""Signs every attempt (IV-12): HMAC-SHA1 over method, body digest, type, date and path."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

import httpx

from pipeline.destinations.ivvy import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

TIME: Final = "%Y-%m-%d %H:%M:%S"
VERSION: Final = "1.0"


def _now() -> datetime:
    return datetime.now(UTC)


class Signature(httpx.Auth):
    """Signs a request when it leaves. Where the server finds the time stale, once more by the server's own clock."""

    requires_request_body = True
    requires_response_body = True

    def __init__(self, key: str, secret: str, clock: Callable[[], datetime] = _now) -> None:
        self.key, self.secret, self.clock = key, secret, clock
        self.offset = timedelta()

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """httpx calls it for each attempt."""
        self._sign(request)
        response = yield request
        server = _date_of(response)
        if response.status_code == 401 and server is not None and _stale(response):
            self.offset = server - self.clock()
            self._sign(request)
            yield request

    def _sign(self, request: httpx.Request) -> None:
        request.headers["ivvy-date"] = (self.clock() + self.offset).strftime(TIME)
        request.headers["content-md5"] = md5(request.content)
        request.headers["x-api-authorization"] = f"IWS {self.key}:{signature_of(request, self.secret)}"


def md5(body: bytes) -> str:
    """Lower-case hex, as the vendor wants it, not base64."""
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def signature_of(request: httpx.Request, secret: str) -> str:
    """Lower-case hex of the signature of a request with its headers as they will be sent."""
    signed = string_to_sign(request).encode()
    return hmac.new(secret.encode(), signed, hashlib.sha1).hexdigest()


def string_to_sign(request: httpx.Request) -> str:
    """Everything in lower case and nothing between the parts. Beside `ivvy-date` a `date` is not signed."""
    headers = request.headers
    own = sorted((name.lower(), value) for name, value in headers.items() if name.lower().startswith("ivvy"))
    named = "&".join(f"{name.replace('-', '').replace('_', '')}={value}" for name, value in own)
    date = "" if "ivvy-date" in headers else headers.get("date", "")
    path = request.url.raw_path.decode("ascii")
    parts = (request.method, md5(request.content), headers["content-type"], date, path, VERSION, named)
    return "".join(parts).lower()


def _date_of(response: httpx.Response) -> datetime | None:
    try:
        return parsedate_to_datetime(response.headers.get("date", ""))
    except (TypeError, ValueError):
        return None


def _stale(response: httpx.Response) -> bool:
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return False
    return isinstance(body, dict) and body.get("specificCode") == wire.STALE
