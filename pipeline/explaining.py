"""The `explain` command: one contact's records, what was decided and why, what was sent, what came back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from pipeline.delivery.standing import existing
from pipeline.errors import UsageError
from pipeline.ledger import together
from pipeline.ledger.ledger import opened
from pipeline.model import Column, Reason
from pipeline.reporting.advice import ADVICE
from pipeline.reporting.rejects import source_rows
from pipeline.reporting.reporting import outcomes_of
from pipeline.subject import job_as_planned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.context import Context


@dataclass(frozen=True, slots=True)
class Explanation:
    """A contact's history in one run."""

    run_id: str
    identity: str
    records: list[dict[str, Any]]
    """Each with its outcome and the export's own cells (`source`)."""
    sent: list[dict[str, Any]]
    """Each item with its operation, batch, consents (before and after) and wire JSON."""
    requests: list[dict[str, Any]]
    """The requests of the batches that it was in."""

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "run_id": self.run_id,
            "identity": self.identity,
            "records": self.records,
            "sent": self.sent,
            "requests": self.requests,
        }

    def lines(self) -> Iterator[str]:
        """For people."""
        for record in self.records:
            yield f"record {record['record']} (line {record['line']}): {record['outcome']}" + _because(record)
            if record["retry_of_run"]:
                yield (
                    f"  tried again: attempt {record['retry_attempt']} of record {record['retry_of_record']} of run "
                    f"{record['retry_of_run']}, failing since {record['retry_since']}"
                )
            for entry in record["withheld"]:
                yield f"  withheld {entry['part']}: {_meaning(entry['reason'])}"
            for column, cell in record["source"].items():
                yield f"  {column} = {cell!r}"
        for item in self.sent:
            yield f"sent: {item['operation']}, shard {item['shard']}, batch {item['batch']}"
            for label, step in item["consent"].items():
                yield f"  {label}: {step}"
            yield f"  {json.dumps(item['wire'], ensure_ascii=False)}"
        for request in self.requests:
            yield (
                f"request at {request['at']}: {request['verdict']}, HTTP {request['status']}, "
                f"{request['seconds']:.2f} s, attempt {request['number']}"
            )
        if not self.sent:
            yield "nothing of it was sent"


def explain(run: str, identity: str, context: Context) -> Explanation:
    """Raises UsageError where the run has no such identity. A record number (`#12`) finds records without one."""
    folder, manifest = existing(run, context)
    job = job_as_planned(folder)
    with opened(context) as ledger:
        batches = ledger.batches(folder.run_id)
    mine = pl.col(Column.IDENTITY).str.to_lowercase() == identity.strip().lower()
    if identity.startswith("#") and identity[1:].isdigit():
        mine = pl.col(Column.RECORD) == int(identity[1:])
    # Where consent belongs to addresses, a record is also found by each of its own.
    kinds = ("records", "addresses") if job.by_address else ("records",)
    plans = [folder.read_plan(kind, shard, mine) for shard in range(manifest.shards) for kind in kinds]
    found = pl.concat([plan.get_column(Column.RECORD) for plan in plans])
    spoken_of = pl.col("record").is_in(found.implode())
    outcomes = outcomes_of(folder, manifest, batches, job).filter(spoken_of)
    if outcomes.is_empty():
        since = "; a contact of it was forgotten since" if manifest.erased else ""
        raise UsageError(f"run {folder.run_id} has no record with this identity{since}; compare it with outcomes.csv")
    numbers = outcomes.get_column("record")
    cells = source_rows(folder, manifest.shards, numbers.rename(Column.RECORD))
    sources = {row.pop(Column.RECORD): row for row in cells.to_dicts()}
    records = [row | {"source": sources.get(row["record"], {})} for row in outcomes.to_dicts()]
    items = pl.concat(
        [
            folder.read_plan("items", shard)
            .filter(pl.col(Column.RECORD).is_in(numbers.to_list()))
            .with_columns(pl.lit(shard).alias("shard"))
            for shard in range(manifest.shards)
        ]
    )
    sent = [
        {
            "operation": item[Column.OPERATION],
            "shard": item["shard"],
            "batch": item[Column.BATCH],
            "consent": {t.label: f"{item[t.before]}->{item[t.part]}" for t in job.targets if item[t.part] is not None},
            "wire": json.loads(item[Column.WIRE]),
        }
        for item in items.to_dicts()
    ]
    keys = {(item["shard"], item["batch"]) for item in sent}
    with opened(context) as ledger:
        requests = together.requests_of(ledger, folder.run_id, keys)
    of_mine = [{"at": str(r["at"]), **{k: r[k] for k in ("verdict", "status", "seconds", "number")}} for r in requests]
    return Explanation(folder.run_id, identity, records, sent, of_mine)


def _because(record: dict[str, Any]) -> str:
    said = f", {record['reason']}" if record["reason"] else ""
    winner = f", into record {record['winner']}" if record["winner"] else ""
    detail = f": {record['message']}" if record["message"] else ""
    return f"{said}{winner}{detail}"


def _meaning(reason: str) -> str:
    return f"{reason}: {ADVICE[Reason(reason)][0]}"
