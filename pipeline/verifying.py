"""The `verify` command: reads the destination and compares it with an export. Sends no mutation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from pipeline import mapping_file, suppression
from pipeline.model import Column, Status
from pipeline.session import connect
from pipeline.stages import suppress
from pipeline.stages.fold import fold, hold_against
from pipeline.stages.map import map_records
from pipeline.stages.read import LINE, RECORD
from pipeline.stages.reconcile import FOUND, Found, compare
from pipeline.stages.split import by_address
from pipeline.stages.validate import validate
from pipeline.subject import bound, destination_of, export_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.context import Context, Request
    from pipeline.job import Job

WORDS = {Found.CONFIRMED: "match", Found.DIFFERENT: "differ", Found.MISSING: "missing"}


@dataclass(slots=True)
class Verified:
    """Contacts of the export by how the destination agrees with them, and where the consents differ."""

    contacts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(WORDS.values(), 0))
    differences: dict[str, dict[str, int]] = field(default_factory=dict)
    """Target label -> `export OPT_OUT, destination OPT_IN` -> contacts"""
    unusable: int = 0
    """Records of the export that say nothing that could be compared."""

    @property
    def exit_code(self) -> int:
        """0: all match, 3: some differ or are missing."""
        return 3 if self.contacts["differ"] or self.contacts["missing"] else 0

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {**self.contacts, "unusable_records": self.unusable, "differences": self.differences}

    def lines(self) -> Iterator[str]:
        """For people."""
        yield ", ".join(f"{count:,} {word}" for word, count in self.contacts.items())
        if self.unusable:
            yield f"{self.unusable:,} records of the export cannot be compared (malformed or without identity)"
        for label, steps in self.differences.items():
            for step, count in steps.items():
                yield f"{label}: {step}: {count:,}"


def verify(request: Request, context: Context) -> Verified:
    """Compares what the export says, folded per contact, with what the destination shows."""
    file = mapping_file.load(request.mapping)
    destination = destination_of(file, context.settings)
    verified = Verified()
    with connect(destination, file.mapping.delivery, context.stop, context.patience) as session:
        job, _ = bound(file, session)
        lists = suppression.load(file, context.clock()).listed
        export = export_of(file, request.export)
        chunks = list(export.chunks())
        columns = [RECORD, LINE, *file.mapping.columns()]
        records = [chunk.records.select(columns) for chunk in chunks]
        verified.unusable = sum(chunk.malformed.height for chunk in chunks)
        if not records:
            return verified
        validated = validate(map_records(pl.concat(records), job, context.clock()), job)
        verified.unusable += validated.rejected.height
        said = by_address(validated, job) if job.by_address else validated
        wanted = _comparable(hold_against(fold(said.valid, job), said.witnesses, job).identities, job)
        seen = session.read(job, wanted)
        if lists:  # What may not be sent is not missed.
            wanted = suppress.without_permissions(wanted, seen, lists, job)
        judged = compare(wanted, seen, job)
        for found, count in judged.group_by(FOUND).len().iter_rows():
            verified.contacts[WORDS[Found(found)]] = count
        verified.differences = _differences(judged, seen, job)
    return verified


def _comparable(identities: pl.DataFrame, job: Job) -> pl.DataFrame:
    """An unlisted value says nothing; attributes that are not written are not compared."""
    written = {attribute.part for attribute in job.written_attributes}
    return identities.with_columns(
        *(pl.when(pl.col(t.part) != Status.UNLISTED).then(pl.col(t.part)).alias(t.part) for t in job.targets),
        *(pl.lit(None, pl.String).alias(a.part) for a in job.attributes if a.part not in written),
    )


def _differences(judged: pl.DataFrame, seen: pl.DataFrame, job: Job) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    joined = judged.filter(pl.col(FOUND) == Found.DIFFERENT).join(
        seen.select(Column.IDENTITY, *(pl.col(t.part).alias(f"{t.part}@seen") for t in job.targets)),
        on=Column.IDENTITY,
        how="left",
    )
    for target in job.targets:
        mine, theirs = pl.col(target.part), pl.col(f"{target.part}@seen").fill_null(str(Status.UNSET))
        steps = (
            joined.filter(mine.is_not_null() & (mine != theirs))
            .group_by(mine, theirs)
            .len()
            .sort("len", descending=True)
        )
        if not steps.is_empty():
            found[target.label] = {f"export {m}, destination {t}": n for m, t, n in steps.iter_rows()}
    return found
