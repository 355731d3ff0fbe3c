"""What a run came to, as Markdown for Prefect's user interface. Counts and masked samples: no address, no value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import plan_tables
from pipeline.advice import ADVICE
from pipeline.model import Outcome, Reason, RunStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pipeline.carried_out import Result
    from pipeline.summary import Summary


def key_of(summary: Summary) -> str:
    """One key for each destination, so that Prefect shows its runs as one history. Lower case and dashes."""
    return f"consent-sync-{summary.destination.replace('_', '-')}"


def markdown(result: Result) -> str:
    """The page."""
    summary = result.summary
    return "\n".join([f"# {summary.run_id}: {summary.status}", "", *_told(result), *_sections(summary)]) + "\n"


def _told(result: Result) -> Iterator[str]:
    summary = result.summary
    if result.error is not None:
        yield from (f"> {line}" for line in str(result.error).splitlines())
        yield ""
    for note in result.notes:
        yield from (f"Note: {note}.", "")
    if summary.status is RunStatus.PLANNED:
        yield from ("Outcomes if the destination accepts everything; nothing was sent.", "")
    for command in summary.next:
        yield from (f"Next: `{command}`", "")


def _sections(summary: Summary) -> Iterator[str]:
    yield from _table("Outcomes", ("outcome", "records"), _outcomes(summary))
    yield from _table("Consent", plan_tables.STEPS, plan_tables.steps(summary))
    yield from _table("Re-subscriptions", plan_tables.RESUBSCRIPTIONS, plan_tables.resubscriptions(summary))
    yield from _table("Reasons", ("reason", "records", "parts withheld", "what to do"), _reasons(summary))
    if said := list(summary.quarantine.lines()):
        yield from ("## Quarantine", "", *(f"- {line}" for line in said), "")
    yield from _table("Guards", plan_tables.GUARDS, plan_tables.guards(summary))
    if summary.requests_to_come is not None:
        yield from ("## Requests to come", "", *plan_tables.to_come(summary.requests_to_come), "")
    requests, modified = summary.requests, summary.modified_count
    facts: list[tuple[str, str]] = [("destination", summary.destination), ("plan hash", f"`{summary.plan_hash}`")]
    if summary.guards_tripped:
        facts.append(("guards tripped", ", ".join(summary.guards_tripped)))
    if summary.canary is not None:
        facts.append(("canary", summary.canary.said))
    facts += [
        ("requests", f"{requests.sent:,} sent, {requests.retried:,} of them retries"),
        ("modified", f"{modified.reported:,} of {modified.expected:,} expected"),
        ("balanced", "yes" if summary.balanced else "NO: report this with the run folder"),
        ("run folder", f"`{summary.run_dir}`"),
        ("report", f"`{summary.report}`"),
    ]
    yield from _table("Run", ("", ""), facts)


def _outcomes(summary: Summary) -> Iterator[tuple[str, int]]:
    yield from ((o, n) for o in Outcome if (n := getattr(summary.rows, o)))
    yield "read", summary.rows.read


def _reasons(summary: Summary) -> Iterator[tuple[str, int, int, str]]:
    for reason in dict.fromkeys((*summary.reasons, *summary.withheld)):
        yield reason, summary.reasons.get(reason, 0), summary.withheld.get(reason, 0), ADVICE[Reason(reason)][1]


def _table(title: str, header: Sequence[str], rows: Iterable[Sequence[str | int]]) -> Iterator[str]:
    """A Markdown table under a title; nothing where there are no rows."""
    lines = [_line(row) for row in rows]
    if lines:
        yield from (f"## {title}", "", _line(header), _line(["---"] * len(header)), *lines, "")


def _line(cells: Iterable[str | int]) -> str:
    return "| " + " | ".join(f"{c:,}" if isinstance(c, int) else c.replace("|", "\\|") for c in cells) + " |"
