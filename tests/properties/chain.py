"""The pure middle of the chain, carried out against contacts that live in a dict: no file, no socket, no clock."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from pipeline.destinations.acoustic_connect import encode
from pipeline.destinations.acoustic_connect.contacts import frame_of
from pipeline.destinations.acoustic_connect.wire import Contact
from pipeline.destinations.interface import Exceptional, Limits
from pipeline.job import part_of
from pipeline.ledger.rows import BatchRow
from pipeline.model import BatchState, Column, Operation, Outcome, Reason
from pipeline.stages import opt_outs, records, retries, suppress
from pipeline.stages.batch import batch
from pipeline.stages.intents import intents_of
from pipeline.stages.map import identity_of, map_records
from pipeline.stages.outcomes import settle, settle_items
from pipeline.stages.record import Teller, told
from pipeline.stages.resolve import decide
from pipeline.stages.seen import one_row_per_identity
from pipeline.stages.split import gather
from pipeline.stages.told import against_state, to_ask
from pipeline.stages.validate import validate
from pipeline.state import SCHEMA, bucket_of, merge

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pipeline.job import Job
    from pipeline.model import Channel

LIMITS = Limits(100, 1 << 20, 100, 30.0, 0.0)


@dataclass(slots=True)
class Person:
    """A contact as the destination keeps it."""

    attributes: dict[str, Any] = field(default_factory=dict)
    channels: dict[str, str] = field(default_factory=dict)
    groups: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass(slots=True)
class Contacts:
    """A destination in memory. It takes whatever it is told: what must not happen is for the pipeline to prevent."""

    job: Job
    people: dict[str, Person] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def read(self, wanted: pl.DataFrame) -> pl.DataFrame:
        """What it shows of contacts, as the adapter would read it."""
        identities = wanted.get_column(Column.IDENTITY).to_list()
        self.asked += identities
        return frame_of((_shown(self.people[i], self.job, i) for i in identities if i in self.people), self.job)

    def encode(self, operation: Operation) -> pl.Expr:
        """Wire JSON, as the adapter builds it."""
        return encode.item(self.job, operation)

    def take(self, items: pl.DataFrame) -> list[Exceptional]:
        """Carries out items from their wire JSON; refuses updates of contacts that it does not have."""
        refused = []
        for record, identity, operation, wire in items.select(
            Column.RECORD, Column.IDENTITY, Column.OPERATION, Column.WIRE
        ).iter_rows():
            row = json.loads(wire)
            if operation == Operation.UPDATE and identity not in self.people:
                refused.append(Exceptional(record, Outcome.FAILED, Reason.CONTACT_NOT_FOUND))
                continue
            self._change(self.people.setdefault(identity, Person()), row.get("to", row))
        return refused

    def _change(self, person: Person, to: dict[str, Any]) -> None:
        person.attributes |= {entry["name"]: entry["value"] for entry in to.get("attributes", ())}
        consent = to.get("consent", {})
        for entry in consent.get("channels", ()):
            person.channels[entry["channel"]] = entry["status"]
        for group in consent.get("consentGroups", ()):
            entries = group.get("channels") or [
                {"channel": channel, "status": group["status"]} for channel in self.job.channel_fields
            ]
            for entry in entries:
                person.groups.setdefault(group["consentGroupId"], {})[entry["channel"]] = entry["status"]
                if entry["status"] == "OPT_IN":
                    person.channels[entry["channel"]] = "OPT_IN"


def _shown(person: Person, job: Job, identity: str) -> Contact:
    attributes = {**person.attributes, job.identity_field: identity}
    return Contact.model_validate(
        {
            "attributes": [{"name": name, "value": value} for name, value in attributes.items()],
            "consent": {
                "channels": _statuses(person.channels),
                "consentGroups": [{"id": i, "channels": _statuses(of)} for i, of in person.groups.items()],
            },
        }
    )


def _statuses(of: dict[str, str]) -> list[dict[str, str]]:
    return [{"channel": channel, "status": status} for channel, status in of.items()]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a shard's plan holds, and the frames on the way to it."""

    records: pl.DataFrame
    items: pl.DataFrame
    folded: pl.DataFrame
    decided: pl.DataFrame
    """One row per record, or where consent belongs to addresses, per record and address."""
    opt_outs: pl.DataFrame


