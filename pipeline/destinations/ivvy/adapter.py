"""iVvy's behaviour: describes the account, encodes contacts, delivers them, reads back, judges answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import httpx

from pipeline.destinations.answers import by_status, required, shaped
from pipeline.destinations.interface import Audience, Delivery, Limits, Send, Verdict
from pipeline.destinations.ivvy import encode, wire
from pipeline.destinations.ivvy.calls import Calls
from pipeline.destinations.ivvy.contacts import frame_of, wanted_of
from pipeline.destinations.ivvy.directory import Directory, pages, read
from pipeline.destinations.ivvy.fields import ALL_URLS, EXTERNAL_ID, MOST_URLS, URL, audience_of
from pipeline.destinations.ivvy.foretell import foretell
from pipeline.destinations.ivvy.identity import Found, Wanted, find, identity_of
from pipeline.destinations.ivvy.options import Options
from pipeline.destinations.ivvy.refusals import NO_FIELD, NO_GROUP, verdict_of
from pipeline.destinations.ivvy.signature import Signature
from pipeline.destinations.ivvy.writing import Writing
from pipeline.destinations.suspicion import Suspicion
from pipeline.model import OWN_ID, Channel, Column, Operation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import polars as pl

    from pipeline.destinations.foretelling import Foretold
    from pipeline.job import Job, Path

MOST_BYTES: Final = 10 * wire.MOST_BATCH_BYTES
SMS_WITHDRAWN: Final = (
    "iVvy withdrew `smsStatus` on 2026-06-30; for an account that still has it, set `options.sms_status: true`"
)


class Ivvy:
    """One account."""

    def __init__(self, url: str, credentials: Mapping[str, str], options: Options) -> None:
        self.url, self.options, self.suspicion = url.rstrip("/"), options, Suspicion()
        self.signature = Signature(credentials["api_key"], credentials["api_secret"])
        self.over: set[str] = set()
        """Batches that have ended, by their ids."""
        self.directory = Directory(scans=options.find_by == "scan")

    @property
    def limits(self) -> Limits:
        """IV-14; the vendor names no rate."""
        return Limits(
            rows_per_request=wire.MOST_JOBS,
            bytes_per_request=MOST_BYTES,
            identities_per_read=wire.MOST_JOBS,
            request_seconds=self.options.timeout_seconds,
            settle_seconds=self.options.settle_seconds,
            requests_per_second=self.options.requests_per_second,
        )

    @property
    def auth(self) -> Signature:
        """IV-12"""
        return self.signature

    def describe(self, send: Send) -> Audience:
        """Reads subscription groups and custom fields."""
        groups = self._listed(wire.GROUPS, wire.Group, send)
        definitions = self._listed(wire.FIELDS, wire.FieldDefinition, send)
        account = self.options.account or httpx.URL(self.url).netloc.decode()
        return audience_of(account, groups, definitions, silence_subscribes=self.options.new_contact_status is None)

    def check(self, job: Job) -> Sequence[tuple[Path, str]]:
        """What of the job iVvy cannot take (IV-02, IV-08, IV-09)."""
        return [*_identity(job), *_sms(job, self.options), *_new_contacts(job), *_urls(job)]

    def encode(self, job: Job, operation: Operation) -> pl.Expr:
        """What is to be done for a contact."""
        return encode.item(job, operation, self.options)

    def foretell(self, job: Job, items: pl.DataFrame, looked_at: pl.DataFrame) -> Foretold:  # noqa: ARG002 - see there
        """The calls of each item, as they travel together."""
        return foretell(items, looked_at, self.options)

    def deliver(self, job: Job, items: pl.DataFrame, send: Send, body: bytes | None = None) -> Delivery:  # noqa: ARG002 - see there
        """Carries out items, each by its own calls; together they travel as batches."""
        creates = items.item(0, Column.OPERATION) == Operation.CREATE
        return Writing(self._calls(send), creates, self.suspicion).deliver(items)

    def ended(self, work: str, send: Send) -> bool:
        """A batch goes on after it was accepted (IV-14)."""
        return self._calls(send).ended(work)

    def read_back(self, job: Job, wanted: pl.DataFrame, send: Send) -> pl.DataFrame:
        """Finds contacts, reads their statuses, and looks for others who share the address."""
        return frame_of(find(wanted_of(wanted, job), job, self.directory, self._calls(send)), job)

    def walk(self, job: Job, send: Send) -> Iterator[pl.DataFrame]:
        """The list of contacts, which is said to show no status, and each of its contacts by itself."""
        calls = self._calls(send)
        for listed in pages(calls):
            whole = read((contact.id for contact in listed), calls)
            there = [contact for contact in whole.values() if not contact.isAnonymised]
            yield frame_of([Found(Wanted(identity_of(c, job), "", None), c) for c in there], job)

    def classify(self, response: httpx.Response) -> Verdict:
        """Judges an answer by its body; without one of the vendor's it is a gateway that spoke."""
        try:
            body = response.json()
        except ValueError:
            return by_status(response.status_code if response.is_error else 502, "no JSON in the answer")
        said = isinstance(body, dict) and ("errorCode" in body or "success" in body)
        if response.is_error and not said:
            return by_status(response.status_code, f"HTTP {response.status_code}")
        return verdict_of(body)

    def blame(self, message: str) -> tuple[str, str] | None:
        """The group, or the custom field, that is not there any more."""
        for kind, named in (("group", NO_GROUP), ("attribute", NO_FIELD)):
            if (found := named.match(message)) is not None:
                return kind, found["id"]
        return None

    def _calls(self, send: Send) -> Calls:
        return Calls(self._request, send, self.options, self.over)

    def _listed(self, action: str, shape: type[Any], send: Send) -> list[Any]:
        reply = self._calls(send).one(action, {}, repeatable=True)
        return shaped(required(reply), lambda body: [shape.model_validate(entry) for entry in body], action)

    def _request(self, namespace: str, action: str, params: Any) -> httpx.Request:
        content = json.dumps(params, ensure_ascii=False, separators=(",", ":")).encode()
        url = f"{self.url}{wire.API}/{namespace}?action={action}"
        return httpx.Request("POST", url, headers={"content-type": "application/json"}, content=content)


