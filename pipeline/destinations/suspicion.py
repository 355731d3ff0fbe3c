"""Notices that it is the configuration, and no record, that an unknown code refuses: it refuses every record alike."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pipeline.destinations.interface import Verdict

SAME_WORDS: Final = 10
"""Records refused by themselves with the same code and message, while none is accepted."""
SAME_CODE: Final = 100
"""The same with messages that differ: as many as a batch usually has."""


@dataclass(slots=True)
class Suspicion:
    """What was refused since the last time that something of the kind was accepted. Of one run; for all its threads.

    Kinds are told apart because a fault in what creates says nothing of what updates.
    """

    _words: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    _codes: Counter[tuple[str, str]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def accepted(self, kind: str) -> None:
        """Something of the kind was accepted: what was refused before was the records' own fault."""
        with self._lock:
            for counts in (self._words, self._codes):
                for key in [key for key in counts if key[0] == kind]:
                    del counts[key]

    def refused(self, kind: str, verdict: Verdict) -> int:
        """Counts a record that was refused by itself with an unknown code.

        Returns how many were refused alike, once they are enough to suspect the configuration; 0: they are not.
        """
        with self._lock:
            self._words[kind, verdict.code, verdict.message] += 1
            self._codes[kind, verdict.code] += 1
            alike, coded = self._words[kind, verdict.code, verdict.message], self._codes[kind, verdict.code]
        return alike if alike >= SAME_WORDS else coded if coded >= SAME_CODE else 0
