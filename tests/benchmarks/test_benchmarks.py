"""The parts of the benchmark that its figures rest on."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
import pytest

from . import cases, exports, floor, plain, plot, results
from .measuring import python, run, serving
from .results import Figure

if TYPE_CHECKING:
    from pathlib import Path

RECORDS = 3_000


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of night 0."""
    path = tmp_path_factory.mktemp("benchmarks") / "contacts.csv"
    exports.write_export(path, RECORDS)
    return path


def figure(contestant: str, seconds: float, cpu_seconds: float = 1.0) -> Figure:
    """A figure of the task `sync`."""
    return Figure(f"{contestant}-sync", "sync", contestant, 1000, seconds, cpu_seconds, 1, 1000, 10, 0.1, 0.5)


def test_the_same_arguments_give_the_same_export(export: Path, tmp_path: Path) -> None:
    """Figures of different days are of the same bytes."""
    again = tmp_path / "again.csv"
    exports.write_export(again, RECORDS)
    assert again.read_bytes() == export.read_bytes()


def test_three_percent_of_the_records_are_odd(export: Path) -> None:
    """Short records, unlisted values, duplicates and broken phones, about as many as announced."""
    lines = export.read_text(encoding="utf-8").splitlines()[1:]
    short = sum(line.replace('"Reed, Jr."', "Reed").count(",") == exports.SHORT_FIELDS - 1 for line in lines)
    unlisted = sum(",maybe," in line for line in lines)
    duplicates = len(lines) - len({line.split(",")[0] for line in lines})
    assert (len(lines), all(RECORDS * 0.002 < odd < RECORDS * 0.02 for odd in (short, unlisted, duplicates))) == (
        RECORDS,
        True,
    )


def test_half_a_percent_changes_in_a_night(export: Path, tmp_path: Path) -> None:
    """The next night's export differs in about five records of a thousand, each of which opts out."""
    later = tmp_path / "later.csv"
    exports.write_export(later, RECORDS, night=1)
    before, after = (path.read_text(encoding="utf-8").splitlines() for path in (export, later))
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    assert RECORDS * 0.002 < len(changed) < RECORDS * 0.01
    assert all(",N,2025-01-0" in line for line in changed)


def test_phone_numbers_differ(export: Path) -> None:
    """Each contact has a number of its own: a cache of numbers would have nothing to remember."""
    records = pl.read_csv(export, infer_schema=False, truncate_ragged_lines=True)
    whole = records.filter(pl.col("mobile").str.count_matches("[0-9]") >= 10).unique("contact_id")
    assert whole["mobile"].n_unique() == whole.height


