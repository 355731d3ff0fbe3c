"""A rate limit: a window of 60 seconds that slides."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

_WINDOW_SECONDS: Final = 60


@dataclass(slots=True)
class Window:
    """When requests were let in, and what each counted."""

    admitted: deque[tuple[float, int]] = field(default_factory=deque)
    counted: int = 0

    def admits(self, cost: int, most: int | None, now: float) -> bool:
        """Whether a request may pass; one that may not counts nothing, one that costs more than is left still may."""
        while self.admitted and self.admitted[0][0] <= now - _WINDOW_SECONDS:
            self.counted -= self.admitted.popleft()[1]
        if most is None:
            return True
        if self.counted >= most:
            return False
        self.admitted.append((now, cost))
        self.counted += cost
        return True

    def wait_seconds(self, now: float) -> float:
        """How long until the oldest request leaves the window."""
        return max(0.0, self.admitted[0][0] + _WINDOW_SECONDS - now) if self.admitted else 0.0
