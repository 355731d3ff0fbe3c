"""Prefect's server, a work pool and one worker on this machine, for as long as this process runs.

The processes are children of this one, in sessions of their own: Ctrl-C reaches this process alone, which lets the runs
that are under way come to their end first. It ends its own children and nothing else. Should it be killed, the kernel
ends them, and what is left all the same is ended by the next service.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx

from flows import neighbours
from pipeline.errors import StorageError
from pipeline.run_folder import FOLDER_MODE, storing

if TYPE_CHECKING:
    from collections.abc import Callable

PROJECT: Final = Path(__file__).parent.parent
POOL: Final = "consents"
START_SECONDS: Final = 180.0
END_SECONDS: Final = 20.0
LOOK_SECONDS: Final = 1.0
REAP_SECONDS: Final = 60.0
ORPHANED: Final = {"server": signal.SIGTERM, "worker": signal.SIGKILL}
"""What ends a child whose parent was killed. A worker that is asked to end takes its runs along; one that is killed
leaves them to come to their end.
"""
DRAIN: Final = "drain"
FOLDER: Final = "prefect-server"


def environment(home: Path, url: str) -> dict[str, str]:
    """What Prefect's processes are given beside the environment: files under home, loopback alone, no telemetry."""
    return {
        "CONSENT_SYNC_HOME": str(home),
        "CONSENT_SYNC_PROJECT": str(PROJECT),
        "PREFECT_HOME": str(home / FOLDER),
        "PREFECT_API_URL": url,
        "PREFECT_UI_API_URL": url,
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        "PREFECT_WORKER_WEBSERVER_HOST": "127.0.0.1",
        "PREFECT_WORKER_QUERY_SECONDS": os.environ.get("PREFECT_WORKER_QUERY_SECONDS", "2"),
        "PREFECT_CLI_PROMPT": "false",
        "PREFECT_LOGGING_LEVEL": "INFO",
    }


@dataclass(slots=True)
class Service:
    """A server, a work pool and a worker, which end with it."""

    home: Path
    port: int
    say: Callable[[str], None]
    asked: int = 0
    """How often somebody asked it to end."""
    woken: threading.Event = field(default_factory=threading.Event)
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    reaped: float = 0.0
    """When it last looked for runs whose process is gone, by the clock that never goes back."""

    @property
    def url(self) -> str:
        """Where the server's API is."""
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def folder(self) -> Path:
        """Prefect's files: its database, leases, logs."""
        return self.home / FOLDER

    def run(self) -> int:
        """Serves until it is asked to end; returns the exit code."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
        with neighbours.alone(self.folder):
            neighbours.end_what_was_left(self.folder, self.say)
            neighbours.require_free(self.port)
            self._drain_request.unlink(missing_ok=True)
            return self._serve()

    def _serve(self) -> int:
        try:
            self._start("server", "server", "start", "--host", "127.0.0.1", "--port", str(self.port))
            self._await_server()
            self._make_pool()
            self._reap()
            self._start("worker", "worker", "start", "--pool", POOL, "--type", "process", "--name", "consent-sync")
            self.say(f"ready: {self.url.removesuffix('/api')} (Ctrl-C ends it; `make drain` ends the worker alone)")
            return self._watch()
        finally:
            self._end("worker")
            self._end("server")

    def stop(self, _number: int, _frame: object) -> None:
        """Somebody asks it to end: once, runs that are under way are waited for; twice, they are cancelled first."""
        self.asked += 1
        self.woken.set()

    @property
    def _drain_request(self) -> Path:
        return self.folder / DRAIN

    def _start(self, name: str, *command: str) -> None:
        log = self.folder / f"{name}.log"
        tether = [sys.executable, "-m", "flows.tether", str(os.getpid()), str(int(ORPHANED[name]))]
        with storing(log), log.open("ab") as output:
            self.children[name] = subprocess.Popen(  # noqa: S603 - our own command
                [*tether, sys.executable, "-m", "prefect", *command],
                cwd=PROJECT,
                env=os.environ | environment(self.home, self.url),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        neighbours.note(self.folder, {name: child.pid for name, child in self.children.items()})
        self.say(f"{name}: process {self.children[name].pid}, log {log}")

    def _await_server(self) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and not self.asked:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/health", timeout=5).is_success:
                    return
            if self.children["server"].poll() is not None:
                break
            self.woken.wait(0.3)
        raise StorageError(f"Prefect's server does not start; look at {self.folder / 'server.log'}")

    def _make_pool(self) -> None:
        from flows import pool

        if pool.open_for_runs(POOL):
            deploy(self.home, self.url)

    def _reap_now_and_then(self) -> None:
        if time.monotonic() - self.reaped > REAP_SECONDS:
            self._reap()

    def _reap(self) -> None:
        self.reaped = time.monotonic()
        from flows import alerts, reaper
        from flows.reach import UNREACHED, Telling
        from pipeline.context import Context
        from pipeline.settings import Settings

        with suppress(*UNREACHED):
            for line in reaper.reap(self.home):
                self.say(line)
            alerts.of_schedules(Context(Settings.load(), self.home), Telling())

    def _watch(self) -> int:
        """Until somebody asks it to end, or a child ends by itself."""
        while not self.asked:
            self.woken.wait(LOOK_SECONDS)
            if self.children["server"].poll() is not None:
                self.say(f"the server has ended; look at {self.folder / 'server.log'}")
                return 1
            worker = self.children.get("worker")
            if worker is not None and worker.poll() is not None:
                self.say("the worker has ended; runs that it left are looked at, and it is started again")
                self._reap()
                self._start(
                    "worker", *("worker", "start", "--pool", POOL, "--type", "process"), "--name", "consent-sync"
                )
            if self._drain_request.exists():
                self._drain(lambda: bool(self.asked))
                self._drain_request.unlink(missing_ok=True)
                self.say("drained: the worker has ended, and no run is under way")
            self._reap_now_and_then()
        self._drain(lambda: self.asked > 2)
        return 0

    def _drain(self, hurried: Callable[[], bool]) -> None:
        from flows import pool
        from flows.reach import UNREACHED

        cancelled, told = False, tuple[str, ...]()
        with suppress(*UNREACHED):
            pool.pause(POOL)
            while (active := pool.active(POOL)) and not hurried():
                if (names := tuple(run.name for run in active)) != told:
                    self.say(f"waiting for {', '.join(names)}; Ctrl-C again cancels, after the batches in flight")
                    told = names
                if self.asked > 1 and not cancelled:
                    pool.cancel(active)
                    cancelled = True
                self.woken.clear()
                self.woken.wait(LOOK_SECONDS)
                self._reap_now_and_then()
        self._end("worker")

    def _end(self, name: str) -> None:
        """Ends a child of ours, and waits for it."""
        child = self.children.pop(name, None)
        if child is None:
            return
        child.terminate()
        try:
            child.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def deploy(home: Path, url: str) -> None:
    """Declares the deployments of prefect.yaml. Raises StorageError where Prefect does not take them."""
    made = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"],
        cwd=PROJECT,
        env=os.environ | environment(home, url),
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise StorageError(f"Prefect does not take prefect.yaml: {(made.stderr or made.stdout).strip()[-500:]}")
