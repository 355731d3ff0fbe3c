"""Arguments and options that several commands share, and what a command is run with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.carried_out import Result
    from pipeline.context import Context

MappingArgument = Annotated[Path, typer.Argument(metavar="MAPPING", help="The mapping file.")]
RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="A run's id or folder; `latest` is the last one planned.")
]
ExportOption = Annotated[Path, typer.Option("--export", metavar="FILE", help="The export.")]
MaybeExportOption = Annotated[Path | None, typer.Option("--export", metavar="FILE", help="Compare with this export.")]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Plan an export again that was delivered and has not changed since.")
]
FullOption = Annotated[bool, typer.Option("--full", help="Send also what the state calls unchanged.")]
MemoryOption = Annotated[
    int | None,
    typer.Option(
        "--memory", metavar="MIB", min=512, help="Memory that a run may take [CONSENT_SYNC_MEMORY_MIB, 1024]."
    ),
]
CanaryOption = Annotated[
    int | None,
    typer.Option(
        "--canary", min=0, metavar="N", help="Send and read back the first N items; a difference stops the rest."
    ),
]
TimeLimitOption = Annotated[
    float | None,
    typer.Option(
        "--time-limit",
        min=0.001,
        metavar="MINUTES",
        help="Stop by itself, as after SIGTERM [CONSENT_SYNC_TIME_LIMIT_MINUTES].",
    ),
]
HomeOption = Annotated[
    Path | None,
    typer.Option("--home", metavar="DIR", help="Where runs and state live [CONSENT_SYNC_HOME, .consent-sync]."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, everything else on stderr.")]

AddressesOption = Annotated[
    bool, typer.Option("--show-addresses", help="Show identities and addresses as they are, in the report too.")
]


def print_json(document: Any) -> None:
    """One JSON document on stdout."""
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))


def context_of(home: Path | None, memory: int | None = None, **more: Any) -> Context:
    """Settings from the environment, and where runs and state live."""
    from pipeline.context import Context
    from pipeline.settings import Settings
    from pipeline.transport.sending import Patience

    settings = Settings.load()
    if memory is not None:
        settings = settings.model_copy(update={"consent_sync_memory_mib": memory})
    patience = Patience(attempts=settings.consent_sync_attempts)
    return Context(settings=settings, home=home or settings.consent_sync_home, patience=patience, **more)


def carry_out(
    command: Callable[[Context], Result],
    home: Path | None,
    *,
    as_json: bool,
    time_limit: float | None = None,
    show_addresses: bool = False,
    memory: int | None = None,
) -> NoReturn:
    """Runs a command of the chain with progress and signals, prints what it came to, and exits with its code."""
    from pipeline import console
    from pipeline.signals import stopping
    from pipeline.stopping import limited

    with console.progress() as progress, stopping() as stop:
        context = context_of(home, memory, progress=progress, stop=stop, show_addresses=show_addresses)
        with limited(stop, time_limit or context.settings.consent_sync_time_limit_minutes):
            result = command(context)
    if as_json:
        print_json(result.summary.document())
    console.show(result, to_stderr=as_json)
    raise typer.Exit(result.exit_code)
