"""Takes a person out of a run's folder: plan and source first, then everything that is made from them again.

Rows of the plan stay under their numbers, without identity, values and times, so that the run adds up as before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from pipeline.carried_out import Run
from pipeline.erasure import reports
from pipeline.model import Column, RunStatus
from pipeline.reporting import reporting
from pipeline.reporting.rejects import MALFORMED, source_rows
from pipeline.run_folder import ERASING, Manifest, RunFolder
from pipeline.stages.fold import address_text
from pipeline.stages.map import map_records
from pipeline.stages.opt_outs import AT
from pipeline.store import publishing
from pipeline.subject import job_as_planned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.context import Context
    from pipeline.job import Job
    from pipeline.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Person:
    """Whom to forget: identities as they are, addresses in lower case."""

    identities: frozenset[str]
    addresses: frozenset[str] = frozenset()

    def named(self, column: str = Column.IDENTITY) -> pl.Expr:
        """Whether an identity is the person's; an address is one where consent belongs to addresses."""
        own = pl.col(column).is_in(sorted(self.identities))
        return (own | pl.col(column).str.to_lowercase().is_in(sorted(self.addresses))).fill_null(value=False)

    def spoken_of(self, column: str) -> pl.Expr:
        """Whether a text names the person, as a word of its own."""
        texts = sorted(map(re.escape, self.identities | self.addresses), key=len, reverse=True)
        return pl.col(column).str.contains(rf"(?i)(?:^|[^\pL\pN])(?:{'|'.join(texts)})(?:[^\pL\pN]|$)")


@dataclass(frozen=True, slots=True)
class Traced:
    """A run, and the records of it that are about the person."""

    folder: RunFolder
    manifest: Manifest
    job: Job
    records: frozenset[int]
    reaches: bool
    """Whether it sends something to one of the person's addresses, under whatever identity."""

    person: Person

    def plan(self) -> Iterator[Path]:
        """The plan's files. `records` comes last: it leads to the others."""
        for kind in ("items", "permissions", "opt_outs", "addresses", "records"):
            yield from sorted(self.folder.path.glob(f"plan/{kind}-*.parquet"))


def addresses_in(folder: RunFolder, identities: frozenset[str]) -> set[str]:
    """The addresses that a run's plan holds of the identities.

    Where consent belongs to addresses, an identity may be one: those that its records have beside it are found too.
    """
    job, found = job_as_planned(folder), set[str]()
    mine = pl.col(Column.IDENTITY).is_in(sorted(identities))
    same = pl.col(Column.IDENTITY).str.to_lowercase().is_in(sorted(text.lower() for text in identities))
    for shard in range(folder.manifest().shards):
        if job.by_address:
            named = (folder.read_plan("records", shard, mine), folder.read_plan("addresses", shard, same))
            records = pl.concat([rows.get_column(Column.RECORD) for rows in named]).unique()
            rows = folder.read_plan("addresses", shard, pl.col(Column.RECORD).is_in(records.implode()))
            found |= set(rows.get_column(Column.IDENTITY).drop_nulls())
            continue
        items = folder.read_plan("items", shard, mine, without=[Column.WIRE])
        for address in job.addresses:
            found |= set(items.select(address_text(pl.col(address.part))).to_series().drop_nulls())
    return found


def trace(folder: RunFolder, person: Person) -> Traced:
    """Finds the person's records: by identity, and where a record has none, by its address or its raw text."""
    manifest, job = folder.manifest(), job_as_planned(folder)
    found, nameless, reaches = _malformed(folder, person), [pl.Series(Column.RECORD, [], pl.Int64)], False
    at_address = [address_text(pl.col(a.part)).is_in(sorted(person.addresses)) for a in job.addresses]
    for shard in range(manifest.shards):
        for kind in ("records", "addresses") if job.by_address else ("records",):
            plan = folder.read_plan(kind, shard, person.named() | pl.col(Column.IDENTITY).is_null())
            found |= set(plan.filter(person.named()).get_column(Column.RECORD))
            nameless.append(plan.filter(pl.col(Column.IDENTITY).is_null()).get_column(Column.RECORD))
        sent = folder.read_plan("items", shard, pl.any_horizontal(*at_address, pl.lit(value=False)))
        reaches = reaches or not sent.is_empty()
    found |= _at_address(folder, manifest, job, person, pl.concat(nameless).unique())
    if job.by_address and manifest.erased == ERASING:
        found |= _half_erased(folder, manifest)
    return Traced(folder, manifest, job, frozenset(found), reaches, person)


def _half_erased(folder: RunFolder, manifest: Manifest) -> set[int]:
    """Records that are without identity in one of the two files that have it: erasing them was stopped in between."""
    found = set[int]()
    for shard in range(manifest.shards):
        people = folder.read_plan("records", shard).select(Column.RECORD, pl.col(Column.IDENTITY).alias("_name"))
        both = folder.read_plan("addresses", shard).join(people, on=Column.RECORD)
        gone = pl.col(Column.IDENTITY).is_null() | pl.col("_name").is_null()
        found |= set(both.filter(gone).get_column(Column.RECORD))
    return found


