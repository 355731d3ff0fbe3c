"""A disk that takes no more: a message with the next step, and nothing lost."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.delivery.world import contacts_of, row_of

from .processes import start

if TYPE_CHECKING:
    from tests.delivery.world import World

pytest_plugins = ["tests.delivery.fixtures"]

COUNT = 400


@pytest.mark.parametrize("largest", [500, 14_000, 30_000, 60_000, 130_000])
def test_a_full_disk_is_told_and_loses_nothing(world: World, largest: int) -> None:
    """Whatever file no longer fits, ledger, plan or report: exit code 1, no traceback; later all is completed."""
    world.seed(contacts_of(COUNT))
    # Values that do not compress, so that the plan's files reach the limit too.
    rows = [row_of(n, first_name=os.urandom(60).hex()) for n in range(1, COUNT + 1)]
    mapping, export = world.mapping(batch_size=20), world.export(rows)
    child = start(
        world.path / "process", world.sandbox.environment,
        "sync", str(mapping), "--export", str(export), "--home", str(world.home), "--json", largest=largest,
    )  # fmt: skip
    code = child.wait()
    assert "Traceback" not in child.err, child.err[-3000:]
    assert code == 1, (code, child.err)
    assert "consent-sync: " in child.err
    assert json.loads(child.out)
    found = sorted(path.parent.name for path in world.home.glob("runs/*/manifest.json"))
    if not found:
        assert world.mutations() == []
    result = world.resume(found[-1]) if found else world.sync(mapping, export)
    assert (result.exit_code, result.summary.rows.updated) == (0, COUNT)
    assert set(world.applied().values()) == {1}


def test_a_home_that_cannot_be_written_is_told(world: World) -> None:
    """A read-only home is exit code 1 with a hint at `--home`, and nothing is sent."""
    world.seed(contacts_of(1))
    home = Path("/sys/kernel/consent-sync-home")
    if os.geteuid() != 0:
        home = world.path / "closed" / "home"
        home.parent.mkdir(mode=0o500)
    child = start(
        world.path / "process", world.sandbox.environment,
        "sync", str(world.mapping()), "--export", str(world.export([row_of(1)])), "--home", str(home),
    )  # fmt: skip
    assert child.wait() == 1
    assert "--home" in child.err
    assert "Traceback" not in child.err
    assert world.sandbox.requests() == []
