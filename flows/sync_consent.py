# No `from __future__ import annotations`: `flow.serve` pickles the flow and then cannot resolve its parameter's type.
"""The flow `sync-consent`: `pipeline.run` with Prefect's parameters, tasks, states and artifacts."""

if __name__ == "__main__":
    from flows.local import main

    # Before Prefect is imported, which reads its settings then; main imports this module under its own name.
    main()

from pathlib import Path
from threading import Event
from typing import Any, assert_never

from prefect import flow, runtime
from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State

from flows import artifact
from flows.ending import state_of
from flows.progress import reported
from flows.request import Mode, SyncRequest
from flows.tasks import as_task, told
from pipeline import mapping_file, run
from pipeline.carried_out import Result
from pipeline.context import Context, Progress, Request
from pipeline.errors import ConsentSyncError, Interrupted
from pipeline.model import Extent
from pipeline.settings import Settings
from pipeline.signals import stopping
from pipeline.stopping import limited


def run_name() -> str:
    """Mode, export, mapping and destination, or mode and run."""
    given = runtime.flow_run.parameters["request"]
    request = given if isinstance(given, SyncRequest) else SyncRequest.model_validate(given)
    if not request.mapping:
        return request.name(None)
    try:
        return request.name(mapping_file.load(Path(request.mapping)).mapping.destination)
    except ConsentSyncError:
        return request.name(None)


# A run is never repeated by Prefect: `resume` reads back what was in flight before it sends anything again.
@flow(name="sync-consent", flow_run_name=run_name, persist_result=False, retries=0)
def sync_consent(request: SyncRequest) -> State[Any]:
    """Plans an export's consents and attributes, sends them, and accounts for every record."""
    # The handlers stand in for Prefect's, which would raise in the middle of a step: a stop is an event that the
    # sending threads see, the batches in flight are settled, and the run ends with the command that goes on.
    with stopping() as stop, reported() as progress:
        ending = _carry_out(request, stop, progress)
    if isinstance(ending, Result):
        create_markdown_artifact(artifact.markdown(ending), key=artifact.key_of(ending.summary))
    interrupted = isinstance(ending, Result) and isinstance(ending.error, Interrupted)
    return state_of(ending, request.failure, cancelling=interrupted and _is_cancelling())


def _carry_out(request: SyncRequest, stop: Event, progress: Progress) -> Result | ConsentSyncError:
    """What the run came to; it raises nothing, because Prefect keeps the text of what a flow raises."""
    try:
        settings = Settings.load()
        home = settings.consent_sync_home
        with limited(stop, settings.consent_sync_time_limit_minutes):
            context = Context(settings=settings, home=home, stop=stop, progress=progress, perform=as_task)
            return _command(request, context)
    except Exception as error:  # noqa: BLE001 - see above; `told` says its kind and place
        return told(error)


def _command(request: SyncRequest, context: Context) -> Result:
    asked = Request(Path(request.mapping), Path(request.export), request.full, request.force, request.canary)
    match request.mode:
        case Mode.PLAN:
            return run.plan(asked, context)
        case Mode.SYNC:
            return run.sync(asked, context)
        case Mode.APPLY:
            extent = Extent(request.only) if request.only else Extent.WHOLE
            approve = request.approve or None
            return run.apply(request.run, context, approve=approve, extent=extent, first=request.canary)
        case Mode.RESUME:
            return run.resume(request.run, context)
        case _:
            assert_never(request.mode)


def _is_cancelling() -> bool:
    """Whether somebody asked Prefect to cancel this run, so that Cancelled is the state it waits for."""
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(runtime.flow_run.id).state
    return state is not None and state.is_cancelling()
