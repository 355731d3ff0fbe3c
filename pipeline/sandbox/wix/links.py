"""The links in answers, and what happens when the person follows one (22, 24)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.sandbox.wix.marketing_consent import CONFIRMATION, REVOCATION, STATE, Content

if TYPE_CHECKING:
    from pydantic import JsonValue

    from pipeline.sandbox.wix.marketing_consent import MarketingConsent
    from pipeline.sandbox.wix.settings import Settings

LINK_PATHS: Final = {
    "CONFIRMATION": "/_manage-consent/subscribe",
    "REVOKE_CONFIRMATION": "/_manage-consent/unsubscribe",
}
KIND_OF_PATH: Final = {path: kind for kind, path in LINK_PATHS.items()}
_OF_STATE: Final = {"PENDING": "CONFIRMATION", "CONFIRMED": "REVOKE_CONFIRMATION"}
_TOKEN: Final = "JWE.emu-"  # noqa: S105 - no secret


def link_of(consent: MarketingConsent, settings: Settings) -> dict[str, JsonValue] | None:
    """The link that goes with the state; None for the states that have none (ab)."""
    kind = _OF_STATE.get(consent.state)
    return {"type": kind, "url": link_url(consent, kind, settings)} if kind and settings.links else None


def link_url(consent: MarketingConsent, kind: str, settings: Settings) -> str:
    """Where a person goes to confirm or to revoke."""
    return f"{settings.link_base_url.rstrip('/')}{LINK_PATHS[kind]}?token={_TOKEN}{consent.number}"


def number_of(token: str) -> int:
    """The number of the consent that a token stands for; 0, which no stored consent has, if it is no token."""
    digits = token.removeprefix(_TOKEN)
    return int(digits) if token.startswith(_TOKEN) and digits.isascii() and digits.isdigit() else 0


def followed(consent: MarketingConsent, kind: str, now: str) -> Content | None:
    """The content after the person has followed a link; None where it has nothing to change."""
    if _OF_STATE.get(consent.state) != kind:
        return None
    if kind == "CONFIRMATION":
        activity = {"source": "LINK_CONFIRMATION", "updatedDate": now, "optInLevel": "DOUBLE_CONFIRMATION"}
        return {**consent.content, STATE: "CONFIRMED", CONFIRMATION: activity}
    return {**consent.content, STATE: "REVOKED", REVOCATION: {"source": "REVOKE_LINK", "updatedDate": now}}
