"""Consents in memory, found by id, by address and in the order of ids; kept in a file too if one is named."""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right, insort
from collections import deque
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipeline.sandbox.wix.disk import Disk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pipeline.sandbox.wix.marketing_consent import MarketingConsent

Handle = tuple[str, str]
"""By what a consent is found at once: `("id", id)`, `("EMAIL", key)` or `("PHONE", key)`."""


class Store:
    """All methods may be called from any thread; a transaction keeps the other threads out."""

    def __init__(self, database: Path | None, clock: Callable[[], float]) -> None:
        self.lock = threading.RLock()
        self._clock = clock
        self._by_id: dict[str, MarketingConsent] = {}
        self._by_number: dict[int, str] = {}
        self._ids_by_key: dict[Handle, str] = {}
        self._ids: list[str] = []
        self._earlier: deque[_Earlier] = deque()
        self._last_number = 0
        self._disk = Disk(database) if database else None
        if self._disk:
            self._hold(self._disk.consents())
            self._last_number = self._disk.last_number()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What is written inside reaches the file at once."""
        with self.lock, self._disk.transaction() if self._disk else nullcontext():
            yield

    def next_number(self) -> int:
        """A number that no consent had before."""
        with self.lock:
            self._last_number += 1
            return self._last_number

    def save(self, consent: MarketingConsent, keep_seconds: float, lag_seconds: float = 0.0) -> None:
        """Insert or overwrite; for `keep_seconds` it can be read as it was before, and for `lag_seconds` it is."""
        with self.lock:
            self._keep_earlier(consent.id, keep_seconds, lag_seconds)
            if self._disk:
                self._disk.save([consent])
            if consent.id not in self._by_id:
                insort(self._ids, consent.id)
            self._note(consent)

    def put(self, consents: Sequence[MarketingConsent]) -> None:
        """Put many consents in, each in the place of those with its id or its address; readable at once."""
        with self.lock:
            numbered = [replace(consent, number=consent.number or self.next_number()) for consent in consents]
            gone = {found.id: found for consent in numbered for found in self._displaced(consent)}
            if self._disk:
                self._disk.delete(gone.values())
                self._disk.save(numbered)
            for consent in gone.values():
                self._forget(consent)
            self._hold(numbered)
            ids = {consent.id for consent in numbered}
            self._earlier = deque(earlier for earlier in self._earlier if earlier.id not in ids)

    def delete(self, consent: MarketingConsent, keep_seconds: float) -> None:
        """Remove a stored consent."""
        with self.lock:
            self._keep_earlier(consent.id, keep_seconds)
            if self._disk:
                self._disk.delete([consent])
            self._forget(consent)
            self._ids.pop(bisect_left(self._ids, consent.id))

    def clear(self) -> None:
        """Forget everything."""
        with self.lock:
            if self._disk:
                self._disk.clear()
            for held in (self._by_id, self._by_number, self._ids_by_key, self._ids, self._earlier):
                held.clear()
            self._last_number = 0

    def get(self, consent_id: str) -> MarketingConsent | None:
        """As it is now."""
        with self.lock:
            return self._by_id.get(consent_id)

    def find(self, key: Handle) -> MarketingConsent | None:
        """The consent for an address, as it is now."""
        with self.lock:
            consent_id = self._ids_by_key.get(key)
            return None if consent_id is None else self._by_id[consent_id]

    def numbered(self, number: int) -> MarketingConsent | None:
        """The consent that a link leads to."""
        with self.lock:
            consent_id = self._by_number.get(number)
            return None if consent_id is None else self._by_id[consent_id]

    def size(self) -> int:
        """How many consents there are now."""
        return len(self._by_id)

    def everything(self) -> list[MarketingConsent]:
        """All consents as they are now, oldest first."""
        with self.lock:
            return [self._by_id[consent_id] for _, consent_id in sorted(self._by_number.items())]

    def as_of(self, lag_seconds: float) -> View:
        """What could be read so long ago, as far back as it was kept."""
        before: dict[str, MarketingConsent | None] = {}
        now = self._clock()
        for earlier in reversed(self._earlier):
            if earlier.written_at > now - lag_seconds or earlier.shown_at > now:
                before[earlier.id] = earlier.consent
        return View(self._by_id, self._ids_by_key, self._ids, before)

    def close(self) -> None:
        """Close the file."""
        if self._disk:
            self._disk.close()

    def _keep_earlier(self, consent_id: str, keep_seconds: float, lag_seconds: float = 0.0) -> None:
        now = self._clock()
        while self._earlier and max(self._earlier[0].written_at + keep_seconds, self._earlier[0].shown_at) <= now:
            self._earlier.popleft()
        if keep_seconds > 0 or lag_seconds > 0:
            self._earlier.append(_Earlier(now, now + lag_seconds, consent_id, self._by_id.get(consent_id)))

    def _displaced(self, consent: MarketingConsent) -> Iterator[MarketingConsent]:
        for found in (self.get(consent.id), self.find(consent.details.key)):
            if found is not None:
                yield found

    def _hold(self, consents: Iterable[MarketingConsent]) -> None:
        for consent in consents:
            self._note(consent)
        self._ids[:] = sorted(self._by_id)

    def _note(self, consent: MarketingConsent) -> None:
        self._by_id[consent.id] = consent
        self._by_number[consent.number] = consent.id
        self._ids_by_key[consent.details.key] = consent.id

    def _forget(self, consent: MarketingConsent) -> None:
        del self._by_id[consent.id], self._by_number[consent.number], self._ids_by_key[consent.details.key]


@dataclass(frozen=True, slots=True)
class _Earlier:
    """What a write replaced."""

    written_at: float
    shown_at: float
    """The write is not seen before."""
    id: str
    consent: MarketingConsent | None
    """None: there was none."""


@dataclass(frozen=True, slots=True)
class View:
    """The store as of a moment; to be used under the store's lock."""

    by_id: Mapping[str, MarketingConsent]
    ids_by_key: Mapping[Handle, str]
    ids: list[str]
    before: Mapping[str, MarketingConsent | None]

    def get(self, consent_id: str) -> MarketingConsent | None:
        """The consent with that id."""
        return self.before[consent_id] if consent_id in self.before else self.by_id.get(consent_id)

    def reached(self, handles: Iterable[Handle]) -> list[MarketingConsent]:
        """The consents with those ids and addresses, and perhaps others that were written since."""
        ids = {value if kind == "id" else self.ids_by_key.get((kind, value), "") for kind, value in handles}
        return self._present(ids | self.before.keys())

    def in_order(self, *, beyond: str | None, backwards: bool) -> Iterator[MarketingConsent]:
        """By id, from the first or from beyond that one on; backwards from the last."""
        gone = self.before.keys() - self.by_id.keys()
        ids = sorted({*self.ids, *gone}) if gone else self.ids
        if backwards:
            positions = range((len(ids) if beyond is None else bisect_left(ids, beyond)) - 1, -1, -1)
        else:
            positions = range(0 if beyond is None else bisect_right(ids, beyond), len(ids))
        for position in positions:
            consent = self.get(ids[position])
            if consent is not None:
                yield consent

    def everything(self) -> list[MarketingConsent]:
        """All consents, in any order."""
        return self._present({*self.by_id, *self.before}) if self.before else list(self.by_id.values())

    def _present(self, ids: Iterable[str]) -> list[MarketingConsent]:
        return [consent for consent in map(self.get, ids) if consent is not None]
