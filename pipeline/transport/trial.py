"""The attempts at one request: when to try again, when to give up, and how long to wait in between."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import tenacity

from pipeline.destinations.interface import Kind, Reply, Verdict

if TYPE_CHECKING:
    import httpx

    from pipeline.pacing.turns import Turn
    from pipeline.transport.sending import Attempt, Transport


class Trial:
    """The attempts at one request. Called by tenacity; None means: try again."""

    def __init__(self, transport: Transport, log: list[Attempt], request: httpx.Request, *, repeatable: bool) -> None:
        self.transport, self.log, self.request, self.repeatable = transport, log, request, repeatable
        self.number = self.counted = 0
        self.may_have_taken_effect = False
        self.began: float | None = None
        self.turn: Turn | None = None
        self.last = Reply(Verdict(Kind.RETRY, message="no attempt was made"), {})

    def given_up(self, upcoming_seconds: float) -> bool:
        """Whether the attempts that count are used up, or the time would be before the next one."""
        return self.counted >= self.transport.patience.attempts or upcoming_seconds >= self._left_seconds

    @property
    def _left_seconds(self) -> float:
        """Of the time limit, which begins with the first answer: waiting for a turn does not count."""
        since = 0.0 if self.began is None else time.monotonic() - self.began
        return self.transport.patience.limit_seconds - since

    def __call__(self) -> Reply | None:
        self.number += 1
        reply, self.turn = self.transport.once(self.log, self.request, self.number)
        self.began = time.monotonic() if self.began is None else self.began
        self.may_have_taken_effect |= reply.unclear
        self.last = Reply(reply.verdict, reply.body, unclear=self.may_have_taken_effect)
        match reply.verdict.kind:
            case Kind.THROTTLED:
                return None
            case Kind.RETRY:
                self.counted += 1
                # What was not answered in time, and not when it was tried again, is better sent in parts.
                divided = self.counted > 1 and self.transport.governor.carries_too_much
                return self.last if reply.unclear and (divided or not self.repeatable) else None
            case _:
                # A clear answer settles it: whatever went before, this attempt says how things stand.
                return reply

    def pause(self, state: tenacity.RetryCallState) -> float:
        """Seconds until the next attempt: what the destination asks for, else exponential with full jitter."""
        patience, verdict = self.transport.patience, self.last.verdict
        asked = verdict.retry_after_seconds
        backoff = tenacity.wait_random_exponential(patience.first_wait_seconds, patience.longest_wait_seconds)(state)
        seconds = backoff if asked is None else asked
        if verdict.kind is Kind.THROTTLED and self.turn and seconds < self._left_seconds:
            seconds = max(seconds, self.transport.pacer.throttled(self.turn, asked, backoff, self._left_seconds))
        return seconds
