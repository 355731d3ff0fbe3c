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

from pydantic import ValidationError

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

    from flows.request import SyncRequest
    from pipeline.carried_out import Result
    from pipeline.pulse import Beat

FLOW: Final = "sync-consent"
TO_BEGIN: Final = timedelta(minutes=2)
"""How long a process may take from when Prefect has it until it holds its lock."""

REMEMBERED: Final = timedelta(days=30)
"""How long a killed run can be tried again and goes on from where it was."""
GONE: Final = "its process "
"""How the message begins of a run that was given a state here."""
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def reap(home: Path, *, now: datetime | None = None) -> list[str]:
    """Ends the runs of this machine that are dead, and tells operators of them; returns a line for each."""
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
        killed = [beat for beat in stopped.values() if not beat.ended]
        said += [_end(client, found, stopped[str(found.id)], home) for found in _crashed(client, killed)]
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


def _crashed(client: SyncPrefectClient, killed: Iterable[Beat]) -> Iterable[FlowRun]:
    """Runs that a worker saw die: it says that they are Crashed, and not how far they came."""
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    attempts = {UUID(beat.name): beat.attempt for beat in killed}
    if not attempts:
        return ()
    chosen = FlowRunFilter(id=FlowRunFilterId(any_=list(attempts)))
    return [
        found
        for found in client.read_flow_runs(flow_run_filter=chosen)
        if found.state is not None
        and found.state.is_crashed()
        and found.run_count <= attempts[found.id]
        and not (found.state.message or "").startswith(GONE)
    ]


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
    from flows import alerts
    from flows.reach import Telling

    context, request = Context(Settings.load(), home), _request_of(found)
    came_to, said = _ledger_of(beat, context)
    if came_to is not None:
        state = _heard_of(came_to, request)
        alerts.of_ending(request, came_to, context, Telling())
    else:
        state = _dead(found)(message=said)
        if state.is_crashed():
            alerts.of_crash(request, said, context, Telling())
    client.set_flow_run_state(UUID(str(found.id)), state, force=True)
    return f"{found.name}: {state.name}: {state.message}"


def _request_of(found: FlowRun) -> SyncRequest:
    """What was asked for; of a run that was refused for it, whatever can be said."""
    from flows.request import Mode, SyncRequest

    try:
        return SyncRequest.model_validate(found.parameters["request"])
    except (KeyError, ValidationError):
        return SyncRequest.model_construct(mode=Mode.SYNC, mapping=f"{found.name}.yaml")


def _ledger_of(beat: Beat | None, context: Context) -> tuple[Result | None, str]:
    """How a run ended by its ledger, where only Prefect did not hear of it; else how far it came."""
    from flows.ending import counts

    if beat is None:
        return None, f"{GONE}ended before it began; nothing was sent; start it again"
    gone = f"{GONE}{beat.pid} on {beat.host} is gone"
    if beat.run_id is None:
        more = "how it ended is in the log of the worker" if beat.ended else "nothing was sent; start it again"
        return None, f"{gone}, and Prefect was not told how it ended; {more}"
    try:
        result = run.report(beat.run_id, context)
    except ConsentSyncError as error:
        return None, f"{gone}; of run {beat.run_id}: {error}"
    summary = result.summary
    if summary.status in {RunStatus.COMPLETED, RunStatus.PARTIAL, RunStatus.STOPPED}:
        return result, ""
    return None, (
        f"{gone}; by the ledger, {counts(summary)}; a retry of this run goes on, or mode resume of run {summary.run_id}"
    )


def _heard_of(result: Result, request: SyncRequest) -> State[Any]:
    from flows.ending import state_of

    told = state_of(result, request.failure)
    said = f"{told.message}. By the ledger: Prefect was away at the end"
    return told.model_copy(update={"message": said, "data": None})


def _dead(found: FlowRun) -> Callable[..., State[Any]]:
    from prefect.states import Cancelled, Crashed

    return Cancelled if found.state is not None and found.state.is_cancelling() else Crashed
