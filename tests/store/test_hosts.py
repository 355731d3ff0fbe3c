"""Hosts that share a ledger and a store are interchangeable: what one planned, told or failed, another goes on with."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from pipeline import explaining, run
from pipeline.context import Request
from pipeline.delivery.standing import existing
from pipeline.errors import DestinationBusy, StorageError
from pipeline.evidence.proving import prove
from pipeline.evidence.telling import history
from pipeline.ledger.ledger import opened
from pipeline.model import RunStatus
from pipeline.quarantine import operating
from pipeline.state import BUCKETS, State
from pipeline.store import fetching
from tests.delivery.world import contact_of, contacts_of, key_of, row_of, rows_of
from tests.faults.processes import start

from .hosts import revert

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.context import T

    from .hosts import Hosts


def test_a_plan_of_one_host_is_applied_by_another(hosts: Hosts) -> None:
    """By its hash: the destination is as planned, and the first host sees what came of it."""
    a, b = hosts.a, hosts.b
    a.seed(contacts_of(6))
    planned = a.plan(a.mapping(), a.export(rows_of(6, email_opt_in="N")))
    run_id = planned.summary.run_id
    applied = b.apply(run_id, approve=planned.summary.plan_hash)
    assert (applied.exit_code, applied.summary.rows.updated) == (0, 6)
    assert {b.status(key_of(number)) for number in range(1, 7)} == {"OPT_OUT"}
    assert set(b.applied().values()) == {1}
    assert a.report(run_id).summary.status is RunStatus.COMPLETED
    assert a.outcomes(run_id) == b.outcomes(run_id)
    assert explaining.explain(run_id, key_of(3), hosts.another("c").context()).records[0]["outcome"] == "updated"


def test_latest_is_the_last_run_of_any_host(hosts: Hosts) -> None:
    """A host with an empty home knows it too."""
    hosts.a.seed(contacts_of(2))
    run_id = hosts.a.plan(hosts.a.mapping(), hosts.a.export(rows_of(2))).summary.run_id
    assert hosts.b.apply("latest").summary.run_id == run_id


def test_what_a_killed_host_began_another_finishes(hosts: Hosts, tmp_path: Path) -> None:
    """Whatever the first one had in flight is read back: every contact is written once, and none is missing."""
    a, b = hosts.a, hosts.b
    a.seed(contacts_of(12), create_existing="duplicate")
    mapping, export = a.mapping(batch_size=2, timeout=60), a.export(rows_of(12))
    a.faults([{"fault": "gateway_timeout", "write": True, "seconds": 30, "operation": "updateContacts", "nth": [3]}])
    settings = {name.upper(): str(value) for name, value in a.more.items()}
    child = start(
        tmp_path / "process", a.sandbox.environment | settings | aws(), "sync", str(mapping), "--export", str(export),
        "--home", str(a.home),
    )  # fmt: skip
    wait_for(lambda: a.status(key_of(6)) == "OPT_IN")
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    a.faults([])
    [run_id] = hosts.runs_of(a)
    resumed = b.resume(run_id)
    assert (resumed.exit_code, resumed.summary.balanced, resumed.summary.rows.updated) == (0, True, 12)
    assert {b.status(key_of(number)) for number in range(1, 13)} == {"OPT_IN"}
    assert set(b.applied().values()) == {1}
    assert prove(b.context()).exit_code == 0


def wait_for(condition: Callable[[], bool]) -> None:
    """Until it holds."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)


def aws() -> dict[str, str]:
    """How a process of its own reaches the store."""
    return {name: value for name, value in os.environ.items() if name.startswith("AWS_")}


def test_what_was_told_is_known_everywhere(hosts: Hosts) -> None:
    """The same export is left alone by another host, and one that says the same changes nobody."""
    a, b = hosts.a, hosts.b
    a.seed(contacts_of(4))
    mapping, export = a.mapping(), a.export(rows_of(4))
    assert a.sync(mapping, export).summary.rows.updated == 4
    sent = len(a.mutations())
    again = b.sync(mapping, export)
    assert (again.exit_code, again.summary.already_delivered_at is not None, again.summary.rows.unchanged) == (
        0,
        True,
        4,
    )
    same = b.sync(mapping, b.export([*rows_of(4), row_of(1)]))
    assert (same.summary.rows.unchanged, same.summary.rows.superseded) == (4, 1)
    assert len(a.mutations()) == sent


