"""The command line: its commands in order, errors as messages, and exit codes.

Heavy packages are imported by the command that needs them.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated, NoReturn

import typer

from pipeline import __version__
from pipeline.commands import proof, reading, writing
from pipeline.commands.options import print_json
from pipeline.errors import ConsentSyncError
from pipeline.memory import spare_the_allocator

app = typer.Typer(
    name="consent-sync",
    help="Moves contact exports and their consents to marketing platforms, with an outcome for every record.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> NoReturn:
    """Runs the command line and exits with its code."""
    spare_the_allocator(os.environ)
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
            print_json({"error": error.format_message(), "kind": "UsageError", "exit_code": 2})
        error.show()  # type: ignore[attr-defined]
        code = 2
    sys.exit(code if isinstance(code, int) else 0)


def _complain(error: ConsentSyncError) -> int:
    if "--json" in sys.argv:
        print_json({"error": str(error), "kind": type(error).__name__, "exit_code": error.exit_code})
    typer.echo(f"consent-sync: {error}", err=True)
    return error.exit_code


def _version(value: bool) -> None:
    if value:
        typer.echo(f"consent-sync {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    pass


for _command in (
    reading.check,
    writing.plan,
    writing.apply,
    writing.sync,
    writing.resume,
    writing.revert,
    writing.report,
    reading.explain,
    reading.verify,
    proof.evidence,
    proof.forget,
    reading.quarantine,
    reading.runs,
    reading.schema,
):
    app.command()(_command)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False)
def sandbox(context: typer.Context) -> None:
    """Serve the emulated destinations on 127.0.0.1 (--port, --data, --database, --faults, --settings)."""
    from pipeline.sandbox.__main__ import main as serve

    server = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    server.command()(serve)
    raise typer.Exit(server(args=context.args, standalone_mode=False, prog_name="consent-sync sandbox") or 0)
