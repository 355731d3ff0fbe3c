"""The flow with its shards on two Dask workers: real processes, a real scheduler, the ledger on PostgreSQL."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

from flows.dask_hands import DaskHands, hands_of
from flows.sync_consent import sync_consent
from pipeline.carried_out import Result
from pipeline.errors import DestinationBusy, SettingsError
from pipeline.ledger.ledger import opened
from pipeline.settings import Settings
from tests.delivery.world import read_csv, row_of, rows_of, without_batches
from tests.flows.cable import laid
from tests.flows.cluster import Cluster, cluster, until
from tests.flows.world import CONTACTS, opted_in, request_of, start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefect.client.schemas.objects import State

    from flows.request import SyncRequest
    from tests.delivery.world import World

RATE = 10


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A scheduler and two workers for all tests of this module; who kills one starts another."""
    with cluster(tmp_path_factory.mktemp("dask") / "cluster") as found:
        until(lambda: all("Registered to" in found.log(f"worker-{number}") for number in (1, 2)))
        yield found


@pytest.fixture
def spread(world: World, workers: Cluster, postgresql: str, monkeypatch: pytest.MonkeyPatch, prefect_api: str) -> World:
    """A world whose flow runs are spread over the workers, in four shards."""
    shared = {
        "CONSENT_SYNC_DATABASE_URL": postgresql,
        "CONSENT_SYNC_LEAST_SHARDS": "4",
        "CONSENT_SYNC_QUIET_SECONDS": "0",
    }
    workers.settings(**world.sandbox.environment, **shared, CONSENT_SYNC_HOME=str(world.home))
    on = {"CONSENT_SYNC_SHARDS_ON": "dask", "CONSENT_SYNC_DASK_ADDRESS": workers.address}
    for name, value in (shared | on).items():
        monkeypatch.setenv(name, value)
    world.more = {name.lower(): value for name, value in shared.items()}
    return world


def rows() -> list[dict[str, str]]:
    """Opt-outs and opt-ins, one contact that is unknown there, and one record without identity."""
    found = [row_of(n, email_opt_in="N" if n % 2 else "Y") for n in range(1, CONTACTS + 1)]
    return [*found, row_of(999), row_of(998, contact_id="")]


def result_of(state: State[Any]) -> Result:
    """What the run came to."""
    result = state.result(raise_on_failure=False)
    assert isinstance(result, Result), state
    return result


def run_flow(request: SyncRequest) -> State[Any]:
    """The state that a run of the flow ends in."""
    return sync_consent(request, return_state=True)


def tasks_of(state: State[Any]) -> dict[str, str]:
    """The tasks that Prefect has of a flow run, and how each ended."""
    run_id = state.state_details.flow_run_id
    assert run_id is not None
    this = FlowRunFilter(id=FlowRunFilterId(any_=[run_id]))
    with get_client(sync_client=True) as client:
        return {task.name: task.state_name or "" for task in client.read_task_runs(flow_run_filter=this)}


def test_two_workers_come_to_what_one_process_comes_to(spread: World, workers: Cluster) -> None:
    """Record for record, in the plan and at the destination; Prefect shows a task for each shard."""
    request = request_of(spread, rows(), batch_size=3)
    state = run_flow(request)
    result, there = result_of(state), spread.stored()
    assert set(spread.applied().values()) == {1}
    outs = [entry.keys[0] for entry in spread.mutations()]
    assert [int(key[2:]) % 2 for key in outs] == sorted((int(key[2:]) % 2 for key in outs), reverse=True)
    until(lambda: len([name for name in tasks_of(state) if "shard" in name]) == 4 + 2 * 4)
    shards = {name: ended for name, ended in tasks_of(state).items() if "shard" in name}
    assert set(shards.values()) == {"Completed"}
    for name in ("worker-1", "worker-2"):
        assert "shard" in workers.log(name)
        assert "@example.com" not in workers.log(name)
    spread.sandbox.reset()
    spread.seed(opted_in())
    mine = read_csv(spread.folder(result) / "outcomes.csv")
    spread.home, spread.more = spread.path / "alone", {"consent_sync_least_shards": 4}
    alone = spread.sync(spread.path / "m.yaml", spread.path / "x0.csv")
    assert without_batches(read_csv(spread.folder(alone) / "outcomes.csv")) == without_batches(mine)
    assert (alone.summary.rows, alone.exit_code) == (result.summary.rows, result.exit_code)
    assert spread.stored() == there


def test_a_worker_that_is_killed_loses_nothing(spread: World, workers: Cluster) -> None:
    """SIGKILL in the middle: its shards are read back and gone on with by the other; nothing is sent twice."""
    slow: dict[str, Any] = {"fault": "latency", "operation": "updateContacts", "seconds": 0.15}
    spread.sandbox.faults([slow])

    def kill() -> None:
        until(lambda: len(spread.mutations()) >= 6)
        workers.kill("worker-1")

    killer = threading.Thread(target=kill)
    killer.start()
    state = run_flow(request_of(spread, rows_of(CONTACTS, email_opt_in="N"), batch_size=2))
    killer.join()
    workers.worker("worker-1")
    result = result_of(state)
    assert (state.name, result.summary.rows.updated, result.summary.status) == ("Completed", CONTACTS, "completed")
    assert set(spread.applied().values()) == {1}
    assert len(spread.applied()) == CONTACTS


