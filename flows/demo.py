"""`python -m flows.demo [NAME ...] [--all]`: the flow against the sandbox, one destination after the other.

Exits 0 when every record of the samples is accounted for. Without a name it is Acoustic Connect's.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from flows.local import perform, show
from flows.request import Mode, SyncRequest
from pipeline.carried_out import Result
from pipeline.sandbox.documents import read_object
from pipeline.sandbox.server import Options, Sandbox
from pipeline.settings import Settings

PROJECT: Final = Path(__file__).parent.parent
SAMPLES: Final = PROJECT / "sample_data"


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A mapping, its export, and what the sandbox has at the start; runs and state live in `folder`, below home."""

    mapping: Path
    export: Path
    seed: Path
    folder: Path

    def run(self, destination: str, home: Path) -> int:
        """Syncs the export to a sandbox and shows what became of its records; returns the exit code."""
        folder = home / self.folder
        # The sandbox begins with its sample data each time, so nothing may be remembered of the last demonstration.
        shutil.rmtree(folder, ignore_errors=True)
        request = SyncRequest(mode=Mode.SYNC, mapping=str(self.mapping), export=str(self.export))
        with Sandbox(Options(data=read_object(self.seed))) as sandbox:
            typer.echo(
                f"sandbox at {sandbox.url} with the audience of {self.seed.name}; flow {request.name(destination)}"
            )
            # Beside the demonstrations' own folders, Prefect's database is made once.
            os.environ |= {"PREFECT_HOME": str(home.absolute() / "prefect"), "CONSENT_SYNC_HOME": str(folder)}
            os.environ |= sandbox.environment
            os.environ.pop("PREFECT_API_URL", None)
            performed = perform(request)
        code, ending = show(performed), performed.ending
        if not (isinstance(ending, Result) and ending.error is None and ending.summary.balanced):
            return code or 1
        typer.echo(
            "every record has an outcome; those that need somebody's attention are in rejects.csv beside the report"
        )
        return 0


DEMONSTRATIONS: Final = {
    "acoustic_connect": Demonstration(
        PROJECT / "mappings" / "acoustic_channels.yaml",
        SAMPLES / "contacts.csv",
        SAMPLES / "acoustic_connect.json",
        Path("demo"),
    ),
    "ivvy": Demonstration(
        PROJECT / "mappings" / "ivvy.yaml", SAMPLES / "ivvy_contacts.csv", SAMPLES / "ivvy.json", Path("demo", "ivvy")
    ),
    "wix": Demonstration(
        PROJECT / "mappings" / "wix.yaml", SAMPLES / "wix_subscribers.csv", SAMPLES / "wix.json", Path("demo", "wix")
    ),
}
"""By destination, in the order in which they are shown: the first one's folder holds the others', and is emptied."""


def main() -> None:
    """Runs the command and exits with its code."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(command)
    app()


def command(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help=f"{', '.join(DEMONSTRATIONS)}.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
) -> None:
    """Show the flow at work on sample data, against the sandbox. Without a name: Acoustic Connect."""
    wanted = names or ["acoustic_connect"]
    if unknown := [name for name in wanted if name not in DEMONSTRATIONS]:
        raise typer.BadParameter(f"no demonstration: {', '.join(unknown)}; allowed: {', '.join(DEMONSTRATIONS)}")
    home = Settings.load().consent_sync_home
    chosen = [name for name in DEMONSTRATIONS if everything or name in wanted]
    codes: list[int] = []
    for name in chosen:
        if codes:
            typer.echo()
        codes.append(DEMONSTRATIONS[name].run(name, home))
    raise typer.Exit(next((code for code in codes if code), 0))


if __name__ == "__main__":
    main()
