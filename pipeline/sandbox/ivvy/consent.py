"""Email status, SMS status and privacy consent: which moves are made, left undone or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from pipeline.sandbox.ivvy.contact import SmsStatus, Status
from pipeline.sandbox.ivvy.parameters import boolean, integer
from pipeline.sandbox.ivvy.refusals import invalid
from pipeline.sandbox.ivvy.values import folded

if TYPE_CHECKING:
    from enum import IntEnum

    from pydantic import JsonValue

    from pipeline.sandbox.ivvy.contact import Contact
    from pipeline.sandbox.ivvy.parameters import Params
    from pipeline.sandbox.ivvy.settings import Settings, Transition

    Member = TypeVar("Member", bound=IntEnum)

_WRITABLE: Final = (Status.SUBSCRIBED, Status.UNSUBSCRIBED, Status.BOUNCED, Status.NO_MARKETING)
_SMS_ON_ADD: Final = {
    Status.SUBSCRIBED: SmsStatus.SUBSCRIBED,
    Status.UNSUBSCRIBED: SmsStatus.UNSUBSCRIBED,
    Status.NO_MARKETING: SmsStatus.NO_MARKETING,
}
_BY_API: Final = 5


def status_after(params: Params, before: Contact | None, settings: Settings) -> int:
    """The email status that a write leads to (G2 to G7). Raises RefusedError."""
    wanted = _member(params["status"], "status", _WRITABLE) if "status" in params else None
    if before is None:
        return settings.status_on_add if wanted is None else wanted
    email = params.get("email")
    moved = isinstance(email, str) and folded(email) != folded(before.email)
    if wanted is None:
        cleared = before.status == Status.BOUNCED and moved and settings.email_change_clears_bounce
        return Status.SUBSCRIBED if cleared else before.status
    if wanted != Status.SUBSCRIBED:
        return wanted
    match _policy(before.status, settings, moved=moved):
        case "allow":
            return wanted
        case "ignore":
            return before.status
        case "reject":
            raise invalid("status", f"Status {before.status} cannot become {int(wanted)}")


def sms_status_after(params: Params, before: Contact | None, settings: Settings) -> int | None:
    """The SMS status that a write leads to (G1). Raises RefusedError."""
    stored = before.sms_status if before else None
    if "smsStatus" in params and settings.sms_status == "reject":
        raise invalid("smsStatus", "Parameter is no longer supported")
    if settings.sms_status != "accept":
        return stored
    if "smsStatus" in params:
        return _member(params["smsStatus"], "smsStatus", tuple(SmsStatus))
    return stored if before else _SMS_ON_ADD[Status(settings.status_on_add)]


def privacy_consent_after(params: Params, before: Contact | None, stamp: str) -> dict[str, JsonValue] | None:
    """The privacy consent that a write leads to; the first date stays (G17). Raises RefusedError."""
    stored = before.privacy_consent if before else None
    if "privacyConsent" not in params:
        return stored
    given = boolean(params["privacyConsent"], "privacyConsent")
    return (stored or {"source": _BY_API, "dateTime": f"{stamp} UTC"}) if given else None


def _policy(status: int, settings: Settings, *, moved: bool) -> Transition:
    """What happens to a contact of that status that is to be Subscribed."""
    match status:
        case Status.UNSUBSCRIBED:
            return settings.resubscribe
        case Status.BOUNCED:
            return "allow" if moved else settings.bounced_to_subscribed
        case Status.NO_MARKETING:
            return settings.no_marketing_to_subscribed
        case _:
            return "allow"


def _member(value: JsonValue, name: str, allowed: tuple[Member, ...]) -> Member:
    number = integer(value, name)
    if isinstance(value, str) or number not in allowed:
        raise invalid(name, "Value is not an allowed option")
    return next(member for member in allowed if member == number)
