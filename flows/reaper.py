"""Flow runs whose process is gone are given a state, by what the ledger says of them.

Prefect leaves a run Running for ever when its worker was killed. Its heartbeats cannot tell: by them a run that waits
for an approval, or one whose server was away, looks dead too. A lock that nobody holds does tell.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from pipeline import pulse, run
from pipeline.context import Context
from pipeline.errors import ConsentSyncError
from pipeline.model import RunStatus
from pipeline.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun, State

    from pipeline.pulse import Beat

FLOW: Final = "sync-consent"
TO_BEGIN: Final = timedelta(minutes=2)
"""How long a process may take from when Prefect has it until it holds its lock."""

REMEMBERED: Final = timedelta(days=30)
"""How long a killed run can be tried again and goes on from where it was."""
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def reap(home: Path, *, now: datetime | None = None) -> list[str]:
    """Ends the runs of this machine that are dead; returns a line for each."""
    from prefect.client.orchestration import get_client

    at = now or datetime.now(UTC)
    said = []
    with get_client(sync_client=True) as client:
        stopped = {beat.name: beat for beat in pulse.stopped(home)}
        for found in _open_runs(client):
            beat = stopped.get(str(found.id))
            if beat is not None and found.run_count <= beat.attempt and not _pending(found):
                said.append(_end(client, found, beat, home))
            elif (beat is not None or not pulse.known(home, str(found.id))) and _never_began(found, at):
                said.append(_end(client, found, None, home))
    pulse.clear(home, at - REMEMBERED)
    return said


def _open_runs(client: SyncPrefectClient) -> Iterable[FlowRun]:
    from prefect.client.schemas.filters import FlowFilter, FlowFilterName, FlowRunFilter, FlowRunFilterState
    from prefect.client.schemas.filters import FlowRunFilterStateType as StateTypes
    from prefect.client.schemas.objects import StateType

    types = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
    return client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=[FLOW])),
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=StateTypes(any_=types))),
    )


def _pending(found: FlowRun) -> bool:
    return found.state is not None and found.state.is_pending()


def _never_began(found: FlowRun, now: datetime) -> bool:
    """Whether its process ended before it held its lock: Prefect knows its number, and there is none of that number.

    It knows no machine: only a server that no other machine reaches has nothing but processes of this one.
    """
    pid = found.infrastructure_pid or ""
    ours = urlsplit(os.environ.get("PREFECT_API_URL", "")).hostname in LOOPBACK and pid.isdigit()
    old = found.state is not None and found.state.timestamp < now - TO_BEGIN
    return ours and old and not pulse.process_exists(int(pid))


def _end(client: SyncPrefectClient, found: FlowRun, beat: Beat | None, home: Path) -> str:
    state = _state(found, beat, home)
    client.set_flow_run_state(UUID(str(found.id)), state, force=True)
    return f"{found.name}: {state.name}: {state.message}"


def _state(found: FlowRun, beat: Beat | None, home: Path) -> State[Any]:
    """Crashed, or how the run ended by its ledger where only Prefect did not hear of it."""
    from prefect.states import Cancelled, Crashed

    from flows.ending import counts, state_of
    from flows.request import SyncRequest

    dead: Callable[..., State[Any]] = Cancelled if found.state is not None and found.state.is_cancelling() else Crashed
    if beat is None:
        return dead(message="its process ended before it began; nothing was sent; start it again")
    gone = f"its process {beat.pid} on {beat.host} is gone"
    if beat.run_id is None:
        more = "how it ended is in the log of the worker" if beat.ended else "nothing was sent; start it again"
        return dead(message=f"{gone}, and Prefect was not told how it ended; {more}")
    try:
        result = run.report(beat.run_id, Context(Settings.load(), home))
    except ConsentSyncError as error:
        return dead(message=f"{gone}; of run {beat.run_id}: {error}")
    summary = result.summary
    if summary.status in {RunStatus.COMPLETED, RunStatus.PARTIAL, RunStatus.STOPPED}:
        request = SyncRequest.model_validate(found.parameters["request"])
        told = state_of(result, request.failure)
        return told.model_copy(
            update={"message": f"{told.message}. By the ledger: Prefect was away at the end", "data": None}
        )
    return dead(
        message=f"{gone}; by the ledger, {counts(summary)}; a retry of this run goes on, or mode resume of run "
        f"{summary.run_id}"
    )
