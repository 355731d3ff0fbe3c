"""What an action works with."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipeline.sandbox.ivvy.refusals import RefusedError, UnsuccessfulError, invalid
from pipeline.sandbox.ivvy.values import timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.sandbox.ivvy.account import Account
    from pipeline.sandbox.ivvy.contact import Contact
    from pipeline.sandbox.ivvy.settings import Settings
    from pipeline.sandbox.ivvy.store import Store
    from pipeline.sandbox.vendor import Exchange, Poison

_CODES = re.compile(r"(\d{3})/(\d{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Context:
    """One action's surroundings."""

    store: Store
    settings: Settings
    exchange: Exchange
    now: float
    """Seconds since 1970 by the world's clock; of a job, when its time came."""
    in_batch: bool = False

    @property
    def account(self) -> Account:
        """Groups, custom fields and companies."""
        return self.store.account

    @property
    def stamp(self) -> str:
        """The time by the server's clock."""
        return timestamp(self.now + self.settings.clock_offset_seconds)

    def save(self, contact: Contact, before: Contact | None) -> Contact:
        """Store a contact with the time of its change, unless it says the same as before (G31)."""
        same = before is not None and contact.says_the_same_as(before)
        if same and not self.settings.noop_touches:
            return contact
        self.exchange.write_applied = True
        lag = max(self.settings.read_lag_ms / 1000, self.exchange.lag_seconds)
        return self.store.save(replace(contact, modified_date=self.stamp), before, self.now + lag if lag else None)

    def poison_of(self, names: Iterable[str]) -> Poison | None:
        """What the fault schedule has for the row of these names, if it wants it refused."""
        return next((self.exchange.poison[name] for name in names if name in self.exchange.poison), None)

    def refuse_poison(self, names: Iterable[str]) -> None:
        """Refuse a row that the fault schedule has poisoned.

        Its code is `400/23016` or the like, or `success_false`; any other stands for a value that does not validate,
        of the parameter that the rule's category names.
        """
        poison = self.poison_of(names)
        if poison is None:
            return
        if poison.code == UnsuccessfulError.label:
            raise UnsuccessfulError(poison.message)
        if codes := _CODES.fullmatch(poison.code):
            raise RefusedError(int(codes[1]), int(codes[2]), poison.message)
        raise invalid(poison.category or "email", poison.message)
