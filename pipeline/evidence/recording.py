"""Records what was told as evidence: who it was about first, then the rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.erasure.forgotten import Forgotten
from pipeline.evidence.chain import Chain, People, chain_name, heads_of
from pipeline.evidence.pseudonym import key_of
from pipeline.stages.evidence import Origin, answered, evidence, people

if TYPE_CHECKING:
    from datetime import datetime

    import polars as pl

    from pipeline.carried_out import Run

MOST: Final = 200_000
"""Items whose rows are one block: what is in memory at once."""


def record(run: Run, items: pl.DataFrame, settled: pl.DataFrame, now: datetime) -> None:
    """Adds the answers of a shard to the evidence, each once. The destination's lock is held."""
    if answered(settled).is_empty():
        return
    home = run.context.home
    key = key_of(home, made=True)
    origin = Origin(
        run=run.folder.run_id,
        export=Path(run.manifest.export).name,
        export_sha256=run.manifest.export_sha256,
        mapping_sha256=run.manifest.mapping_sha256,
        operator=run.context.settings.operator,
        now=now,
        key=key,
    )
    name = chain_name(run.job.destination, run.job.account)
    for some in items.iter_slices(MOST):
        People(home, name).add(Forgotten(home).strangers(people(some, settled, run.job, key)))
        Chain(home, name).append(evidence(some, settled, run.job, origin), heads_of(home, run.ledger))
