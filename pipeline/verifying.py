"""The `verify` command: reads the destination and compares it with an export, or with what it was told. Sends no
mutation.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline import mapping_file, suppression
from pipeline.erasure import audits
from pipeline.errors import UsageError
from pipeline.ledger.ledger import opened
from pipeline.model import Column
from pipeline.pacing.book import desk_of
from pipeline.reporting.drift_report import Drift
from pipeline.run_folder import FOLDER_MODE, RunFolder, restrict_new_files, storing
from pipeline.session import connect
from pipeline.stages import drift, suppress
from pipeline.stages.drift import DIFFERENCES, KIND, Kind
from pipeline.stages.intents import intents
from pipeline.stages.read import LINE, RECORD
from pipeline.state import BUCKETS, State
from pipeline.subject import bound, destination_of, export_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pipeline.context import Context
    from pipeline.job import Job
    from pipeline.mapping_file import MappingFile
    from pipeline.session import Session

AT_ONCE: Final = 10_000
"""Contacts that are read before the next ones are looked at."""


@dataclass(frozen=True, slots=True)
class Audit:
    """What is asked for. `export` None: what contacts were told is compared with what is there."""

    mapping: Path
    export: Path | None = None
    destination_only: bool = False
    """Whether all contacts of the destination are walked through for those that nobody here knows."""
    max_drift: float = 0.0
    """The share of contacts that may differ or be missing without exit code 3."""


@dataclass(slots=True)
class Audited:
    """The audit in the making."""

    audit: Audit
    file: MappingFile
    job: Job
    session: Session
    context: Context
    drift: Drift
    listed: Sequence[suppress.Listed] = ()
    rows: list[pl.DataFrame] = field(default_factory=list)
    known: list[pl.DataFrame] = field(default_factory=list)
    """Who is known here, and what of them; kept only where it is asked who else is there."""

    def compare(self, expected: pl.DataFrame) -> None:
        """Reads the contacts and counts how they agree."""
        by_state = self.audit.export is None
        for rows in expected.iter_slices(AT_ONCE):
            some = rows
            self.context.check_stop()
            wanted = some.select(Column.IDENTITY) if by_state else some
            seen = self.session.read(self.job, wanted)
            if self.listed and not by_state:  # What may not be sent is not missed.
                some = suppress.without_permissions(some, seen, self.listed, self.job)
            found = drift.differences(some, seen, self.job, by_state=by_state)
            self.drift.add(some.height, found)
            self.rows.append(found)
            self.context.progress("verify", self.drift.contacts, None)

    def remember(self, rows: pl.DataFrame) -> None:
        """Keeps who is known here."""
        if self.audit.destination_only:
            self.known.append(drift.spoken_of(rows, self.job))

    def walk(self) -> None:
        """Counts who is there and not known here, where the destination can say who is there."""
        pages = self.session.destination.walk(self.job, self.session.sender(self.session.log))
        if pages is None:
            self.drift.destination_only_said = "the destination has no way to list its contacts"
            return
        parts = [pl.col(t.part).any() for t in self.job.targets]
        known = pl.concat(self.known).group_by(Column.IDENTITY).agg(parts)
        found = [DIFFERENCES.to_frame()]
        for done, page in enumerate(pages, 1):
            self.context.check_stop()
            found.append(drift.unknown_here(page, known, self.job))
            self.context.progress("walk through the destination, page", done, None)
        alone = pl.concat(found)
        # A list that changes while it is read may show a contact twice; one without an identity is nobody else's.
        named = pl.col(Column.IDENTITY).fill_null("") != ""
        alone = pl.concat([alone.filter(named).unique(maintain_order=True), alone.filter(~named)])
        self.drift.add_unknown(alone)
        self.rows.append(alone)


def verify(audit: Audit, context: Context) -> Drift:
    """Compares what an export says, folded per contact, or what contacts were told, with what the destination shows.

    Raises UsageError without an export where nothing was told yet.
    """
    restrict_new_files()
    file = mapping_file.load(audit.mapping)
    with (
        opened(context) as ledger,
        connect(
            destination_of(file, context.settings),
            file.mapping.delivery,
            context.stop,
            context.patience,
            desk_of(ledger, file, context.settings),
        ) as session,
    ):
        job, _ = bound(file, session)
        export = audit.export is not None
        listed = suppression.load(file, context.clock()).listed
        found = Drift("export" if export else "state", audit.max_drift)
        of = Audited(audit, file, job, session, context, found, listed)
        if audit.export is not None:
            of.compare(_exported(of, audit.export))
        for rows in _told(of) if not export or audit.destination_only else ():
            if not export:
                of.compare(drift.told(rows, job))
        if not export and not of.drift.contacts:
            raise UsageError(
                f"nothing that {file.path} speaks of was told to this account from {context.home}, so there is nothing "
                "to compare; name an export with `--export`"
            )
        if audit.destination_only:
            of.walk()
    _write(of)
    return of.drift


def _exported(of: Audited, path: Path) -> pl.DataFrame:
    """One row per contact of the export."""
    export = export_of(of.file, path)
    columns = [RECORD, LINE, *of.file.mapping.columns()]
    records = [pl.DataFrame(schema=dict.fromkeys((RECORD, LINE), pl.Int64) | dict.fromkeys(columns[2:], pl.String))]
    for chunk in export.chunks():
        of.context.check_stop()
        of.drift.unusable += chunk.malformed.height
        records.append(chunk.records.select(columns))
    given = intents(pl.concat(records), of.job, of.context.clock())
    of.drift.unusable += given.validated.rejected.height
    of.remember(given.folded.identities)
    of.remember(given.witnesses)
    return drift.said(given.folded.identities, of.job)


def _told(of: Audited) -> Iterator[pl.DataFrame]:
    """The state, a part at a time."""
    state = State(of.context.home, of.job.destination, of.job.account)
    for bucket in range(BUCKETS):
        rows = state.read((bucket,))
        of.remember(rows)
        yield rows


def _write(of: Audited) -> None:
    """differences.csv and summary.json under HOME/verify: readable by their owner alone."""
    stem = f"{of.context.clock():%Y%m%dT%H%M%S}-{of.file.path.stem}"
    parent = of.context.home / audits.FOLDER
    with storing(parent):
        parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
        number = 1
        while (path := parent / (stem if number == 1 else f"{stem}-{number}")).exists():
            number += 1
        path.mkdir(mode=FOLDER_MODE)
    whole = pl.concat([DIFFERENCES.to_frame(), *of.rows])
    order = pl.col(KIND).replace_strict([str(kind) for kind in Kind], list(range(len(Kind))), return_dtype=pl.Int8)
    folder = RunFolder(path)
    folder.write_csv(audits.FILE, whole.sort(order, Column.IDENTITY, maintain_order=True))
    of.drift.file = str(folder.path / audits.FILE)
    folder.write_text("summary.json", json.dumps(of.drift.document(), indent=2) + "\n")
