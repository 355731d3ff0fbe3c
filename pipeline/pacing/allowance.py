"""The book of turns: what was taken of an allowance, and what is known of it. Arithmetic without a clock."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Final

from pipeline.pacing.throttling import NARROW, Learned, Throttled, learn, raised, together

if TYPE_CHECKING:
    from collections.abc import Mapping

MINUTE_SECONDS: Final = 60.0
AHEAD_SECONDS: Final = 1.0
"""How much of the time a block of turns is for, and how late one of them may still be used."""
MARGIN_SECONDS: Final = 0.25
"""How much longer than a minute a turn counts where a minute's worth may go at once: answers differ in their speed."""
SLACK: Final = 1.02
"""How much longer than its share of a minute the even gap is.

It makes up for turns that are used AHEAD_SECONDS late: (60 + 1) / 60 < 1.02. So no minute has a turn too many.
"""
INSTANT: Final = 1e-6
WINDOW_BLOCKS: Final = 20
"""Where a minute's worth may go at once, a block is at most so small a part of it: what a killed holder wastes."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What is allowed: evenly so many a second, or so many within any minute, at once where they are wanted at once."""

    per_second: float | None = None
    per_minute: int | None = None

    @property
    def named(self) -> float | None:
        """The allowance of a minute, if one is named."""
        return self.per_minute if self.per_second is None else self.per_second * MINUTE_SECONDS

    @property
    def evenly(self) -> bool:
        """Whether turns keep a distance. What had to be learned is spread: nobody said in what portions it comes."""
        return self.per_second is not None or self.per_minute is None


@dataclass(frozen=True, slots=True)
class Spent:
    """Turns of one block. None of them is used after `until`."""

    until: float
    turns: int


@dataclass(frozen=True, slots=True)
class Reserved:
    """What a holder gets: the times of its turns, and how many a block could have. `allowed` None: no limit."""

    now: float
    turns: tuple[float, ...]
    most: int
    allowed: float | None
    held_until: float
    next_at: float = 0.0
    least_gap: float = 0.0
    """What is kept between requests that really leave, where one of them is late: an even pace stays even."""


