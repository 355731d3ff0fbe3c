"""A process that is killed loses nothing: after `resume` everything is as if it had not been killed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from pipeline import run
from pipeline.context import Request
from pipeline.errors import RunFolderError
from pipeline.evidence.proving import prove
from pipeline.ledger import begun
from pipeline.ledger.ledger import opened
from pipeline.sandbox.server import Options, Sandbox
from tests.delivery.world import read_csv
from tests.destinations.conformance import row_of

from .destinations import WAYS, Trial
from .processes import Child, start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pipeline.carried_out import Result
    from tests.destinations.conformance import Stored

COUNT = 24
KILLS = 4
SEEDS = 4
"""With four ways of writing: 64 kills."""
SWITCHES: dict[str, dict[str, Any]] = {
    "acoustic_connect": {"create_existing": "duplicate"},
    "ivvy": {"duplicate_add": "duplicate"},
    "ivvy_batches": {"duplicate_add": "duplicate", "batch_queue_seconds": 0.02, "batch_seconds": 0.05},
    "wix": {},
}
ORDERLY = (-signal.SIGKILL, 3)
"""What a process ends with that is killed, or came to its end before."""


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

    def arm(self, at: int | None = None, then: Callable[[], None] = lambda: None) -> None:
        """`then` happens at the next reading number `at`."""
        self.reads, self.at, self.then = 0, at, then


@pytest.fixture(scope="module")
def wired() -> Iterator[tuple[Sandbox, Tripwire]]:
    """A sandbox with a tripwire."""
    tripwire = Tripwire()
    with Sandbox(Options(clock=tripwire)) as sandbox:
        yield sandbox, tripwire


@dataclass(frozen=True)
class End:
    """What a run came to, but for what a kill may change."""

    stored: dict[int, list[Stored]]
    outcomes: list[dict[str, str]]
    reads: int
    """How often it made the server read its clock."""


@dataclass
class Target(Trial):
    """A run that is killed."""

    name: str = ""
    expected: End = End({}, [], 0)
    more: tuple[str, ...] = ()
    """Options of `sync`."""
    dearness: int | None = None
    """Bytes that planning a byte of the export is taken to need: how often it is divided."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.count = COUNT
        self.prepare(frozenset(range(1, COUNT + 1, 2)), SWITCHES[self.name])
        self.poison = self.subject.poison(11)
        self.sandbox.faults([self.poison])
        self.yaml = self.quick_mapping(batch_size=4, concurrency=2)
        self.csv = self.export(self.rows())

    def rows(self) -> list[dict[str, str]]:
        """New contacts, known ones, opt-outs, one unknown consent value, one without identity and address."""
        rows = super().rows()
        rows[7], rows[8] = row_of(8, "perhaps", note=""), row_of(9) | {"id": "", "email": ""}
        return rows

    def launch(self, *arguments: str, when: str | None = None) -> Child:
        """A command in a process of its own in this home."""
        pattern = None if when is None else f"{self.home}/{when}"
        home = ("--home", str(self.home))
        return start(
            self.path / "process",
            self.sandbox.environment,
            *arguments,
            *home,
            killed_when=pattern,
            planned=self.dearness,
        )

    def begin(self, when: str | None = None) -> Child:
        """`sync`, or `resume` if there is a run."""
        run_id = self.last_run()
        sync = ("sync", str(self.yaml), "--export", str(self.csv), *self.more)
        return self.launch(*(sync if run_id is None else ("resume", run_id)), when=when)

    def last_run(self) -> str | None:
        """The run to resume, if its plan was sealed."""
        found = sorted(path.parent.name for path in self.home.glob("runs/*/manifest.json"))
        return found[-1] if found else None

    def finish(self) -> Result:
        """The whole run, or the rest of it, undisturbed."""
        run_id = self.last_run()
        context = self.context()
        return run.sync(Request(self.yaml, self.csv), context) if run_id is None else run.resume(run_id, context)

    def end(self, result: Result, reads: int = 0) -> End:
        """What it came to."""
        rows = read_csv(self.folder_of(result) / "outcomes.csv")
        return End(self.stored(), [{k: v for k, v in r.items() if k not in ("attempts", "link")} for r in rows], reads)

    def folder_of(self, result: Result) -> Path:
        """Its folder."""
        return self.home / "runs" / result.summary.run_id

    def require_true_so_far(self, run_id: str) -> None:
        """What is called done is as it is to be, and of what is not sent there is nothing."""
        stored = self.stored()
        for row in read_csv(self.home / "runs" / run_id / "outcomes.csv"):
            number = int(row["identity"][2:] or 0)
            if row["outcome"] in ("created", "updated"):
                assert stored[number] == self.expected.stored[number], row
            if row["reason"] == "not_sent":
                assert stored.get(number, []) == self.before(number), row

    def require_end(self, result: Result) -> None:
        """It ended like the undisturbed run: same outcomes, each contact once, whole evidence with a row for each."""
        assert (result.exit_code, result.summary.balanced) == (3, True)
        mine = self.end(result)
        assert mine.outcomes == self.expected.outcomes
        assert mine.stored == self.expected.stored
        if self.name != "ivvy_batches":
            applied = Counter(key for entry in self.writes() for key in entry.keys)
            assert max(applied.values()) == 1
        [proved] = prove(self.context()).chains
        assert proved.breaks == ()
        evidence = pl.read_delta(str(self.home / "evidence" / proved.chain))
        told = evidence.filter(pl.col("outcome").is_in(["created", "updated"])).get_column("record").to_list()
        rows = read_csv(self.folder_of(result) / "outcomes.csv")
        assert sorted(told) == [int(row["record"]) for row in rows if row["outcome"] in ("created", "updated")]


