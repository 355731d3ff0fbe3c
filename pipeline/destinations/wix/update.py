"""Changes one known consent: what the mask names, and only if nobody changed it since (WX-07, WX-08)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from pipeline.destinations.interface import Delivery, Exceptional, Kind, Reply
from pipeline.destinations.wix import wire
from pipeline.destinations.wix.bulk import not_applied
from pipeline.destinations.wix.refusals import CONFLICT, NOT_FOUND, reason_of
from pipeline.model import Outcome, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping


def body_of(sent: Mapping[str, Any], handle: Mapping[str, str]) -> bytes:
    """The request's body: the consent with its revision, and the mask of what it changes."""
    consent = {**sent, "id": handle["id"], "revision": handle["revision"]}
    return json.dumps({"marketingConsent": consent, "mask": {"paths": mask_of(sent)}}, ensure_ascii=False).encode()


def mask_of(sent: Mapping[str, Any]) -> list[str]:
    """Paths of what is sent: state and activity whole, extended fields one by one."""
    whole = [name for name in ("state", wire.CONFIRMATION, wire.REVOCATION) if name in sent]
    spaces = sent.get(wire.EXTENDED, {}).get("namespaces", {})
    return whole + [f"{wire.EXTENDED}.namespaces.{space}.{name}" for space, fields in spaces.items() for name in fields]


def outcome_of(record: int, sent: dict[str, Any], reply: Reply) -> Delivery:
    """What came of it. A conflict means that somebody else changed it: it is read again and decided again."""
    if reply.unclear:
        return _exceptional(record, None, Reason.NOT_CONFIRMED, reply.verdict.message)
    if reply.verdict.code == CONFLICT:
        return _exceptional(record, None, Reason.CHANGED_MEANWHILE, reply.verdict.message)
    if reply.verdict.kind is not Kind.OK:
        missing = reply.verdict.code == NOT_FOUND
        reason = Reason.CONTACT_NOT_FOUND if missing else reason_of(reply.verdict.code)
        return _exceptional(record, Outcome.FAILED, reason, reply.verdict.message)
    try:
        written = wire.Written.model_validate(reply.body)
    except ValidationError:
        return _exceptional(record, None, Reason.NOT_CONFIRMED, "an answer of another shape")
    wrong = not_applied(record, sent, written.marketingConsent)
    links = {record: written.link.url} if written.link and written.link.url else {}
    return Delivery(1, 1 if wrong is None else 0, (wrong,) if wrong else (), links)


def _exceptional(record: int, outcome: Outcome | None, reason: Reason, message: str) -> Delivery:
    return Delivery(exceptional=(Exceptional(record, outcome, reason, message),))
