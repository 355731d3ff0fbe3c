"""Acoustic Connect's behaviour: describes the audience, encodes rows, delivers batches, reads back, judges answers."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import httpx
import polars as pl
from pydantic import ValidationError

from pipeline.destinations import foretelling
from pipeline.destinations.acoustic_connect import encode, wire
from pipeline.destinations.acoustic_connect.audience import audience_of
from pipeline.destinations.acoustic_connect.contacts import frame_of
from pipeline.destinations.acoustic_connect.isolate import Isolation
from pipeline.destinations.acoustic_connect.options import Options
from pipeline.destinations.acoustic_connect.refusals import HALTS, TRANSIENT, blamed
from pipeline.destinations.answers import Shape, by_status, required, shaped
from pipeline.destinations.bodies import joined
from pipeline.destinations.interface import Audience, Delivery, Kind, Limits, Reply, Send, Verdict
from pipeline.destinations.suspicion import Suspicion
from pipeline.errors import Refused
from pipeline.model import Channel, Column, Operation, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline.job import Job, Path

SILENCE_OPTS_IN: Final = (
    "without `consent` the platform opts every new contact in by itself; map consent, or set "
    "`options.implicit_email_opt_in: false` if your account does not do so"
)
NO_AUDIENCE: Final = "no such audience"
MUTATIONS: Final = {Operation.UPDATE: "updateContacts", Operation.CREATE: "createContacts"}


class AcousticConnect:
    """One account and audience of Acoustic Connect."""

    def __init__(self, url: str, credentials: Mapping[str, str], options: Options) -> None:
        # Parsed once: there is a request for every hundred contacts.
        self.url, self.options, self.suspicion = httpx.URL(url), options, Suspicion()
        self.headers = {
            "content-type": "application/json",
            "x-api-key": credentials["api_key"],
            **options.extra_headers,
        }

    @property
    def limits(self) -> Limits:
        """The vendor documents none: the mapping's options, with careful defaults."""
        return Limits(
            rows_per_request=100,
            bytes_per_request=self.options.max_body_bytes,
            identities_per_read=self.options.read_page_size,
            request_seconds=self.options.timeout_seconds,
            settle_seconds=self.options.settle_seconds,
        )

    @property
    def auth(self) -> None:
        """The key is a header of each request."""

    def describe(self, send: Send) -> Audience:
        """Reads attributes, key and consent groups of the audience (AC-13)."""
        rules = [{"field": "type", "eq": "AUDIENCE"}]
        reply = send(self._query(wire.DATA_SETS[self.options.api_generation], {"rules": rules}), repeatable=True)
        data_sets = _asked(reply, "dataSets", wire.DataSets).nodes
        wanted = self.options.data_set_id
        chosen = [d for d in data_sets if wanted in (None, d.dataSetId)]
        if len(chosen) != 1:
            found = ", ".join(f"{d.dataSetId} ({d.name})" for d in data_sets) or "none"
            raise Refused(
                f"no audience '{wanted}' (the account has: {found}); set `options.data_set_id` in the mapping",
                said=NO_AUDIENCE,
            )
        implicit = frozenset({Channel.EMAIL} if self.options.opts_email_in else ())
        return replace(audience_of(chosen[0]), implicit_opt_in=implicit)

    def check(self, job: Job) -> Sequence[tuple[Path, str]]:
        """What the configured generation cannot take (AC-06, AC-17)."""
        problems: list[tuple[Path, str]] = []
        dataset = self.options.api_generation == "dataset"
        if dataset and self.options.data_set_id is None:
            problems.append(
                (("options",), "`data_set_id` is missing; the dataset generation names the audience in each write")
            )
        if dataset and not job.identity_is_key:
            problems.append(
                (
                    ("identity", "attribute"),
                    "the dataset generation finds contacts by the audience's key attribute only",
                )
            )
        if job.delivery.mode != "update" and job.implicit_opt_in and not job.targets:
            problems.append((("delivery", "mode"), SILENCE_OPTS_IN))
        if not dataset:
            problems += [
                (target.path, "the current generation cannot clear a status; use `api_generation: dataset`")
                for target in job.targets
                if Status.CLEAR in {target.status.constant, *(target.status.values or {}).values()}
            ]
        return problems

    def encode(self, job: Job, operation: Operation) -> pl.Expr:
        """One element of the mutation's list."""
        return encode.item(job, operation)

    def foretell(self, job: Job, items: pl.DataFrame, looked_at: pl.DataFrame) -> foretelling.Foretold:  # noqa: ARG002 - the interface has it
        """A mutation for each batch, a page for each that is looked at."""
        kinds = {
            name: foretelling.batches(items.filter(pl.col(Column.OPERATION) == operation))
            for operation, name in MUTATIONS.items()
        }
        looks = foretelling.pages(looked_at, self.options.read_page_size)
        return foretelling.Foretold({name: count for name, count in kinds.items() if count}, looks=looks)

    def deliver(self, job: Job, items: pl.DataFrame, send: Send, body: bytes | None = None) -> Delivery:
        """Sends items in one mutation and settles a refusal to the row. Creating is not repeatable (AC-08)."""
        creates = items.item(0, Column.OPERATION) == Operation.CREATE

        def mutate(rows: pl.DataFrame) -> Reply:
            whole = body if rows is items else None
            return send(self._mutation(whole or joined(rows), creates=creates), repeatable=not creates)

        isolation = Isolation(
            mutate=mutate,
            reported=_created if creates else _modified,
            present=lambda rows: self._present(job, rows, send),
            repeatable=not creates,
            suspicion=self.suspicion,
        )
        return isolation.deliver(items)

    def ended(self, work: str, send: Send) -> bool:  # noqa: ARG002 - the interface has it
        """An answer comes when all is done."""
        return True

    def read_back(self, job: Job, wanted: pl.DataFrame, send: Send) -> pl.DataFrame:
        """Reads contacts by identity, page by page (AC-16). Several contacts of one identity give several rows."""
        identities = wanted.get_column(Column.IDENTITY).to_list()
        size = self.options.read_page_size
        found: list[wire.Contact] = []
        for start in range(0, len(identities), size):
            rules = [{"field": job.identity_field, "in": identities[start : start + size]}]
            for nodes in self._pages(job, rules, send):
                found += nodes
        return frame_of(found, job)

    def walk(self, job: Job, send: Send) -> Iterator[pl.DataFrame]:
        """The list of contacts without a filter, by its cursor."""
        for nodes in self._pages(job, None, send):
            yield frame_of(nodes, job)

    def classify(self, response: httpx.Response) -> Verdict:
        """Judges an answer by its body; without `data` and `errors` it is the gateway that spoke (AC-14)."""
        status = response.status_code
        try:
            answer = wire.Answer.model_validate(response.json())
        except (ValueError, RecursionError):  # no JSON, or another shape
            return by_status(status, f"HTTP {status} without a usable body")
        if answer.errors:
            codes = [error.extensions.code for error in answer.errors]
            first = answer.errors[0]
            if any(code in HALTS for code in codes):
                halting = next(error for error in answer.errors if error.extensions.code in HALTS)
                return Verdict(Kind.HALT, halting.extensions.code, halting.message)
            kind = Kind.RETRY if all(code in TRANSIENT for code in codes) else Kind.REFUSED
            return Verdict(kind, first.extensions.code, first.message)
        if answer.data is not None:
            return Verdict(Kind.OK)
        return by_status(status, answer.message or f"HTTP {status}")

    def blame(self, message: str) -> tuple[str, str] | None:
        """The attribute, group, channel or option of the mapping that a configuration error names."""
        if message == NO_AUDIENCE:
            return "option", "data_set_id"
        if (attribute := blamed(message)) is not None:
            return "attribute", attribute
        if message.startswith("Consent group not found: "):
            return "group", message.partition(": ")[2]
        if message.startswith("Channel not defined"):
            return "channel", message.rpartition(": ")[2]
        return None

    def _pages(
        self, job: Job, rules: Sequence[Mapping[str, Any]] | None, send: Send
    ) -> Iterator[Sequence[wire.Contact]]:
        addresses = [name for names in job.channel_fields.values() for name in names]
        names = list(dict.fromkeys([job.identity_field, *(a.name for a in job.attributes), *addresses]))
        variables: dict[str, Any] = {
            "first": self.options.read_page_size,
            "rules": rules,
            "order": [{"field": job.identity_field, "sort": "ASC"}],
            "names": names,
        }
        more = True
        while more:
            reply = send(self._query(wire.CONTACTS[self.options.api_generation], variables), repeatable=True)
            page = _asked(reply, "contacts", wire.Page)
            yield page.nodes
            more = bool(page.pageInfo.hasNextPage and page.nodes)
            variables["after"] = page.pageInfo.endCursor

    def _query(self, document: str, variables: Mapping[str, Any]) -> httpx.Request:
        content = json.dumps({"query": document, "variables": variables}, ensure_ascii=False).encode()
        return httpx.Request("POST", self.url, headers=self.headers, content=content)

    def _mutation(self, body: bytes, *, creates: bool) -> httpx.Request:
        documents = wire.CREATE if creates else wire.UPDATE
        query = json.dumps(documents[self.options.api_generation])
        audience = json.dumps(self.options.data_set_id)
        named = f'"dataSetId":{audience},' if self.options.api_generation == "dataset" else ""
        content = b'{"query":%b,"variables":{%b"rows":[%b]}}' % (query.encode(), named.encode(), body)
        return httpx.Request("POST", self.url, headers=self.headers, content=content)

    def _present(self, job: Job, rows: pl.DataFrame, send: Send) -> set[str]:
        frame = self.read_back(job, rows, send)
        return set(frame.get_column(Column.IDENTITY).drop_nulls().to_list())


def build(url: str, credentials: Mapping[str, str], options: Mapping[str, Any]) -> AcousticConnect:
    """Raises pydantic's ValidationError where the mapping's options cannot be used."""
    return AcousticConnect(url, credentials, Options.model_validate(options))


def _asked(reply: Reply, name: str, shape: type[Shape]) -> Shape:
    """What a query asked for."""
    return shaped((required(reply).get("data") or {}).get(name), shape.model_validate, name)


def _modified(reply: Reply, _rows: pl.DataFrame) -> int:
    """An answer of another shape vouches for nothing: the rows are read back."""
    try:
        return wire.Updated.model_validate(reply.body["data"]["updateContacts"]).modifiedCount
    except (KeyError, ValidationError):
        return 0


def _created(reply: Reply, rows: pl.DataFrame) -> int:
    """Items come in order; where they carry keys, only those that match vouch for their row."""
    try:
        items = wire.Created.model_validate(reply.body["data"]["createContacts"]).items
    except (KeyError, ValidationError):
        return 0
    keys = [item.contactKey for item in items]
    if len(items) == rows.height and any(keys):
        identities = rows.get_column(Column.IDENTITY).to_list()
        return sum(key in (None, identity) for key, identity in zip(keys, identities, strict=True))
    return len(items)
