"""What a command shows on the terminal: progress, and what a run came to. Counts and masked samples, no addresses."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.figures import counted
from pipeline.model import Outcome, Reason, RunStatus
from pipeline.reporting import plan_tables
from pipeline.reporting.advice import ADVICE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pipeline.carried_out import Result
    from pipeline.context import Progress
    from pipeline.reporting.open_opt_outs import OpenOptOuts
    from pipeline.reporting.summary import Summary


WIDTH: Final = 140


@contextmanager
def progress() -> Iterator[Progress]:
    """A bar per stage on a terminal, else a plain line where a stage begins and ends; always on stderr."""
    if not sys.stderr.isatty():
        yield _PlainLines()
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def told(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield told


class _PlainLines:
    """Says in a log how far a stage is: at its first report, at each further tenth, and at its end."""

    def __init__(self) -> None:
        self._said: dict[str, int] = {}

    def __call__(self, stage: str, done: int, total: int | None, /) -> None:
        tenth = done * 10 // total if total else done // 1_000_000
        if self._said.get(stage) == tenth:
            return
        self._said[stage] = tenth
        of = f" of {total:,}" if total else ""
        print(f"{stage}: {done:,}{of}", file=sys.stderr, flush=True)  # noqa: T201 - the command line's output


def show(result: Result, *, to_stderr: bool) -> None:
    """What a run came to, and what to do next."""
    console = _console(to_stderr=to_stderr)
    summary = result.summary
    planned = summary.status is RunStatus.PLANNED
    console.print(f"[bold]{summary.run_id}[/bold]  {summary.destination}  [bold]{summary.status}[/bold]")
    console.print(_outcomes(summary, planned=planned))
    if summary.shown_transitions:
        console.print(_steps(summary))
    if summary.resubscriptions:
        console.print(_rows(plan_tables.RESUBSCRIPTIONS, plan_tables.resubscriptions(summary), right=("contacts",)))
    if summary.reasons or summary.withheld:
        console.print(_reasons(summary))
    _waiting(summary, console, planned=planned)
    sent = summary.requests
    modified = summary.modified_count
    if summary.requests_to_come is not None:
        console.print(_rows(plan_tables.GUARDS, plan_tables.guards(summary), right=("figure", "limit")))
        for line in plan_tables.to_come(summary.requests_to_come):
            console.print(line, markup=False, soft_wrap=True)
        console.print(f"plan hash {summary.plan_hash}")
    else:
        console.print(
            f"requests: {'; '.join([f'{sent.sent:,} sent, {sent.retried:,} of them retries', *sent.slowed()])}; "
            f"modified: {modified.reported:,} of {modified.expected:,} expected; "
            f"{'balanced' if summary.balanced else 'NOT BALANCED: report this with the run folder'}"
        )
    for line in _last_lines(summary):
        console.print(line, markup=False, soft_wrap=True)
    for note in result.notes:
        _console(to_stderr=True).print(f"note: {note}", markup=False, soft_wrap=True)
    if result.error is not None:
        _console(to_stderr=True).print(f"consent-sync: {result.error}", markup=False, soft_wrap=True)


def _last_lines(summary: Summary) -> Iterator[str]:
    if summary.canary is not None:
        yield f"canary: {summary.canary.said}"
    # What a finished run leaves to correct is in its report; a log needs the command only where something waits.
    waits = summary.status not in {RunStatus.COMPLETED, RunStatus.PARTIAL} or summary.rows.unknown
    yield from (f"next: {command}" for command in summary.next if waits)
    yield f"report: {summary.report}"


def _waiting(summary: Summary, console: Console, *, planned: bool) -> None:
    """What the destination has yet to be told: open opt-outs, and what is in quarantine."""
    if summary.open_opt_outs.open:
        console.print(opt_outs_said(summary.open_opt_outs, planned=planned), soft_wrap=True)
    for line in summary.quarantine.lines():
        console.print(line, markup=False, soft_wrap=True)


def opt_outs_said(waiting: OpenOptOuts, *, planned: bool) -> str:
    """The opt-out clock in one line; loud where the limit is near or past."""
    said = (
        f"opt-outs {'that the plan would leave open' if planned else 'not confirmed'}: {waiting.open:,}, the oldest "
        f"for {counted(waiting.oldest_business_days or 0, 'business day')} (limit {waiting.limit_business_days})"
    )
    if waiting.age_unknown:
        said += f", {waiting.age_unknown:,} without a time"
    if waiting.overdue:
        return f"[bold white on red] OVERDUE: {waiting.overdue:,} [/] [bold red]{said}[/]"
    if waiting.due_within_a_day:
        return f"[bold black on yellow] DUE WITHIN A DAY: {waiting.due_within_a_day:,} [/] [bold]{said}[/]"
    return said


def _outcomes(summary: Summary, *, planned: bool) -> Table:
    table = _table("outcome, if the destination accepts everything" if planned else "outcome")
    table.add_column("records", justify="right")
    for outcome in Outcome:
        if count := getattr(summary.rows, outcome):
            table.add_row(str(outcome), f"{count:,}")
    table.add_section()
    table.add_row("read", f"{summary.rows.read:,}")
    return table


def _console(*, to_stderr: bool) -> Console:
    """A file or a pipe gets lines of WIDTH, so that a log keeps whole words."""
    console = Console(stderr=to_stderr, highlight=False)
    return console if console.is_terminal else Console(stderr=to_stderr, highlight=False, width=WIDTH)


def _table(*columns: str) -> Table:
    """Names are never cut: a reason code or a run's id is there to be copied."""
    table = Table(box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=True, overflow="fold")
    return table


def _steps(summary: Summary) -> Table:
    """With examples, where somebody is to judge a plan by them."""
    shown = None if summary.requests_to_come is not None else -1
    rows = ((*ends, f"{count:,}", examples)[:shown] for *ends, count, examples in plan_tables.steps(summary))
    return _rows(plan_tables.STEPS[:shown], rows, right=("contacts",))


def _rows(columns: tuple[str, ...], rows: Iterable[Sequence[str]], *, right: tuple[str, ...]) -> Table:
    """A table whose last column takes what room there is."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        last = column == columns[-1]
        table.add_column(
            column,
            justify="right" if column in right else "left",
            no_wrap=not last,
            overflow="fold",
            ratio=1 if last else None,
        )
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    return table


def _reasons(summary: Summary) -> Table:
    table = _table("reason")
    table.add_column("records", justify="right")
    table.add_column("parts withheld", justify="right")
    table.add_column("what to do", ratio=1)
    for reason in dict.fromkeys((*summary.reasons, *summary.withheld)):
        records, parts = summary.reasons.get(reason, 0), summary.withheld.get(reason, 0)
        table.add_row(reason, f"{records:,}", f"{parts:,}", ADVICE[Reason(reason)][1])
    return table


def show_runs(runs: list[dict[str, Any]]) -> None:
    """The list of runs."""
    table = _table("run", "destination", "mapping", "status")
    table.add_column("records", justify="right")
    table.add_column("planned", no_wrap=True)
    table.add_column("finished", no_wrap=True)
    for run in runs:
        finished = f"{run['finished_at']:%Y-%m-%d %H:%M}" if run["finished_at"] else ""
        table.add_row(
            run["run_id"],
            run["destination"],
            run["mapping"],
            run["status"],
            f"{run['read']:,}",
            f"{run['planned_at']:%Y-%m-%d %H:%M}",
            finished,
        )
    _console(to_stderr=False).print(table)