@pytest.mark.parametrize("contestant", [floor, plain])
def test_contestants_deliver_what_they_say(contestant: object, export: Path, tmp_path: Path) -> None:
    """The sink has received the rows that the contestant counts, in requests of at most a hundred."""
    name = "floor" if contestant is floor else "plain"
    output = tmp_path / "said.json"
    with serving(python(f"{cases.PACKAGE}.sink")) as sink:
        usage = run(python(f"{cases.PACKAGE}.{name}", str(export), sink.url), output, limit_seconds=60)
    assert usage.exit_code == 0
    assert sink.said is not None
    assert f'{{"rows": {sink.said["rows"]}}}' == output.read_text().strip()
    assert sink.said["mutations"] == -(-sink.said["rows"] // floor.BATCH_SIZE)
    assert sink.said["rows"] > RECORDS * 0.95


def test_a_sink_that_holds_contacts_shows_what_was_sent(export: Path, tmp_path: Path) -> None:
    """An audit finds what was sent, but for opt-outs that were withheld with a broken number; without it, nobody."""
    home, said = tmp_path / "home", tmp_path / "said.json"
    found = {}
    for command, held in (("sync", []), ("verify", ["--holds", str(home)]), ("verify", [])):
        with serving(python(f"{cases.PACKAGE}.sink", *held)) as sink:
            settings = {"ACOUSTIC_CONNECT_URL": sink.url, "ACOUSTIC_CONNECT_API_KEY": "benchmark"}
            options = ("--export", str(export), "--home", str(home), "--json")
            usage = run(python("pipeline", command, str(cases.MAPPING), *options), said, 60, settings)
        assert usage.exit_code in cases.SETTLED, said.with_suffix(".err").read_text()
        found[command, bool(held)] = json.loads(said.read_text())
    sent = found["sync", False]["rows"]["updated"]
    whole, nobody = found["verify", True], found["verify", False]
    withheld = found["sync", False]["withheld"]["phone_not_e164"]
    assert (whole["missing"], set(whole["differences"])) == (0, {"SMS"})
    assert 0 < whole["differ"] < withheld
    assert nobody["missing"] == sent


def test_a_process_is_killed_at_its_limit(tmp_path: Path) -> None:
    """A contestant that hangs ends with a signal, and its figure is none."""
    usage = run(python("asyncio"), tmp_path / "said", limit_seconds=0.0)
    assert usage.exit_code < 0


def test_the_memory_of_processes_that_it_starts_counts(tmp_path: Path) -> None:
    """Two children of 60 MB each, which live until both are there and were looked at, are more than the largest."""
    child = "import sys; b = bytearray(60 << 20); print(flush=True); sys.stdin.read()"
    parent = (
        "import subprocess as s, sys, time\n"
        f"two = [s.Popen([sys.executable, '-c', {child!r}], stdin=s.PIPE, stdout=s.PIPE) for _ in range(2)]\n"
        "[one.stdout.readline() for one in two]\n"
        "time.sleep(2)\n"
        "[one.communicate() for one in two]\n"
    )
    usage = run([sys.executable, "-c", parent], tmp_path / "said", limit_seconds=60)
    assert (usage.exit_code, usage.peak_bytes > 120 << 20) == (0, True)


def test_addresses_are_distinct_and_national() -> None:
    """What is measured of normalising is the dearest case: no two alike, no country given."""
    phones, emails = exports.addresses(2_000)
    assert (phones.n_unique(), emails.n_unique()) == (2_000, 2_000)
    assert not phones.str.contains("+", literal=True).any()


def test_the_product_is_compared_with_the_floor() -> None:
    """Ratios are of the same task, by the clock and of the processors."""
    figures = [figure("floor", 2.0, 1.0), figure("product", 5.0, 4.0)]
    assert results.ratios(figures[1], results.FLOOR, figures) == (2.5, 4.0)
    assert results.ratios(figures[0], results.FLOOR, figures) == (None, None)


def test_the_best_round_counts() -> None:
    """Of several rounds of a case the fastest stands."""
    assert results.best([figure("floor", 3.0), figure("floor", 2.0)]) == [figure("floor", 2.0)]


def test_a_case_brings_those_it_needs() -> None:
    """A night that follows another needs that one first."""
    assert [case.name for case in cases.chosen(["product-nightly"])] == ["product-sync", "product-nightly"]


def test_an_unknown_case_is_refused() -> None:
    """A misspelt name must not measure everything."""
    with pytest.raises(ValueError, match="known: floor-plan"):
        cases.chosen(["flor-plan"])


def test_figures_of_other_sizes_are_not_compared() -> None:
    """A ratio is of the same task with the same number of records."""
    large = replace(figure("floor", 20.0), records=10_000)
    assert results.ratios(figure("product", 5.0), results.FLOOR, [large]) == (None, None)
    assert len(results.best([large, figure("floor", 2.0)])) == 2


def test_the_drawing_has_a_bar_for_every_figure() -> None:
    """Longest is the slowest of a task; the text says seconds and memory."""
    drawn = plot.svg([figure("floor", 2.0), figure("product", 5.0)])
    lengths = [float(length) for length in re.findall(r'<rect x="\d+" y="\d+" width="([\d.]+)"', drawn)]
    assert lengths == [plot.BAR * 2 / 5, plot.BAR]
    assert "sync, 1,000 records" in drawn
    assert "5.0 s, 0 MB" in drawn
