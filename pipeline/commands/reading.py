"""Commands that write to no destination and make no run."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from pipeline.commands.options import (
    HomeOption,
    JsonOption,
    MappingArgument,
    MaybeExportOption,
    RunArgument,
    TimeLimitOption,
    context_of,
    print_json,
)


def check(
    mapping: MappingArgument,
    export: MaybeExportOption = None,
    online: Annotated[bool, typer.Option("--online", help="Compare with the destination's audience too.")] = False,
    time_limit: TimeLimitOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a mapping: alone, against an export's header and values, and (--online) against the audience."""
    from pipeline import checking
    from pipeline.signals import stopping
    from pipeline.stopping import limited

    with stopping() as stop:
        context = context_of(home, stop=stop) if online else None
        with limited(stop, time_limit or (context.settings.consent_sync_time_limit_minutes if context else None)):
            found = checking.check(mapping, export, online=context)
    if as_json:
        print_json(found.document())
    for line in found.lines():
        typer.echo(line, err=as_json)
    raise typer.Exit(found.exit_code)


def explain(
    run_id: RunArgument,
    identity: Annotated[str, typer.Argument(metavar="IDENTITY", help="The contact's identity, as in the export.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one contact: its records, what was decided and why, what was sent, what came back."""
    from pipeline import explaining

    found = explaining.explain(run_id, identity, context_of(home))
    if as_json:
        print_json(found.document())
        return
    for line in found.lines():
        typer.echo(line)


def verify(
    mapping: MappingArgument,
    export: MaybeExportOption = None,
    destination_only: Annotated[
        bool, typer.Option("--destination-only", help="Count too who is at the destination and known to nobody here.")
    ] = False,
    max_drift: Annotated[
        float, typer.Option("--max-drift", min=0, max=1, metavar="SHARE", help="Exit with 0 up to this share.")
    ] = 0.0,
    time_limit: TimeLimitOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read the destination and compare it with an export, or with what it was told. Sends no mutation."""
    from pipeline import console, verifying
    from pipeline.signals import stopping
    from pipeline.stopping import limited

    audit = verifying.Audit(mapping, export, destination_only, max_drift)
    with console.progress() as progress, stopping() as stop:
        context = context_of(home, progress=progress, stop=stop)
        with limited(stop, time_limit or context.settings.consent_sync_time_limit_minutes):
            found = verifying.verify(audit, context)
    if as_json:
        print_json(found.document())
    for line in found.lines():
        typer.echo(line, err=as_json)
    raise typer.Exit(found.exit_code)


def runs(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the runs, the last first."""
    from pipeline import console, run

    found = run.runs(context_of(home))
    if as_json:
        typer.echo(json.dumps(found, indent=2, default=str))
    else:
        console.show_runs(found)


def quarantine(
    mapping: Annotated[str | None, typer.Argument(metavar="MAPPING", help="Of this mapping alone.")] = None,
    drop: Annotated[str | None, typer.Option("--drop", metavar="RUN", help="Try nothing of this run again.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the records that wait to be tried again, by mapping and reason; or (--drop) take a run's out of it."""
    from pathlib import Path

    from pipeline.quarantine import operating

    context = context_of(home)
    if drop is not None:
        found = operating.drop(drop, context, context.clock())
    else:
        found = operating.waiting(Path(mapping).stem if mapping else None, context)
    if as_json:
        print_json(found.document())
        return
    for line in found.lines():
        typer.echo(line)


def schema() -> None:
    """Print the JSON Schema of mapping files."""
    from pipeline.mapping_file import json_schema

    typer.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
