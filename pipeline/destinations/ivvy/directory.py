"""Finds contacts by address and by external id: by a filter, or in an index of the whole list.

That the list can be filtered by address is documented nowhere. Every hit is compared with what was asked for; where
the filter is refused or not heeded, the list is read once, and from then on only what was modified since.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from pipeline.destinations.answers import required, shaped
from pipeline.destinations.interface import Kind
from pipeline.destinations.ivvy import wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pipeline.destinations.interface import Reply
    from pipeline.destinations.ivvy.calls import Calls

By = Literal["email", "externalId"]
OVERLAP: Final = timedelta(minutes=5)
TIME: Final = "%Y-%m-%d %H:%M:%S"


def key_of(by: By, text: str | None) -> str:
    """What contacts are compared by: addresses trimmed and without case, external ids as they are."""
    return (text or "").strip().lower() if by == "email" else text or ""


@dataclass(slots=True)
class Directory:
    """The contacts of an account. Used by several threads at once."""

    scans: bool = False
    """Whether the filter is known to be of no use."""
    _contacts: dict[int, wire.Contact] = field(default_factory=dict)
    _until: datetime | None = None
    """When the last modification that was read was made, by the platform's clock."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, by: By, keys: Iterable[str], calls: Calls) -> dict[str, list[wire.Contact]]:
        """Key -> its contacts by ascending id; a key without contacts is absent."""
        wanted = sorted({key_of(by, key) for key in keys} - {""})
        if not wanted:
            return {}
        found = None if self.scans else _filtered(by, wanted, calls)
        if found is None:
            self.scans = True
            found = self._scanned(calls)
        hits: dict[str, list[wire.Contact]] = {}
        for contact in sorted(found, key=lambda contact: contact.id):
            key = key_of(by, getattr(contact, by))
            if key in set(wanted):
                hits.setdefault(key, []).append(contact)
        return hits

    def _scanned(self, calls: Calls) -> list[wire.Contact]:
        """All contacts: those known, and those modified since (with an overlap, for a clock that is not exact)."""
        with self._lock:
            since = {"fromModifiedDate": (self._until - OVERLAP).strftime(TIME)} if self._until else {}
            for listed in pages(calls, since):
                for contact in listed:
                    self._contacts[contact.id] = contact
                dates = [c.modifiedDate for c in listed if c.modifiedDate is not None]
                self._until = max([*dates, *((self._until,) if self._until else ())], default=None)
            return list(self._contacts.values())


def pages(calls: Calls, since: Mapping[str, str] | None = None) -> Iterator[tuple[wire.Contact, ...]]:
    """The list of contacts, page by page, as far as a filter lets through."""
    start, goes_on = 0, True
    while goes_on:
        params: dict[str, Any] = {"perPage": wire.PAGE, "start": start}
        params |= {"filter": since} if since else {}
        page = _page(calls.one(wire.LIST, params, repeatable=True))
        yield page.results
        start += len(page.results)
        goes_on = page.goes_on(start)


def _filtered(by: By, wanted: Sequence[str], calls: Calls) -> list[wire.Contact] | None:
    """What the filter finds; None: it is refused, or not heeded."""
    params = [{"perPage": wire.PAGE, "start": 0, "filter": {by: key}} for key in wanted]
    found: dict[int, wire.Contact] = {}
    for key, each, reply in zip(wanted, params, calls.many(wire.LIST, params, repeatable=True), strict=True):
        if reply.verdict.code == str(wire.INVALID):
            return None
        page = _page(_sure(reply, each, calls))
        contacts = list(page.results)
        while page.goes_on(len(contacts)):
            page = _page(calls.one(wire.LIST, each | {"start": len(contacts)}, repeatable=True))
            contacts += page.results
        if any(key_of(by, getattr(contact, by)) != key for contact in contacts[: wire.PAGE]):
            return None
        found |= {contact.id: contact for contact in contacts}
    return list(found.values())


def read(ids: Iterable[int], calls: Calls) -> dict[int, wire.Contact]:
    """Contacts with their statuses; who is gone is absent."""
    wanted = sorted(set(ids))
    params = [{"id": contact} for contact in wanted]
    found: dict[int, wire.Contact] = {}
    for contact, each, reply in zip(wanted, params, calls.many(wire.GET, params, repeatable=True), strict=True):
        answer = _sure(reply, each, calls, wire.GET)
        if answer.verdict.code != str(wire.NOT_FOUND):
            found[contact] = shaped(required(answer), wire.Contact.model_validate, wire.GET)
    return found


def _sure(reply: Reply, params: dict[str, Any], calls: Calls, action: str = wire.LIST) -> Reply:
    """A reading that a batch has no answer for is made again by itself."""
    clear = not reply.unclear and reply.verdict.kind in {Kind.OK, Kind.REFUSED}
    return reply if clear else calls.one(action, params, repeatable=True)


def _page(reply: Reply) -> wire.ContactList:
    return shaped(required(reply), wire.ContactList.model_validate, wire.LIST)
