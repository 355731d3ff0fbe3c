"""Collects what the page shows from what a run left behind."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from pipeline.figures import clock, counted, duration
from pipeline.model import Column, Outcome, RunStatus
from pipeline.stages.opt_outs import AGE
from pipeline.stages.report import headline
from pipeline.stages.report.changes import changes
from pipeline.stages.report.headline import Situation
from pipeline.stages.report.opt_out_clock import clock_of
from pipeline.stages.report.traffic import begun_at, traffic_of
from pipeline.stages.report.view import (
    Fact,
    FileRow,
    GuardRow,
    Judgement,
    Lifted,
    ListRow,
    OutcomeRow,
    ResubscriptionRow,
    View,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline.planning.guard_figure import GuardFigure
    from pipeline.reporting.summary import Summary
    from pipeline.run_folder import Manifest
    from pipeline.stages.report.causes import Causes
    from pipeline.suppression import ListFacts

MEANINGS: Final = {
    Outcome.CREATED: "A new contact; the destination confirmed it.",
    Outcome.UPDATED: "The contact existed; the destination confirmed the change.",
    Outcome.UNCHANGED: "The destination was told exactly this before; nothing had to be sent.",
    Outcome.SUPERSEDED: "Folded into another record of the same contact, which carries the outcome.",
    Outcome.HELD: "Not sent, by policy: the consent is in doubt or may not be raised.",
    Outcome.REJECTED: "Cannot be sent: nothing in the record is complete and valid.",
    Outcome.FAILED: "The destination does not take it; the reason is below.",
    Outcome.UNKNOWN: "Not settled: not sent yet, or sent without a confirmation.",
}
IF_SENT: Final = {
    Outcome.CREATED: "Would be sent as a new contact.",
    Outcome.UPDATED: "Would be sent as a change of an existing contact.",
}
IF_WAITING: Final = {Outcome.UNKNOWN: "Not sent: waits for an approval of the plan."}
ALWAYS: Final = (
    FileRow("summary.json", "The figures of this page, for programs."),
    FileRow("manifest.json", "What was planned, from which export and mapping, and how far it came."),
    FileRow("open_opt_outs.parquet", "Opt-outs that are not confirmed, the oldest first.", personal=True),
    FileRow("mapping.yaml", "The mapping as it was for this run."),
    FileRow("plan/", "Every decision and every item to send, sealed by the plan hash.", personal=True),
)
WHEN_DONE: Final = (
    FileRow("outcomes.csv", "Every record with its outcome, reason and withheld parts: the receipt.", personal=True),
    FileRow("outcomes.parquet", "The same, for analysis.", personal=True),
    FileRow(
        "rejects.csv", "Records that were not delivered, as exported: correct them and run the file.", personal=True
    ),
    FileRow("withheld.csv", "Records that were delivered without some of their parts, as exported.", personal=True),
)


@dataclass(frozen=True, slots=True)
class Material:
    """What is known of a run: `requests` are the ledger's rows; `begun`: something was sent."""

    manifest: Manifest
    summary: Summary
    causes: Causes
    requests: Sequence[Mapping[str, Any]]
    begun: bool
    rest_waits: bool = False
    """Whether the opt-outs went ahead by themselves, and the rest waits."""
    opt_outs: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema={AGE: pl.Int32, Column.REASON: pl.String})
    )
    """Open opt-outs, the oldest first."""

    @property
    def situation(self) -> Situation:
        """Where the run stands."""
        return Situation(self.manifest, self.summary, self.begun, self.rest_waits)


