"""Progress in Prefect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect import flow, runtime
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId, ArtifactFilterKey

from flows.course import Course
from flows.progress import KEY, Reporter, reported
from flows.sync_consent import sync_consent
from tests.delivery.world import rows_of
from tests.flows.world import request_of

if TYPE_CHECKING:
    from prefect.client.schemas.objects import Artifact

    from tests.delivery.world import World


def shown(flow_run: object) -> list[Artifact]:
    """The progress artifacts that Prefect has of a flow run."""
    mine = ArtifactFilterFlowRunId.model_validate({"any_": [flow_run]})
    chosen = ArtifactFilter(key=ArtifactFilterKey(any_=[KEY]), flow_run_id=mine)
    with get_client(sync_client=True) as client:
        return client.read_artifacts(artifact_filter=chosen)


@pytest.mark.usefixtures("prefect_api")
def test_the_last_word_of_a_run_is_shown() -> None:
    """One artifact of the flow run, updated by a thread of its own; what has no total is not shown."""

    @flow(persist_result=False)
    def run() -> list[Any]:
        with reported(every_seconds=0.01) as reporter:
            reporter("read", 100, None)
            for done in (1, 5):
                reporter("deliver", done, 10)
                for _ in range(200):
                    if [artifact.description for artifact in shown(runtime.flow_run.id)] == [
                        f"sending: {done} of 10 batches"
                    ]:
                        break
        return [(artifact.data, artifact.flow_run_id is not None) for artifact in shown(runtime.flow_run.id)]

    assert run() == [(62.0, True)]


def test_a_run_goes_on_while_prefect_is_away() -> None:
    """Nothing is raised, and what could not be shown is shown when Prefect is back, once."""
    said: list[str] = []

    def publish(_artifact: UUID | None, _percent: float, words: str) -> UUID:
        said.append(words)
        if len(said) == 1:
            raise httpx.ConnectError("nobody listens")
        return UUID(int=1)

    reporter = Reporter(publish)
    reporter("deliver", 1, 10)
    for _ in range(3):
        reporter.show()
    assert said == ["sending: 1 of 10 batches"] * 2


def test_what_is_gone_on_with_begins_where_it_was() -> None:
    """In the artifact that there is, and it does not go back."""
    said: list[tuple[UUID | None, float]] = []

    def publish(artifact: UUID | None, percent: float, _words: str) -> UUID:
        said.append((artifact, percent))
        return UUID(int=1)

    reporter = Reporter(publish, (UUID(int=1), 62.0))
    reporter("deliver", 1, 10)
    reporter.show()
    reporter("deliver", 6, 10)
    reporter.show()
    assert said == [(UUID(int=1), 62.0), (UUID(int=1), 68.0)]


STEPS = ["open the export", "read", "plan shard 1 of 2", "plan shard 2 of 2", "guard", "deliver", "record", "report"]


def test_a_whole_run_passes_every_step_forwards() -> None:
    """Each step begins where the one before it ended, and the last one ends at 100."""
    course = Course()
    seen = [0.0]
    for step in STEPS:
        course.begins(step)
        seen.append(course.at[0])
        course.reached(step, 1, 2)
        seen.append(course.at[0])
        course.ends(step)
        seen.append(course.at[0])
    assert seen == sorted(seen)
    assert seen[-1] == 100.0


moves = st.one_of(
    st.tuples(st.sampled_from(["begins", "ends"]), st.sampled_from([*STEPS, "verify", "another"])),
    st.tuples(
        st.just("reached"), st.sampled_from([*STEPS, "another"]), st.integers(0, 9), st.integers(0, 9) | st.none()
    ),
)


@given(st.lists(moves))
def test_whatever_is_told_in_whatever_order_it_never_goes_back(told: list[tuple[Any, ...]]) -> None:
    """And never leaves 0 to 100; a run that did not do all it was asked for stays where it is."""
    course, before = Course(), 0.0
    for move, *facts in told:
        getattr(course, move)(*facts)
        assert before <= course.at[0] <= 100.0
        before = course.at[0]
    course.ended("Failed", whole=False)
    assert course.at == (before, "Failed")


@pytest.mark.usefixtures("prefect_api")
def test_a_run_that_is_complete_is_at_a_hundred(world: World) -> None:
    """However short it was: in one artifact, which says how it ended."""
    state = sync_consent(request_of(world, rows_of(3, email_opt_in="N")), return_state=True)
    [artifact] = shown(state.state_details.flow_run_id)
    assert artifact.data == 100.0
    assert str(artifact.description).startswith("Completed. ")
    assert "3 updated" in str(artifact.description)
