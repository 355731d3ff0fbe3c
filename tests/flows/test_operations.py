"""The deployments on a real Prefect server: forms, approvals, cancellations, and what is left of killed processes."""

from __future__ import annotations

import itertools
import json
import os
import signal
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pipeline.pulse import process_exists
from tests.delivery.world import contact_of, row_of, rows_of
from tests.flows.operations import OVER, operated, until
from tests.flows.world import CONTACTS, opted_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.delivery.world import World
    from tests.flows.operations import Operations

NUMBERS = itertools.count(1)
THREADS = 2
BATCH = 3

SOON = 20
"""Seconds."""


@pytest.fixture
def place(operations: Operations, tmp_path: Path) -> World:
    """Sixty contacts who opted in, where the worker sends to; nobody was told anything yet."""
    world = operations.world(tmp_path)
    world.seed(opted_in())
    return world


def asked(world: World, rows: Any, guards: str = "row_count_change: null", **delivery: Any) -> dict[str, Any]:
    """The parameters of a run of these rows."""
    number, mapping = next(NUMBERS), world.mapping(**delivery)
    # A mapping of its own: an export that another test's run has delivered by the same one would be left alone.
    mapping.write_text(mapping.read_text().replace("row_count_change: 1000", guards) + f"# {number}\n")
    export = world.export(rows)
    return {"mapping": str(mapping), "export": str(export.rename(export.with_name(f"contacts-{number}.csv")))}


def test_the_deployments_are_those_of_the_file(operations: Operations) -> None:
    """Four of them with tags, description, limit and valid parameters; no schedule is switched on by itself."""
    for name in ("nightly", "migrate", "operator", "verify"):
        found = operations.deployment(name)
        assert "consent-sync" in found["tags"], name
        assert found["description"], name
        assert found["global_concurrency_limit"]["limit"] == 1, name
        assert found["work_pool_name"] == "consents", name
        assert not any(schedule["active"] for schedule in found["schedules"]), name
    [nightly] = operations.deployment("nightly")["schedules"]
    assert nightly["schedule"] == {"cron": "30 1 * * *", "timezone": "Europe/Berlin", "day_or": True}
    assert operations.deployment("operator")["parameters"]["request"]["mode"] == "plan"


