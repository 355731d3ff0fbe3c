"""Batches that are not full travel together, though they are of several shards: few changes are few requests."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from math import ceil
from typing import TYPE_CHECKING

import pytest

from pipeline import run
from pipeline.context import Request
from pipeline.errors import RunFolderError
from pipeline.explaining import explain
from pipeline.planning import dividing
from pipeline.run_folder import RunFolder
from pipeline.stages import loads
from tests.delivery.world import contacts_of, key_of, row_of, rows_of, stopped_before

if TYPE_CHECKING:
    from tests.delivery.world import World

pytest_plugins = ["tests.delivery.fixtures"]

COUNT = 40
OUT = {"email_opt_in": "N"}
SHARDS = 8
LOST = [{"fault": "reset", "at": "after_write", "operation": "updateContacts"}]


class CrashError(BaseException):
    """Ends a run as a kill would: nothing catches it."""


@pytest.fixture
def divided(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Contacts of an export that is divided into shards."""
    world.seed(contacts_of(COUNT))
    monkeypatch.setattr(dividing, "GATHERED", 10)
    world.more["consent_sync_least_shards"] = SHARDS
    return world


@pytest.mark.parametrize("rows", [1, 3, 7, 10, 40])
def test_as_many_requests_as_one_shard_would_take(divided: World, rows: int) -> None:
    """Each phase takes its items divided by the batch size, rounded up once; the forecast says so beforehand."""
    export = [row_of(n, **(OUT if n % 3 == 0 else {})) for n in range(1, COUNT + 1)]
    planned = divided.plan(divided.mapping(batch_size=rows), divided.export(export)).summary
    assert RunFolder.open(divided.home, planned.run_id).manifest().shards == SHARDS
    outs = len([n for n in range(1, COUNT + 1) if n % 3 == 0])
    least = ceil(outs / rows) + ceil((COUNT - outs) / rows)
    assert planned.requests_to_come is not None
    assert planned.requests_to_come.kinds == {"updateContacts": least}
    assert planned.requests_to_come.batches == least
    result = divided.apply(planned.run_id)
    assert result.summary.rows.updated == COUNT
    assert [len(entry.keys) for entry in divided.mutations()].count(rows) >= COUNT // rows - 1
    assert len(divided.mutations()) == least
    mutating = [entry for entry in divided.mutations() if entry.keys]
    opted_out = {key_of(n) for n in range(1, COUNT + 1) if n % 3 == 0}
    first_other = next(i for i, entry in enumerate(mutating) if not set(entry.keys) <= opted_out)
    assert all(not set(entry.keys) & opted_out for entry in mutating[first_other:])


def test_counts_are_those_of_the_requests(divided: World) -> None:
    """What travelled together is expected, reported and logged once; every batch of it is settled."""
    result = divided.sync(divided.mapping(batch_size=10), divided.export(rows_of(COUNT)))
    summary = result.summary
    assert (summary.modified_count.expected, summary.modified_count.reported) == (COUNT, COUNT)
    assert len(divided.mutations()) == COUNT // 10
    assert summary.requests.sent == len(divided.sandbox.requests())
    assert {row["attempts"] for row in divided.outcomes(result).values()} == {"1"}


def test_everybody_is_told_of_the_requests_that_they_travelled_by(divided: World) -> None:
    """`explain` shows the request of whoever was sent, also where it is written down with another batch."""
    result = divided.sync(divided.mapping(batch_size=10), divided.export(rows_of(COUNT)))
    for number in range(1, COUNT + 1):
        told = explain(result.summary.run_id, key_of(number), divided.context())
        assert [(r["verdict"], r["number"]) for r in told.requests] == [("ok", 1)]


def test_requests_that_failed_are_those_of_all_who_travelled_by_them(divided: World) -> None:
    """A load that stops the run halfway leaves its attempts with each of its batches, and is gone on with."""
    divided.faults([{"fault": "server_error", "operation": "updateContacts", "status": 503}])
    export, mapping = divided.export(rows_of(COUNT)), divided.mapping(batch_size=40)
    stopped = divided.sync(mapping, export)
    assert stopped.error is not None
    divided.faults([])
    assert divided.resume(stopped.summary.run_id).summary.rows.updated == COUNT
    explained = [explain(stopped.summary.run_id, key_of(n), divided.context()) for n in range(1, COUNT + 1)]
    assert {told.requests[0]["status"] for told in explained} == {503}
    assert min(told.records[0]["attempts"] for told in explained) > 1
    # All that was in flight together is read back, and sent again, together.
    assert [entry.status for entry in divided.mutations()].count(200) == 1


def test_a_refused_row_fails_alone(divided: World) -> None:
    """Of what travelled together, exactly the row that the destination refuses fails, with its words."""
    divided.faults([{"fault": "poison_row", "key": key_of(7), "code": "X_1", "message": "no"}])
    result = divided.sync(divided.mapping(batch_size=40), divided.export(rows_of(COUNT)))
    failed = {key: row["message"] for key, row in divided.outcomes(result).items() if row["outcome"] == "failed"}
    assert failed == {key_of(7): "X_1: no"}
    assert result.summary.rows.updated == COUNT - 1


def test_what_a_lost_answer_leaves_unclear_is_read_back_for_each_batch(divided: World) -> None:
    """The answers are lost after they took effect: all of it is confirmed, and no batch is left open."""
    divided.faults(LOST)
    result = divided.sync(divided.mapping(batch_size=15), divided.export(rows_of(COUNT)))
    assert result.summary.rows.updated == COUNT
    assert {row["outcome"] for row in divided.outcomes(result).values()} == {"updated"}


