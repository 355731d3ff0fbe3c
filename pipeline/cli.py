"""The command line: commands, messages and exit codes. Heavy packages are imported by the command that needs them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from pipeline import __version__
from pipeline.errors import ConsentSyncError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.context import Context
    from pipeline.run import Result

app = typer.Typer(
    name="consent-sync",
    help="Moves contact exports and their consents to marketing platforms, with an outcome for every record.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

MappingArgument = Annotated[Path, typer.Argument(metavar="MAPPING", help="The mapping file.")]
RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="A run's id or folder; `latest` is the last one planned.")
]
ExportOption = Annotated[Path, typer.Option("--export", metavar="FILE", help="The export.")]
FullOption = Annotated[bool, typer.Option("--full", help="Send also what the state calls unchanged.")]
HomeOption = Annotated[
    Path | None,
    typer.Option("--home", metavar="DIR", help="Where runs and state live [CONSENT_SYNC_HOME, .consent-sync]."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, everything else on stderr.")]


def main() -> NoReturn:
    """Runs the command line and exits with its code."""
    try:
        code = app(standalone_mode=False)
    except ConsentSyncError as error:
        code = _complain(error)
    except typer.Abort:
        code = 5
    except Exception as error:
        if not hasattr(error, "format_message"):  # not click's
            raise
        if "--json" in sys.argv:
            _print_json({"error": error.format_message(), "kind": "UsageError", "exit_code": 2})
        error.show()  # type: ignore[attr-defined]
        code = 2
    sys.exit(code if isinstance(code, int) else 0)


def _complain(error: ConsentSyncError) -> int:
    if "--json" in sys.argv:
        _print_json({"error": str(error), "kind": type(error).__name__, "exit_code": error.exit_code})
    typer.echo(f"consent-sync: {error}", err=True)
    return error.exit_code


def _print_json(document: dict[str, Any]) -> None:
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))


def _version(value: bool) -> None:
    if value:
        typer.echo(f"consent-sync {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    pass


@app.command()
def check(
    mapping: MappingArgument,
    export: Annotated[Path | None, typer.Option("--export", metavar="FILE", help="Compare with this export.")] = None,
    online: Annotated[bool, typer.Option("--online", help="Compare with the destination's audience too.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a mapping: alone, against an export's header and values, and (--online) against the audience."""
    from pipeline import checking

    found = checking.check(mapping, export, online=_context(home) if online else None)
    if as_json:
        _print_json(found.document())
    for line in found.lines():
        typer.echo(line, err=as_json)
    raise typer.Exit(found.exit_code)


@app.command()
def plan(
    mapping: MappingArgument,
    export: ExportOption,
    full: FullOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Plan everything but the writing: run folder, transitions, guards, requests to come, plan hash."""
    from pipeline import run
    from pipeline.context import Request

    _carry_out(lambda context: run.plan(Request(mapping, export, full), context), home, as_json=as_json)


@app.command()
def apply(
    run_id: RunArgument,
    approve: Annotated[str | None, typer.Option("--approve", metavar="HASH", help="The hash of the plan.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Carry out exactly the plan of a run; refuses if its files changed or HASH is another's."""
    from pipeline import run

    _carry_out(lambda context: run.apply(run_id, context, approve=approve), home, as_json=as_json)


@app.command()
def sync(
    mapping: MappingArgument,
    export: ExportOption,
    full: FullOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Plan, guards, apply, report: the nightly command."""
    from pipeline import run
    from pipeline.context import Request

    _carry_out(lambda context: run.sync(Request(mapping, export, full), context), home, as_json=as_json)


@app.command()
def resume(run_id: RunArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Go on after a crash or an outage; what was in flight is read back before anything is sent again."""
    from pipeline import run

    _carry_out(lambda context: run.resume(run_id, context), home, as_json=as_json)


@app.command()
def report(
    run_id: RunArgument,
    home: HomeOption = None,
    show_addresses: Annotated[
        bool, typer.Option("--show-addresses", help="Show identities and addresses in the report as they are.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write the report again from the run folder."""
    from pipeline import run

    def rewrite(context: Context) -> Result:
        return run.report(run_id, context)

    _carry_out(rewrite, home, as_json=as_json, show_addresses=show_addresses)


@app.command()
def explain(
    run_id: RunArgument,
    identity: Annotated[str, typer.Argument(metavar="IDENTITY", help="The contact's identity, as in the export.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one contact: its records, what was decided and why, what was sent, what came back."""
    from pipeline import explaining

    found = explaining.explain(run_id, identity, _context(home))
    if as_json:
        _print_json(found.document())
        return
    for line in found.lines():
        typer.echo(line)


@app.command()
def verify(
    mapping: MappingArgument, export: ExportOption, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Read the destination and compare it with an export: match, differ, missing. Sends no mutation."""
    from pipeline import verifying
    from pipeline.context import Request

    found = verifying.verify(Request(mapping, export), _context(home))
    if as_json:
        _print_json(found.document())
    for line in found.lines():
        typer.echo(line, err=as_json)
    raise typer.Exit(found.exit_code)


@app.command()
def runs(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the runs, the last first."""
    from pipeline import console, run

    found = run.runs(_context(home))
    if as_json:
        typer.echo(json.dumps(found, indent=2, default=str))
    else:
        console.show_runs(found)


@app.command()
def schema() -> None:
    """Print the JSON Schema of mapping files."""
    from pipeline.mapping_file import json_schema

    typer.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False)
def sandbox(context: typer.Context) -> None:
    """Serve the emulated destinations on 127.0.0.1 (--port, --data, --database, --faults, --settings)."""
    from pipeline.sandbox.__main__ import main as serve

    server = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    server.command()(serve)
    raise typer.Exit(server(args=context.args, standalone_mode=False, prog_name="consent-sync sandbox") or 0)


def _context(home: Path | None, **more: Any) -> Context:
    from pipeline.context import Context
    from pipeline.settings import Settings
    from pipeline.transport import Patience

    settings = Settings.load()
    patience = Patience(attempts=settings.consent_sync_attempts)
    return Context(settings=settings, home=home or settings.consent_sync_home, patience=patience, **more)


def _carry_out(
    command: Callable[[Context], Result], home: Path | None, *, as_json: bool, show_addresses: bool = False
) -> NoReturn:
    """Runs a command of the chain with progress and signals, prints what it came to, and exits with its code."""
    from pipeline import console
    from pipeline.signals import stopping

    with console.progress() as progress, stopping() as stop:
        result = command(_context(home, progress=progress, stop=stop, show_addresses=show_addresses))
    if as_json:
        _print_json(result.summary.document())
    console.show(result, to_stderr=as_json)
    raise typer.Exit(result.exit_code)
