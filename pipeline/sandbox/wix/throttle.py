"""The rate limit (59, ad): a window of 60 seconds that slides."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pipeline.sandbox.wix.settings import Settings

_WINDOW_SECONDS: Final = 60


@dataclass(slots=True)
class Window:
    """When requests were let in, and what each counted."""

    admitted: deque[tuple[float, int]] = field(default_factory=deque)
    counted: int = 0

    def admits(self, cost: int, settings: Settings, now: float) -> bool:
        """Whether a request may pass; one that may not counts nothing, one that costs more than is left still may."""
        most = settings.requests_per_minute
        while self.admitted and self.admitted[0][0] <= now - _WINDOW_SECONDS:
            self.counted -= self.admitted.popleft()[1]
        if most is None:
            return True
        if self.counted >= most:
            return False
        self.admitted.append((now, cost))
        self.counted += cost
        return True