@pytest.fixture(scope="module")
def ends() -> dict[str, End]:
    """What runs without a kill end with, by destination, as far as anybody has asked."""
    return {}


@pytest.fixture
def target(
    request: pytest.FixtureRequest, wired: tuple[Sandbox, Tripwire], ends: dict[str, End], tmp_path: Path
) -> Target:
    """A run against the destination that the test is for, and what it comes to undisturbed."""
    name: str = request.param
    sandbox, tripwire = wired
    for folder in (tmp_path / "undisturbed", tmp_path / "killed"):
        folder.mkdir()
    if name not in ends:
        target = Target(tmp_path / "undisturbed", sandbox, WAYS[name].subject, name=name)
        tripwire.arm()
        result = target.finish()
        reads = tripwire.reads
        assert (result.exit_code, result.summary.rows.unknown) == (3, 0)
        ends[name] = target.end(result, reads)
    return Target(tmp_path / "killed", sandbox, WAYS[name].subject, name=name, expected=ends[name])


EACH = pytest.mark.parametrize("target", WAYS, indirect=True)


def kill_at(tripwire: Tripwire, child: Child, at: int, delay: float) -> int:
    """Kills the process `delay` seconds after the server's reading number `at`; its exit code."""
    timer = threading.Timer(delay, os.kill, (child.pid, signal.SIGKILL))
    tripwire.arm(at, (lambda: os.kill(child.pid, signal.SIGKILL)) if delay == 0 else timer.start)
    code = child.wait()
    if timer.ident is not None:
        timer.join()
    tripwire.arm()
    return code


@EACH
@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_run_that_is_killed_again_and_again_ends_like_an_undisturbed_one(
    target: Target, wired: tuple[Sandbox, Tripwire], seed: int
) -> None:
    """Killed at any request or a moment after it, and each time it is resumed: the same end, each row once."""
    chance = random.Random(seed)
    for _ in range(KILLS):
        at = chance.randint(1, target.expected.reads if target.last_run() is None else 12)
        code = kill_at(wired[1], target.begin(), at, chance.choice([0.0, chance.uniform(0.001, 0.05)]))
        assert code in ORDERLY
        if code != -signal.SIGKILL:
            # It had come to its end before; the next one is killed at its first request.
            assert kill_at(wired[1], target.begin(), 1, 0.0) == -signal.SIGKILL
    target.require_end(target.finish())


FILES = {
    "state": "state/**/*.parquet",
    "evidence": "evidence/**/*.parquet",
    "evidence's log": "evidence/**/_delta_log/*.json",
    "outcomes": "runs/*/outcomes.parquet",
    "rejects": "runs/*/rejects.csv",
    "report": "runs/*/report.html",
}


@pytest.mark.parametrize("target", ["acoustic_connect", "ivvy_batches", "wix"], indirect=True)
@pytest.mark.parametrize("when", FILES.values(), ids=FILES)
def test_a_run_that_is_killed_while_it_records_and_reports_ends_like_an_undisturbed_one(
    target: Target, when: str
) -> None:
    """Killed as soon as a file of the state, the evidence or the report appears, and again while it resumes."""
    for _ in range(2):
        child = target.begin(when)
        assert child.wait() in ORDERLY, child.err
    target.require_end(target.finish())