@dataclass(frozen=True, slots=True)
class Book:
    """One destination and account. Times are those of the book's own clock, in seconds."""

    written_at: float = 0.0
    next_at: float = 0.0
    """The next turn of an even pace."""
    held_until: float = 0.0
    spent: Mapping[str, Spent] = field(default_factory=dict)
    """Block -> its turns."""
    learned: Learned = field(default_factory=Learned)

    def at(self, now: float) -> Book:
        """The book as it is now. Where the clock has gone back, no time has passed since the last entry."""
        if now < self.written_at:
            return self._shifted(now - self.written_at).at(now)
        live = {name: s for name, s in self.spent.items() if now < _expiry(s)}
        return replace(self, written_at=now, spent=live, learned=self.learned.fresh(now))

    def _shifted(self, seconds: float) -> Book:
        spent = {name: replace(s, until=s.until + seconds) for name, s in self.spent.items()}
        return Book(
            self.written_at + seconds,
            self.next_at + seconds,
            self.held_until + seconds,
            spent,
            self.learned.shifted(seconds),
        )

    def allowed(self, pace: Pace) -> float | None:
        """The allowance of a minute: what is named, and never more than what was learned. None: none is known."""
        known = [limit for limit in (pace.named, self.learned.per_minute) if limit is not None]
        return min(known, default=None)

    def settled(self, blocks: Mapping[str, Spent]) -> Book:
        """With what really came of blocks: turns that nobody used are given back."""
        spent = {name: s for name, s in {**self.spent, **blocks}.items() if s.turns}
        return replace(self, spent=spent)

    def reserved(self, name: str, pace: Pace, wanted: int) -> tuple[Book, Reserved]:
        """Takes up to `wanted` turns: the first whenever it comes, more only of the AHEAD_SECONDS from then on."""
        book = self
        if self._busy(pace):
            book = replace(self, learned=raised(self.learned, pace.named, self.written_at))
        allowed = book.allowed(pace)
        if allowed is None:
            return book, Reserved(book.written_at, (), 0, None, book.held_until)
        if pace.evenly:
            turns, most = book._evenly(allowed, wanted)
            book = replace(book, next_at=turns[-1] + _gap(allowed))
        else:
            most = max(1, int(allowed) // WINDOW_BLOCKS)
            turns = book._at_once(max(1, int(allowed)), min(wanted, most))
        spent = {**book.spent, name: Spent(turns[-1] + AHEAD_SECONDS, len(turns))}
        least = _gap(allowed) / SLACK if pace.evenly else 0.0
        got = Reserved(book.written_at, turns, most, allowed, book.held_until, book.next_at, least)
        return replace(book, spent=spent), got

    def released(self, reserved_to: float, last_at: float, pace: Pace) -> Book:
        """Without the turns after `last_at` of who has reserved to there, unless somebody has reserved since."""
        allowed = self.allowed(pace)
        if allowed is None or self.next_at != reserved_to:
            return self
        return replace(self, next_at=min(self.next_at, last_at + _gap(allowed)))

    def _busy(self, pace: Pace) -> bool:
        """Whether more is wanted than there is: only then does a higher allowance show whether it is one."""
        return self.next_at > self.written_at if pace.evenly else bool(self.spent)

    def _evenly(self, allowed: float, wanted: int) -> tuple[tuple[float, ...], int]:
        gap = _gap(allowed)
        most = max(1, int(AHEAD_SECONDS / gap))
        first = max(self.written_at, self.next_at, self.held_until)
        return tuple(first + gap * number for number in range(min(wanted, most))), most

    def _at_once(self, allowed: int, wanted: int) -> tuple[float, ...]:
        """As soon as fewer than `allowed` turns are of the last minute."""
        leaving = sorted((_expiry(s), s.turns) for s in self.spent.values())
        at, turns = max(self.written_at, self.held_until), list[float]()
        live = sum(count for _, count in leaving)
        while len(turns) < wanted:
            while leaving and (live >= allowed or leaving[0][0] <= at):
                left, count = leaving.pop(0)
                at, live = max(at, left), live - count
            if turns and (live >= allowed or at > turns[0] + AHEAD_SECONDS):
                break
            turns.append(at)
            live += 1
        return tuple(turns)

    def throttled(self, said: Throttled, pace: Pace) -> tuple[Book, float]:
        """After a 429: nobody sends for a while. Returns that too, in seconds.

        Requests of holders who could not know of it yet say nothing new: the allowance is lowered once.
        """
        now = self.written_at
        if self.learned.throttled_at is not None and now - said.age_seconds < self.learned.throttled_at - INSTANT:
            wait = max(said.wait_seconds or 0.0, self.held_until - now)
            known = together(self.learned, said, self.recent())
            return replace(self, held_until=max(self.held_until, now + wait), learned=known), wait
        learned, wait = learn(self.learned, said, self.recent(), self.allowed(pace), now)
        if not pace.evenly and learned.per_minute is not None:
            # A vendor that names a minute's allowance means it: what was counted is hardly too little.
            learned = replace(learned, ceiling=NARROW * learned.per_minute)
        book = replace(self, learned=learned)
        allowed = book.allowed(pace)
        if said.wait_seconds is None and allowed is not None and pace.evenly:
            wait = max(wait, 2 * _gap(allowed) if 2 * _gap(allowed) < said.most_seconds else 0.0)
        until = max(self.held_until, now + wait)
        return replace(book, held_until=until, next_at=max(self.next_at, until)), until - now

    def recent(self) -> tuple[tuple[float, int], ...]:
        """(seconds ago, turns) of what was accepted within the last minute or a little more."""
        return tuple(sorted((max(0.0, self.written_at - s.until), s.turns) for s in self.spent.values()))

    def text(self) -> str:
        """For the ledger."""
        return json.dumps(asdict(self))

    @classmethod
    def of_text(cls, text: str) -> Book:
        """As it was written."""
        told = json.loads(text)
        spent = {name: Spent(**s) for name, s in told.pop("spent").items()}
        return cls(**{**told, "spent": spent, "learned": Learned(**told["learned"])})


def _gap(allowed: float) -> float:
    return SLACK * MINUTE_SECONDS / allowed


def _expiry(spent: Spent) -> float:
    return spent.until + MINUTE_SECONDS + MARGIN_SECONDS
