"""A half-uploaded export waits, and no plan is made of two files."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.context import Context
from pipeline.errors import ExportChanged, ExportError, Interrupted
from pipeline.planning import arrival
from pipeline.settings import Settings
from tests.delivery.world import contacts_of, row_of, rows_of

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from pathlib import Path

    from tests.delivery.world import World

pytest_plugins = ["tests.delivery.fixtures"]

NOW = datetime(2026, 6, 1, tzinfo=UTC)


class Watch:
    """Counts what is waited for, and does something each time."""

    def __init__(self, each: Callable[[int], object] = lambda _: None) -> None:
        self.each, self.pauses = each, 0

    def __call__(self, stop: threading.Event, seconds: float) -> bool:
        assert seconds > 0
        self.pauses += 1
        self.each(self.pauses)
        return stop.is_set()


def context(watch: Watch, folder: Path, **settings: Any) -> Context:
    """A context whose clock stands still."""
    given = {"consent_sync_quiet_seconds": 2, "consent_sync_arrival_seconds": 10} | settings
    return Context(Settings.model_validate(given), folder, clock=lambda: NOW, pause=watch)


def export_of(folder: Path, age_seconds: float) -> Path:
    """A file that was written so long ago."""
    path = folder / "x.csv"
    path.write_text("id\n1\n")
    at = NOW.timestamp() - age_seconds
    os.utime(path, (at, at))
    return path


def test_an_export_that_was_left_alone_is_read_at_once(tmp_path: Path) -> None:
    """So is any where nobody asks for quiet, one that is not there, and a folder, of which reading says more."""
    watch = Watch()
    arrival.awaited(export_of(tmp_path, 2), context(watch, tmp_path))
    arrival.awaited(export_of(tmp_path, 0), context(watch, tmp_path, consent_sync_quiet_seconds=0))
    arrival.awaited(tmp_path / "missing", context(watch, tmp_path))
    arrival.awaited(tmp_path, context(watch, tmp_path))
    assert watch.pauses == 0


@pytest.mark.parametrize("age", [0.5, -86_400], ids=["just written", "of the future"])
def test_an_export_that_does_not_change_while_it_is_watched_is_whole(tmp_path: Path, age: float) -> None:
    """Whatever its time says, it is watched for as long as it must be quiet."""
    watch = Watch()
    arrival.awaited(export_of(tmp_path, age), context(watch, tmp_path))
    assert watch.pauses == 4


def test_an_export_that_keeps_growing_is_an_error_in_the_end(tmp_path: Path) -> None:
    """It says so; while it waits it shows how long."""
    path = export_of(tmp_path, 0)

    def grow(_: int) -> None:
        with path.open("a") as file:
            file.write("2\n")
        at = NOW.timestamp()
        os.utime(path, (at, at))

    watch, said = Watch(grow), set()
    with pytest.raises(ExportError, match="still growing after 10 seconds") as raised:
        arrival.awaited(path, replace(context(watch, tmp_path), progress=lambda stage, *_: said.add(stage)))
    assert (raised.value.exit_code, watch.pauses) == (2, 20)
    assert said == {"waiting until the export is complete"}


def test_an_export_that_is_open_for_writing_is_waited_for(tmp_path: Path) -> None:
    """However long ago it was written last; when the writer closes it, it is read."""
    path = export_of(tmp_path, 60)
    with path.open("a") as writer:
        watch = Watch(lambda pauses: writer.close() if pauses == 3 else None)
        arrival.awaited(path, context(watch, tmp_path))
    assert watch.pauses == 3
    with path.open("a"), pytest.raises(ExportError, match="open for writing"):
        arrival.awaited(path, context(Watch(), tmp_path))


def test_waiting_can_be_stopped(tmp_path: Path) -> None:
    """As everything else."""
    given = context(Watch(), tmp_path)
    given.stop.set()
    with pytest.raises(Interrupted) as raised:
        arrival.awaited(export_of(tmp_path, 0), given)
    assert raised.value.exit_code == 5


def test_an_export_that_changes_while_it_is_read_is_read_again_from_the_start(world: World) -> None:
    """The plan is of the new file alone, and the first reading leaves nothing behind."""
    world.seed(contacts_of(3))
    export, later = world.export(rows_of(3)), world.export([row_of(1, first_name="Later")])

    def progress(stage: str, done: int, total: int | None) -> None:
        if stage == "read" and later.exists():
            later.replace(export)

    result = world.sync(world.mapping(), export, progress=progress)
    assert (result.summary.rows.read, result.exit_code) == (1, 0)
    assert [path.name for path in (world.home / "runs").iterdir()] == [result.summary.run_id]


def test_an_export_that_never_rests_is_never_planned(world: World) -> None:
    """After several readings it is an error; nothing was sent."""
    export = world.export(rows_of(3))

    def progress(stage: str, done: int, total: int | None) -> None:
        if stage == "read":
            with export.open("a") as file:
                file.write("C-0009,,,,,,,,\n")

    with pytest.raises(ExportChanged):
        world.sync(world.mapping(), export, progress=progress)
    assert list((world.home / "runs").iterdir()) == []
    assert world.mutations() == []
