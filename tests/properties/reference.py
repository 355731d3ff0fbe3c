"""What must be sent for a contact, in plain Python, row by row: slow, obvious, and written from the rules alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WORDS: Final = {"y": "OPT_IN", "n": "OPT_OUT", "p": "OPT_IN_UNVERIFIED", "c": "CLEAR"}
STRICTER: Final = ["OPT_IN", "OPT_IN_UNVERIFIED", "CLEAR", "UNLISTED", "OPT_OUT"]
GOOD_MOBILES: Final = ("212 555 0123", "+1 212 555 0124")
GOOD_EMAILS: Final = ("ann@example.com", "Ann@Example.ORG", "bob@example.com")


@dataclass(frozen=True)
class Intent:
    """What one record says of one target."""

    status: str
    at: datetime | None
    source: str | None
    address_broken: bool


@dataclass(frozen=True)
class Rules:
    """The mapping's policy, and the targets: column prefix -> key, with the channel whose address it needs."""

    policy: Mapping[str, Any]
    targets: Mapping[str, str]
    channel_of: Mapping[str, str | None]
    now: datetime


@dataclass(frozen=True)
class Witnesses:
    """Target key -> what a contact was last told with its time, and what the destination shows."""

    told: Mapping[str, tuple[str, datetime | None]] = field(default_factory=dict)
    shown: Mapping[str, str] = field(default_factory=dict)


def statuses_to_send(rows: Sequence[Mapping[str, str]], rules: Rules, witnesses: Witnesses) -> dict[str, str]:
    """Target key -> status for one existing contact that has both addresses; a key that is absent is not sent."""
    kept = [row for row in rows if not _rejected(row, rules)]
    found = {}
    for prefix, key in rules.targets.items():
        status = _status_of_target(kept, prefix, key, rules, witnesses)
        refused = [_intent(row, prefix, None, rules.now) for row in rows if _rejected(row, rules)]
        if status is not None and not _forbidden(status, _winning_time(kept, prefix, rules), refused):
            found[key] = status
    return found


def _winning_time(rows: Sequence[Mapping[str, str]], prefix: str, rules: Rules) -> datetime | None:
    channel = rules.channel_of[prefix]
    intents = [intent for row in rows if (intent := _intent(row, prefix, channel, rules.now)) is not None]
    intents = [i for i in intents if not (i.address_broken and i.status in ("OPT_IN", "OPT_IN_UNVERIFIED"))]
    return _winner(intents, rules.policy["duplicates"]).at


def _forbidden(status: str, at: datetime | None, refused: Sequence[Intent | None]) -> bool:
    """Whether a rejected record of the contact may forbid what another one permits."""
    forbidding = [i for i in refused if i is not None and i.status in ("OPT_OUT", "UNLISTED")]
    return status != "OPT_OUT" and any(at is None or i.at is None or i.at >= at for i in forbidding)


def _rejected(row: Mapping[str, str], rules: Rules) -> bool:
    unlisted = [prefix for prefix in rules.targets if _word(row[f"{prefix}_ok"]) == "UNLISTED"]
    return rules.policy["unknown_value"] == "reject" and bool(unlisted)


def _status_of_target(
    rows: Sequence[Mapping[str, str]], prefix: str, key: str, rules: Rules, witnesses: Witnesses
) -> str | None:
    channel = rules.channel_of[prefix]
    intents = [intent for row in rows if (intent := _intent(row, prefix, channel, rules.now)) is not None]
    intents = [i for i in intents if not (i.address_broken and i.status in ("OPT_IN", "OPT_IN_UNVERIFIED"))]
    if not intents:
        return None
    some_address = channel is not None and any(_address(row, channel) == "good" for row in rows)
    if not some_address and all(intent.address_broken for intent in intents):
        return None
    winner = _winner(intents, rules.policy["duplicates"])
    if winner.status == "UNLISTED" or _unproven(winner, rules) or _blocked(winner, key, rules, witnesses):
        return None
    return None if _pointless(winner, key, rules, witnesses) else winner.status


