"""What a run came to, as pages and tables for Prefect's user interface. Counts and masked samples alone."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from flows.ending import counts
from pipeline.model import Outcome, Reason, RunStatus
from pipeline.reporting import plan_tables
from pipeline.reporting.advice import ADVICE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from flows.reach import Telling
    from pipeline.carried_out import Result
    from pipeline.reporting.drift_report import Drift
    from pipeline.reporting.open_opt_outs import OpenOptOuts
    from pipeline.reporting.summary import Summary


def show(result: Result, telling: Telling) -> None:
    """The page, the figures as tables, and where the report is."""
    summary, key = result.summary, key_of(result.summary)
    page, tables = markdown(result), {name: rows for name, rows in tables_of(summary).items() if rows}
    telling(lambda: create_markdown_artifact(page, key=key, description=counts(summary)))
    for name, rows in tables.items():
        telling(partial(create_table_artifact, rows, key=f"{key}-{name}", description=f"{name} of {summary.run_id}"))
    if summary.report:
        link = Path(summary.report).absolute().as_uri()
        telling(
            lambda: create_link_artifact(
                link, f"report of {summary.run_id}", key=f"{key}-report", description=summary.report
            )
        )


def show_audit(drift: Drift, mapping: Path, telling: Telling) -> None:
    """What an audit has found."""
    page = "\n".join([f"# Audit of {mapping.stem}", "", *(f"- {line.strip()}" for line in drift.lines()), ""])
    key = f"consent-sync-audit-{''.join(c if c.isalnum() else '-' for c in mapping.stem.lower())}"
    telling(lambda: create_markdown_artifact(page, key=key, description=f"drift {drift.share:.2%}"))
    figures = ("match", "differ", "missing", "opted_out_since", "raised_since")
    rows = [{"contacts": figure.replace("_", " "), "number": getattr(drift, figure)} for figure in figures]
    telling(lambda: create_table_artifact(rows, key=f"{key}-contacts"))


def key_of(summary: Summary) -> str:
    """One key for each destination, so that Prefect shows its runs as one history. Lower case and dashes."""
    return f"consent-sync-{summary.destination.replace('_', '-')}"


def tables_of(summary: Summary) -> dict[str, list[dict[str, str | int]]]:
    """Name -> rows: outcomes, consent, reasons."""
    outcomes: list[dict[str, str | int]] = [{"outcome": name, "records": count} for name, count in _outcomes(summary)]
    steps: list[dict[str, str | int]] = [
        dict(zip(plan_tables.STEPS[:4], row[:4], strict=True)) for row in plan_tables.steps(summary)
    ]
    reasons: list[dict[str, str | int]] = [dict(zip(REASONS, row, strict=True)) for row in _reasons(summary)]
    return {"outcomes": outcomes, "consent": steps, "reasons": reasons}


def brief(result: Result, until: str) -> str:
    """The plan in plain sentences, for whoever must decide about it."""
    summary = result.summary
    lines = [f"Run {summary.run_id}, to {summary.destination}, plan {summary.plan_hash[:12]}."]
    planned = {o: getattr(summary.rows, o) for o in Outcome if getattr(summary.rows, o)}
    if summary.status is RunStatus.PLANNED:
        lines.append("If everything is accepted: " + ", ".join(f"{n:,} {o}" for o, n in planned.items()) + ".")
    for label, before, after, count, _ in plan_tables.steps(summary):
        lines.append(f"{label}: {before} to {after}, {count:,} contacts.")
    lines += [f"Over its limit: {guard.sentence} ({guard.name})." for guard in summary.guards if guard.tripped]
    lines.append(f"All of it is among the artifacts of this run. Without an answer until {until}, nothing is sent.")
    return "\n\n".join(lines)


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


REASONS = ("reason", "records", "parts withheld", "what to do")


def _sections(summary: Summary) -> Iterator[str]:
    yield from _table("Outcomes", ("outcome", "records"), _outcomes(summary))
    yield from _table("Consent", plan_tables.STEPS, plan_tables.steps(summary))
    yield from _table("Re-subscriptions", plan_tables.RESUBSCRIPTIONS, plan_tables.resubscriptions(summary))
    yield from _table("Reasons", REASONS, _reasons(summary))
    if said := list(summary.quarantine.lines()):
        yield from ("## Quarantine", "", *(f"- {line}" for line in said), "")
    yield from _table("Guards", plan_tables.GUARDS, plan_tables.guards(summary))
    if summary.open_opt_outs.open:
        yield from _table("Opt-out clock", ("", ""), _clock(summary.open_opt_outs))
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


def _clock(waiting: OpenOptOuts) -> Iterator[tuple[str, str]]:
    """How near the limit of the law the opt-outs are that the destination has not confirmed."""
    yield "not confirmed", f"{waiting.open:,}"
    yield "the oldest", f"{waiting.oldest_business_days or 0:,} business days"
    yield "limit", f"{waiting.limit_business_days} business days"
    if waiting.due_within_a_day:
        yield "DUE WITHIN A DAY", f"{waiting.due_within_a_day:,}"
    if waiting.overdue:
        yield "OVERDUE", f"{waiting.overdue:,}"


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
