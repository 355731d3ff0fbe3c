"""Commands about what was told: show it, prove it, and forget a person."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.commands.options import HomeOption, JsonOption, context_of, print_json

IdentityArgument = Annotated[str, typer.Argument(metavar="IDENTITY", help="The contact's identity, as in the export.")]


def evidence(
    identity: Annotated[
        str | None, typer.Argument(metavar="IDENTITY", help="The contact's identity, as in the export, or an address.")
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Prove that every chain of evidence is unbroken.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what was told of a contact to all destinations, oldest first; or (--verify) prove all evidence unbroken."""
    from pipeline.errors import UsageError
    from pipeline.evidence import proving, telling
    from pipeline.run_folder import restrict_new_files

    if (identity is None) is not verify:
        raise UsageError("name a contact, or ask for --verify: `consent-sync evidence IDENTITY` or `--verify`")
    restrict_new_files()
    context = context_of(home)
    found = proving.prove(context) if identity is None else telling.history(identity, context)
    if as_json:
        print_json(found.document())
    else:
        for line in found.lines():
            typer.echo(line)
    raise typer.Exit(found.exit_code if isinstance(found, proving.Proof) else 0)


def forget(identity: IdentityArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Take a contact out of everything the home keeps, and let it only be opted out from now on."""
    from pipeline.erasure import forgetting
    from pipeline.run_folder import restrict_new_files

    restrict_new_files()
    found = forgetting.forget(identity, context_of(home))
    if as_json:
        print_json(found.document())
        return
    for line in found.lines():
        typer.echo(line)