@EACH
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_settles_what_is_in_flight_and_sends_nothing_else(target: Target, number: signal.Signals) -> None:
    """SIGTERM and Ctrl-C end with exit code 5 and the command that goes on; `resume` completes the run."""
    # What is accepted is done, so that the log says who was written.
    target.sandbox.settings("ivvy", batch_queue_seconds=0, batch_seconds=0)
    slow: list[Any] = [{"fault": "latency", "seconds": 0.2, "operation": name} for name in target.subject.writes]
    target.sandbox.faults([target.poison, *slow])
    child = target.begin()
    wait_until(lambda: target.last_run() is not None and bool(target.writes()))
    before = len(target.writes())
    os.kill(child.pid, number)
    assert child.wait() == 5, child.err
    run_id = target.last_run()
    assert run_id is not None
    assert f"consent-sync resume {run_id}" in child.err
    assert "Traceback" not in child.err
    # Two threads finish their batches, of at most four requests each.
    assert len(target.writes()) <= before + 8
    target.require_true_so_far(run_id)
    target.sandbox.faults([target.poison])
    target.require_end(target.finish())


@pytest.mark.parametrize("target", ["acoustic_connect"], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_wait_of_a_throttled_run(target: Target, number: signal.Signals) -> None:
    """Nobody waits for the destination's next minute: exit code 5 at once, and `resume` goes on."""
    often: Any = {"fault": "throttle", "retry_after": 5, "operation": "updateContacts"}
    target.sandbox.faults([target.poison, often])
    child = target.begin()
    wait_until(lambda: any(entry.status == 429 for entry in target.sandbox.requests()))
    os.kill(child.pid, number)
    assert child.wait() == 5, child.err
    run_id = target.last_run()
    assert run_id is not None
    target.require_true_so_far(run_id)
    target.sandbox.faults([target.poison])
    target.require_end(target.finish())


@pytest.mark.parametrize("target", ["ivvy_batches"], indirect=True)
def test_a_batch_that_was_accepted_is_not_sent_again(target: Target, wired: tuple[Sandbox, Tripwire]) -> None:
    """Killed between submitting a batch and reading its result, while it still waits at the platform."""
    target.sandbox.settings("ivvy", batch_queue_seconds=0.6)
    child = target.begin()
    wait_until(lambda: names(target) != ())
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    accepted = names(target)
    target.sandbox.settings("ivvy", batch_queue_seconds=0)
    target.require_end(target.finish())
    assert names(target)[: len(accepted)] == accepted
    with opened(target.context()) as ledger:
        [of_batch] = {len(works) for works in begun.of(ledger, target.last_run() or "").values()}
    assert of_batch == 1


def names(target: Target) -> tuple[str, ...]:
    """The batches that the platform has accepted, by their names in the ledger."""
    run_id = target.last_run()
    if run_id is None:
        return ()
    with opened(target.context()) as ledger:
        return tuple(work for works in begun.of(ledger, run_id).values() for work in works)


@pytest.mark.parametrize("target", ["wix"], indirect=True)
def test_the_lock_of_a_killed_process_is_free(target: Target) -> None:
    """A second process is told who holds the destination; when the holder is killed, the next one runs."""
    stuck: list[Any] = [{"fault": "latency", "seconds": 30, "operation": name} for name in target.subject.writes]
    target.sandbox.faults([target.poison, *stuck])
    child = target.begin()
    wait_until(lambda: target.last_run() is not None)
    run_id = target.last_run()
    assert run_id is not None
    sync = ("sync", str(target.yaml), "--export", str(target.csv), "--home", str(target.home))
    other = start(target.path / "other", target.sandbox.environment, *sync)
    assert other.wait() == 6
    assert run_id in other.err
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    target.sandbox.faults([target.poison])
    assert target.finish().summary.balanced


@EACH
def test_a_killed_plan_leaves_no_run(target: Target, wired: tuple[Sandbox, Tripwire]) -> None:
    """A plan that was not sealed cannot be applied by mistake."""
    child = target.launch("plan", str(target.yaml), "--export", str(target.csv))
    assert kill_at(wired[1], child, 2, 0.0) == -signal.SIGKILL
    for path in target.home.glob("runs/*"):
        with pytest.raises(RunFolderError):
            run.resume(path.name, target.context())
    assert target.writes() == []


@EACH
def test_the_folder_of_a_killed_run_is_deleted(target: Target, wired: tuple[Sandbox, Tripwire]) -> None:
    """It cannot be resumed; the same export, run again, ends as planned, and nobody is there twice."""
    reads = target.expected.reads
    assert kill_at(wired[1], target.begin(), reads * 3 // 4, 0.0) == -signal.SIGKILL
    run_id = target.last_run()
    assert run_id is not None
    shutil.rmtree(target.home / "runs" / run_id)
    with pytest.raises(RunFolderError):
        run.resume(run_id, target.context())
    result = run.sync(Request(target.yaml, target.csv), target.context())
    assert result.summary.balanced
    assert target.stored() == target.expected.stored


def wait_until(happened: Callable[[], bool]) -> None:
    """Returns when it has happened. Fails after a while."""
    deadline, pause = time.monotonic() + 30, threading.Event()
    while not happened():
        assert time.monotonic() < deadline
        pause.wait(0.01)
