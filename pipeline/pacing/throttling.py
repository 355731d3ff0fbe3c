"""What a 429 teaches of an allowance that nobody named, and how it is tried upwards again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

MINUTE_SECONDS: Final = 60.0
WHOLE_SECONDS: Final = 57.0
"""Sending for so long is taken for a minute of it."""
MANY: Final = 20
"""So many accepted requests may be a minute's allowance; fewer say little."""
LOWERED: Final = 5 / 6
LIKELY_A_MINUTE_SECONDS: Final = 45.0
FORGOTTEN_SECONDS: Final = 86_400.0
RAISE: Final = 1.1
SOON_SECONDS: Final = 5.0
LATER_SECONDS: Final = 45.0
"""How long an allowance is tried before it is raised again, below no known ceiling and below one."""
NARROW: Final = 1.03
PROBE: Final = 1.05
LONGEST_PROBE_SECONDS: Final = 1800.0


@dataclass(frozen=True, slots=True)
class Throttled:
    """A 429 as its sender met it."""

    age_seconds: float
    """How long ago its sender had looked into the book when it left."""
    wait_seconds: float | None
    """What the destination asks for."""
    backoff_seconds: float
    """The wait where it asks for none, and nothing better is known."""
    most_seconds: float
    """The wait that the time limit leaves room for."""
    open_turns: int = 0
    """Turns that its sender has taken and that are not answered: they were not accepted yet."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What is known from 429s. `per_minute` None: nothing."""

    per_minute: float | None = None
    throttled_at: float | None = None
    raised_at: float = 0.0
    good: float | None = None
    """The allowance before the last raise, if it was tried for LATER_SECONDS."""
    ceiling: float | None = None
    """An allowance that was too much."""
    probe_seconds: float = MINUTE_SECONDS
    """How long after a 429 what is just below the ceiling is left."""

    def fresh(self, now: float) -> Learned:
        """Nothing, where the last 429 is a day old."""
        old = self.throttled_at is not None and now - self.throttled_at > FORGOTTEN_SECONDS
        return Learned() if old else self

    def shifted(self, seconds: float) -> Learned:
        """On a clock that has gone back."""
        at = None if self.throttled_at is None else self.throttled_at + seconds
        return replace(self, throttled_at=at, raised_at=self.raised_at + seconds)


def learn(
    known: Learned, said: Throttled, recent: Sequence[tuple[float, int]], rate: float | None, now: float
) -> tuple[Learned, float]:
    """What is known after a 429, and for how many seconds nobody should send.

    `recent`: (seconds ago, requests) that were accepted. `rate`: the allowance that was kept to, if any.
    """
    accepted = max(0, sum(turns for ago, turns in recent if ago < MINUTE_SECONDS) - said.open_turns)
    span = min(MINUTE_SECONDS, max((ago for ago, _ in recent), default=0.0))
    wait = said.backoff_seconds if said.wait_seconds is None else said.wait_seconds
    since = MINUTE_SECONDS if known.throttled_at is None else now - known.throttled_at
    in_between = max(0, sum(turns for ago, turns in recent if ago < since) - said.open_turns)
    named = rate is not None and known.per_minute is None and since >= MINUTE_SECONDS
    minutely = accepted >= MANY and span >= WHOLE_SECONDS
    lower: float | None = None
    if since < MINUTE_SECONDS and in_between:
        # The minute was not used up. The longer it went well, the less is taken off.
        kept = 0.95 if minutely else 1 - 1 / (in_between + 2)
        lower = rate * kept if rate else 0.8 * MINUTE_SECONDS * accepted / max(span, 0.05)
    elif minutely:
        held = known.good if known.good is not None and known.good <= RAISE * accepted else 0.0
        lower = max(float(accepted), held)
        if said.wait_seconds is None:
            # If it is a minute's allowance, there is room again when the oldest request is a minute old.
            oldest = max(ago for ago, _ in recent if ago < MINUTE_SECONDS)
            wait = max(wait, min(MINUTE_SECONDS - oldest + 0.5, said.most_seconds))
    elif accepted >= MANY and said.wait_seconds is not None:
        period = span + said.wait_seconds
        lower = float(accepted) * (1.0 if period >= LIKELY_A_MINUTE_SECONDS else MINUTE_SECONDS / max(period, 0.05))
    elif accepted >= MANY and not named and MINUTE_SECONDS - span < said.most_seconds:
        # Nobody says how long to wait: it is taken for a minute's allowance, and the minute is waited for.
        lower, wait = float(accepted), MINUTE_SECONDS - span + 0.5
    elif since < MINUTE_SECONDS:
        lower = known.per_minute
    elif rate is not None:
        lower = rate * max(LOWERED, 1 - 1 / (accepted + 2))
    if rate is not None:
        lower = rate if lower is None else min(lower, 0.99 * rate)
    ceiling = rate if rate is not None and lower is not None and lower < rate <= 2 * lower else None
    probe = min(2 * known.probe_seconds, LONGEST_PROBE_SECONDS) if ceiling and known.ceiling else MINUTE_SECONDS
    return Learned(lower, now, now, None, ceiling, max(probe, 50 * wait)), wait


def together(known: Learned, said: Throttled, recent: Sequence[tuple[float, int]]) -> Learned:
    """After one more answer to the same 429: whoever else was sending then, what they sent was accepted too."""
    accepted = sum(turns for ago, turns in recent if ago < MINUTE_SECONDS) - said.open_turns
    if known.per_minute is None or known.ceiling is not None or accepted < max(MANY, known.per_minute):
        return known
    return replace(known, per_minute=float(accepted))


def raised(known: Learned, named: float | None, now: float) -> Learned:
    """The allowance tried a little higher: in steps, not within a minute of a 429, and rarely near a known ceiling."""
    if known.per_minute is None or known.throttled_at is None or now - known.throttled_at < MINUTE_SECONDS:
        return known
    tried = now - known.raised_at
    if tried < (SOON_SECONDS if known.ceiling is None else LATER_SECONDS):
        return known
    ceiling = known.ceiling
    if ceiling is None:
        higher = RAISE * known.per_minute
    elif NARROW * known.per_minute < ceiling:
        higher = (known.per_minute + ceiling) / 2
    elif now - known.throttled_at < known.probe_seconds:
        return known
    else:
        higher = PROBE * known.per_minute
        ceiling = RAISE * known.per_minute
    good = known.per_minute if tried >= LATER_SECONDS else None
    if named is not None and higher >= named:
        return Learned(None, known.throttled_at, now, good, None, known.probe_seconds)
    return replace(known, per_minute=higher, raised_at=now, good=good, ceiling=ceiling)
