"""`python -m flows.sync_consent`: the flow in this process, without a server unless PREFECT_API_URL names one."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, cast

import typer
from pydantic import ValidationError

from flows.request import Failure, Mode, SyncRequest
from pipeline.errors import ConsentSyncError
from pipeline.memory import spare_the_allocator
from pipeline.model import Extent
from pipeline.run_folder import restrict_new_files, storing
from pipeline.settings import Settings

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from contextlib import AbstractContextManager

    from prefect.client.schemas.objects import State

    from flows.ending import Ending


def main() -> NoReturn:
    """Runs the command and exits with its code."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(command)
    try:
        app()
    except ConsentSyncError as error:
        typer.echo(f"consent-sync: {error}", err=True)
        sys.exit(error.exit_code)
    sys.exit()


def command(  # noqa: PLR0913, PLR0917 - typer's way to declare options
    mapping: Annotated[str, typer.Option(metavar="FILE", help="The mapping file.")] = "",
    export: Annotated[str, typer.Option(metavar="FILE", help="The export.")] = "",
    mode: Annotated[Mode, typer.Option(help="How far the run goes.")] = Mode.PLAN,
    full: Annotated[bool, typer.Option("--full", help="Send also what the state calls unchanged.")] = False,
    run: Annotated[str, typer.Option(metavar="RUN", help="The run to apply or resume.")] = "",
    approve: Annotated[str, typer.Option(metavar="HASH", help="The hash of the plan to apply.")] = "",
    only: Annotated[Extent, typer.Option(help="opt-outs: send the opt-outs, and let the rest wait.")] = Extent.WHOLE,
    max_drift: Annotated[float, typer.Option(min=0, max=1, metavar="SHARE", help="Drift that verify allows.")] = 0.0,
    failure: Annotated[Failure, typer.Option(help="What counts as failure in Prefect.")] = Failure.REJECTED,
    home: Annotated[Path | None, typer.Option(metavar="DIR", help="Where runs and state live.")] = None,
) -> None:
    """Run the flow sync-consent in this process and exit as `consent-sync` does."""
    try:
        given = {"mode": mode, "mapping": mapping, "export": export, "full": full, "run": run, "approve": approve}
        request = SyncRequest.model_validate(given | {"only": only, "max_drift": max_drift, "failure": failure})
    except ValidationError as error:
        raise typer.BadParameter("; ".join(e["msg"].removeprefix("Value error, ") for e in error.errors())) from None
    if home is not None:
        os.environ["CONSENT_SYNC_HOME"] = str(home)
    performed = perform(request)
    code = show(performed)
    if not performed.heard:
        # Prefect's threads would keep the process for a minute, trying to tell a server that does not answer.
        sys.stdout.flush()
        os._exit(code)
    raise typer.Exit(code)


@dataclass(frozen=True, slots=True)
class Performed:
    """What a run in this process came to, and whether Prefect knows of it."""

    ending: Ending
    state: str
    """Prefect's word for it, which it has heard or would have."""
    heard: bool = True


def perform(request: SyncRequest) -> Performed:
    """Runs the flow, on a temporary API where the environment names none.

    A Prefect that does not answer, or not to the end, changes nothing about what is sent.
    """
    prepare(os.environ)
    with nullcontext() if os.environ.get("PREFECT_API_URL") else _temporary_api():
        from flows.kept import keeping
        from flows.reach import UNREACHED, api_answers

        if "PREFECT_API_URL" in os.environ and not api_answers():
            return _without_prefect(request)
        from flows.sync_consent import sync_consent

        with keeping() as kept:
            try:
                return _performed(sync_consent(request, return_state=True))
            except UNREACHED:
                if not kept:
                    raise
                return _performed(kept[-1], heard=False)


def _without_prefect(request: SyncRequest) -> Performed:
    from flows.carrying_out import carry_out
    from flows.ending import state_of
    from pipeline.context import Context
    from pipeline.signals import stopping

    ending: Ending
    with stopping() as stop:
        try:
            settings = Settings.load()
            ending = carry_out(request, Context.of(settings, stop=stop))
        except ConsentSyncError as error:
            ending = error
    return _performed(state_of(ending, request.failure), heard=False)


def _performed(state: State[Any], *, heard: bool = True) -> Performed:
    """Raises what Prefect itself could not do."""
    ending = state.result(raise_on_failure=False)
    if isinstance(ending, Exception) and not isinstance(ending, ConsentSyncError):
        raise ending
    return Performed(cast("Ending", ending), str(state.name), heard)


def show(performed: Performed) -> int:
    """Prints what a run came to, as `consent-sync` does, and its state in Prefect; returns the exit code."""
    from pipeline.reporting.drift_report import Drift

    ending = performed.ending
    if isinstance(ending, ConsentSyncError):
        typer.echo(f"consent-sync: {ending}", err=True)
    elif isinstance(ending, Drift):
        for line in ending.lines():
            typer.echo(line)
    else:
        from pipeline import console

        console.show(ending, to_stderr=False)
    if performed.heard:
        typer.echo(f"Prefect state: {performed.state}")
    else:
        typer.echo(f"Prefect does not answer, so it was not told: {performed.state}")
    return ending.exit_code


def _temporary_api() -> AbstractContextManager[str]:
    from flows.temporary_api import serving

    return serving()


def prepare(environment: MutableMapping[str, str]) -> None:
    """Settles what Prefect and polars read when they are imported: files stay under home, and nobody is called."""
    spare_the_allocator(environment)
    folder = Path(environment.setdefault("PREFECT_HOME", str(Settings.load().consent_sync_home.absolute() / "prefect")))
    with storing(folder):
        restrict_new_files()
        folder.mkdir(parents=True, exist_ok=True)
    quiet = {"PREFECT_LOGGING_LEVEL": "CRITICAL", "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
    for name, value in quiet.items():
        environment.setdefault(name, value)
