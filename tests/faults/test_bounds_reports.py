"""Runs of which a million records are wrong: their reports are whole, small and made in bounded memory."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Final

import pytest

from . import hostile
from .hostile import SLOWEST_SECONDS
from .processes import start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.delivery.world import World

    from .processes import Child

pytest_plugins = ["tests.delivery.fixtures"]

MILLION: Final = 1_000_000
MOST_MEGABYTES: Final = 2_000
LARGEST_PAGE: Final = 5 * hostile.MB


def planned(world: World, export: Path, **environment: str) -> Child:
    """`plan` of the export, in a process of its own."""
    mapping = world.path / "m.yaml"
    mapping.write_text(hostile.MAPPING, encoding="utf-8")
    child = start(
        world.path / "process", dict(world.sandbox.environment) | environment,
        "sync", str(mapping), "--export", str(export), "--home", str(world.home), "--json",
    )  # fmt: skip
    child.wait(SLOWEST_SECONDS)
    assert "Traceback" not in child.err, child.err[-2000:]
    return child


def rejects(folder: Path) -> Iterator[dict[str, str]]:
    with (folder / "rejects.csv").open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


@pytest.mark.parametrize(
    ("line", "reason"),
    [(b"C-1,x@example.com,Ann,Y,too,many,cells\n", "malformed_record"), (b",x@e.com,Ann,N\n", "identity_missing")],
)
def test_a_million_wrong_records_are_all_reported(world: World, line: bytes, reason: str) -> None:
    """Each is in rejects.csv, the page is small, and memory stays bounded."""
    export = world.path / "a.csv"
    export.write_bytes(hostile.HEADER + hostile.GOOD + line * MILLION)
    child = planned(world, export)
    assert child.process.exitcode == 4, child.err
    document = json.loads(child.out)
    assert document["rows"]["rejected"] == MILLION
    assert document["reasons"][reason] == MILLION
    [folder] = (world.home / "runs").iterdir()
    assert (folder / "report.html").stat().st_size < LARGEST_PAGE
    assert sum(row["_reason"] == reason for row in rejects(folder)) == MILLION
    assert child.peak_megabytes < MOST_MEGABYTES


def test_of_a_long_malformed_record_its_beginning_and_its_length_are_reported(world: World) -> None:
    """A message is short, whatever the record was; when many are long, each further one's is shorter still."""
    long = b"C-1," + b"word " * 100_000 + b"\n"
    export = world.path / "a.csv"
    export.write_bytes(hostile.HEADER + hostile.GOOD + long * 200)
    child = planned(world, export)
    assert child.process.exitcode == 4, child.err
    [folder] = (world.home / "runs").iterdir()
    messages = [row["_message"] for row in rejects(folder) if row["_reason"] == "malformed_record"]
    assert len(messages) == 200
    assert all(len(message) < 4_300 and message.endswith("… (500004 bytes)") for message in messages)
    assert (folder / "rejects.csv").stat().st_size < 2 * hostile.MB


def test_more_records_than_may_be_planned_at_once_are_refused(world: World) -> None:
    """Exit code 2 before anything is planned, with the setting that allows more."""
    export = world.path / "a.csv"
    export.write_bytes(hostile.HEADER + hostile.GOOD * 5_001)
    child = planned(world, export, CONSENT_SYNC_MAX_SHARD_RECORDS="5000")
    assert child.process.exitcode == 2
    assert "more than 5,000 of its records" in child.err
    assert "CONSENT_SYNC_MAX_SHARD_RECORDS" in child.err
    assert world.mutations() == []