def build(url: str, credentials: Mapping[str, str], options: Mapping[str, Any]) -> Ivvy:
    """Raises pydantic's ValidationError where the mapping's options cannot be used."""
    return Ivvy(url, credentials, Options.model_validate(options))


def _identity(job: Job) -> Iterator[tuple[Path, str]]:
    if job.identity_field not in ("", OWN_ID, EXTERNAL_ID):
        found_by = f"`{EXTERNAL_ID}`, by their names and e-mail address, or by its own id"
        yield ("identity", "attribute"), f"iVvy finds contacts by {found_by}; not by `{job.identity_field}`"


def _sms(job: Job, options: Options) -> Iterator[tuple[Path, str]]:
    if options.sms_status:
        return
    for target in job.targets:
        if target.channel == Channel.SMS:
            yield target.path, SMS_WITHDRAWN


def _new_contacts(job: Job) -> Iterator[tuple[Path, str]]:
    mapped = {attribute.name for attribute in job.attributes}
    missing = [name for name in ("firstName", "lastName", "email") if name not in mapped]
    if job.delivery.mode != "update" and missing:
        named = ", ".join(f"`{name}`" for name in missing)
        yield (
            ("delivery", "mode"),
            f"iVvy adds nobody without first name, last name and e-mail address; map {named} too",
        )
    if job.delivery.mode != "update" and job.identity_field == OWN_ID:
        yield ("delivery", "mode"), "who has an iVvy id exists already; use `mode: update`"


def _urls(job: Job) -> Iterator[tuple[Path, str]]:
    single = [a for a in job.attributes if a.name.startswith(URL)]
    for attribute in single[MOST_URLS:]:
        yield attribute.path, f"a contact has at most {MOST_URLS} external URLs"
    for attribute in job.attributes:
        if attribute.name == ALL_URLS and single:
            yield attribute.path, f"`{ALL_URLS}` writes them all; remove it, or `{single[0].name}`"
