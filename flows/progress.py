"""How far a run is, as a progress artifact. A thread tells Prefect: nothing that sends ever waits for its API."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import contextmanager, suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Final, TypeVar, cast

from prefect import runtime
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId, ArtifactFilterKey
from prefect.client.schemas.sorting import ArtifactSort

from flows.course import Course
from flows.reach import UNREACHED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from pipeline.context import Perform

T = TypeVar("T")
Publish = Callable[["UUID | None", float, str], "UUID"]
"""Shows percent and words in an artifact, a new one for None; returns which."""
KEY: Final = "consent-sync-progress"
EVERY_SECONDS: Final = 5.0
LAST_WORD_SECONDS: Final = 10.0
"""How long the end of a run waits for a report that is on its way."""


@contextmanager
def reported(every_seconds: float = EVERY_SECONDS) -> Iterator[Reporter]:
    """Somebody to be told how far the run is; where it is then is shown every so many seconds."""
    reporter = Reporter(earlier=_earlier())
    over = threading.Event()

    def report() -> None:
        while not over.wait(every_seconds):
            reporter.show()

    # The copied context tells Prefect which flow run the artifact belongs to.
    thread = threading.Thread(target=copy_context().run, args=(report,), name="progress", daemon=True)
    thread.start()
    try:
        yield reporter
    finally:
        over.set()


class Reporter:
    """Keeps how far the run is; `show` takes it to Prefect. A run that is gone on with goes on from where it was."""

    def __init__(self, publish: Publish | None = None, earlier: tuple[UUID, float] | None = None) -> None:
        self._publish = publish or _publish
        self._artifact = earlier[0] if earlier else None
        self._course = Course(earlier[1] if earlier else 0.0)
        self._shown: tuple[float, str] | None = None
        self._showing = threading.Lock()

    def __call__(self, stage: str, done: int, total: int | None, /) -> None:
        self._course.reached(stage, done, total)

    def performing(self, perform: Perform) -> Perform:
        """The same, but it is seen which step begins and which has ended."""

        def performed(name: str, step: Callable[[], T], /) -> T:
            self._course.begins(name)
            done = perform(name, step)
            self._course.ends(name)
            return done

        return performed

    def show(self) -> None:
        """Tells Prefect, if there is anything new. A Prefect that does not answer is told the next time."""
        with self._showing:
            try:
                self._tell()
            except UNREACHED:
                return

    def end(self, words: str, *, whole: bool) -> None:
        """Tells Prefect that the run has ended, or waits. Raises what Prefect's client raises."""
        self._course.ended(words, whole=whole)
        # A report that is on its way to a Prefect that is away holds it: then nobody could be told this either.
        if self._showing.acquire(timeout=LAST_WORD_SECONDS):
            try:
                self._tell()
            finally:
                self._showing.release()

    def _tell(self) -> None:
        at = self._course.at
        if at != self._shown:
            self._artifact = self._publish(self._artifact, *at)
            self._shown = at


def _earlier() -> tuple[UUID, float] | None:
    """What was shown of this flow run before it was suspended or killed."""
    if runtime.flow_run.run_count < 2:
        return None
    mine = ArtifactFilterFlowRunId.model_validate({"any_": [runtime.flow_run.id]})
    chosen = ArtifactFilter(key=ArtifactFilterKey(any_=[KEY]), flow_run_id=mine)
    with suppress(*UNREACHED), get_client(sync_client=True) as client:
        for artifact in client.read_artifacts(artifact_filter=chosen, sort=ArtifactSort.CREATED_DESC, limit=1):
            return artifact.id, float(cast("float", artifact.data))
    return None


def _publish(artifact: UUID | None, percent: float, words: str) -> UUID:
    if artifact is None:
        return cast("UUID", create_progress_artifact(percent, key=KEY, description=words))
    return cast("UUID", update_progress_artifact(artifact, percent, description=words))
