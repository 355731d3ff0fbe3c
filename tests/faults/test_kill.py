"""A process that is killed loses nothing: after `resume` everything is as if it had not been killed."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from pipeline.errors import RunFolderError
from pipeline.evidence.proving import prove
from pipeline.sandbox.server import Options, Sandbox
from tests.delivery.world import World, contact_of, key_of, read_csv, row_of

from .processes import Child, start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

COUNT = 48


class Tripwire:
    """The sandbox's clock: the server reads it several times for each request; at one of them something happens."""

    def __init__(self) -> None:
        self.reads = 0
        self.at: int | None = None
        self.then: Callable[[], None] = lambda: None

    def __call__(self) -> float:
        self.reads += 1
        if self.reads == self.at:
            self.then()
        return time.time()

    def arm(self, at: int | None, then: Callable[[], None]) -> None:
        """`then` happens at the next reading number `at`."""
        self.reads, self.at, self.then = 0, at, then


@pytest.fixture(scope="module")
def wired() -> Iterator[tuple[Sandbox, Tripwire]]:
    """A sandbox with a tripwire."""
    tripwire = Tripwire()
    with Sandbox(Options(clock=tripwire)) as sandbox:
        yield sandbox, tripwire


def rows() -> list[dict[str, str]]:
    """New contacts, known ones, opt-outs, one unknown channel value, one without identity."""
    made = [row_of(n, email_opt_in="N" if n % 5 == 0 else "Y") for n in range(1, COUNT + 1)]
    made[7] = row_of(8, email_opt_in="perhaps")
    made[9] = row_of(10, contact_id="")
    return made


def prepare(world: World) -> tuple[Path, Path]:
    """Half of the contacts exist; creating one twice would show."""
    world.seed([contact_of(n) for n in range(1, COUNT, 2)], create_existing="duplicate")
    world.faults([{"fault": "poison_row", "key": key_of(11), "code": "X", "message": "no"}])
    return world.mapping(mode="upsert", batch_size=4, concurrency=2, settle=0.3), world.export(rows())


def settled(world: World, run_id: str) -> tuple[Any, list[dict[str, str]]]:
    """The destination's contacts and outcomes.csv without what may differ after a kill."""
    stored = dict(world.stored().items())
    outcomes = read_csv(world.folder(run_id) / "outcomes.csv")
    return stored, [{k: v for k, v in row.items() if k != "attempts"} for row in outcomes]


@pytest.fixture(scope="module")
def undisturbed(wired: tuple[Sandbox, Tripwire], tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, int]:
    """What a run without a kill ends with, and how often it made the server read its clock."""
    sandbox, tripwire = wired
    world = World(tmp_path_factory.mktemp("undisturbed"), sandbox)
    mapping, export = prepare(world)
    tripwire.arm(None, lambda: None)
    result = world.sync(mapping, export)
    assert (result.exit_code, result.summary.rows.unknown) == (3, 0)
    return (*settled(world, result.summary.run_id), tripwire.reads)


def launch(world: World, *arguments: str) -> Child:
    """A command of its own process in the world's home."""
    return start(world.path / "process", world.sandbox.environment, *arguments, "--home", str(world.home))


def last_run(world: World) -> str | None:
    """The run to resume, if its plan was sealed."""
    found = sorted(path.parent.name for path in world.home.glob("runs/*/manifest.json"))
    return found[-1] if found else None


def kill_at(tripwire: Tripwire, child: Child, at: int, delay: float) -> int:
    """Kills the process `delay` seconds after the server's reading number `at`; its exit code."""
    timer = threading.Timer(delay, os.kill, (child.pid, signal.SIGKILL))
    tripwire.arm(at, (lambda: os.kill(child.pid, signal.SIGKILL)) if delay == 0 else timer.start)
    code = child.wait()
    if timer.ident is not None:
        timer.join()
    tripwire.arm(None, lambda: None)
    return code


@pytest.mark.parametrize("seed", range(10))
def test_a_run_that_is_killed_twice_ends_like_an_undisturbed_one(
    tmp_path: Path, wired: tuple[Sandbox, Tripwire], undisturbed: tuple[Any, Any, int], seed: int
) -> None:
    """Killed at any request, or a moment after it, and killed again while it resumes: the same end, each row once."""
    sandbox, tripwire = wired
    stored, outcomes, reads = undisturbed
    chance = random.Random(seed)
    world = World(tmp_path, sandbox)
    mapping, export = prepare(world)
    sync = ("sync", str(mapping), "--export", str(export))
    for _ in range(2):
        delay = chance.choice([0.0, chance.uniform(0.001, 0.05)])
        run_id = last_run(world)
        child = launch(world, *(sync if run_id is None else ("resume", run_id)))
        code = kill_at(tripwire, child, chance.randint(1, reads if run_id is None else 8), delay)
        # A run that is killed after its last request may have ended before.
        assert code in ((-signal.SIGKILL,) if delay == 0 and run_id is None else (-signal.SIGKILL, 3)), child.err
    run_id = last_run(world)
    result = world.sync(mapping, export) if run_id is None else world.resume(run_id)
    assert (result.exit_code, result.summary.balanced) == (3, True)
    again = settled(world, result.summary.run_id)
    assert again[0] == stored
    assert again[1] == outcomes
    assert max(Counter(world.applied()).values()) == 1
    require_proved(world, result.summary.run_id)


