"""`python -m flows.sync_consent`: the flow in this process, without a server unless PREFECT_API_URL names one."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, cast

import typer
from pydantic import ValidationError

from flows.request import Failure, Mode, SyncRequest
from pipeline.errors import ConsentSyncError
from pipeline.run_folder import restrict_new_files, storing
from pipeline.settings import Settings

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from contextlib import AbstractContextManager

    from prefect.client.schemas.objects import State

    from pipeline.carried_out import Result


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
    only: Annotated[str, typer.Option(metavar="opt-outs", help="Send the opt-outs, and let the rest wait.")] = "",
    failure: Annotated[Failure, typer.Option(help="What counts as failure in Prefect.")] = Failure.REJECTED,
    home: Annotated[Path | None, typer.Option(metavar="DIR", help="Where runs and state live.")] = None,
) -> None:
    """Run the flow sync-consent in this process and exit as `consent-sync` does."""
    try:
        request = SyncRequest(
            mode=mode, mapping=mapping, export=export, full=full, run=run, approve=approve, only=only, failure=failure
        )
    except ValidationError as error:
        raise typer.BadParameter("; ".join(e["msg"].removeprefix("Value error, ") for e in error.errors())) from None
    if home is not None:
        os.environ["CONSENT_SYNC_HOME"] = str(home)
    raise typer.Exit(show(perform(request)))


def perform(request: SyncRequest) -> State[Any]:
    """Runs the flow, on a temporary API where the environment names none. Its state's data is what the run came to."""
    prepare(os.environ)
    with nullcontext() if os.environ.get("PREFECT_API_URL") else _temporary_api():
        from flows.sync_consent import sync_consent

        return sync_consent(request, return_state=True)


def show(state: State[Any]) -> int:
    """Prints what a run came to, as `consent-sync` does, and its state in Prefect; returns the exit code."""
    ending = ending_of(state)
    if isinstance(ending, ConsentSyncError):
        typer.echo(f"consent-sync: {ending}", err=True)
    else:
        from pipeline import console

        console.show(ending, to_stderr=False)
    typer.echo(f"Prefect state: {state.name}")
    return ending.exit_code


def ending_of(state: State[Any]) -> Result | ConsentSyncError:
    """What the run came to. Raises what Prefect itself could not do."""
    ending = state.result(raise_on_failure=False)
    if isinstance(ending, Exception) and not isinstance(ending, ConsentSyncError):
        raise ending
    return cast("Result | ConsentSyncError", ending)


def _temporary_api() -> AbstractContextManager[str]:
    from flows.temporary_api import serving

    return serving()


def prepare(environment: MutableMapping[str, str]) -> None:
    """Settles what Prefect reads when it is imported: its files stay under home, and it calls nobody."""
    folder = Path(environment.setdefault("PREFECT_HOME", str(Settings.load().consent_sync_home.absolute() / "prefect")))
    with storing(folder):
        restrict_new_files()
        folder.mkdir(parents=True, exist_ok=True)
    quiet = {"PREFECT_LOGGING_LEVEL": "CRITICAL", "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
    for name, value in quiet.items():
        environment.setdefault(name, value)
