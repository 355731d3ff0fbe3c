"""`python -m flows up|deploy|drain|reap`: Prefect on this machine, its deployments, and runs whose process is gone."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from flows.local import prepare
from flows.service import DRAIN, FOLDER, LOOK_SECONDS, POOL, Service, deploy, environment
from pipeline.errors import ConsentSyncError
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

app: Final = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
PortOption = Annotated[int, typer.Option(help="Port on 127.0.0.1.", envvar="PREFECT_PORT")]


@app.command()
def up(port: PortOption = 4200) -> None:
    """Serve until Ctrl-C: server, work pool, deployments where there are none, worker."""
    home = _prepared(port)
    service = Service(home, port, _say)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, service.stop)
    raise typer.Exit(service.run())


@app.command(name="deploy")
def deploy_all(port: PortOption = 4200) -> None:
    """Declare the deployments of prefect.yaml, as they are there."""
    home = _prepared(port)
    deploy(home, os.environ["PREFECT_API_URL"])
    _say("deployed: " + ", ".join(_pool().deployments()))


@app.command()
def drain(port: PortOption = 4200) -> None:
    """Pause the work pool, wait for the runs that are under way, end the worker that `up` has started."""
    home = _prepared(port)
    _pool().pause(POOL)
    told: tuple[str, ...] = ()
    while active := _pool().active(POOL):
        if (names := tuple(run.name for run in active)) != told:
            _say(f"waiting for {', '.join(names)}")
            told = names
        time.sleep(LOOK_SECONDS)
    request = home / FOLDER / DRAIN
    if not request.parent.exists():
        _say("no run is under way; end the worker now")
        return
    request.touch()
    while request.exists():
        time.sleep(LOOK_SECONDS)
    _say("drained: no run is under way, and the worker has ended; `make prefect` starts it again")


def _prepared(port: int) -> Path:
    home = Settings.load().consent_sync_home.absolute()
    os.environ |= environment(home, f"http://127.0.0.1:{port}/api")
    prepare(os.environ)
    return home


def _pool() -> ModuleType:
    from flows import pool

    return pool


def _say(line: str) -> None:
    typer.echo(line)
    sys.stdout.flush()


@app.command()
def reap(port: PortOption = 4200) -> None:
    """Give a state to runs of this machine whose process is gone, by what the ledger says of them."""
    from flows import reaper

    for line in reaper.reap(_prepared(port)):
        _say(line)


@app.command(name="alerts")
def send_alerts(
    block_type: Annotated[str, typer.Argument(metavar="TYPE", help="webhook, slack-webhook, ms-teams-webhook, ...")],
    block: Annotated[str, typer.Argument(metavar="BLOCK", help="The name of the block.")],
    port: PortOption = 4200,
) -> None:
    """Have every alert sent through a block of Prefect's."""
    _prepared(port)
    from flows import alerts

    _say(alerts.send_on(block_type, block))


def main() -> None:
    """Runs the command and exits with its code."""
    try:
        app()
    except ConsentSyncError as error:
        typer.echo(f"consent-sync: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
