"""What a plan would change, as rows of text: the terminal and the artifact show the same rows of the same summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.planning.forecast import Forecast
    from pipeline.reporting.samples import Resubscribed, Sample
    from pipeline.reporting.summary import Summary

STEPS = ("consent", "from", "to", "contacts", "for example")
RESUBSCRIPTIONS = ("re-subscription of", "contacts", "record", "was", "becomes", "new consent of", "source")
GUARDS = ("guard", "figure", "limit", "", "what it found")


def steps(summary: Summary) -> Iterator[tuple[str, str, str, int, str]]:
    """A row per target and transition, with examples."""
    for label, counts in summary.shown_transitions.items():
        for step, count in counts.items():
            before, _, after = step.partition("->")
            yield label, before, after, count, examples(summary.samples.get(label, {}).get(step, ()))


def examples(samples: Sequence[Sample]) -> str:
    """`record 12 (C•••••), 40 (C•••••)`."""
    shown = ", ".join(f"{sample.record:,} ({sample.identity})" for sample in samples)
    return f"record {shown}" if shown else ""


def resubscriptions(summary: Summary) -> Iterator[tuple[str, str, str, str, str, str, str]]:
    """A row per example; the number of contacts stands with the first of a target."""
    for label, found in summary.resubscriptions.items():
        for number, sample in enumerate(found.samples):
            first = (label, f"{found.contacts:,}") if number == 0 else ("", "")
            yield *first, *_lifted(sample)


def _lifted(sample: Resubscribed) -> tuple[str, str, str, str, str]:
    at = f"{sample.at:%Y-%m-%d %H:%M} UTC" if sample.at else "not given"
    return f"{sample.record:,} ({sample.identity})", sample.before, sample.after, at, sample.source or "not given"


def guards(summary: Summary) -> Iterator[tuple[str, str, str, str, str]]:
    """A row per guard, those over their limit first."""
    for guard in sorted(summary.guards, key=lambda guard: not guard.tripped):
        yield guard.name, guard.shown_figure, guard.shown_limit, guard.verdict, guard.says


def to_come(forecast: Forecast) -> Iterator[str]:
    """The requests to come, and how long they take."""
    if not forecast.requests:
        yield "requests to come: none, nothing would be written"
        return
    kinds = [f"{count:,} {kind}" for kind, count in forecast.kinds.items()]
    kinds += [f"{forecast.looks:,} for looking once more before a status is raised"] if forecast.looks else []
    yield (
        f"requests to come: {forecast.requests:,} ({', '.join(kinds)}), for {forecast.contacts:,} contacts in "
        f"{forecast.batches:,} batches"
    )
    yield f"they will take about {forecast.said_time}: {forecast.basis}"
