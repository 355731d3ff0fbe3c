"""`python -m flows.sync_consent` as a process of its own: signals, exit codes, and what it leaves behind."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from flows.request import Mode, SyncRequest
from flows.sync_consent import sync_consent
from tests.delivery.world import row_of, rows_of
from tests.flows.cable import laid
from tests.flows.operations import free_port
from tests.flows.world import CONTACTS, opted_in, request_of, start

if TYPE_CHECKING:
    from tests.delivery.world import World

THREADS = 2
BATCH = 3
PLANTED = {
    "contact_id": "K-PLANTED",
    "email": "planted.person@example.com",
    "mobile": "+12125550199",
    "first_name": "Plantedname",
}


def test_sigterm_stops_after_the_batches_in_flight_and_resume_ends_as_if_undisturbed(
    world: World, prefect_api: str
) -> None:
    """Nothing is sent once those are settled, what was confirmed is recorded, and the message says how to go on."""
    request = request_of(world, rows_of(CONTACTS, email_opt_in="N"), batch_size=BATCH, concurrency=THREADS)
    world.sandbox.faults([{"fault": "latency", "operation": "updateContacts", "seconds": 0.3}])
    process = start(world, request, PREFECT_API_URL=prefect_api)
    while len(world.mutations()) < 2:
        with pytest.raises(subprocess.TimeoutExpired):  # it is alive
            process.wait(timeout=0.05)
    before = len(world.mutations())
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)

    assert process.returncode == 5, said
    (folder,) = (world.home / "runs").iterdir()
    assert f"consent-sync resume {folder.name}" in said
    assert "Prefect state: Failed" in said
    sent = len(world.mutations())
    assert sent <= before + THREADS
    outcomes = pl.read_parquet(folder / "outcomes.parquet").get_column("outcome").value_counts()
    assert dict(outcomes.iter_rows()) == {"updated": sent * BATCH, "unknown": CONTACTS - sent * BATCH}

    world.sandbox.faults([])
    resumed = sync_consent(SyncRequest(mode=Mode.RESUME, run=folder.name), return_state=True)
    assert resumed.name == "Completed"
    assert set(world.applied().values()) == {1}
    disturbed = world.stored()
    world.seed(opted_in())
    world.home = world.path / "undisturbed"
    world.sync(world.path / "m.yaml", world.path / "x0.csv")
    assert disturbed == world.stored()


def test_a_run_whose_server_is_lost_ends_by_the_ledger(world: World, prefect_api: str) -> None:
    """Everything is sent once, the exit code and the report are those of the run, and it says that nobody was told."""
    request = request_of(world, rows_of(CONTACTS, email_opt_in="N"), batch_size=BATCH, concurrency=THREADS)
    world.faults([{"fault": "latency", "operation": "updateContacts", "seconds": 0.1}])
    with laid(prefect_api) as cable:
        process = start(world, request, PREFECT_API_URL=cable.url, PREFECT_CLIENT_MAX_RETRIES="0")
        while len(world.mutations()) < 2:
            with pytest.raises(subprocess.TimeoutExpired):  # it is alive
                process.wait(timeout=0.05)
        cable.cut()
        said, _ = process.communicate(timeout=120)

    assert process.returncode == 0, said
    assert "Prefect does not answer, so it was not told: Completed" in said
    assert (len(world.applied()), set(world.applied().values())) == (CONTACTS, {1})
    (folder,) = (world.home / "runs").iterdir()
    assert folder.name in said
    assert (folder / "report.html").is_file()


def test_a_run_whose_server_is_down_is_carried_out_all_the_same(world: World) -> None:
    """It says so; the night's export does not wait for Prefect."""
    request = request_of(world, rows_of(3, email_opt_in="N"))
    process = start(world, request, PREFECT_API_URL=f"http://127.0.0.1:{free_port()}/api")
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert "Prefect does not answer, so it was not told: Completed" in said
    assert len(world.applied()) == 3


def test_prefect_is_told_nothing_personal(world: World, prefect_database: Path) -> None:
    """Not in logs, parameters, states, tasks, artifacts or results, with everything logged that Prefect can log."""
    world.seed([{"attributes": {"Contact key": PLANTED["contact_id"], "Email": PLANTED["email"]}, "consent": {}}])
    rows = [
        row_of(1, **PLANTED),
        row_of(2, **PLANTED | {"contact_id": "K-PLANTED-2"}),
        row_of(3, **PLANTED | {"contact_id": "K-PLANTED-3", "mobile": "+12125550199x", "points": "Plantedname"}),
        row_of(4, **PLANTED | {"contact_id": ""}),
        row_of(5, **PLANTED | {"contact_id": "K-PLANTED-5", "email_opt_in": "planted.person@example.com"}),
    ]
    request = request_of(world, rows)
    with Path(request.export).open("a", encoding="utf-8") as export:
        export.write('K-PLANTED-6,"planted.person@example.com"x,\n')
    folder = world.path / "prefect"
    folder.mkdir()
    shutil.copy(prefect_database, folder / "prefect.db")
    process = start(world, request, PREFECT_HOME=str(folder), PREFECT_LOGGING_LEVEL="DEBUG")
    said, _ = process.communicate(timeout=120)

    assert process.returncode == 3, said
    left = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert b"consent-sync-acoustic-connect" in left[folder / "prefect.db"], "the artifact was not written"
    for place, content in (left | {"output": said.encode()}).items():
        for planted in ("K-PLANTED", "planted.person", "2125550199", "Plantedname"):
            assert planted.lower().encode() not in content.lower(), place