def _malformed(folder: RunFolder, person: Person) -> set[int]:
    path = folder.path / "source" / MALFORMED
    if not path.exists():
        return set()
    return set(pl.read_parquet(path).filter(person.spoken_of("raw")).get_column("record"))


def _at_address(folder: RunFolder, manifest: Manifest, job: Job, person: Person, records: pl.Series) -> set[int]:
    if records.is_empty() or not person.addresses or manifest.reverts is not None:  # That has no rows of an export.
        return set()
    rows = source_rows(folder, manifest.shards, records).with_columns(pl.lit(None, pl.Int64).alias(Column.LINE))
    mapped = map_records(rows, job, datetime.fromisoformat(manifest.planned_at))
    own = [address_text(pl.col(a.part)).is_in(sorted(person.addresses)) for a in job.addresses]
    return set(mapped.filter(pl.any_horizontal(*own, pl.lit(value=False))).get_column(Column.RECORD))


def erase(traced: Traced, context: Context, ledger: Ledger) -> None:
    """Takes the records' data out of the folder, and writes its reports again. Doing it again goes on."""
    folder, manifest, perform = traced.folder, traced.manifest, context.perform
    untouched = manifest.erased == ERASING or folder.sealed_hash(manifest) == (manifest.erased or manifest.plan_hash)
    if untouched:
        folder.write_manifest(manifest.model_copy(update={"erased": ERASING}))
        publishing.put_manifest(folder)
    mine = pl.col(Column.RECORD).is_in(pl.Series(sorted(traced.records), dtype=pl.Int64).implode())
    for file in folder.path.rglob("*.tmp"):  # of a process that was killed
        file.unlink()
    for file in sorted(folder.path.glob("source/*/*.parquet")):
        perform(f"clear source/{file.parent.name}/{file.name}", partial(_erase_source, folder, file, mine))
    perform(f"clear source/{MALFORMED}", partial(_erase_malformed, folder, traced.records))
    for file in traced.plan():
        perform(f"clear plan/{file.name}", partial(_erase_plan, folder, file, mine))
    if not untouched:
        words = traced.person.identities | traced.person.addresses
        perform("clear the reports", partial(reports.erase, folder, traced.records, words))
        perform("publish the run", partial(publishing.publish, folder, afresh=True))
        return
    perform("publish the run", partial(publishing.publish, folder, afresh=True))
    sealed = manifest.model_copy(update={"erased": folder.sealed_hash(manifest)})
    perform("write the reports again", partial(_report, Run(folder, sealed, traced.job, context, ledger)))


def _erase_source(folder: RunFolder, file: Path, mine: pl.Expr) -> None:
    rows = pl.read_parquet(file)
    if not rows.filter(mine).is_empty():
        folder.write_parquet(file, rows.filter(~mine))


def _erase_plan(folder: RunFolder, file: Path, mine: pl.Expr) -> None:
    plan = pl.read_parquet(file)
    if not plan.filter(mine).is_empty():
        is_digests = file.name.startswith("permissions-")  # of addresses, and of use to nothing but sending
        folder.write_parquet(file, plan.filter(~mine) if is_digests else plan.with_columns(_emptied(plan, mine)))


def _erase_malformed(folder: RunFolder, records: frozenset[int]) -> None:
    path = folder.path / "source" / MALFORMED
    if not path.exists():
        return
    apart = pl.read_parquet(path)
    mine = pl.col("record").is_in(pl.Series(sorted(records), dtype=pl.Int64).implode())
    if not apart.filter(mine).is_empty():
        folder.write_parquet(path, apart.with_columns(pl.when(mine).then(pl.lit("")).otherwise("raw").alias("raw")))


def _emptied(plan: pl.DataFrame, mine: pl.Expr) -> Iterator[pl.Expr]:
    """What is left of a row: its numbers, what was decided, and statuses."""
    texts = {Column.MESSAGE: "", Column.WIRE: "{}"}
    personal = (Column.IDENTITY, Column.HANDLE, Column.KIN, AT)
    for name, kind in plan.schema.items():
        evidence = name.startswith("consent:") and name.endswith(("@at", "@source"))
        if name in texts:
            yield pl.when(mine).then(pl.lit(texts[name])).otherwise(name).alias(name)
        elif name in personal or name.startswith("attribute:") or evidence:
            yield pl.when(mine).then(pl.lit(None, kind)).otherwise(name).alias(name)


def _report(run: Run) -> None:
    """Writes the run's files again as `report` does, as of the time when it ended."""
    ended = datetime.fromisoformat(run.manifest.finished_at or run.manifest.planned_at)
    as_of_then = replace(run, context=replace(run.context, clock=lambda: ended))
    run.folder.write_manifest(run.manifest)
    if run.manifest.status == RunStatus.PLANNED:
        reporting.write_plan(as_of_then)
    else:
        reporting.write(as_of_then, RunStatus(run.manifest.status))
