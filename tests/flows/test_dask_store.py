"""Workers that share no folder with the flow: what they work on comes from the object store."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.delivery.world import rows_of
from tests.flows.cluster import cluster, until
from tests.flows.test_dask import result_of, run_flow, tasks_of
from tests.flows.world import CONTACTS, request_of
from tests.store.conftest import bucket, endpoint

if TYPE_CHECKING:
    import pytest

    from tests.delivery.world import World
    from tests.store.hosts import Bucket

__all__ = ["bucket", "endpoint"]

SHARED = {"CONSENT_SYNC_LEAST_SHARDS": "4", "CONSENT_SYNC_QUIET_SECONDS": "0"}


def test_workers_with_a_home_of_their_own_bring_the_run_from_the_store(
    world: World, bucket: Bucket, postgresql: str, monkeypatch: pytest.MonkeyPatch, prefect_api: str
) -> None:
    """Two workers, PostgreSQL and an S3 server: every shard is delivered by them, once, and the run is recorded."""
    assert prefect_api
    shared = SHARED | {"CONSENT_SYNC_DATABASE_URL": postgresql, "CONSENT_SYNC_STORE": bucket.url}
    elsewhere = world.path / "elsewhere"
    aws = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    with cluster(world.path / "cluster") as workers:
        workers.settings(**world.sandbox.environment, **shared, **aws, CONSENT_SYNC_HOME=str(elsewhere))
        on = {"CONSENT_SYNC_SHARDS_ON": "dask", "CONSENT_SYNC_DASK_ADDRESS": workers.address}
        for name, value in (shared | on).items():
            monkeypatch.setenv(name, value)
        until(lambda: all("Registered to" in workers.log(f"worker-{number}") for number in (1, 2)))
        state = run_flow(request_of(world, rows_of(CONTACTS, email_opt_in="N"), batch_size=3))
        result = result_of(state)
        until(lambda: len([name for name in tasks_of(state) if name.startswith("deliver shard")]) >= 4)
        assert "deliver shard" in workers.log("worker-1") + workers.log("worker-2")
    assert (state.name, result.summary.rows.updated) == ("Completed", CONTACTS)
    assert set(world.applied().values()) == {1}
    assert len(world.applied()) == CONTACTS
    assert (elsewhere / "runs" / result.summary.run_id / "manifest.json").is_file()
    assert any(key.startswith("state/") for key in bucket.objects())