def _intent(row: Mapping[str, str], prefix: str, channel: str | None, now: datetime) -> Intent | None:
    word = _word(row[f"{prefix}_ok"])
    if word is None:
        return None
    broken = channel is not None and _address(row, channel) == "broken"
    return Intent(word, _time(row[f"{prefix}_at"], now), row[f"{prefix}_src"] or None, broken)


def _word(cell: str) -> str | None:
    return WORDS.get(cell.strip().lower(), "UNLISTED") if cell.strip() else None


def _address(row: Mapping[str, str], channel: str) -> str:
    cell, good = (row["email"], GOOD_EMAILS) if channel == "EMAIL" else (row["mobile"], GOOD_MOBILES)
    return "blank" if not cell else "good" if cell in good else "broken"


def _time(cell: str, now: datetime) -> datetime | None:
    try:
        found = datetime.fromisoformat(cell)
    except ValueError:
        return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return found if found <= now + timedelta(days=1) else None


def _winner(intents: Sequence[Intent], duplicates: str) -> Intent:
    times = [intent.at for intent in intents if intent.at is not None and intent.status != "UNLISTED"]
    last = max(times, default=None)
    candidates = [i for i in intents if duplicates == "strictest" or i.at is None or last is None or i.at >= last]
    strictest = max((intent.status for intent in candidates), key=STRICTER.index)
    same = [intent for intent in candidates if intent.status == strictest]
    known = [intent.at for intent in same if intent.at is not None]
    latest = [intent for intent in same if not known or intent.at == max(known)]
    sourced = [intent for intent in latest if intent.source is not None]
    return (sourced or latest)[0]


def _unproven(winner: Intent, rules: Rules) -> bool:
    return winner.status in rules.policy["require_evidence"] and (winner.at is None or winner.source is None)


def _blocked(winner: Intent, key: str, rules: Rules, witnesses: Witnesses) -> bool:
    """Whether an opt-out stands in the way of a permission (or of clearing)."""
    if winner.status == "OPT_OUT":
        return False
    asked = rules.policy["witnesses"]
    told = {k: at for k, (status, at) in witnesses.told.items() if status == "OPT_OUT"} if "state" in asked else {}
    shown = {k for k, status in witnesses.shown.items() if status == "OPT_OUT"} if "destination" in asked else set()
    outdated = {k for k, at in told.items() if _newer(winner, at, rules)}
    by_state = {k for k in told if _undone_by(key, k)} - outdated
    by_destination = {k for k in shown if _undone_by(key, k) and not any(_same_thing(k, o) for o in outdated)}
    return bool(by_state | by_destination)


def _newer(winner: Intent, at: datetime | None, rules: Rules) -> bool:
    evidence = winner.at is not None and winner.source is not None and at is not None and winner.at > at
    return evidence and rules.policy["resubscribe"] == "with_newer_evidence"


def _undone_by(key: str, opt_out: str) -> bool:
    """Whether a permission for `key` ends an opt-out: a group's permission makes its channels OPT_IN."""
    if key == opt_out or not key.startswith("group:"):
        return key == opt_out
    group, channel = f"{key}:".split(":")[1:3]
    if opt_out.startswith("group:"):
        other = opt_out.split(":")
        return other[1] == group and (not channel or len(other) == 2 or other[2] == channel)
    return not channel or opt_out == channel


def _same_thing(shown: str, told: str) -> bool:
    """Whether an opt-out that is shown may be the one that was told: a group's is shown for each of its channels."""
    return shown == told or shown.startswith(f"{told}:")


def _pointless(winner: Intent, key: str, rules: Rules, witnesses: Witnesses) -> bool:
    status, at = witnesses.told.get(key, (None, None))
    newer = winner.at is not None and at is not None and winner.at > at
    # An opt-out without a time forbids more than a dated one, so it is told once more.
    dateless = winner.status == "OPT_OUT" and winner.at is None and at is not None
    if winner.status == status and not newer and not dateless:
        return True
    nothing_shown = not any(k == key or k.startswith(f"{key}:") for k in witnesses.shown)
    return winner.status == "CLEAR" and nothing_shown and "destination" in rules.policy["witnesses"]