@dataclass(slots=True)
class World:
    """What a run meets: the destination, the state, the time, and a suppression list."""

    contacts: Contacts
    now: datetime
    state: pl.DataFrame = field(default_factory=SCHEMA.to_frame)
    suppressed: Sequence[str] = ()
    channels: Sequence[Channel] | None = None
    """Those that the list is for; None: all."""
    run: int = 0

    @property
    def job(self) -> Job:
        """The bound mapping."""
        return self.contacts.job

    @property
    def listed(self) -> list[suppress.Listed]:
        """The suppression list, as it is compared."""
        regions: list[str | None] = [*sorted({a.region for a in self.job.addresses if a.region})] or [None]
        digests = suppress.parse([pl.Series(self.suppressed, dtype=pl.String)], regions).digests
        of = None if self.channels is None else tuple(self.channels)
        return [suppress.Listed(digests, of)] if self.suppressed else []

    def plan(
        self,
        source: pl.DataFrame,
        *,
        full: bool = False,
        limits: Limits = LIMITS,
        earlier: retries.Earlier | None = None,
    ) -> Plan:
        """Decides the records of one shard, in the order of stages that `planning` uses."""
        job = self.job
        validated = validate(map_records(source, job, self.now), job)
        said = intents_of(validated, job, retries.Since(earlier, self.state) if earlier else None)
        split, folded, identities = said.split, said.folded, said.folded.identities
        listed = self.listed
        if listed:
            identities = suppress.mark(identities, listed, job)
        compared = against_state(identities, self.state, job, full=full)
        asked = pl.concat([to_ask(compared, job), retries.to_ask(compared, job)]).unique(maintain_order=True)
        wanted = compared.filter(pl.col(Column.IDENTITY).is_in(asked.implode()))
        shown = self.contacts.read(wanted)
        seen = one_row_per_identity(suppress.mark(shown, listed, job, stored=True) if listed else shown)
        resolved = decide(compared, seen, asked, job)
        wires = {operation: self.contacts.encode(operation) for operation in Operation}
        items = batch(resolved.changes, job, wires, limits)
        decided = pl.concat([records.decided(resolved, job), records.superseded(folded, job)])
        of_records = gather(decided, split.records) if split else decided
        whole = pl.concat([of_records, records.rejected(validated.rejected)])
        owed = pl.concat([resolved.opt_outs, opt_outs.of_others(validated, split, identities, job)])
        return Plan(whole, items, identities, decided, owed)

    def carry_out(self, plan: Plan) -> pl.DataFrame:
        """Sends every batch of a plan, phase by phase; returns the outcomes and remembers what was told."""
        batches = {}
        for rows in plan.items.sort(Column.PHASE, Column.BATCH).partition_by(Column.BATCH, maintain_order=True):
            refused = tuple(self.contacts.take(rows))
            key = (0, int(rows.item(0, Column.BATCH)))
            batches[key] = BatchRow(str(BatchState.SETTLED), 1, rows.height, rows.height - len(refused), refused)
        settled = settle_items(plan.items, batches, shard=0)
        outcomes = settle(plan.records, settled, shard=0)
        self.run += 1
        facts = told(plan.items, settled, plan.decided, self.job, Teller(f"run-{self.run}", self.now))
        rows = facts.rows.with_columns(bucket_of(pl.col(Column.IDENTITY)).alias("bucket"))
        self.state = merge(self.state, rows, facts.gone)
        return outcomes

    def sync(
        self, source: pl.DataFrame, *, shards: int = 1, full: bool = False, limits: Limits = LIMITS
    ) -> pl.DataFrame:
        """Plans all shards, then carries them out; the outcomes of all records by record number."""
        plans = [self.plan(part, full=full, limits=limits) for part in shards_of(source, self.job, shards)]
        return pl.concat([self.carry_out(plan) for plan in plans]).sort(Column.RECORD)

    def status(self, identity: str, key: str) -> str | None:
        """What the destination has for a channel (`EMAIL`) of a contact."""
        return self.contacts.people[identity].channels.get(key)


def shards_of(source: pl.DataFrame, job: Job, shards: int) -> list[pl.DataFrame]:
    """The export in parts by a hash of the identity, as `planning` splits it."""
    number = (bucket_of(identity_of(job)) % shards).fill_null(0)
    return [source.filter(number == shard) for shard in range(shards)]


def world_of(job: Job, now: datetime, people: dict[str, Person] | None = None, **more: Any) -> World:
    """A world with these contacts."""
    return World(Contacts(job, dict(people or {})), now, **more)


def told_status(world: World, identity: str, key: str) -> str | None:
    """What the state says a contact was last told for a target."""
    found = world.state.filter(pl.col(Column.IDENTITY) == identity)
    return None if found.is_empty() or part_of(key) not in found.columns else found.item(0, part_of(key))
