"""The rate limit (G25): a bucket of tokens that fills as time goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.sandbox.ivvy.settings import Settings


@dataclass(slots=True)
class Bucket:
    """Tokens left, and when that was counted; a request that costs more than is left leaves a debt."""

    tokens: float | None = None
    """None: full."""
    counted_at: float = 0

    def take(self, cost: int, settings: Settings, now: float) -> bool:
        """Whether the request may pass; one that may not costs nothing."""
        rate = settings.requests_per_second
        if rate is None:
            return True
        capacity = settings.burst or max(1, int(rate))
        filled = capacity if self.tokens is None else self.tokens + rate * max(0, now - self.counted_at)
        self.tokens, self.counted_at = min(capacity, filled), now
        if self.tokens < 1:
            return False
        self.tokens -= cost
        return True
