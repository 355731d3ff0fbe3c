"""Who may call: the signature of a request, and its date (sections 1.3 and 4)."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Final

from pipeline.sandbox.ivvy.refusals import Code, RefusedError
from pipeline.sandbox.ivvy.values import seconds_of_http_date, seconds_of_timestamp

if TYPE_CHECKING:
    from starlette.requests import Request

    from pipeline.sandbox.ivvy.settings import Settings

_AUTHORIZATION: Final = re.compile(r"IWS ([^:]+):([0-9a-f]{40})")
_VERSION: Final = "1.0"


def authenticate(request: Request, body: bytes, settings: Settings, now: float) -> None:
    """Raises RefusedError for a request that is not rightly signed, or not of these minutes."""
    headers = request.headers
    content_md5 = headers.get("content-md5")
    if content_md5 is None:
        raise settings.refusal("missing_header", 400, "Bad Request", "Content-MD5 is missing")
    if settings.md5_check and content_md5 != hashlib.md5(body, usedforsecurity=False).hexdigest():
        raise settings.refusal("md5_mismatch", 400, "Bad Request", "Content-MD5 does not fit the body")
    if "x-api-authorization" not in headers:
        raise settings.refusal("missing_header", 401, "Unauthorized", "X-Api-Authorization is missing")
    found = _AUTHORIZATION.fullmatch(headers["x-api-authorization"])
    if found is None:
        raise settings.refusal("bad_signature", 401, "Unauthorized")
    key, signature = found.groups()
    if key != settings.api_key:
        raise unknown_key(settings)
    if settings.key_revoked:
        raise settings.refusal("revoked_key", 463, "Key Revoked")
    date = _date(request, settings)
    if not hmac.compare_digest(signature, signature_of(settings.api_secret, string_to_sign(request))):
        raise settings.refusal("bad_signature", 401, "Unauthorized")
    if abs(date - (now + settings.clock_offset_seconds)) > settings.clock_window_seconds:
        raise RefusedError(401, Code.STALE, "Request is stale")


def unknown_key(settings: Settings) -> RefusedError:
    """The refusal of a key that nobody has."""
    return settings.refusal("unknown_key", 401, "Unauthorized")


def string_to_sign(request: Request) -> str:
    """What the signature covers: parts without separators, all lowercase, the content type as it was received."""
    headers = request.headers
    own = [
        (name.replace("-", "").replace("_", ""), value) for name, value in headers.items() if name.startswith("ivvy")
    ]
    date = "" if "ivvy-date" in headers else headers.get("date", "")
    path = request.scope["raw_path"].decode("latin-1")
    query = request.scope["query_string"].decode("latin-1")
    parts = (
        request.method, headers.get("content-md5", ""), headers.get("content-type", ""), date, f"{path}?{query}",
        _VERSION, "&".join(f"{name}={value}" for name, value in sorted(own)),
    )  # fmt: skip
    return "".join(parts).lower()


def signature_of(secret: str, message: str) -> str:
    """Lowercase hex HMAC-SHA1."""
    return hmac.new(secret.encode(), message.encode(), "sha1").hexdigest()


def _date(request: Request, settings: Settings) -> float:
    """Seconds since 1970 of IVVY-Date, else of Date."""
    headers = request.headers
    if "ivvy-date" in headers:
        seconds = seconds_of_timestamp(headers["ivvy-date"])
    elif "date" in headers:
        seconds = seconds_of_http_date(headers["date"])
    else:
        raise settings.refusal("missing_header", 401, "Unauthorized", "Date and IVVY-Date are missing")
    if seconds is None:
        raise settings.refusal("date", 401, "Unauthorized", "The date cannot be read")
    return seconds