def view_of(material: Material) -> View:
    """The page of a run, from what was planned, what was counted and what the ledger holds."""
    manifest, summary = material.manifest, material.summary
    at = material.situation
    waits = at.waiting or at.rest_waits
    said = MEANINGS | (IF_SENT if summary.status is RunStatus.PLANNED else IF_WAITING if waits else {})
    return View(
        status=summary.status,
        destination=at.place,
        audience=manifest.audience,
        export=PurePath(manifest.export).name,
        at=clock(datetime.fromisoformat(manifest.finished_at or manifest.planned_at)),
        headline=headline.headline(at),
        notes=headline.notes(at),
        steps=headline.next_steps(at),
        facts=tuple(_facts(material)),
        forecast=at.forecast,
        balanced=summary.balanced,
        read=summary.rows.read,
        read_again=summary.quarantine.retried,
        settled=summary.rows.settled,
        outcomes=tuple(OutcomeRow(o, getattr(summary.rows, o.value), said[o]) for o in Outcome),
        targets=changes(
            manifest.transitions if at.forecast else summary.transitions, manifest.transitions, summary.samples
        ),
        reverts=manifest.reverts is not None,
        resubscriptions=tuple(_resubscriptions(summary)),
        causes=material.causes.rows(summary, waiting=waits),
        guards=_guards(manifest, approved=bool(manifest.tripped) and not waits),
        lists=tuple(_lists(manifest)),
        opt_outs=clock_of(material.opt_outs, summary.open_opt_outs, material.causes),
        traffic=traffic_of(material.requests, summary.requests.slowed()),
        to_come=manifest.forecast,
        modified_expected=summary.modified_count.expected,
        modified_reported=summary.modified_count.reported,
        files=ALWAYS if summary.status is RunStatus.PLANNED else WHEN_DONE + ALWAYS,
        shows_addresses=material.causes.show_addresses,
    )


def _facts(material: Material) -> Iterator[Fact]:
    manifest = material.manifest
    yield Fact("Run", manifest.run_id, exact=True)
    yield Fact("Export", PurePath(manifest.export).name)
    yield Fact("Mapping", PurePath(manifest.mapping).name)
    yield Fact("Audience", manifest.audience)
    yield Fact("Planned", clock(datetime.fromisoformat(manifest.planned_at)))
    if manifest.finished_at is not None:
        yield Fact("Finished", clock(datetime.fromisoformat(manifest.finished_at)))
    sent = [request for request in material.requests if request["batch"] is not None]
    if sent:
        took = max(begun_at(r) + timedelta(seconds=r["seconds"]) for r in sent) - min(map(begun_at, sent))
        yield Fact("Sending took", duration(took.total_seconds()))
    if material.summary.canary is not None:
        yield Fact("Canary", material.summary.canary.said)
    yield Fact("Account", manifest.account, exact=True)
    yield Fact("Plan hash", manifest.plan_hash, exact=True)


def _lists(manifest: Manifest) -> Iterator[ListRow]:
    """As they were when the plan was made, and sent."""
    later: list[ListFacts | None] = [*manifest.suppression_since] or [None] * len(manifest.suppression)
    for planned, since in zip(manifest.suppression, later, strict=True):
        facts = since or planned
        meant = f"For {', '.join(facts.channels)}. " if facts.channels else ""
        limit = "" if facts.max_age_days is None else f" of {facts.max_age_days:g} allowed"
        age = f"{counted(facts.entries, 'line')}, {facts.age_days:.1f} days old{limit}."
        yield ListRow(facts.file, meant + age, planned.held, since.held if since else None)


def _guards(manifest: Manifest, *, approved: bool) -> tuple[GuardRow, ...]:
    """Tripped ones first."""
    tripped = Judgement.APPROVED if approved else Judgement.TRIPPED
    return tuple(_guard(g, tripped) for g in sorted(manifest.guards, key=lambda guard: not guard.tripped))


def _guard(guard: GuardFigure, tripped: Judgement) -> GuardRow:
    judgement = Judgement.WITHIN if guard.figure is not None else Judgement.NOT_JUDGED
    bar = None
    if guard.figure is not None and guard.limit:
        reach = 1.25 * max(guard.figure, guard.limit)
        bar = (guard.figure / reach, guard.limit / reach)
    return GuardRow(
        name=guard.name,
        title=guard.title,
        says=guard.sentence if guard.tripped else guard.says,
        judgement=tripped if guard.tripped else judgement,
        figure=guard.shown_figure,
        limit=guard.shown_limit,
        bar=bar,
    )


def _resubscriptions(summary: Summary) -> Iterator[ResubscriptionRow]:
    for label, found in summary.resubscriptions.items():
        samples = tuple(
            Lifted(s.record, s.identity, s.before, s.after, clock(s.at) if s.at else "", s.source or "")
            for s in found.samples
        )
        yield ResubscriptionRow(label, found.contacts, samples)
