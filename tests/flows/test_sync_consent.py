"""The flow in this process, against the sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.events.worker import EventsWorker
from prefect.exceptions import ParameterTypeError
from prefect.flows import load_flow_from_entrypoint

from flows import progress
from flows.request import Mode, SyncRequest
from flows.sync_consent import sync_consent
from pipeline.carried_out import Result
from pipeline.model import Extent
from tests.delivery.world import contact_of, row_of, rows_of
from tests.flows.world import request_of

if TYPE_CHECKING:
    from prefect.client.schemas.objects import Artifact, State, TaskRun
    from prefect.flows import Flow

    from tests.delivery.world import World

PROJECT = Path(__file__).parents[2]
STEPS = ("open the export", "read", "plan shard 1 of 1", "guard", "deliver", "record", "report")
MISSING = row_of(999)
NOBODY = row_of(1, contact_id="")
pytestmark = pytest.mark.usefixtures("prefect_api")


def run_flow(request: SyncRequest) -> State[Any]:
    """The state that a run of the flow ends in."""
    return sync_consent(request, return_state=True)


def result_of(state: State[Any]) -> Result:
    """What the run came to, as a caller in this process gets it."""
    result = state.result(raise_on_failure=False)
    assert isinstance(result, Result), state
    return result


def of_run(state: State[Any]) -> tuple[list[TaskRun], list[Artifact], str]:
    """The tasks, the artifacts and the name that Prefect has of a flow run."""
    run_id = state.state_details.flow_run_id
    assert run_id is not None
    this = FlowRunFilter(id=FlowRunFilterId(any_=[run_id]))
    with get_client(sync_client=True) as client:
        tasks = client.read_task_runs(flow_run_filter=this)
        return tasks, client.read_artifacts(flow_run_filter=this), client.read_flow_run(run_id).name


def test_a_clean_sync_is_completed(world: World) -> None:
    """Everything arrives, and the run has a name and a page."""
    request = request_of(world, rows_of(2, email_opt_in="N"))
    state = run_flow(request)
    assert (state.name, str(state.message).split(": ", 1)[1]) == ("Completed", "2 records: 2 updated")
    _, artifacts, name = of_run(state)
    key = "consent-sync-acoustic-connect"
    shown = {artifact.key: artifact for artifact in artifacts}
    # A run that takes longer than a moment shows how far it is, too.
    assert set(shown) - {progress.KEY} == {key, f"{key}-outcomes", f"{key}-consent", f"{key}-report"}
    assert "| updated | 2 |" in str(shown[key].data)
    assert shown[f"{key}-outcomes"].type == "table"
    assert name == f"sync {Path(request.export).name} by m to acoustic_connect"


def test_a_plan_is_completed_and_sends_nothing(world: World) -> None:
    """Rejects of a plan are news, not a failure; they are on its page."""
    state = run_flow(request_of(world, [*rows_of(2), NOBODY], Mode.PLAN))
    assert (state.name, world.mutations()) == ("Completed", [])
    _, artifacts, _ = of_run(state)
    assert any("| rejected | 1 |" in str(page.data) for page in artifacts if page.type == "markdown")


def test_a_partial_sync_is_failed_and_says_how_many(world: World) -> None:
    """The state agrees with the exit code."""
    state = run_flow(request_of(world, [row_of(1), NOBODY, MISSING]))
    assert state.name == "Failed"
    assert str(state.message).endswith("3 records: 1 updated, 1 rejected, 1 failed")
    assert result_of(state).exit_code == 3


def test_a_tripped_guard_fails_the_run_until_its_plan_is_approved(world: World) -> None:
    """The message has the command that approves it; applying with the hash carries it out."""
    request = request_of(world, [*rows_of(60), *[NOBODY] * 40])
    mapping = Path(request.mapping)
    mapping.write_text(mapping.read_text().replace("max_reject_share: 1.0", "max_reject_share: 0.1"))
    stopped = run_flow(request)
    assert (stopped.name, world.mutations()) == ("Failed", [])
    summary = result_of(stopped).summary
    approve = summary.plan_hash[:12]
    assert f"consent-sync apply {summary.run_id} --approve {approve}" in str(stopped.message)
    run_flow(SyncRequest(mode=Mode.APPLY, run=summary.run_id, approve=approve))
    assert len(world.applied()) == 60


def test_opt_outs_go_ahead_and_the_run_stays_failed(world: World) -> None:
    """Mode apply with `only`: the opt-outs are sent, and the state says that the rest waits for an approval."""
    world.seed([contact_of(1, channels={"EMAIL": "OPT_IN"}), contact_of(2)])
    request = request_of(world, [row_of(1, email_opt_in="N"), row_of(2)], Mode.PLAN)
    mapping = Path(request.mapping)
    mapping.write_text(mapping.read_text().replace("row_count_change: 1000", "row_count_change: null, max_opt_ins: 0"))
    run_id = result_of(run_flow(request)).summary.run_id
    state = run_flow(SyncRequest(mode=Mode.APPLY, run=run_id, only=Extent.OPT_OUTS))
    assert state.name == "Failed"
    assert "the opt-outs of run" in str(state.message)
    assert set(world.applied()) == {"C-0001"}


def test_what_comes_before_a_run_fails_with_its_sentence(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing setting, a wrong mapping: the operator reads in Prefect what to do."""
    request = request_of(world, rows_of(1))
    monkeypatch.delenv("ACOUSTIC_CONNECT_API_KEY")
    state = run_flow(request)
    said = "ACOUSTIC_CONNECT_API_KEY is not set; set it in the environment or in .env"
    assert (state.name, state.message) == ("Failed", said)
    Path(request.mapping).write_text("version: 1\n")
    state = run_flow(request)
    assert (state.name, "m.yaml" in str(state.message)) == ("Failed", True)


def test_prefect_refuses_an_impossible_request() -> None:
    """The flow looks at its parameter even where the form did not."""
    flow: Flow[..., Any] = sync_consent
    with pytest.raises(ParameterTypeError, match="mode resume needs the id of an earlier run"):
        flow({"mode": "resume"})


@pytest.mark.parametrize("batch_size", [1, 100])
def test_steps_are_tasks_and_batches_are_not(world: World, batch_size: int) -> None:
    """A task for each step and shard, named so, however many batches the export makes."""
    state = run_flow(request_of(world, rows_of(20), batch_size=batch_size))
    assert state.is_completed(), state.message
    assert len(world.mutations()) == max(1, 20 // batch_size)
    for _ in range(200):  # Prefect tells its API about tasks from a thread of its own
        EventsWorker.instance().wait_until_empty()
        if len(tasks := of_run(state)[0]) >= len(STEPS):
            break
    assert sorted(task.name for task in tasks) == sorted(STEPS)


def test_the_entrypoint_of_a_deployment_can_be_imported() -> None:
    """`flows/sync_consent.py:sync_consent` is the flow, and its form is closed to other fields."""
    loaded: Flow[..., Any] = load_flow_from_entrypoint(f"{PROJECT / 'flows' / 'sync_consent.py'}:sync_consent")
    form = loaded.parameters.definitions["SyncRequest"]
    assert (loaded.name, set(form["properties"])) == ("sync-consent", set(SyncRequest.model_fields))
    assert form["additionalProperties"] is False
