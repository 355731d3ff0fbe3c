"""Who may come in: key, site, permission and rate, in that order (10 to 13, 59)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.sandbox.window import Window
from pipeline.sandbox.wix.refusals import Code, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.sandbox.wix.operations import Operation
    from pipeline.sandbox.wix.settings import Settings


@dataclass(slots=True)
class Door:
    """What admission remembers between requests."""

    key_set_at: float
    """Seconds since 1970."""
    window: Window = field(default_factory=Window)

    def admit(self, headers: Mapping[str, str], operation: Operation, settings: Settings, now: float) -> None:
        """Raises RefusedError for a caller who may not do that, or may not do anything."""
        key = headers.get("authorization", "")
        if not key:
            status = settings.missing_key_status
            raise _denied("Authorization is missing") if status == 403 else _unauthenticated("token missing")
        if key != settings.api_key:
            raise _unauthenticated("token invalid")
        if settings.token_seconds is not None and self.key_set_at + settings.token_seconds <= now:
            raise token_expired()
        if {"wix-site-id", "wix-account-id"} <= set(headers) and settings.both_ids == "refuse":
            raise _denied("wix-site-id and wix-account-id exclude each other")
        if headers.get("wix-site-id") != settings.site_id:
            raise _denied("wix-site-id is missing, or is not a site of the key's account")
        if operation.permission not in settings.permissions:
            raise _denied(f"missing MARKETING.CONSENT_{operation.permission}")

    def count(self, rows: int, settings: Settings, now: float) -> None:
        """Raises RefusedError for a request too many."""
        if not self.window.admits(rows if settings.rate_counts_items else 1, settings.requests_per_minute, now):
            raise throttled(settings)


def throttled(settings: Settings) -> RefusedError:
    """The refusal of a request too many (59, ad)."""
    return RefusedError(429, settings.throttled_code, "too many requests")


def token_expired() -> RefusedError:
    """The refusal of a key whose time is over."""
    return _unauthenticated("token expired")


def _unauthenticated(message: str) -> RefusedError:
    return RefusedError(401, Code.UNAUTHENTICATED, message)


def _denied(message: str) -> RefusedError:
    return RefusedError(403, Code.PERMISSION_DENIED, message)
