"""How far a run is, as a progress artifact. A thread tells Prefect: nothing that sends ever waits for its API."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import contextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING, Final, cast

import httpx
from prefect.artifacts import create_progress_artifact, update_progress_artifact

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

Publish = Callable[["UUID | None", float, str], "UUID"]
"""Shows percent and words in an artifact, a new one for None; returns which."""
KEY: Final = "consent-sync-progress"
EVERY_SECONDS: Final = 5.0
LAST_WORD_SECONDS: Final = 1.0
"""How long the end of a run waits for a report that is on its way."""


@contextmanager
def reported(every_seconds: float = EVERY_SECONDS) -> Iterator[Reporter]:
    """A progress callback whose last word is shown every so many seconds; a shorter run shows none."""
    reporter = Reporter()
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
        thread.join(LAST_WORD_SECONDS)


class Reporter:
    """Keeps the last word; `show` takes it to Prefect."""

    def __init__(self, publish: Publish | None = None) -> None:
        self._publish = publish or _publish
        self._last: tuple[str, int, int] | None = None
        self._shown: tuple[str, int, int] | None = None
        self._artifact: UUID | None = None

    def __call__(self, stage: str, done: int, total: int | None, /) -> None:
        if total:
            self._last = (stage, done, total)

    def show(self) -> None:
        """Tells Prefect, if there is anything new. A Prefect that does not answer is told the next time."""
        last = self._last
        if last is None or last == self._shown:
            return
        stage, done, total = last
        try:
            self._artifact = self._publish(self._artifact, 100.0 * done / total, f"{stage}: {done:,} of {total:,}")
        except (httpx.HTTPError, RuntimeError):
            return
        self._shown = last


def _publish(artifact: UUID | None, percent: float, words: str) -> UUID:
    if artifact is None:
        return cast("UUID", create_progress_artifact(percent, key=KEY, description=words))
    return cast("UUID", update_progress_artifact(artifact, percent, description=words))