def test_a_run_that_stopped_between_goes_on_with_what_is_left(divided: World) -> None:
    """A run whose plan was made and stopped is resumed with the requests that it was said to take."""
    export, mapping = divided.export(rows_of(COUNT)), divided.mapping(batch_size=15)
    with pytest.raises(KeyboardInterrupt):
        divided.sync(mapping, export, perform=stopped_before("deliver"))
    [run_id] = [folder.name for folder in (divided.home / "runs").iterdir()]
    assert divided.resume(run_id).summary.rows.updated == COUNT
    assert len(divided.mutations()) == ceil(COUNT / 15)


def test_a_canary_takes_its_rows_from_several_shards_at_once(divided: World) -> None:
    """The first items are sent by themselves and the rest afterwards, each once."""
    mapping = divided.mapping(batch_size=20)
    mapping.write_text(mapping.read_text().replace("concurrency: 1}", "concurrency: 1, canary: 6}"))
    result = divided.sync(mapping, divided.export(rows_of(COUNT)))
    assert result.summary.rows.updated == COUNT
    assert len(divided.mutations()[0].keys) == 6
    assert set(divided.applied().values()) == {1}


@pytest.mark.parametrize("mode", ["update", "create"])
def test_a_run_stopped_after_its_canary_sends_the_rest_of_every_shard_once(divided: World, mode: str) -> None:
    """The canary cuts the batches of several shards; what it held back is known as not sent, and goes when resumed."""
    divided.seed(contacts_of(COUNT) if mode == "update" else (), create_existing="duplicate")
    stop = threading.Event()

    def stopped_by_the_canary(stage: str, _done: int, _total: int | None) -> None:
        if stage == "deliver":
            stop.set()

    mapping, export = divided.mapping(mode=mode, batch_size=15), divided.export(rows_of(COUNT))
    context = divided.context(stop=stop, progress=stopped_by_the_canary)
    cut = run.sync(Request(mapping, export, canary=8), context)
    assert (cut.exit_code, cut.summary.rows.unknown) == (5, COUNT - 8)
    assert [len(entry.keys) for entry in divided.mutations()] == [8]
    result = divided.resume(cut.summary.run_id)
    assert (result.summary.rows.updated + result.summary.rows.created) == COUNT
    assert set(divided.applied().values()) == {1}


def test_who_was_listed_since_the_plan_is_left_out_of_what_travels_together(divided: World) -> None:
    """Of a load of several shards nothing is sent of those whom a suppression list has by then; all others go."""
    mapping = divided.mapping(batch_size=40)
    listed = mapping.parent / "list.txt"
    mapping.write_text(mapping.read_text().replace("policy: {", "policy: {suppression: list.txt, "))
    listed.write_text("nobody@example.com\n")
    planned = divided.plan(mapping, divided.export(rows_of(COUNT)))
    some = [3, 17, 31]
    listed.write_text("".join(f"c{number:04d}@example.com\n" for number in some))
    result = divided.apply(planned.summary.run_id)
    assert (result.summary.rows.held, result.summary.rows.updated) == (len(some), COUNT - len(some))
    assert divided.applied() == {key_of(n): 1 for n in range(1, COUNT + 1) if n not in some}


@pytest.mark.parametrize("mode", ["update", "create"])
def test_a_crash_with_a_load_in_flight_sends_nobody_twice(divided: World, mode: str) -> None:
    """Killed after the destination took it, and before any batch of it was settled: all are read back, none sent."""
    divided.seed(contacts_of(COUNT) if mode == "update" else (), create_existing="duplicate")
    mapping, export = divided.mapping(mode=mode, batch_size=40), divided.export(rows_of(COUNT))

    def clock() -> datetime:
        if divided.mutations():
            raise CrashError
        return datetime.now(UTC)

    with pytest.raises(CrashError):
        divided.sync(mapping, export, clock=clock)
    [sent] = divided.mutations()
    assert len(sent.keys) == COUNT
    result = divided.resume(RunFolder.open(divided.home, "latest").run_id)
    assert (result.summary.rows.updated + result.summary.rows.created) == COUNT
    assert divided.mutations() == [sent]


def test_a_plan_that_is_not_small_keeps_its_batches(divided: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards of a large plan do not wait for each other, so each is recorded as soon as it is delivered."""
    monkeypatch.setattr(loads, "MOST_ITEMS", COUNT - 1)
    result = divided.sync(divided.mapping(batch_size=40), divided.export(rows_of(COUNT)))
    assert len({row["shard"] for row in divided.outcomes(result).values()}) == len(divided.mutations()) > 4


def test_the_plan_is_sealed_with_the_batches_that_are_sent(divided: World) -> None:
    """Whoever changes what travels together after the plan was made changes the plan."""
    planned = divided.plan(divided.mapping(batch_size=15), divided.export(rows_of(COUNT))).summary
    folder = RunFolder.open(divided.home, planned.run_id)
    manifest = folder.manifest()
    batches = sum(folder.read_plan("items", s).get_column("batch").n_unique() for s in range(manifest.shards))
    assert manifest.batches == batches
    items = folder.read_plan("items", 0)
    folder.write_parquet(folder.plan_file("items", 0), items.with_columns(items.get_column("batch") + 1))
    with pytest.raises(RunFolderError):
        divided.apply(planned.run_id)
