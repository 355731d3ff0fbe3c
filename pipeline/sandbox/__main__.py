"""`python -m pipeline.sandbox`: serve the emulated vendors on 127.0.0.1."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.sandbox.documents import read_document, read_object
from pipeline.sandbox.server import DEFAULT_PORT, Options, serve
from pipeline.sandbox.vendor import SandboxError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import JsonValue


def main(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free port.")] = DEFAULT_PORT,
    data: Annotated[list[Path] | None, typer.Option(help="Seeds by vendor (JSON or YAML); may be repeated.")] = None,
    database: Annotated[Path | None, typer.Option(help="Keep the data in this file.")] = None,
    faults: Annotated[Path | None, typer.Option(help="Fault rules (JSON or YAML).")] = None,
    settings: Annotated[Path | None, typer.Option(help="Assumption switches by vendor (JSON or YAML).")] = None,
) -> None:
    """Serve the emulated vendors until interrupted."""
    try:
        options = Options(
            port=port,
            data=_seeds(data or ()),
            settings=read_object(settings) if settings else {},
            faults=read_document(faults) if faults else None,
            database=database,
        )
        serve(options, typer.echo)
    except SandboxError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error


def _seeds(files: Iterable[Path]) -> dict[str, JsonValue]:
    """What the files hold for each vendor. Raises SandboxError where two of them are for one."""
    seeds: dict[str, JsonValue] = {}
    for file in files:
        found = read_object(file)
        if twice := seeds.keys() & found.keys():
            raise SandboxError(f"{file}: another file has the data for {', '.join(sorted(twice))} already")
        seeds |= found
    return seeds


if __name__ == "__main__":
    typer.run(main)
