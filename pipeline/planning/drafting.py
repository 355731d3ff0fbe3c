"""Begins a plan: compares the export with the mapping, and reads it into shards."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline import memory, suppression
from pipeline.destinations.kept_audience import audience_json
from pipeline.errors import ExportChanged
from pipeline.model import Column
from pipeline.planning.dividing import Divider, by_shard
from pipeline.planning.shard_limit import ShardLimit
from pipeline.quarantine import taking_up
from pipeline.reporting.rejects import MALFORMED, REJECT_COLUMNS
from pipeline.run_folder import RunFolder, storing
from pipeline.stages.map import identity_of
from pipeline.state import BUCKETS
from pipeline.subject import Origin, export_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from pipeline.context import Context, Request
    from pipeline.destinations.interface import Audience
    from pipeline.job import Job
    from pipeline.ledger.ledger import Ledger
    from pipeline.mapping_file import MappingFile
    from pipeline.stages.read import Export
    from pipeline.subject import Subject
    from pipeline.suppression import Lists

RETRIES: Final = "retries.parquet"
PACKED_SUFFIXES: Final = (".gz", ".zip", ".parquet")
PACKED: Final = 8
"""How much larger a compressed export is taken to be."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A plan in the making: everything is known but the records."""

    file: MappingFile
    origin: Origin
    export: Export | None
    """None: the records are made of another run."""
    job: Job
    audience: Audience
    folder: RunFolder
    shards: int
    full: bool
    lists: Lists
    begun_at: datetime
    """Before anything was read: whatever is written to the destination from now on makes the plan stale."""


def draft(
    request: Request, subject: Subject, context: Context, taken: Callable[[str], bool] = lambda _: False
) -> Draft:
    """Compares the export with the mapping, and opens the run folder under a name that is not `taken`."""
    file = subject.file
    export = export_of(file, request.export)
    size = export.size_bytes * (PACKED if request.export.suffix in PACKED_SUFFIXES else 1)
    # What an address or its kin says counts wherever it stands, so such an export is not divided.
    divisible = not (subject.job.by_address or subject.job.kin)
    shards = memory.shards(size, context.settings, BUCKETS) if divisible else 1
    now = context.clock()
    lists = suppression.load(file, now)
    origin = Origin(str(export.container.path), export.sha256)
    folder = RunFolder.create(context.home, file.path.stem, now, taken)
    folder.write_bytes("mapping.yaml", file.path.read_bytes())
    folder.write_bytes("audience.json", audience_json(subject.audience))
    folder.write_bytes("header.json", json.dumps([c for c in export.header if c not in REJECT_COLUMNS]).encode())
    return Draft(file, origin, export, subject.job, subject.audience, folder, shards, request.full, lists, now)


def read(draft: Draft, context: Context) -> int:
    """Reads the export into the shards' folders; returns the number of its records, malformed ones included.

    Raises ExportChanged, and leaves no folder, where the export is another one by then.
    """
    try:
        return _read(draft, context)
    except ExportChanged:
        with storing(draft.folder.path):
            shutil.rmtree(draft.folder.path)
        raise


def _read(draft: Draft, context: Context) -> int:
    malformed: list[pl.DataFrame] = []
    read = 0
    limit = ShardLimit(draft.origin.path, context.settings.consent_sync_max_shard_records)
    with Divider(draft.folder, draft.shards, identity_of(draft.job), limit) as divider:
        for chunk in draft.export.chunks() if draft.export else ():
            context.check_stop()
            read += chunk.records.height + chunk.malformed.height
            malformed.append(chunk.malformed)
            divider.take(chunk.records)
            context.progress("read", read, None)
        divider.end()
    apart = pl.concat(malformed) if malformed else None
    if apart is not None and not apart.is_empty():
        draft.folder.write_parquet(draft.folder.path / "source" / MALFORMED, apart)
    return read


def read_again(draft: Draft, exported: int, context: Context, ledger: Ledger) -> int:
    """Reads in what is tried again of earlier runs, after the export's records; returns how many these are."""
    rows = taking_up.take_up(draft, exported, context, ledger)
    for shard, some in by_shard(rows, identity_of(draft.job), draft.shards) if not rows.is_empty() else ():
        draft.folder.write_parquet(draft.folder.source(shard) / RETRIES, some)
    return rows.height


def source_of(folder: RunFolder, shard: int, file: MappingFile) -> pl.DataFrame:
    """The records of a shard as they were read, in the columns that the mapping reads."""
    files = sorted(folder.source(shard).glob("*.parquet"))
    used = [Column.RECORD, Column.LINE, *file.mapping.columns()]
    columns = {c: pl.Int64 if c in (Column.RECORD, Column.LINE) else pl.String for c in used}
    return pl.read_parquet(files, columns=used) if files else pl.DataFrame(schema=columns)
