"""`python -m flows.demo`: the flow against the sandbox. Exits 0 when every record of the sample is accounted for."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Final

import typer

from flows.local import ending_of, perform, show
from flows.request import Mode, SyncRequest
from pipeline.run import Result
from pipeline.sandbox.documents import read_object
from pipeline.sandbox.server import Options, Sandbox
from pipeline.settings import Settings

DESTINATION: Final = "acoustic_connect"
PROJECT: Final = Path(__file__).parent.parent
MAPPING: Final = PROJECT / "mappings" / "acoustic_channels.yaml"
EXPORT: Final = PROJECT / "sample_data" / "contacts.csv"
AUDIENCE: Final = PROJECT / "sample_data" / "acoustic_connect.json"


def main() -> int:
    """Syncs the sample export to the sandbox and shows what became of its records; returns the exit code."""
    home = Settings.load().consent_sync_home
    demo = home / "demo"
    # The sandbox begins with its sample audience each time, so nothing may be remembered of the last demonstration.
    shutil.rmtree(demo, ignore_errors=True)
    request = SyncRequest(mode=Mode.SYNC, mapping=str(MAPPING), export=str(EXPORT))
    with Sandbox(Options(data=read_object(AUDIENCE))) as sandbox:
        typer.echo(f"sandbox at {sandbox.url} with the audience of {AUDIENCE.name}; flow {request.name(DESTINATION)}")
        # Beside the demonstration's own folder, Prefect's database is made once.
        os.environ |= {"PREFECT_HOME": str(home.absolute() / "prefect"), "CONSENT_SYNC_HOME": str(demo)}
        os.environ |= sandbox.environment
        os.environ.pop("PREFECT_API_URL", None)
        state = perform(request)
    code = show(state)
    ending = ending_of(state)
    accounted = isinstance(ending, Result) and ending.error is None and ending.summary.balanced
    if not accounted:
        return code or 1
    typer.echo("every record has an outcome; those that need somebody's attention are in rejects.csv beside the report")
    return 0


if __name__ == "__main__":
    sys.exit(main())
