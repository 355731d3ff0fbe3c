"""`python -m tests.benchmarks [--sizes N ...] [--rounds N] [--only CASE ...] [--out FILE]` measures, shows a table."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import peers, plot, results
from .cases import CASES, PACKAGE, Course, chosen
from .measuring import python, run, serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .cases import Case
    from .measuring import Server, Usage
    from .results import Figure


class ContestantFailed(RuntimeError):
    """A contestant did not do its task: there is no figure."""


@dataclass(frozen=True, slots=True)
class Exports:
    """Tonight's export and the next night's."""

    records: int
    tonight: Path
    next_night: Path


def main() -> None:
    """Measures the chosen cases one after the other, each in processes of its own on 127.0.0.1."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=main.__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=[1_000_000], help="records of the exports [1000000]")
    parser.add_argument("--rounds", type=int, default=1, help="the best of so many rounds counts [1]")
    parser.add_argument("--only", nargs="*", default=[], metavar="CASE", help=", ".join(case.name for case in CASES))
    parser.add_argument("--limit", type=float, default=1200, metavar="SECONDS", help="longest time of one case [1200]")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write JSON there, and beside it .md and .svg")
    given = parser.parse_args()
    try:
        cases = chosen(given.only)
    except ValueError as error:
        parser.error(str(error))
    figures: list[Figure] = []
    try:
        interpreter = peers.interpreter() if any(case.needs_peers for case in cases) else Path(sys.executable)
        for records in given.sizes:
            exports, some = _exports(records), [case for case in cases if records <= (case.most or records)]
            rounds = (_round(some, exports, interpreter, given.limit) for _ in range(given.rounds))
            figures += results.best(figure for one in rounds for figure in one)
    except ContestantFailed as failure:
        sys.exit(str(failure))
    table = results.markdown(figures)
    sys.stdout.write(table)
    if given.out is not None:
        document = results.document(figures, _about(given.sizes, given.rounds))
        given.out.parent.mkdir(exist_ok=True)
        given.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        given.out.with_suffix(".md").write_text(table, encoding="utf-8")
        given.out.with_suffix(".svg").write_text(plot.svg(figures), encoding="utf-8")


def _exports(records: int) -> Exports:
    """Makes what is not cached, in its own process: what this one holds would count as every contestant's memory."""
    paths = []
    for night in (0, 1):
        _say(f"export of night {night}")
        with tempfile.TemporaryDirectory() as work:
            output = Path(work) / "said"
            run(python(f"{PACKAGE}.exports", str(records), "--night", str(night)), output, limit_seconds=3600)
            if not (path := Path(output.read_text().strip())).is_file():
                raise ContestantFailed(output.with_suffix(".err").read_text())
        paths.append(path)
    return Exports(records, *paths)


def _round(cases: Sequence[Case], exports: Exports, interpreter: Path, limit_seconds: float) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="consent-sync-benchmark-") as work:
        for case in cases:
            _say(case.name)
            load = os.getloadavg()[0]
            held = ["--holds", str(Path(work) / "home")] if case.holds else []
            with serving(python(f"{PACKAGE}.sink", *held)) as sink:
                course = Course(exports.records, exports.tonight, exports.next_night, sink.url, Path(work), interpreter)
                output = Path(work) / f"{case.name}.json"
                settings = {"ACOUSTIC_CONNECT_URL": sink.url, "ACOUSTIC_CONNECT_API_KEY": "benchmark"}
                usage = run(case.command(course), output, limit_seconds, settings)
            figure = _figure(case, exports.records, usage, sink, load)
            _require_done(case, figure, usage, output)
            if case.says_seconds:
                figure = replace(figure, **json.loads(output.read_text("utf-8")))
            _say(f"{case.name}: {figure.seconds:.1f} s, of the processors {figure.cpu_seconds:.1f} s")
            yield figure


def _figure(case: Case, records: int, usage: Usage, sink: Server, load: float) -> Figure:
    assert sink.said is not None
    assert sink.usage is not None
    return results.Figure(
        case=case.name,
        task=case.task,
        contestant=case.contestant,
        records=records,
        seconds=usage.wall_seconds,
        cpu_seconds=usage.cpu_seconds,
        peak_bytes=usage.peak_bytes,
        rows_received=sink.said["rows"],
        requests_received=sink.said["mutations"],
        sink_cpu_seconds=sink.usage.cpu_seconds,
        load=load,
    )


def _require_done(case: Case, figure: Figure, usage: Usage, output: Path) -> None:
    """Raises ContestantFailed unless the contestant ended well and the sink has what it must have."""
    if usage.exit_code not in case.exit_codes:
        complaint = output.with_suffix(".err").read_text(encoding="utf-8", errors="replace")[-2000:]
        raise ContestantFailed(
            f"{case.name}: exit code {usage.exit_code} after {usage.wall_seconds:.0f} s\n{complaint}"
        )
    if case.sends != bool(figure.rows_received):
        raise ContestantFailed(f"{case.name}: the sink has received {figure.rows_received} rows")


def _about(sizes: list[int], rounds: int) -> dict[str, Any]:
    packages = ("polars", "pyarrow", "httpx", "phonenumbers", "deltalake", "sqlalchemy")
    return {
        "sizes": sizes,
        "rounds": rounds,
        "processors": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in packages},
    }


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
