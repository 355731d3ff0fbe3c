"""What `apply` compares before it sends: the export and the mapping that the plan was made from."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from pipeline.errors import RunFolderError
from tests.delivery.world import contacts_of, key_of, rows_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.delivery.commands import Commands
    from tests.delivery.world import World

pytest_plugins = ["tests.delivery.fixtures"]

CHANGED: dict[str, Callable[[Path, Path], Path]] = {
    "export": lambda _mapping, export: export,
    "mapping": lambda mapping, _export: mapping,
}


@pytest.mark.parametrize("approved", [False, True])
@pytest.mark.parametrize("what", CHANGED)
def test_a_plan_is_refused_when_what_it_was_made_from_has_changed(
    world: World, command: Commands, what: str, approved: bool
) -> None:
    """Another checksum of export or mapping: exit code 2, the message says which, and nothing is sent."""
    world.seed(contacts_of(3))
    mapping, export = world.mapping(), world.export(rows_of(3))
    plan = world.plan(mapping, export).summary
    touched = CHANGED[what](mapping, export)
    touched.write_bytes(touched.read_bytes() + b"\n")
    ended = command("apply", plan.run_id, *(("--approve", plan.plan_hash) if approved else ()))
    assert ended.code == 2
    assert f"the {what} {touched} has changed since run {plan.run_id} was planned" in ended.err
    with pytest.raises(RunFolderError, match=f"the {what} "):
        world.resume(plan.run_id)
    assert world.mutations() == []


@pytest.mark.parametrize("what", CHANGED)
def test_a_file_that_is_gone_stops_nobody_and_is_said(world: World, command: Commands, what: str) -> None:
    """Exports are rotated: the plan has its own copy of all that it needs."""
    world.seed(contacts_of(3))
    mapping, export = world.mapping(), world.export(rows_of(3))
    plan = world.plan(mapping, export).summary
    gone = CHANGED[what](mapping, export)
    gone.unlink()
    ended = command("apply", plan.run_id)
    assert (ended.code, len(world.applied())) == (0, 3)
    assert f"note: the {what} {gone} is no longer there" in ended.err


def stopping(stop: threading.Event) -> Callable[[str, int, int | None], None]:
    """Stops the run after its first batch."""

    def progress(stage: str, done: int, total: int | None) -> None:
        if stage == "deliver" and done >= 1:
            stop.set()

    return progress


def test_what_was_begun_is_finished_whatever_became_of_its_files(world: World) -> None:
    """`resume` looks at neither; `apply` does, and names the command that finishes it."""
    world.seed(contacts_of(20))
    mapping, export = world.mapping(batch_size=2), world.export(rows_of(20))
    stop = threading.Event()
    first = world.sync(mapping, export, stop=stop, progress=stopping(stop))
    assert first.summary.status == "interrupted"
    export.write_text("id\n")
    mapping.write_text("version: 2\n")
    with pytest.raises(RunFolderError, match=f"consent-sync resume {first.summary.run_id}"):
        world.apply(first.summary.run_id)
    assert world.resume(first.summary.run_id).exit_code == 0
    assert world.applied() == dict.fromkeys(map(key_of, range(1, 21)), 1)