def test_an_opt_out_that_one_host_told_holds_for_all(hosts: Hosts) -> None:
    """Though the destination has lost it: the state knows it, whoever asks."""
    a, b = hosts.a, hosts.b
    a.seed(contacts_of(2))
    a.sync(a.mapping(), a.export(rows_of(2, email_opt_in="N", at="2026-03-01T00:00:00Z")))
    a.seed(contact_of(number, channels={"EMAIL": "OPT_IN"}) for number in (1, 2))
    stale = b.sync(b.mapping(), b.export(rows_of(2, at="2026-02-01T00:00:00Z", first_name="New")))
    assert stale.summary.reasons.get("resubscribe_without_evidence", 0) + sum(stale.summary.withheld.values()) == 2
    assert "OPT_OUT->OPT_IN" not in stale.summary.transitions.get("EMAIL", {})


def test_the_evidence_is_one_chain(hosts: Hosts) -> None:
    """Its blocks come from both hosts; each proves it, and finds what the other told."""
    a, b = hosts.a, hosts.b
    a.seed(contacts_of(3))
    a.sync(a.mapping(), a.export(rows_of(3)))
    b.sync(b.mapping(), b.export(rows_of(3, email_opt_in="N", at="2026-04-01T00:00:00Z")))
    proofs = [prove(host.context()) for host in (a, b, hosts.another("c"))]
    assert [proof.exit_code for proof in proofs] == [0, 0, 0]
    assert len({str(proof.document()) for proof in proofs}) == 1
    [chain] = proofs[0].chains
    assert (chain.rows, chain.blocks) == (6, 2)
    assert [row["status"] for row in history(key_of(2), a.context()).told] == ["OPT_IN", "OPT_OUT"]


def test_a_chain_whose_end_was_cut_off_on_the_store_is_found(hosts: Hosts) -> None:
    """By what the ledger knows of it, from any host."""
    a, files = hosts.a, hosts.bucket.files
    a.seed(contacts_of(2))
    a.sync(a.mapping(), a.export(rows_of(2)))
    a.sync(a.mapping(), a.export(rows_of(2, email_opt_in="N", at="2026-04-01T00:00:00Z")))
    [last] = [key for key in hosts.bucket.objects() if key.startswith("evidence/") and key.endswith("1.json")]
    files.delete_file(f"{hosts.bucket.name}/team/{last}")
    assert prove(hosts.b.context()).exit_code == 3


def test_what_failed_on_one_host_is_tried_again_by_another(hosts: Hosts) -> None:
    """Its row comes from the store; nothing waits elsewhere, and nothing is left in quarantine."""
    a, b = hosts.a, hosts.b
    a.seed(contacts_of(3))
    a.faults([{"fault": "poison_row", "key": key_of(2), "code": "X", "message": "no"}])
    assert a.sync(a.mapping(), a.export(rows_of(3))).summary.rows.failed == 1
    a.faults([])
    b.seed(contacts_of(5))
    again = b.sync(b.mapping(), b.export([row_of(4), row_of(5)]))
    kept = again.summary.quarantine
    assert (kept.retried, kept.waiting, kept.elsewhere, kept.lost) == (1, 0, 0, 0)
    assert b.status(key_of(2)) == "OPT_IN"


def test_the_opt_out_clock_goes_on_on_another_host(hosts: Hosts) -> None:
    """An opt-out without a time is as old as the first run of any host that left it open."""
    a, b, now = hosts.a, hosts.b, datetime(2026, 3, 2, 12, tzinfo=UTC)
    a.seed(contacts_of(2))
    a.faults([{"fault": "poison_row", "key": key_of(2), "code": "X", "message": "no"}])
    export = a.export(rows_of(2, email_opt_in="N", at=""))
    run_id = a.sync(a.mapping(), export, clock=lambda: now).summary.run_id
    operating.drop(run_id, a.context(), now)  # of what it tries again a host brings the run
    later = b.sync(b.mapping(), export, clock=lambda: now + timedelta(days=14)).summary.open_opt_outs
    assert (later.open, later.oldest_business_days) == (1, 10)


def test_commands_of_a_host_bring_the_same_run_at_once(hosts: Hosts) -> None:
    """One of them brings it while the others wait, and each finds it whole."""
    hosts.a.seed(contacts_of(3))
    run_id = hosts.a.plan(hosts.a.mapping(), hosts.a.export(rows_of(3))).summary.run_id
    with ThreadPoolExecutor(4) as pool:
        with fetching.alone(hosts.b.home):
            asked = [pool.submit(existing, run_id, hosts.b.context()) for _ in range(4)]
            assert not wait(asked, timeout=1).done
        found = {future.result()[1].plan_hash for future in asked}
    assert len(found) == 1


