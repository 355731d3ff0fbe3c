# No `from __future__ import annotations`: Prefect resolves the annotations of tasks where their module is not at hand.
"""Hands that are Prefect tasks on the workers of a Dask cluster. Nothing else knows which engine it is.

A task is given numbers and the name of a run, and tells numbers and a sentence: what a worker settles is in the ledger.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Final

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows import secret_blocks
from flows.tasks import told
from pipeline import context
from pipeline.errors import ConsentSyncError, SettingsError, Unreachable
from pipeline.hands import doing
from pipeline.hands.orders import AnyOrder, Told, told_of
from pipeline.settings import Settings

CONNECT_SECONDS: Final = 20
PATIENCE_SECONDS: Final = 60.0


def hands_of(settings: Settings) -> "DaskHands | None":
    """The hands that the settings name; None: threads. Raises SettingsError for what cannot be."""
    if settings.consent_sync_shards_on != "dask":
        return None
    needs = "CONSENT_SYNC_SHARDS_ON=dask needs"
    if not (settings.database_url or "").startswith("postgres"):
        raise SettingsError(
            f"{needs} a ledger that all workers share: set CONSENT_SYNC_DATABASE_URL to a PostgreSQL database"
        )
    if not settings.consent_sync_dask_address:
        raise SettingsError(
            f"{needs} a scheduler: set CONSENT_SYNC_DASK_ADDRESS, such as tcp://scheduler:8786 (`dask scheduler` and "
            "`dask worker` start one)"
        )
    if find_spec("prefect_dask") is None:
        raise SettingsError(f"{needs} the extra `dask`: install `consent-sync[dask]`")
    return DaskHands(settings.consent_sync_dask_address)


# A task is never repeated by Prefect: a shard whose worker dies is gone on with by another, by what the ledger says.
@task(name="shard", task_run_name="{order.label}", cache_policy=NO_CACHE, persist_result=False, retries=0)
def _work(order: AnyOrder) -> State[Any]:
    """What a worker does."""
    said = _done(order)
    state = Failed if said.kind else Completed
    return state(message=said.message or None, data=said)


def _done(order: AnyOrder) -> Told:
    try:
        return doing.do(order, context.Context.of(secret_blocks.settings()))
    except ConsentSyncError as error:
        return told_of(error)
    except Exception as error:  # noqa: BLE001 - Prefect and Dask would keep its text, which can quote a value
        return told_of(told(error))


@dataclass(slots=True)
class DaskHands:
    """Workers of the cluster whose scheduler has that address."""

    address: str
    patience_seconds: float = PATIENCE_SECONDS
    flow: Context = field(default_factory=copy_context)
    """Where the flow made this: the step that gives out orders is not sent along with them."""

    @contextmanager
    def working(self, orders: Sequence[AnyOrder]) -> Iterator["DaskWork"]:
        """Submits a task for each order. Raises Unreachable where the scheduler does not answer."""
        from prefect_dask.task_runners import DaskTaskRunner

        runner = DaskTaskRunner(address=self.address, client_kwargs={"timeout": CONNECT_SECONDS})
        with runner:
            try:
                futures = {order: self.flow.copy().run(runner.submit, _work, {"order": order}) for order in orders}
            except OSError as error:
                runner.logger.warning("The Dask scheduler does not answer: this process works on all shards by itself.")
                raise Unreachable(f"the Dask scheduler {self.address} does not answer") from error
            yield DaskWork({order: future.wrapped_future for order, future in futures.items()})


@dataclass(slots=True)
class DaskWork:
    """Tasks that were submitted."""

    futures: dict[AnyOrder, Any]
    _told: dict[AnyOrder, Told | None] = field(default_factory=dict)

    def told(self) -> Mapping[AnyOrder, Told | None]:
        """What has ended. A task that its engine gave up tells nothing."""
        for order, future in self.futures.items():
            if order not in self._told and future.done():
                self._told[order] = _said(future)
        return self._told

    def cancel(self) -> None:
        """Those that have not begun do not begin."""
        for order, future in self.futures.items():
            if order not in self._told:
                future.cancel()


def _said(future: Any) -> Told | None:
    if future.status != "finished":
        return None
    state: Any = future.result()
    data = getattr(state.data, "result", state.data)
    return data if isinstance(data, Told) else None
