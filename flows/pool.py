"""The work pool: made, paused, opened, and what of it is under way."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import StateType
from prefect.exceptions import ObjectAlreadyExists
from prefect.states import Cancelling

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prefect.client.schemas.objects import FlowRun

UNDER_WAY = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]


def open_for_runs(name: str) -> bool:
    """Makes the pool, or opens it again; whether nothing is deployed yet."""
    with get_client(sync_client=True) as client:
        try:
            client.create_work_pool(WorkPoolCreate(name=name, type="process"))
        except ObjectAlreadyExists:
            client.update_work_pool(name, WorkPoolUpdate(is_paused=False))
        return not client.read_deployments(limit=1)


def pause(name: str) -> None:
    """Lets no further run begin."""
    with get_client(sync_client=True) as client:
        client.update_work_pool(name, WorkPoolUpdate(is_paused=True))


def active(name: str) -> list[FlowRun]:
    """Runs that hold a process, or are about to."""
    with get_client(sync_client=True) as client:
        return client.read_flow_runs(
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=UNDER_WAY))),
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[name])),
        )


def cancel(runs: Iterable[FlowRun]) -> None:
    """Asks runs to end; each settles its batches in flight first."""
    with get_client(sync_client=True) as client:
        for run in runs:
            client.set_flow_run_state(run.id, Cancelling(message="the service is ending"))


def due() -> dict[str, datetime | None]:
    """Deployment -> since when a scheduled run of it should have begun; None: none should."""
    now = datetime.now(UTC)
    chosen = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
        expected_start_time=FlowRunFilterExpectedStartTime.model_validate({"before_": now}),
    )
    with get_client(sync_client=True) as client:
        late: dict[object, datetime] = {}
        for run in client.read_flow_runs(flow_run_filter=chosen):
            if run.auto_scheduled and run.expected_start_time is not None:
                late[run.deployment_id] = min(run.expected_start_time, late.get(run.deployment_id, now))
        return {d.name: late.get(d.id) for d in client.read_deployments()}


def deployments() -> list[str]:
    """The names of all deployments."""
    with get_client(sync_client=True) as client:
        return sorted(deployment.name for deployment in client.read_deployments())