def require_proved(world: World, run_id: str) -> None:
    """The evidence is unbroken, and has one row for each record that was confirmed, however often it was recorded."""
    [proved] = prove(world.context()).chains
    assert proved.breaks == ()
    rows = pl.read_delta(str(world.home / "evidence" / proved.chain)).filter(pl.col("run") == run_id)
    told = rows.filter(pl.col("outcome").is_in(["created", "updated"])).get_column("record").to_list()
    outcomes = read_csv(world.folder(run_id) / "outcomes.csv")
    assert sorted(told) == [int(row["record"]) for row in outcomes if row["outcome"] in ("created", "updated")]


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path, wired: tuple[Sandbox, Tripwire]) -> None:
    """A second process is told who holds the destination; when the holder is killed, the next one runs."""
    sandbox, tripwire = wired
    world = World(tmp_path, sandbox)
    mapping, export = prepare(world)
    sandbox.faults([{"fault": "latency", "seconds": 30, "operation": "updateContacts"}])
    child = launch(world, "sync", str(mapping), "--export", str(export))
    arrived = threading.Event()
    tripwire.arm(4, arrived.set)
    deadline = time.monotonic() + 30
    while last_run(world) is None and time.monotonic() < deadline:
        arrived.wait(0.01)
    run_id = last_run(world)
    assert run_id is not None
    other = start(
        tmp_path / "other",
        sandbox.environment,
        "sync",
        str(mapping),
        "--export",
        str(export),
        "--home",
        str(world.home),
    )
    assert other.wait() == 6
    assert run_id in other.err
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    sandbox.faults([])
    assert world.resume(run_id).summary.balanced


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("fault", [{"fault": "latency", "seconds": 0.2}, {"fault": "throttle", "retry_after": 20}])
def test_a_signal_settles_what_is_in_flight_and_sends_nothing_else(
    tmp_path: Path, wired: tuple[Sandbox, Tripwire], number: signal.Signals, fault: dict[str, Any]
) -> None:
    """SIGTERM and Ctrl-C end with exit code 5 and the command that goes on; `resume` completes the run."""
    sandbox, tripwire = wired
    world = World(tmp_path, sandbox)
    mapping, export = prepare(world)
    sandbox.faults([fault | {"operation": "updateContacts"}])
    child = launch(world, "sync", str(mapping), "--export", str(export))
    arrived = threading.Event()
    tripwire.arm(None, lambda: None)
    deadline = time.monotonic() + 30
    while not world.mutations() and time.monotonic() < deadline:
        arrived.wait(0.01)
    before = len(world.mutations())
    os.kill(child.pid, number)
    assert child.wait() == 5, child.err
    run_id = last_run(world)
    assert run_id is not None
    assert f"consent-sync resume {run_id}" in child.err
    assert "Traceback" not in child.err
    # The batches in flight: at most one for each thread beside those answered before.
    assert len(world.mutations()) <= before + 2
    outcomes = read_csv(world.folder(run_id) / "outcomes.csv")
    applied = set(world.applied())
    assert {row["identity"] for row in outcomes if row["outcome"] in ("updated", "created")} == applied
    sandbox.faults([])
    result = world.resume(run_id)
    assert (result.summary.rows.unknown, result.summary.balanced) == (0, True)
    assert max(world.applied().values()) == 1


def test_a_killed_plan_leaves_no_run(tmp_path: Path, wired: tuple[Sandbox, Tripwire]) -> None:
    """A plan that was not sealed cannot be applied by mistake."""
    sandbox, tripwire = wired
    world = World(tmp_path, sandbox)
    mapping, export = prepare(world)
    child = launch(world, "plan", str(mapping), "--export", str(export))
    tripwire.arm(3, lambda: os.kill(child.pid, signal.SIGKILL))
    assert child.wait() == -signal.SIGKILL
    for path in world.home.glob("runs/*"):
        with pytest.raises(RunFolderError):
            world.resume(path.name)
    assert world.mutations() == []
