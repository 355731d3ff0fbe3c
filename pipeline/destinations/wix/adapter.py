"""Wix's behaviour: describes the site, encodes consents, delivers them, reads back, judges answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import httpx
import polars as pl

from pipeline.destinations import foretelling
from pipeline.destinations.answers import by_status, required, shaped
from pipeline.destinations.bodies import joined
from pipeline.destinations.interface import Audience, Delivery, Field, Kind, Limits, Send, Verdict
from pipeline.destinations.suspicion import Suspicion
from pipeline.destinations.wix import encode, update, wire
from pipeline.destinations.wix.bulk import Bulk
from pipeline.destinations.wix.contacts import frame_of
from pipeline.destinations.wix.options import Options
from pipeline.destinations.wix.refusals import error_in
from pipeline.model import Channel, Column, Operation, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline.job import Job, Path

EXTENDED_FIELD: Final = r"[^.\s]+\.[^.\s]+"


class Wix:
    """One site."""

    def __init__(self, url: str, credentials: Mapping[str, str], options: Options) -> None:
        self.url, self.options, self.suspicion = url.rstrip("/"), options, Suspicion()
        self.site_id = credentials["site_id"]
        self.headers = {
            "content-type": "application/json",
            "authorization": credentials["api_key"],
            "wix-site-id": self.site_id,
        }

    @property
    def limits(self) -> Limits:
        """WX-12; the size of a bulk call is documented nowhere."""
        return Limits(
            rows_per_request=wire.MOST_IN_BULK,
            bytes_per_request=self.options.max_body_bytes,
            identities_per_read=wire.PAGE,
            request_seconds=self.options.timeout_seconds,
            settle_seconds=self.options.settle_seconds,
            usual_rows_per_request=100,
            requests_per_minute=self.options.requests_per_minute,
        )

    @property
    def auth(self) -> None:
        """The key is a header of each request."""

    def describe(self, send: Send) -> Audience:
        """A site has no lists of fields or groups; a query shows that the key and the site fit each other."""
        self._page({"cursorPaging": {"limit": 1}}, send)
        return audience_of(self.site_id)

    def check(self, job: Job) -> Sequence[tuple[Path, str]]:
        """What of the job Wix cannot take."""
        if job.addresses:
            return ()
        return [(("addresses",), "Wix keeps consent per address: map at least one of EMAIL and SMS")]

    def encode(self, job: Job, operation: Operation) -> pl.Expr:
        """A `marketingConsent` with what is to change."""
        return encode.item(job, operation, self.options)

    def foretell(self, job: Job, items: pl.DataFrame, looked_at: pl.DataFrame) -> foretelling.Foretold:
        """As `deliver` does it; what is looked at is asked for in pages."""
        one_by_one = self._guarded(job)
        kinds = {
            "bulk upserts": foretelling.batches(items.filter(~one_by_one)),
            "updates": items.filter(one_by_one).height,
        }
        looks = foretelling.pages(looked_at, wire.PAGE)
        return foretelling.Foretold({name: count for name, count in kinds.items() if count}, looks=looks)

    def deliver(self, job: Job, items: pl.DataFrame, send: Send, body: bytes | None = None) -> Delivery:  # noqa: ARG002 - see there
        """Known consents one by one where their revision must guard them, all others in one call."""
        one_by_one = self._guarded(job)
        delivery = Bulk(lambda rows: self._bulk(job, rows, send), self.suspicion).deliver(items.filter(~one_by_one))
        for record, text, handle in items.filter(one_by_one).select(Column.RECORD, Column.WIRE, Column.HANDLE).rows():
            sent = json.loads(text)
            delivery += self._update(record, sent, json.loads(handle), send)
        return delivery

    def ended(self, work: str, send: Send) -> bool:  # noqa: ARG002 - the interface has it
        """An answer comes when all is done."""
        return True

    def read_back(self, job: Job, wanted: pl.DataFrame, send: Send) -> pl.DataFrame:
        """Reads consents by address, in pages (WX-12)."""
        identities = wanted.get_column(Column.IDENTITY).unique(maintain_order=True).to_list()
        found: list[wire.MarketingConsent] = []
        for channel, field in wire.ADDRESS_FIELDS.items():
            mine = [identity for identity in identities if ("@" in identity) is (channel == Channel.EMAIL)]
            for start in range(0, len(mine), wire.PAGE):
                asked = {"filter": {f"details.{field}": {"$in": mine[start : start + wire.PAGE]}}}
                for consents in self._pages(asked, send):
                    found += consents
        return frame_of(found, job)

    def walk(self, job: Job, send: Send) -> Iterator[pl.DataFrame]:
        """The query without a filter; consents of channels that the job does not speak of are passed over."""
        spoken = {wire.TYPES[target.channel] for target in job.targets if target.channel}
        for consents in self._pages({}, send):
            yield frame_of((c for c in consents if c.details.type in spoken), job)

    def classify(self, response: httpx.Response) -> Verdict:
        """Judges an answer by its status; the codes in the body are no promise of the vendor's."""
        status = response.status_code
        try:
            body = response.json()
        except ValueError:
            body = None
        if 200 <= status < 300:
            return Verdict(Kind.OK) if isinstance(body, dict) else by_status(502, "no JSON object in the answer")
        error = error_in(body)
        coded = error.details.applicationError
        message = f"{coded.code}: {error.message}" if coded else error.message or f"HTTP {status}"
        if status in {400, 404, 409, 428} and isinstance(body, dict):
            return Verdict(Kind.REFUSED, str(status), message)
        verdict = by_status(status, message)
        if verdict.kind is Kind.THROTTLED and "retry-after" not in response.headers:
            return Verdict(verdict.kind, verdict.code, message, self.options.throttled_seconds)
        return verdict

    def blame(self, message: str) -> tuple[str, str] | None:  # noqa: ARG002 - the interface has it
        """Nothing that stops a run is about a name of the mapping."""
        return None

    def _guarded(self, job: Job) -> pl.Expr:
        """Whether an item is written by `update`: all but a mere opt-out must not overwrite what happened since."""
        known = pl.col(Column.HANDLE).is_not_null() & (pl.col(Column.OPERATION) == Operation.UPDATE)
        others = [pl.col(t.part).is_not_null() & (pl.col(t.part) != Status.OPT_OUT) for t in job.targets]
        silent = pl.all_horizontal(*(pl.col(t.part).is_null() for t in job.targets), pl.lit(value=True))
        fields = [pl.col(a.part).is_not_null() for a in job.written_attributes]
        match self.options.known_consents:
            case "update":
                return known
            case "bulk":
                # Without a status a consent cannot be written in bulk.
                return known & silent
            case "auto":
                return known & pl.any_horizontal(*others, *fields, silent).fill_null(value=False)

    def _bulk(self, job: Job, rows: pl.DataFrame, send: Send) -> Any:
        opts_out = [pl.col(t.part) == Status.OPT_OUT for t in job.targets]
        repeatable = rows.select(pl.any_horizontal(*opts_out, pl.lit(value=False)).fill_null(value=False).all()).item()
        content = b'{"info":[%b]}' % joined(rows)
        # A permission that may have arrived is not sent again unseen: the person may have withdrawn it since.
        return send(self._request("POST", wire.BULK_UPSERT, content), repeatable=repeatable)

    def _update(self, record: int, sent: dict[str, Any], handle: dict[str, str], send: Send) -> Delivery:
        request = self._request("PATCH", f"{wire.CONSENTS}/{handle['id']}", update.body_of(sent, handle))
        return update.outcome_of(record, sent, send(request, repeatable=True))

    def _pages(self, query: Mapping[str, Any], send: Send) -> Iterator[tuple[wire.MarketingConsent, ...]]:
        paging: dict[str, Any] = {"limit": wire.PAGE}
        while True:
            page = self._page({**query, "cursorPaging": paging}, send)
            yield page.marketingConsent
            cursors = page.pagingMetadata.cursors
            if page.pagingMetadata.hasNext is False or not (cursors and cursors.next):
                return
            query, paging = {}, {"cursor": cursors.next, "limit": wire.PAGE}

    def _page(self, query: Mapping[str, Any], send: Send) -> wire.Page:
        content = json.dumps({"query": query}, ensure_ascii=False).encode()
        reply = send(self._request("POST", wire.QUERY, content), repeatable=True)
        return shaped(required(reply), wire.Page.model_validate, "marketingConsent")

    def _request(self, method: str, path: str, content: bytes) -> httpx.Request:
        return httpx.Request(method, f"{self.url}{path}", headers=self.headers, content=content)


def audience_of(site_id: str) -> Audience:
    """What every site has."""
    fields = [Field(name, "text", frozenset({Channel(channel)})) for channel, name in wire.ADDRESS_FIELDS.items()]
    return Audience(
        account=site_id,
        name=f"site {site_id}",
        fields={field.name: field for field in fields},
        groups={},
        by_address=True,
        asks_first=True,
        mode="upsert",
        open_fields={EXTENDED_FIELD: ""},
    )


def build(url: str, credentials: Mapping[str, str], options: Mapping[str, Any]) -> Wix:
    """Raises pydantic's ValidationError where the mapping's options cannot be used."""
    return Wix(url, credentials, Options.model_validate(options))
