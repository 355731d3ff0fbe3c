# No `from __future__ import annotations`: `flow.serve` pickles the flow and then cannot resolve its parameter's type.
"""The flow `sync-consent`: `pipeline.run` with Prefect's parameters, tasks, states and artifacts."""

if __name__ == "__main__":
    from flows.local import main

    # Before Prefect is imported, which reads its settings then; main imports this module under its own name.
    main()

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from prefect import flow, runtime
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State

from flows import alerts, approval, artifact, secret_blocks
from flows.approval import Decision
from flows.carrying_out import Approver, carry_out
from flows.dask_hands import hands_of
from flows.ending import Ending, error_of, state_of
from flows.kept import keep
from flows.outlet import keep_talking
from flows.progress import Reporter, reported
from flows.reach import Telling
from flows.request import SyncRequest
from flows.tasks import as_task, told
from pipeline import mapping_file, pulse
from pipeline.carried_out import Result
from pipeline.context import Context
from pipeline.errors import ConsentSyncError, Interrupted
from pipeline.reporting.drift_report import Drift
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
    keep_talking()
    telling = Telling()
    with reported() as progress:
        ending = _ending(request, telling, progress)
        cancelling = isinstance(error_of(ending), Interrupted) and _is_cancelling(telling)
        state = state_of(ending, request.failure, cancelling=cancelling)
        telling(partial(progress.end, f"{state.name}. {state.message}", whole=state.is_completed()))
    if isinstance(ending, Result):
        artifact.show(ending, telling)
    elif isinstance(ending, Drift):
        artifact.show_audit(ending, Path(request.mapping), telling)
    return keep(state)


def _ending(request: SyncRequest, telling: Telling, progress: Reporter) -> Ending:
    """What the run came to; it raises nothing, because Prefect keeps the text of what a flow raises."""
    # The handlers stand in for Prefect's, which would raise in the middle of a step: a stop is an event that the
    # sending threads see, the batches in flight are settled, and the run ends with the command that goes on.
    try:
        settings = secret_blocks.settings()
        home, name = settings.consent_sync_home, str(runtime.flow_run.id)
        with (
            pulse.beating(home, name, runtime.flow_run.run_count) as alive,
            stopping() as stop,
            limited(stop, settings.consent_sync_time_limit_minutes),
        ):
            world = {"stop": stop, "progress": progress, "perform": progress.performing(as_task)}
            context = Context.of(settings, announce=alive.carries_out, hands=hands_of(settings), **world)
            asker = Asker(request, context, telling, progress) if runtime.deployment.id else None
            try:
                ending: Ending = carry_out(request, context, asker, alive.interrupted)
            except Exception as error:  # noqa: BLE001 - as below
                ending = told(error)
            alive.ended()
            alerts.of_ending(request, ending, context, telling)
            return ending
    except Exception as error:  # noqa: BLE001 - see above; `told` says its kind and place
        return told(error)


class Asker(Approver):
    """Asks the operators, by suspending the flow run. Only a deployment's run can be gone on with by a worker."""

    def __init__(self, request: SyncRequest, context: Context, telling: Telling, progress: Reporter) -> None:
        self._request, self._context, self._telling, self._progress = request, context, telling, progress
        self._hours = request.approval_hours

    def waiting(self) -> str | None:
        """The run whose plan somebody was asked about already."""
        return approval.waiting()

    def ask(self, result: Result) -> tuple[Decision, str]:
        """Shows the plan, and suspends."""
        artifact.show(result, self._telling)
        alerts.of_waiting(self._request, result, self._context, self._telling)
        self._telling(partial(self._progress.end, "the plan waits for an approval", whole=False))
        until = f"{datetime.now(UTC) + timedelta(hours=self._hours):%Y-%m-%d %H:%M} UTC"
        return approval.ask(result.summary.run_id, self._context, artifact.brief(result, until), self._hours)

    def decided(self, run_id: str) -> tuple[Decision, str]:
        """What the form came back with."""
        return approval.ask(run_id, self._context, "", self._hours)


def _is_cancelling(telling: Telling) -> bool:
    """Whether somebody asked Prefect to cancel this run, so that Cancelled is the state it waits for."""
    found: list[bool] = []

    def look() -> None:
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(runtime.flow_run.id).state
        found.append(state is not None and state.is_cancelling())

    telling(look)
    return found == [True]