def test_a_schedule_that_is_switched_on_makes_runs(operations: Operations) -> None:
    """At half past one in Berlin; switched off again, they are gone."""
    found = operations.deployment("nightly")
    [schedule] = found["schedules"]
    operations.ask("PATCH", f"/deployments/{found['id']}/schedules/{schedule['id']}", {"active": True})
    chosen = {"deployments": {"id": {"any_": [found["id"]]}}, "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
    made = until(lambda: operations.ask("POST", "/flow_runs/filter", chosen), "the schedule to make runs")
    operations.ask("PATCH", f"/deployments/{found['id']}/schedules/{schedule['id']}", {"active": False})
    hours = {datetime.fromisoformat(run["expected_start_time"]).astimezone(UTC).strftime("%H:%M") for run in made}
    assert hours <= {"00:30", "23:30"}


@pytest.mark.parametrize(
    "wrong",
    [{"mode": "delete"}, {"api_key": "x"}, {"run": "jo@example.com"}, {"approval_hours": 0}, {"max_drift": 2}],
    ids=str,
)
def test_the_form_refuses_what_no_run_can_have(operations: Operations, wrong: dict[str, Any]) -> None:
    """Before anything is kept or begun."""
    given = operations.deployment("operator")["parameters"]["request"]
    with pytest.raises(httpx.HTTPStatusError, match="409"):
        operations.start("operator", **(given | wrong))


def test_a_run_shows_what_it_came_to(operations: Operations, place: World) -> None:
    """Name, state with counts, page, tables, and a link to the report."""
    request = asked(place, rows_of(3, email_opt_in="N"))
    run = operations.start("operator", mode="sync", **request)
    name, said = operations.ended(run)
    assert (name, "3 records: 3 updated" in said) == ("Completed", True)
    assert operations.run(run)["name"] == f"sync {Path(request['export']).name} by m to acoustic_connect"
    shown = operations.artifacts(run)
    key = "consent-sync-acoustic-connect"
    assert {a["type"] for a in shown.values()} >= {"markdown", "table"}
    assert '"outcome": "updated"' in str(shown[f"{key}-outcomes"]["data"])
    assert "report.html" in str(shown[f"{key}-report"]["data"])


def stopped(operations: Operations, place: World, rows: Any = None, **more: Any) -> str:
    """A run that waits since a guard is over its limit."""
    request = asked(place, rows or rows_of(CONTACTS, email_opt_in="N"), "max_opt_outs: 5", **more)
    run = operations.start("operator", mode="sync", **request)
    assert operations.ended(run)[0] == "Suspended", operations.state(run)
    assert place.mutations() == []
    return run


def test_an_approved_plan_is_sent_by_another_worker(operations: Operations, place: World) -> None:
    """A run that waits holds no process; the worker may be gone meanwhile, and what is sent is what was shown."""
    run = stopped(operations, place)
    worker = operations.pid("worker")
    os.kill(worker, signal.SIGTERM)
    until(lambda: operations.pid("worker") != worker, "another worker")
    shown = operations.form(run)["properties"]
    assert shown["decision"]["enum"] == ["reject", "approve", "approve opt-outs only"]
    assert operations.answer(run, decision="approve", plan="0" * 12)["status"] == "REJECT"
    assert operations.state(run)[0] == "Suspended"
    operations.answer(run, decision="approve", plan=shown["plan"]["default"])
    until(lambda: operations.run(run)["state_type"] != "PAUSED", "the run to go on")
    name, said = operations.ended(run)
    assert (name, f"{CONTACTS} updated" in said) == ("Completed", True), said
    assert set(place.applied().values()) == {1}
    plans = {d.name for d in (operations.home / "runs").iterdir() if d.name in said}
    assert len(plans) == 1


def test_a_rejected_plan_is_never_sent(operations: Operations, place: World) -> None:
    """The run is Cancelled, and says why."""
    run = stopped(operations, place)
    operations.answer(run, decision="reject", plan=operations.form(run)["properties"]["plan"]["default"])
    until(lambda: operations.run(run)["state_type"] in {"CANCELLED", "FAILED"}, "the run to end")
    name, said = operations.state(run)
    assert (name, "was rejected, and nothing was sent" in said) == ("Cancelled", True)
    assert place.mutations() == []


def test_opt_outs_can_be_approved_by_themselves(operations: Operations, place: World) -> None:
    """They go, and the run stays Failed, since the rest waits."""
    place.seed([contact_of(1, channels={"EMAIL": "OPT_IN"}), *(contact_of(n) for n in range(2, 9))])
    request = asked(place, [row_of(1, email_opt_in="N"), *(row_of(n) for n in range(2, 9))], "max_opt_ins: 1")
    run = operations.start("operator", mode="sync", **request)
    assert operations.ended(run)[0] == "Suspended"
    plan = operations.form(run)["properties"]["plan"]["default"]
    operations.answer(run, decision="approve opt-outs only", plan=plan)
    until(lambda: operations.run(run)["state_type"] in {"CANCELLED", "FAILED", "COMPLETED"}, "the run to end")
    name, said = operations.state(run)
    assert (name, "the opt-outs of run" in said) == ("Failed", True), said
    assert set(place.applied()) == {"C-0001"}


def test_a_plan_that_nobody_approves_in_time_is_never_sent(operations: Operations, place: World) -> None:
    """The run fails by itself and cannot be gone on with."""
    run = stopped(operations, place)
    state = operations.run(run)["state"]
    state["state_details"]["pause_timeout"] = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    chosen = {key: state[key] for key in ("type", "name", "state_details")}
    operations.ask("POST", f"/flow_runs/{run}/set_state", {"state": chosen, "force": True})
    until(lambda: operations.run(run)["state_type"] == "FAILED", "the wait to be over")
    assert "never resumed" in operations.state(run)[1]
    assert place.mutations() == []


def test_a_migration_waits_whatever_the_guards_say(operations: Operations, place: World) -> None:
    """Nothing is sent before it is approved; then all of it is, its canary first."""
    given = operations.deployment("migrate")["parameters"]["request"]
    run = operations.start("migrate", **(given | asked(place, rows_of(4, email_opt_in="N"))))
    assert operations.ended(run)[0] == "Suspended"
    assert place.mutations() == []
    operations.answer(run, decision="approve", plan=operations.form(run)["properties"]["plan"]["default"])
    until(lambda: operations.run(run)["state_type"] == "COMPLETED", "the migration")
    assert len(place.applied()) == 4
    page = operations.artifacts(run)["consent-sync-acoustic-connect"]["data"]
    assert "4 read back, 0 otherwise than planned" in page


def slow(operations: Operations, place: World) -> str:
    """A run that has sent something and has more to send."""
    place.faults([{"fault": "latency", "operation": "updateContacts", "seconds": 0.5}])
    run = operations.start(
        "operator",
        mode="sync",
        **asked(place, rows_of(CONTACTS, email_opt_in="N"), batch_size=BATCH, concurrency=THREADS),
    )
    until(lambda: len(place.mutations()) >= 2, "the first batches")
    return run


def test_a_cancelled_run_settles_what_is_in_flight_and_is_resumed(operations: Operations, place: World) -> None:
    """From the user interface, both; nothing is sent twice."""
    run = slow(operations, place)
    before = len(place.mutations())
    operations.ask("POST", f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING", "name": "Cancelling"}})
    name, said = operations.ended(run)
    assert (name, "consent-sync resume" in said) == ("Cancelled", True), said
    assert len(place.mutations()) <= before + 2 * THREADS + 8
    assert len(place.applied()) < CONTACTS
    place.faults([])
    resumed = operations.start("operator", mode="resume", run=said.partition(":")[0])
    assert operations.ended(resumed)[0] == "Completed"
    assert len(place.applied()) == CONTACTS
    assert set(place.applied().values()) == {1}


def test_after_a_kill_the_run_is_crashed_and_a_retry_goes_on(operations: Operations, place: World) -> None:
    """Worker and run are killed; the state says by the ledger how far it came, and nobody is told twice."""
    run = slow(operations, place)
    pid = until(lambda: operations.run(run)["infrastructure_pid"], "the number of its process")
    worker = operations.pid("worker")
    os.kill(worker, signal.SIGKILL)
    os.kill(int(pid), signal.SIGKILL)
    name, said = operations.ended(run)
    assert (name, "by the ledger" in said) == ("Crashed", True), said
    place.faults([])
    again = {"type": "SCHEDULED", "name": "AwaitingRetry", "message": "from the user interface"}
    assert operations.ask("POST", f"/flow_runs/{run}/set_state", {"state": again})["status"] == "ACCEPT"
    assert operations.ended(run)[0] == "Completed", operations.state(run)
    assert len(place.applied()) == CONTACTS
    assert set(place.applied().values()) == {1}


def test_an_audit_says_what_differs(operations: Operations, place: World) -> None:
    """Mode verify sends nothing; drift is a failure of the run, and its page has the figures."""
    run = operations.start("verify", mode="verify", **asked(place, rows_of(2, email_opt_in="N")))
    name, said = operations.ended(run)
    assert (name, "2 contacts of the export: 0 match, 2 differ" in said) == ("Failed", True), said
    assert place.mutations() == []
    assert "consent-sync-audit-m" in operations.artifacts(run)


def test_a_revert_is_looked_at_first(operations: Operations, place: World) -> None:
    """Mode revert plans, waits, and gives the consents back when it is approved."""
    told = operations.start("operator", mode="sync", **asked(place, rows_of(2, email_opt_in="N")))
    said = operations.ended(told)[1]
    assert place.status("C-0001") == "OPT_OUT"
    run = operations.start("operator", mode="revert", run=said.partition(":")[0])
    assert operations.ended(run)[0] == "Suspended", operations.state(run)
    operations.answer(run, decision="approve", plan=operations.form(run)["properties"]["plan"]["default"])
    until(lambda: operations.run(run)["state_type"] in {"COMPLETED", "FAILED"}, "the revert")
    assert place.status("C-0001") == "OPT_IN", operations.state(run)


def test_an_alert_reaches_a_webhook_once_per_episode(operations: Operations, place: World) -> None:
    """A block, an automation, an event: an export that does not come is told the first night, not the second."""
    heard: list[dict[str, str]] = []
    with listening(heard) as url:
        make_block(operations, "webhook", "consent-sync-alerts", method="POST", url=url)
        set_up = operations.command("alerts", "webhook", "consent-sync-alerts")
        assert set_up.returncode == 0, set_up.stderr
        mapping = str(place.mapping("late.yaml"))
        for _ in range(2):
            run = operations.start("operator", mode="sync", mapping=mapping, export=str(place.path / "missing.csv"))
            assert operations.ended(run)[0] == "Failed"
            until(lambda: heard, "the webhook")
        export = str(place.export(rows_of(2)))
        assert (
            operations.ended(operations.start("operator", mode="sync", mapping=mapping, export=export))[0]
            == "Completed"
        )
        until(lambda: len(heard) > 1, "the recovery")
    assert [(one["alert"], one["subject"]) for one in heard] == [
        ("consent-sync.export-missing", "mapping late"),
        ("consent-sync.recovered", "mapping late"),
    ]
    assert "missing.csv" in heard[0]["said"]


def test_a_scheduled_run_that_does_not_begin_is_told_once(operations: Operations, place: World) -> None:
    """Nobody takes it: one alert, however often it is looked for; it begins, and all is well again, once."""
    heard: list[dict[str, str]] = []
    with listening(heard) as url:
        make_block(operations, "webhook", "overdue", method="POST", url=url)
        assert operations.command("alerts", "webhook", "overdue").returncode == 0
        operations.ask("PATCH", "/work_pools/consents", {"is_paused": True})
        before = len(audits(operations, state={"type": {"any_": list(OVER)}}))
        with due_soon(operations, place):
            late = {"before_": (datetime.now(UTC) + timedelta(seconds=SOON)).isoformat()}
            until(
                lambda: audits(operations, expected_start_time=late, state={"name": {"any_": ["Late"]}}), "a late run"
            )
            for _ in range(2):
                look_again(operations)
                until(lambda: of_schedules(heard), "the alert")
            operations.ask("PATCH", "/work_pools/consents", {"is_paused": False})
            until(lambda: len(audits(operations, state={"type": {"any_": list(OVER)}})) > before, "the run to end")
            look_again(operations)
            until(lambda: len(of_schedules(heard)) > 1, "the recovery")
            look_again(operations)
    told = of_schedules(heard)
    assert [one["alert"] for one in told] == ["consent-sync.schedule-overdue", "consent-sync.recovered"]
    assert "has not begun" in told[0]["said"]


def of_schedules(heard: list[dict[str, str]]) -> list[dict[str, str]]:
    """What was heard of the schedule of audits; what an audit found is told beside."""
    return [one for one in heard if one["subject"] == "deployment verify"]


def audits(operations: Operations, **chosen: Any) -> Any:
    """Runs of the deployment `verify`."""
    wanted = {"deployments": {"name": {"any_": ["verify"]}}, "flow_runs": chosen}
    return operations.ask("POST", "/flow_runs/filter", wanted)


def look_again(operations: Operations) -> None:
    """The service looks for what is overdue when its worker ends, beside every minute."""
    worker = operations.pid("worker")
    os.kill(worker, signal.SIGTERM)
    until(lambda: operations.pid("worker") != worker, "another worker")


@contextmanager
def due_soon(operations: Operations, place: World) -> Iterator[None]:
    """An audit that is due by its schedule, once while it lasts; until then the scheduler must notice."""
    found = operations.deployment("verify")
    request = {"mode": "verify", "max_drift": 1, **asked(place, rows_of(2))}
    begins = (datetime.now(UTC) + timedelta(seconds=SOON)).isoformat()
    schedule = {"interval": 36_000, "anchor_date": begins}
    made = {"schedule": schedule, "active": True, "parameters": {"request": request}}
    schedules = f"/deployments/{found['id']}/schedules"
    [kept] = operations.ask("POST", schedules, [made])
    try:
        yield
    finally:
        operations.ask("DELETE", f"{schedules}/{kept['id']}")


def test_a_drain_lets_runs_end_and_ctrl_c_leaves_no_process(
    tmp_path: Path, prefect_database: Path, operations: Operations
) -> None:
    """The run under way ends Completed, the worker is gone, the pages stay; then all of it ends with 0."""
    with operated(tmp_path, operations.sandbox, prefect_database) as mine:
        world = mine.world(tmp_path)
        world.seed(opted_in())
        run = slow(mine, world)
        pids = [mine.pid("server"), mine.pid("worker")]
        drained = mine.command("drain")
        assert (drained.returncode, drained.stdout.splitlines()[-1].startswith("drained")) == (0, True), drained.stderr
        assert mine.state(run)[0] == "Completed"
        assert (process_exists(pids[0]), process_exists(pids[1])) == (True, False)
        deployed = mine.command("deploy")
        assert deployed.stdout.splitlines()[-1] == "deployed: migrate, nightly, operator, verify", deployed.stderr
    assert mine.process.returncode == 0, "".join(mine.said)
    assert not any(process_exists(pid) for pid in pids)


def make_block(operations: Operations, slug: str, name: str, **data: Any) -> None:
    """A block, as the page makes it."""
    kind = operations.ask("GET", f"/block_types/slug/{slug}")["id"]
    chosen = {"block_schemas": {"block_type_id": {"any_": [kind]}}}
    schema = operations.ask("POST", "/block_schemas/filter", chosen)[0]["id"]
    block = {"name": name, "data": data, "block_type_id": kind, "block_schema_id": schema}
    operations.ask("POST", "/block_documents/", block)


@contextmanager
def listening(heard: list[dict[str, str]]) -> Iterator[str]:
    """A webhook on this machine; what it is told is kept."""

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            heard.append(json.loads(document) if isinstance(document, str) else document)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
