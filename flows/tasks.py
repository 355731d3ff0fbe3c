# No `from __future__ import annotations`: Prefect resolves the annotations of tasks where their module is not at hand.
"""Each step of the chain as a Prefect task. Prefect is told that a step ended and how, never what it returned."""

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from traceback import extract_tb
from typing import Any, Final, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

import pipeline
from flows.reach import UNREACHED
from pipeline.errors import ConsentSyncError

T = TypeVar("T")
_PIPELINE: Final = Path(pipeline.__file__).parent


def as_task(name: str, step: Callable[[], T], /) -> T:
    """Performs a step as a task of that name, in this thread. Raises what the step raises.

    Once, and whatever Prefect says: where its API is away, the step is performed all the same, without a task.
    """
    done: Future[T] = Future()
    try:
        _step(name, partial(_perform, done, step), return_state=True)
    except UNREACHED:
        if not done.running() and not done.done():
            return step()
    if done.running():
        raise ConsentSyncError(f"Prefect left '{name}' in the middle of it; look at its server, then resume")
    return done.result() if done.done() else step()


# A step is never repeated or taken from a cache: whether something may be sent again is for the ledger to say.
@task(name="step", task_run_name="{name}", cache_policy=NO_CACHE, persist_result=False, retries=0)
def _step(name: str, perform: Callable[[], State[Any]]) -> State[Any]:  # noqa: ARG001 - the task's name
    return perform()


def _perform(done: Future[T], step: Callable[[], T]) -> State[Any]:
    done.set_running_or_notify_cancel()
    try:
        done.set_result(step())
    except Exception as error:  # noqa: BLE001 - raised again by as_task; Prefect would keep its text
        done.set_exception(error)
        return Failed(message=str(told(error)))
    return Completed()


def told(error: Exception) -> ConsentSyncError:
    """The error as Prefect may know it: the text of an unexpected one can quote a value of the export."""
    if isinstance(error, ConsentSyncError):
        return error
    ours = [f for f in extract_tb(error.__traceback__) if Path(f.filename).is_relative_to(_PIPELINE)]
    place = f" at {Path(ours[-1].filename).relative_to(_PIPELINE.parent)}:{ours[-1].lineno}" if ours else ""
    return ConsentSyncError(
        f"unexpected {type(error).__name__}{place}; `consent-sync` with the same arguments shows all of it"
    )
