"""Adds up what the shards of a plan would do, judges the guards, and seals the plan with a hash."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce
from importlib.metadata import version
from operator import add
from typing import TYPE_CHECKING

from pipeline.destinations.foretelling import Foretold
from pipeline.model import RunStatus
from pipeline.planning.forecast import forecast
from pipeline.planning.guard_figure import GuardFigure
from pipeline.reporting.rejects import REJECT_COLUMNS
from pipeline.run_folder import Manifest
from pipeline.stages.guard import Figures, Judged, Past, judge
from pipeline.store import publishing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.planning.drafting import Draft
    from pipeline.session import Session


@dataclass(frozen=True, slots=True)
class Planned:
    """What a part of a plan would do, in numbers."""

    figures: Figures = field(default_factory=lambda: Figures(0, 0, 0, 0, 0))
    transitions: dict[str, dict[str, int]] = field(default_factory=dict)
    batches: int = 0
    loads: int = 0
    """What the batches travel in: as many, or fewer where some travel together."""
    items: int = 0
    ahead: int = 0
    mixed: int = 0
    foretold: Foretold = field(default_factory=Foretold)
    by_list: dict[int, int] = field(default_factory=dict)
    """Number of a suppression list -> contacts that something is withheld from because of it."""

    def __add__(self, other: Planned) -> Planned:
        """What two parts would do together."""
        steps = {label: dict(counts) for label, counts in self.transitions.items()}
        for label, counts in other.transitions.items():
            mine = steps.setdefault(label, {})
            for step, count in counts.items():
                mine[step] = mine.get(step, 0) + count
        return Planned(
            self.figures + other.figures,
            steps,
            self.batches + other.batches,
            self.loads + other.loads,
            self.items + other.items,
            self.ahead + other.ahead,
            self.mixed + other.mixed,
            self.foretold + other.foretold,
            {n: self.by_list.get(n, 0) + other.by_list.get(n, 0) for n in (self.by_list | other.by_list)},
        )


def seal(
    draft: Draft, shards: Sequence[Planned], counts: Sequence[int], session: Session, more: Sequence[Judged] = ()
) -> Manifest:
    """Judges the guards and writes the manifest with the plan's hash; a home's store has the plan from now on.

    `counts`: records of the last finished runs. `more`: guards that the mapping does not know.
    """
    whole = reduce(add, shards, Planned())
    corrects = draft.export is not None and set(REJECT_COLUMNS) <= set(draft.export.header)
    judged = (*judge(whole.figures, draft.job.guards, Past(counts, corrects)), *more)
    answers = [attempt.seconds for attempt in session.log if attempt.status is not None]
    size = whole.items, whole.loads
    manifest = Manifest(
        run_id=draft.folder.run_id,
        status=RunStatus.PLANNED,
        destination=draft.job.destination,
        account=draft.job.account,
        audience=draft.audience.name,
        mapping=str(draft.file.path),
        mapping_sha256=draft.file.sha256,
        export=draft.origin.path,
        export_sha256=draft.origin.sha256,
        reverts=draft.origin.reverts,
        shards=draft.shards,
        read=whole.figures.read,
        retried=whole.figures.retried,
        plan_hash="",
        planned_at=draft.begun_at.isoformat(),
        suppression=[
            facts.model_copy(update={"held": whole.by_list.get(number, 0)})
            for number, facts in enumerate(draft.lists.facts)
        ],
        guards=[
            GuardFigure(name=g.name, limit=g.limit, figure=g.figure, says=g.says, tripped=g.tripped, unit=g.unit)
            for g in judged
        ],
        transitions=whole.transitions,
        batches=whole.batches,
        items=whole.items,
        ahead=whole.ahead,
        mixed=whole.mixed,
        forecast=forecast(whole.foretold, size, draft.job.delivery, session.destination.limits, answers),
        corrects=corrects,
        versions={name: version(name) for name in ("consent-sync", "polars", "phonenumbers", "email-validator")},
    )
    manifest.plan_hash = draft.folder.sealed_hash(manifest)
    draft.folder.write_manifest(manifest)
    publishing.first(draft.folder)
    return manifest
