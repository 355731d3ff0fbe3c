"""An account in memory where contacts share addresses, for tests of opt-outs that are for an address."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pipeline.destinations.interface import Kind, Reply, Verdict
from pipeline.destinations.ivvy import encode, wire
from pipeline.destinations.ivvy.contacts import frame_of, wanted_of
from pipeline.destinations.ivvy.directory import Directory
from pipeline.destinations.ivvy.identity import find
from pipeline.destinations.ivvy.options import Options
from pipeline.model import Column
from tests.jobs import NOW
from tests.properties.chain import Contacts, World

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from pipeline.destinations.interface import Exceptional
    from pipeline.job import Job
    from pipeline.model import Operation

OPTIONS: Final = Options.model_validate({})


@dataclass(slots=True)
class Account(Contacts):
    """Id -> contact. It takes whatever it is told: what must not happen is for the pipeline to prevent."""

    contacts: dict[int, dict[str, Any]] = field(default_factory=dict)

    def read(self, wanted: pl.DataFrame) -> pl.DataFrame:
        """What it shows, as the adapter would find and read it."""
        self.asked += wanted.get_column(Column.IDENTITY).to_list()
        calls: Any = self
        return frame_of(find(wanted_of(wanted, self.job), self.job, Directory(), calls), self.job)

    def many(self, action: str, params: Sequence[dict[str, Any]], *, repeatable: bool) -> list[Reply]:
        """The answers to calls, as the vendor would give them."""
        return [self.one(action, each, repeatable=repeatable) for each in params]

    def one(self, action: str, params: dict[str, Any], *, repeatable: bool) -> Reply:
        """The answer to one call."""
        assert repeatable
        if action == wire.GET:
            return Reply(Verdict(Kind.OK), self.contacts[params["id"]])
        [(name, value)] = params["filter"].items()
        found = [c for c in self.contacts.values() if str(c[name] or "").lower() == value.lower()]
        return Reply(Verdict(Kind.OK), {"meta": {"totalResults": len(found)}, "results": found})

    def encode(self, operation: Operation) -> pl.Expr:
        """Wire JSON, as the adapter builds it."""
        return encode.item(self.job, operation, OPTIONS)

    def take(self, items: pl.DataFrame) -> list[Exceptional]:
        """Carries out items from their wire JSON."""
        for text in items.get_column(Column.WIRE):
            sent = json.loads(text)
            for kin in sent.get("kin", ()):
                self.contacts[kin]["status"] = wire.EMAIL_STATUS["OPT_OUT"]
            contact = {name: value for name, value in (sent.get("contact") or {}).items() if name != "updateIfExists"}
            number = contact.setdefault("id", max(self.contacts, default=0) + 1)
            self.contacts.setdefault(number, {"status": 1, "email": "", "externalId": None}).update(contact)
        return []

    def statuses_of(self, email: str) -> list[int]:
        """The statuses of everybody at an address."""
        return [contact["status"] for contact in self.contacts.values() if contact["email"].lower() == email]


def account_of(job: Job, contacts: Sequence[dict[str, Any]]) -> tuple[World, Account]:
    """A world with these contacts, and what it has."""
    account = Account(job, contacts={contact["id"]: dict(contact) for contact in contacts})
    return World(account, NOW), account
