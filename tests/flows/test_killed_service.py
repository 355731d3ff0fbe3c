"""What is left when `python -m flows up` itself is killed, and who may hold its port."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from flows import neighbours
from pipeline.errors import StorageError
from pipeline.pulse import process_exists
from tests.flows.operations import operated, served_again, until
from tests.flows.test_operations import slow
from tests.flows.world import CONTACTS, opted_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.flows.operations import Operations

SLEEPS = "import time; time.sleep(600)"
linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are told apart by /proc")


@linux
def test_a_killed_service_leaves_no_server_and_the_next_one_hears_of_its_run(
    tmp_path: Path, prefect_database: Path, operations: Operations
) -> None:
    """Server and worker end with it, on the next one's port too; the run under way ends by itself, and nobody is told
    twice.
    """
    with operated(tmp_path, operations.sandbox, prefect_database) as killed:
        world = killed.world(tmp_path)
        world.seed(opted_in())
        run = slow(killed, world)
        pids = [killed.pid("server"), killed.pid("worker")]
        os.kill(killed.process.pid, signal.SIGKILL)
        killed.process.wait(60)
        until(lambda: not any(alive(pid) for pid in pids), "server and worker to end")
        with served_again(killed) as next_one:
            name, said = next_one.ended(run)
            assert (name, f"{CONTACTS} updated" in said) == ("Completed", True), said
    assert len(world.applied()) == CONTACTS
    assert set(world.applied().values()) == {1}


def test_a_run_whose_worker_is_killed_goes_on_to_its_end(operations: Operations, tmp_path: Path) -> None:
    """Nobody reads what it prints any more; it sends, records and reports all the same, and Prefect hears of it."""
    world = operations.world(tmp_path)
    world.seed(opted_in())
    run = slow(operations, world)
    worker = operations.pid("worker")
    os.kill(worker, signal.SIGKILL)
    name, said = operations.ended(run)
    assert (name, f"{CONTACTS} updated" in said) == ("Completed", True), said
    assert set(world.applied().values()) == {1}
    assert (operations.home / "runs" / said.partition(":")[0] / "report.html").is_file()
    until(lambda: operations.pid("worker") != worker, "another worker")


def alive(pid: int) -> bool:
    """Whether a process does anything: one that its new parent has not looked at yet does nothing."""
    return process_exists(pid) and bool(neighbours.command_of(pid))


@linux
def test_what_was_left_behind_is_ended_and_nobody_else(tmp_path: Path) -> None:
    """A process of that number which is another one by now is left alone."""
    left = subprocess.Popen([sys.executable, "-c", SLEEPS, "prefect", "server", "start"])  # noqa: S603 - our own
    other = subprocess.Popen([sys.executable, "-c", SLEEPS])  # noqa: S603 - our own
    try:
        book = tmp_path / neighbours.BOOK
        book.write_text(json.dumps({"server": left.pid, "worker": other.pid}))
        said: list[str] = []
        until(lambda: "prefect server start" in neighbours.command_of(left.pid), "the process to begin")
        neighbours.end_what_was_left(tmp_path, said.append)
        assert said == [f"ending the server that was left behind, process {left.pid}"]
        assert left.wait(60) == -signal.SIGTERM
        assert other.poll() is None
        book.write_text("[")
        neighbours.end_what_was_left(tmp_path, said.append)
    finally:
        other.kill()
        left.kill()
        other.wait()
        left.wait()


@linux
def test_who_holds_the_port_is_said_with_how_to_end_it(tmp_path: Path) -> None:
    """In one sentence; whether or not it speaks HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(StorageError, match=re.escape(f"`kill {os.getpid()}`")):
            neighbours.require_free(port)
    neighbours.require_free(port)


def test_two_services_do_not_share_a_home(operations: Operations) -> None:
    """The second one says who serves, and leaves it alone."""
    refused = operations.command("up", "--port", "1")
    assert refused.returncode == 1
    assert f"kill -INT {operations.process.pid}" in refused.stderr
    assert operations.process.poll() is None
