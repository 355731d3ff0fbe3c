"""A destination in memory where consent belongs to addresses, for tests of records that have several."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline import mapping_file as mf
from pipeline.binding import bind
from pipeline.destinations.wix import encode, wire
from pipeline.destinations.wix.adapter import audience_of
from pipeline.destinations.wix.contacts import frame_of
from pipeline.destinations.wix.options import Options
from pipeline.model import Channel, Column
from tests.jobs import NOW, target
from tests.properties.chain import Contacts, World

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from pipeline.destinations.interface import Exceptional
    from pipeline.job import Job
    from pipeline.model import Operation

ADDRESSES: Final = {"EMAIL": "email", "SMS": {"column": "mobile", "region": "US"}}
WORDS: Final = {"OPT_IN": ["Y"], "OPT_OUT": ["N"], "OPT_IN_UNVERIFIED": ["P"]}
CONSENT: Final = {"channels": {"EMAIL": target("email", values=WORDS), "SMS": target("sms", values=WORDS)}}


def site_job(**changes: Any) -> Job:
    """The job of a mapping with both addresses; a section of None is left out."""
    whole = {
        "version": 1,
        "destination": "wix",
        "identity": "id",
        "addresses": ADDRESSES,
        "consent": CONSENT,
        **changes,
    }
    text = json.dumps({key: section for key, section in whole.items() if section is not None})
    return bind(mf.read(text.encode(), Path("site.yaml")), audience_of("site-1"))


@dataclass(slots=True)
class Consents(Contacts):
    """Address -> status. It takes whatever it is told: what must not happen is for the pipeline to prevent."""

    statuses: dict[str, str] = field(default_factory=dict)

    def read(self, wanted: pl.DataFrame) -> pl.DataFrame:
        """What it shows of addresses, without a date, as the adapter would read it."""
        identities = wanted.get_column(Column.IDENTITY).to_list()
        self.asked += identities
        return frame_of(
            (_shown(address, self.statuses[address]) for address in identities if address in self.statuses), self.job
        )

    def encode(self, operation: Operation) -> pl.Expr:
        """Wire JSON, as the adapter builds it."""
        return encode.item(self.job, operation, Options.model_validate({}))

    def take(self, items: pl.DataFrame) -> list[Exceptional]:
        """Carries out items from their wire JSON."""
        for text in items.get_column(Column.WIRE):
            sent = json.loads(text)
            details = wire.Details.model_validate(sent["details"])
            if "state" in sent:
                self.statuses[details.identity] = wire.STATUSES[sent["state"]]
        return []


def _shown(address: str, status: str) -> wire.MarketingConsent:
    channel = Channel.EMAIL if "@" in address else Channel.SMS
    details = {"type": wire.TYPES[channel], wire.ADDRESS_FIELDS[channel]: address}
    return wire.MarketingConsent.model_validate(
        {"id": address, "revision": "1", "details": details, "state": wire.STATES[status]}
    )


def site_of(job: Job, statuses: Mapping[str, str] | None = None, **more: Any) -> tuple[World, Consents]:
    """A world with these consents, and what it has."""
    consents = Consents(job, statuses=dict(statuses or {}))
    return World(consents, NOW, **more), consents