def test_a_run_is_reverted_by_another_host(hosts: Hosts) -> None:
    """It needs nothing of the host that carried it out."""
    a, b = hosts.a, hosts.b
    a.seed(contact_of(number, channels={"EMAIL": "OPT_IN"}) for number in (1, 2, 3))
    run_id = a.sync(a.mapping(), a.export(rows_of(3, email_opt_in="N"))).summary.run_id
    back = revert(b, run_id)
    applied = hosts.another("c").apply(back.summary.run_id, approve=back.summary.plan_hash)
    assert applied.summary.rows.updated == 3
    assert {a.status(key_of(number)) for number in (1, 2, 3)} == {"OPT_IN"}


def test_two_hosts_plan_at_the_same_second(hosts: Hosts) -> None:
    """One while the other is at it: their runs have names of their own, and each is the one that was planned."""
    a, b, others = hosts.a, hosts.b, list[str]()
    a.seed(contacts_of(4))
    mapping, at = a.mapping(), a.context().clock()
    two, three = a.export(rows_of(2)), a.export(rows_of(3))

    def perform(name: str, action: Callable[[], T], /) -> T:
        if name == "guard":
            others.append(run.plan(Request(mapping, three), b.context(clock=lambda: at)).summary.run_id)
        return action()

    own = run.plan(Request(mapping, two), a.context(clock=lambda: at, perform=perform)).summary.run_id
    assert own not in others
    assert hosts.another("c").apply(own).summary.rows.updated == 2


def test_a_live_run_is_not_recorded_by_another_host(hosts: Hosts) -> None:
    """`report` for a run that somebody delivers just now ends as for any other writer."""
    a, b, busy = hosts.a, hosts.b, list[int]()
    a.seed(contacts_of(3))

    def progress(stage: str, done: int, total: int | None) -> None:
        if stage == "deliver" and not busy:
            [run_id] = hosts.runs_of(a)
            with pytest.raises(DestinationBusy) as raised:
                b.report(run_id)
            busy.append(raised.value.exit_code)

    a.sync(a.mapping(batch_size=1), a.export(rows_of(3)), progress=progress)
    assert busy == [6]


def test_a_run_that_loses_the_ledgers_lock_records_nothing(hosts: Hosts, postgresql: str) -> None:
    """Another host may do it by now, and does: once."""
    a, b, cut = hosts.a, hosts.b, list[int]()
    a.seed(contacts_of(6))
    engine = sa.create_engine(postgresql.replace("postgresql://", "postgresql+psycopg://"))

    def progress(stage: str, done: int, total: int | None) -> None:
        if stage == "deliver" and not cut:
            with engine.begin() as connection:
                held = "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'"
                cut.append(len(connection.execute(sa.text(held)).all()))

    with pytest.raises(StorageError, match="lock is lost"):
        a.sync(a.mapping(batch_size=1), a.export(rows_of(6)), progress=progress)
    engine.dispose()
    assert not [key for key in hosts.bucket.objects() if key.startswith(("state/", "people/"))]
    [run_id] = hosts.runs_of(a)
    assert b.resume(run_id).summary.rows.updated == 6
    assert set(b.applied().values()) == {1}
    proof = prove(b.context())
    assert (proof.exit_code, proof.chains[0].rows) == (0, 6)


def test_the_state_of_another_day_is_read_from_the_store(hosts: Hosts) -> None:
    """A version of the table, as in a home."""
    a = hosts.a
    a.seed(contacts_of(2))
    first = a.sync(a.mapping(), a.export(rows_of(2)))
    told = int(time.time())
    wait_for(lambda: int(time.time()) > told)  # a store knows its objects' times to the second
    between = datetime.fromtimestamp(told + 0.999, UTC)
    a.sync(a.mapping(), a.export(rows_of(2, email_opt_in="N", at="2026-04-01T00:00:00Z")))
    with opened(hosts.b.context()) as ledger:
        [account] = {row["account"] for row in ledger.runs()}
    state = State(hosts.b.home, "acoustic_connect", account)
    then, now = (state.read(range(BUCKETS), as_of) for as_of in (between, None))
    assert set(then.get_column("told_run")) == {first.summary.run_id}
    assert set(then.get_column("consent:EMAIL")) != set(now.get_column("consent:EMAIL"))
