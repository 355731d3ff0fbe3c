"""What an operation works with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import uuid4

from pipeline.sandbox.wix.marketing_consent import Content, Details, MarketingConsent
from pipeline.sandbox.wix.refusals import RefusedError

if TYPE_CHECKING:
    from pipeline.sandbox.vendor import Exchange
    from pipeline.sandbox.wix.settings import Settings
    from pipeline.sandbox.wix.store import Store


@dataclass(frozen=True, slots=True)
class Context:
    """One operation's surroundings; the store is the operation's alone until it ends."""

    store: Store
    settings: Settings
    exchange: Exchange
    seconds: float
    """Since 1970."""
    now: str
    """The same as ISO 8601."""

    def save(
        self, details: Details, content: Content, before: MarketingConsent | None, *, counts: bool = False
    ) -> MarketingConsent:
        """Store a new consent, or the next revision (29); one that says nothing new as `bump_on_noop` says (k).

        With `counts` it is a new revision in any case.
        """
        self.exchange.write_applied = True
        if before is None:
            number = self.store.next_number()
            consent = MarketingConsent(str(uuid4()), number, 1, details, content, self.now, self.now)
        elif counts or self.settings.bump_on_noop or (details, content) != (before.details, before.content):
            revision = before.revision + 1
            consent = replace(before, revision=revision, details=details, content=content, updated=self.now)
        else:
            return before
        self.store.save(consent, self.settings.keep_seconds, self.exchange.lag_seconds)
        return consent

    def delete(self, consent: MarketingConsent) -> None:
        """Erase a consent."""
        self.exchange.write_applied = True
        self.store.delete(consent, self.settings.keep_seconds)

    def refuse_poison(self, *names: str) -> None:
        """Refuse a consent that the fault schedule has poisoned."""
        for name in names:
            poison = self.exchange.poison.get(name)
            if poison is not None:
                raise RefusedError(400, poison.code, poison.message)
