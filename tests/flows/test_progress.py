"""Progress in Prefect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from flows.progress import KEY, Reporter, reported

if TYPE_CHECKING:
    from prefect.client.schemas.objects import Artifact


def shown() -> list[Artifact]:
    """The progress artifacts that Prefect has."""
    with get_client(sync_client=True) as client:
        return client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[KEY])))


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
                    if [artifact.description for artifact in shown()] == [f"deliver: {done} of 10"]:
                        break
        return [(artifact.data, artifact.flow_run_id is not None) for artifact in shown()]

    assert run() == [(50.0, True)]


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
    assert said == ["deliver: 1 of 10"] * 2
