"""Consent transitions as what they are to the person: opt-outs, opt-ins, re-subscriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.model import Status
from pipeline.stages.report.view import Change, Example, Kind, TargetRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.reporting.samples import Sample

    Transitions = Mapping[str, Mapping[str, int]]
    """Target label -> `FROM->TO` -> contacts."""
    Samples = Mapping[str, Mapping[str, Sequence[Sample]]]

PERMISSIONS: Final = frozenset({Status.OPT_IN, Status.OPT_IN_UNVERIFIED})
ORDER: Final = tuple(Kind)


def kind_of(before: str, after: str) -> Kind:
    """A permission after an opt-out is a re-subscription; less of a permission than before is another change."""
    if before == after:
        return Kind.SAME
    if after == Status.OPT_OUT:
        return Kind.OPT_OUT
    if after in PERMISSIONS and before == Status.OPT_OUT:
        return Kind.RESUBSCRIPTION
    if after == Status.OPT_IN or (after in PERMISSIONS and before != Status.OPT_IN):
        return Kind.OPT_IN
    return Kind.OTHER


def changes(effective: Transitions, planned: Transitions, samples: Samples | None = None) -> tuple[TargetRow, ...]:
    """A row per target of the plan, in the plan's order; within it opt-outs first, then by count."""
    rows = []
    for label in {**planned, **effective}:
        done, meant = effective.get(label, {}), planned.get(label, {})
        shown = (samples or {}).get(label, {})
        found = [
            _change(step, done.get(step, 0), meant.get(step, 0), shown.get(step, ())) for step in {**meant, **done}
        ]
        found.sort(key=lambda c: (ORDER.index(c.kind), -c.count, -c.planned, c.before, c.after))
        rows.append(TargetRow(label, tuple(found)))
    return tuple(rows)


def _change(step: str, count: int, planned: int, samples: Sequence[Sample]) -> Change:
    before, _, after = step.partition("->")
    examples = tuple(Example(sample.record, None, sample.identity) for sample in samples)
    return Change(before, after, kind_of(before, after), count, planned, examples)