def test_a_coordinator_that_is_killed_leaves_nobody_sending(spread: World, prefect_api: str) -> None:
    """`resume` is refused while a worker settles what it has begun; then it completes the run, once each."""
    spread.sandbox.faults([{"fault": "latency", "operation": "updateContacts", "seconds": 4}])
    request = request_of(spread, rows_of(CONTACTS, email_opt_in="N"), batch_size=3)
    process = start(spread, request, PREFECT_API_URL=prefect_api)
    try:
        until(lambda: ((spread.home / "runs").exists() and _in_flight(spread) > 0) or process.poll() is not None)
    finally:
        process.kill()
        said, _ = process.communicate()
    assert process.returncode == -9, said
    [folder] = (spread.home / "runs").iterdir()
    heard: list[str] = []

    def resumed() -> Result | None:
        try:
            return spread.resume(folder.name)
        except DestinationBusy as error:
            heard.append(str(error))
            return None

    until(lambda: resumed() is None and "a worker of run" in heard[-1])
    spread.sandbox.faults([])
    sent = len(spread.mutations())
    ended: list[Result] = []

    def settled() -> bool:
        ended.extend(result for result in [resumed()] if result is not None)
        return bool(ended)

    until(settled)
    assert sent < CONTACTS // 3
    assert (ended[0].exit_code, ended[0].summary.rows.updated) == (0, CONTACTS)
    assert set(spread.applied().values()) == {1}


def _in_flight(world: World) -> int:
    """Batches that a worker has begun."""
    with opened(world.context()) as ledger:
        return sum(len(ledger.batches(row["run_id"])) for row in ledger.runs())


def test_a_prefect_that_is_lost_changes_nothing_about_what_is_sent(spread: World, prefect_api: str) -> None:
    """Coordinator and workers cannot tell it anything any more: the run goes on, and ends by the ledger."""
    request = request_of(spread, rows_of(CONTACTS, email_opt_in="N"), batch_size=3)
    spread.faults([{"fault": "latency", "operation": "updateContacts", "seconds": 0.2}])
    with laid(prefect_api) as cable:
        process = start(spread, request, PREFECT_API_URL=cable.url, PREFECT_CLIENT_MAX_RETRIES="0")
        until(lambda: len(spread.mutations()) >= 2 or process.poll() is not None)
        cable.cut()
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert (len(spread.applied()), set(spread.applied().values())) == (CONTACTS, {1})


def test_one_rate_is_for_all_workers(spread: World, workers: Cluster) -> None:
    """So many requests a second, however many send: 40 take as long as they do from one process."""
    request = request_of(spread, rows_of(40, email_opt_in="N"), batch_size=1)
    mapping = spread.path / "m.yaml"
    mapping.write_text(mapping.read_text().replace("delivery: {", f"delivery: {{requests_per_second: {RATE}, "))
    result = result_of(run_flow(request))
    assert result.exit_code == 0
    times = [datetime.fromisoformat(entry.time) for entry in spread.mutations()]
    assert len(times) == 40
    assert (max(times) - min(times)).total_seconds() > 0.75 * 40 / RATE


@pytest.mark.parametrize(
    ("lacking", "said"),
    [
        ({"consent_sync_database_url": None}, "set CONSENT_SYNC_DATABASE_URL to a PostgreSQL database"),
        ({"consent_sync_database_url": "sqlite:///x.db"}, "set CONSENT_SYNC_DATABASE_URL to a PostgreSQL database"),
        ({"consent_sync_dask_address": None}, "set CONSENT_SYNC_DASK_ADDRESS"),
    ],
)
def test_what_cannot_be_is_refused(lacking: dict[str, Any], said: str) -> None:
    """Before anything is planned, with what to set."""
    whole = {
        "consent_sync_shards_on": "dask",
        "consent_sync_database_url": "postgresql://ledger/x",
        "consent_sync_dask_address": "tcp://scheduler:8786",
    }
    assert isinstance(hands_of(Settings.model_validate(whole)), DaskHands)
    assert hands_of(Settings.model_validate(whole | {"consent_sync_shards_on": "threads"})) is None
    with pytest.raises(SettingsError, match=said):
        hands_of(Settings.model_validate(whole | lacking))


def test_a_scheduler_that_is_away_holds_nothing_back(spread: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run is carried out by its own process."""
    monkeypatch.setenv("CONSENT_SYNC_DASK_ADDRESS", "tcp://127.0.0.1:1")
    monkeypatch.setattr("flows.dask_hands.CONNECT_SECONDS", 0.5)
    state = run_flow(request_of(spread, rows_of(6, email_opt_in="N"), batch_size=3))
    assert (state.name, len(spread.applied())) == ("Completed", 6)
