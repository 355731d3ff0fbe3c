"""`python -m flows up` as a process of its own: a real Prefect server and worker, and its API over HTTP."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx

from pipeline.ledger.ledger import Ledger
from pipeline.quarantine.tables import QUARANTINE
from tests.delivery.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipeline.sandbox.server import Sandbox

PROJECT: Final = Path(__file__).parents[2]
OVER: Final = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})


@dataclass
class Operations:
    """A service that runs, and what a browser would ask its API."""

    process: subprocess.Popen[str]
    url: str
    home: Path
    path: Path
    sandbox: Sandbox
    said: list[str]
    environment: dict[str, str]

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`python -m flows WORDS`, beside the service."""
        command = [sys.executable, "-m", "flows", *words]
        return subprocess.run(  # noqa: S603 - our own command
            command, cwd=PROJECT, env=self.environment, capture_output=True, text=True, check=False, timeout=180
        )

    def world(self, path: Path) -> World:
        """A world at the destination that the worker knows, in the service's home, which has told nobody anything."""
        world = World(path, self.sandbox)
        world.home = self.home
        shutil.rmtree(self.home / "state", ignore_errors=True)
        with closing(Ledger.at(self.home, None)) as ledger, ledger.transaction() as connection:
            connection.execute(QUARANTINE.delete())
        return world

    def ask(self, method: str, path: str, document: Any = None) -> Any:
        """A request to Prefect's API. Raises httpx.HTTPStatusError where it refuses."""
        answer = httpx.request(method, f"{self.url}/api{path}", json=document, timeout=30)
        while (
            answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
        ):  # its database is locked: Prefect's clients try again
            answer = httpx.request(method, f"{self.url}/api{path}", json=document, timeout=30)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def start(self, deployment: str, **request: Any) -> str:
        """Starts a run of a deployment; returns its id."""
        found = self.deployment(deployment)
        body = {"parameters": {"request": request}, "state": {"type": "SCHEDULED"}}
        made: str = self.ask("POST", f"/deployments/{found['id']}/create_flow_run", body)["id"]
        return made

    def deployment(self, name: str) -> dict[str, Any]:
        """A deployment."""
        found: dict[str, Any] = self.ask("GET", f"/deployments/name/sync-consent/{name}")
        return found

    def run(self, run_id: str) -> dict[str, Any]:
        """A flow run."""
        found: dict[str, Any] = self.ask("GET", f"/flow_runs/{run_id}")
        return found

    def state(self, run_id: str) -> tuple[str, str]:
        """Name and message of a run's state."""
        state = self.run(run_id)["state"]
        return state["name"], state["message"] or ""

    def ended(self, run_id: str) -> tuple[str, str]:
        """The same when the run is over, or waits for somebody."""
        until(lambda: self.run(run_id)["state_type"] in OVER | {"PAUSED"}, f"run {run_id} to end")
        return self.state(run_id)

    def answer(self, run_id: str, **form: str) -> dict[str, Any]:
        """Fills in the form of a run that waits."""
        answered: dict[str, Any] = self.ask("POST", f"/flow_runs/{run_id}/resume", {"run_input": form})
        return answered

    def artifacts(self, run_id: str) -> dict[str, dict[str, Any]]:
        """Key -> artifact of a run, the last of each."""
        found = self.ask("POST", "/artifacts/filter", {"flow_runs": {"id": {"any_": [run_id]}}, "sort": "CREATED_DESC"})
        return {artifact["key"]: artifact for artifact in reversed(found)}

    def form(self, run_id: str) -> dict[str, Any]:
        """The form of a run that waits."""
        found: dict[str, Any] = self.ask("GET", f"/flow_runs/{run_id}/input/suspended-approval-schema")
        return found

    def pid(self, child: str) -> int:
        """The process of the server or of the worker that was started last."""
        line = next(line for line in reversed(self.said) if line.startswith(f"{child}: process "))
        return int(line.removeprefix(f"{child}: process ").partition(",")[0])


def until(true: Callable[[], Any], what: str, seconds: float = 120) -> Any:
    """What a condition came to when it holds."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, f"waited {seconds:.0f} s for {what}"
        threading.Event().wait(0.1)
    return found


@contextmanager
def operated(path: Path, sandbox: Sandbox, database: Path, **settings: str) -> Iterator[Operations]:
    """The service under a home of its own, on a free port, ended by Ctrl-C."""
    home = path / "home"
    (home / "prefect-server").mkdir(parents=True)
    shutil.copy(database, home / "prefect-server" / "prefect.db")
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment |= {"CONSENT_SYNC_HOME": str(home), "PREFECT_PORT": str(port), "PYTHONPATH": str(PROJECT)}
    environment |= {"PREFECT_WORKER_QUERY_SECONDS": "0.5", **sandbox.environment}
    environment |= {"PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "5"}
    environment |= {"CONSENT_SYNC_OVERDUE_MINUTES": "0.05", **settings}
    with _served(environment) as (process, said):
        yield Operations(process, f"http://127.0.0.1:{port}", home, path, sandbox, said, environment)


@contextmanager
def served_again(operations: Operations) -> Iterator[Operations]:
    """The service once more, after its process was killed: the same home, the same port."""
    with _served(operations.environment) as (process, said):
        yield replace(operations, process=process, said=said)


@contextmanager
def _served(environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "flows", "up"],
        cwd=PROJECT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    said: list[str] = []
    assert process.stdout is not None
    lines = threading.Thread(target=said.extend, args=(process.stdout,), daemon=True)
    lines.start()
    try:
        until(lambda: any(line.startswith("ready") for line in said) or process.poll() is not None, "the service", 180)
        assert process.poll() is None, "".join(said)
        yield process, said
    finally:
        for _ in range(3):  # once, it waits for runs; twice, it cancels them; three times, it waits for nobody
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(5)
        process.wait(60)
        lines.join(10)
        process.stdout.close()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
