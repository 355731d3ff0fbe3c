"""Consent: what state a request leads to, and what it must say for that (section 2's table; 16 to 23)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.sandbox.wix.marketing_consent import (
    ACTIVITY_FIELDS,
    CONFIRMATION,
    REVOCATION,
    Content,
    MarketingConsent,
)
from pipeline.sandbox.wix.refusals import InvalidError, Rule, Violation, missing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import JsonValue

    from pipeline.sandbox.wix.settings import Settings


@dataclass(frozen=True, slots=True)
class Situation:
    """What the rules look at beside the request."""

    settings: Settings
    type: str
    before: MarketingConsent | None


def settle(requested: str, judged: Content, situation: Situation) -> str:
    """The state that a request for `requested` leads to. Raises InvalidError where `judged` does not suffice.

    `judged` is the request for an upsert (17), request and stored content together for an update (q).
    """
    kept = _keeps_state(requested, situation)
    state = situation.before.state if kept and situation.before else requested
    if kept and not situation.settings.kept_state_checked:
        return state
    violations = list(_faults(state, judged, situation.settings))
    if violations:
        raise InvalidError(violations)
    return state


def dated(content: Content, now: str) -> Content:
    """The same with the time of each activity, the server's where none was sent (ac)."""
    times = {name: {"updatedDate": now, **content[name]} for name in ACTIVITY_FIELDS if name in content}
    return {**content, **times}


def eligibility(consent: MarketingConsent) -> dict[str, JsonValue]:
    """`granted` and `reason` of `communicationEligibility` (27, aa)."""
    unasked = consent.state in {"NEVER_CONFIRMED", "UNKNOWN_STATE"}
    granted = consent.state == "CONFIRMED" or (unasked and consent.details.type == "EMAIL")
    return {"granted": granted, "reason": "" if granted else consent.state}


def _keeps_state(requested: str, situation: Situation) -> bool:
    """A stored consent by email keeps its state, silently (19)."""
    if requested != "UNKNOWN_STATE" or situation.before is None:
        return False
    return situation.type == "EMAIL" or situation.settings.unknown_state_on_phone == "keep"


def _faults(state: str, judged: Content, settings: Settings) -> Iterator[Violation]:
    needed = _needed_activity(state, settings)
    if needed is None:
        return
    activity = judged.get(needed)
    if activity is None:
        yield missing(needed)
        return
    if settings.activity_strict:
        yield from _incomplete(activity, needed)
    strict = state == "PENDING" and settings.pending_needs_double_opt_in
    if strict and activity.get("optInLevel") != "DOUBLE_CONFIRMATION":
        text = "must be DOUBLE_CONFIRMATION where state is PENDING"
        yield Violation(f"{needed}.optInLevel", text, Rule.OTHER, None, "PENDING_NEEDS_DOUBLE_CONFIRMATION")


def _needed_activity(state: str, settings: Settings) -> str | None:
    if settings.activity_rule == "2023":
        return None if state in {"REVOKED", "NEVER_CONFIRMED"} else CONFIRMATION
    return {"PENDING": CONFIRMATION, "CONFIRMED": CONFIRMATION, "REVOKED": REVOCATION}.get(state)


def _incomplete(activity: Mapping[str, str], name: str) -> Iterator[Violation]:
    for part in ("source", "optInLevel") if name == CONFIRMATION else ("source",):
        value = activity.get(part)
        if value is None:
            yield missing(f"{name}.{part}")
        elif value.startswith("UNKNOWN_"):
            yield Violation(f"{name}.{part}", "must be known", Rule.INVALID_ENUM_VALUE)
