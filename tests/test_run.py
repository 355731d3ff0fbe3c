"""The chain: what a second run sends, what `apply` and `approve` accept, what a stale or touched plan does."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from pipeline.errors import DestinationBusy, GuardTripped, MappingErrors, RunFolderError
from pipeline.model import Outcome
from pipeline.stages.deliver import AHEAD
from tests.delivery.world import DATA_SET, contacts_of, key_of, row_of, rows_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.delivery.world import World

pytest_plugins = ["tests.delivery.fixtures"]


def test_a_second_run_of_the_same_export_sends_no_mutation(world: World) -> None:
    """What was confirmed is unchanged the second time; `--full` sends it all the same."""
    world.seed(contacts_of(25))
    mapping, export = world.mapping(), world.export(rows_of(25))
    first = world.sync(mapping, export)
    stored = world.stored()
    world.sandbox.clear_requests()
    second = world.sync(mapping, export)
    assert world.mutations() == []
    assert (first.summary.rows.updated, second.summary.rows.unchanged) == (25, 25)
    assert second.exit_code == 0
    third = world.sync(mapping, export, full=True)
    assert third.summary.rows.updated == 25
    assert sum(entry.rows for entry in world.mutations()) == 25
    assert world.stored() == stored


def test_a_plan_sends_no_mutation_and_apply_carries_out_exactly_it(world: World) -> None:
    """`plan` foretells the figures of `apply`; applying again sends nothing."""
    world.seed(contacts_of(12))
    planned = world.plan(world.mapping(), world.export(rows_of(12)))
    assert (planned.exit_code, planned.summary.status, world.mutations()) == (0, "planned", [])
    applied = world.apply(planned.summary.run_id)
    assert applied.summary.rows == planned.summary.rows
    assert applied.summary.transitions == planned.summary.transitions
    assert applied.summary.plan_hash == planned.summary.plan_hash
    assert applied.summary.modified_count.expected == planned.summary.modified_count.expected == 12
    world.sandbox.clear_requests()
    again = world.apply(planned.summary.run_id)
    assert (world.mutations(), again.summary.rows) == ([], applied.summary.rows)
    assert again.summary.status == "completed"


def guarded(world: World) -> str:
    """A plan that its guards stop: all of its 120 records are rejected. Returns the run's id."""
    mapping = world.mapping()
    mapping.write_text(mapping.read_text().replace("max_reject_share: 1.0", "max_reject_share: 0.1"))
    result = world.sync(mapping, world.export(rows_of(120, contact_id="")))
    assert (result.exit_code, result.summary.status) == (4, "stopped")
    assert isinstance(result.error, GuardTripped)
    return result.summary.run_id


def test_a_tripped_guard_asks_for_the_hash_of_its_plan(world: World) -> None:
    """Nothing is sent without approval; a wrong, short or empty hash is refused and the right one accepted."""
    run_id = guarded(world)
    plan_hash = json.loads((world.folder(run_id) / "manifest.json").read_text())["plan_hash"]
    for attempt in (world.apply, world.resume):
        with pytest.raises(GuardTripped, match="--approve"):
            attempt(run_id)
    for wrong in ("", "0" * 64, plan_hash[:5], plan_hash[1:], plan_hash + "0"):
        with pytest.raises(RunFolderError, match="nothing was sent"):
            world.apply(run_id, approve=wrong)
    assert world.mutations() == []
    assert world.apply(run_id, approve=plan_hash[:12].upper()).summary.rows.rejected == 120


def edit_json(change: Callable[[Any], None]) -> Callable[[Path], None]:
    """Changes a JSON file in place."""

    def edit(path: Path) -> None:
        document = json.loads(path.read_text())
        change(document)
        path.write_text(json.dumps(document))

    return edit


def rewrite(**columns: pl.Expr) -> Callable[[Path], None]:
    """Changes columns of a Parquet file in place."""
    return lambda path: pl.read_parquet(path).with_columns(**columns).write_parquet(path)


TOUCHED: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a status in an item": ("plan/items-0000.parquet", rewrite(wire=pl.col("wire").str.replace("OPT_IN", "OPT_OUT"))),
    "a row of items": ("plan/items-0000.parquet", lambda p: pl.read_parquet(p).head(3).write_parquet(p)),
    "a decision": ("plan/records-0000.parquet", rewrite(decision=pl.lit("held"))),
    "items deleted": ("plan/items-0000.parquet", lambda p: p.unlink()),
    "items added": ("plan/items-0000.parquet", lambda p: p.with_name("items-0001.parquet").write_bytes(p.read_bytes())),
    "items not parquet": ("plan/items-0000.parquet", lambda p: p.write_bytes(b"PAR1")),
    "the mapping": ("mapping.yaml", lambda p: p.write_text(p.read_text().replace("[Y]", "[Y, N]"))),
    "the mapping deleted": ("mapping.yaml", lambda p: p.unlink()),
    "the audience": ("audience.json", edit_json(lambda d: d["groups"].clear())),
    "the header": ("header.json", lambda p: p.write_text("[]")),
    "a guard": ("manifest.json", edit_json(lambda d: d["guards"][0].update(limit=0.9, tripped=False))),
    "the guards": ("manifest.json", edit_json(lambda d: d.update(guards=[]))),
    "the number of shards": ("manifest.json", edit_json(lambda d: d.update(shards=0))),
    "the account": ("manifest.json", edit_json(lambda d: d.update(account="another"))),
    "the hash": ("manifest.json", edit_json(lambda d: d.update(plan_hash="0" * 64))),
    "the time": ("manifest.json", edit_json(lambda d: d.update(planned_at="2099-01-01T00:00:00+00:00"))),
    "an unknown fact": ("manifest.json", edit_json(lambda d: d.update(more=1))),
    "not a manifest": ("manifest.json", lambda p: p.write_text("{")),
    "no manifest": ("manifest.json", lambda p: p.unlink()),
}


@pytest.mark.parametrize("what", TOUCHED)
def test_a_plan_that_was_changed_by_hand_is_refused(world: World, what: str) -> None:
    """Whatever file of the plan was touched: `apply`, `resume` and `report` refuse, and nothing is sent."""
    world.seed(contacts_of(5))
    run_id = world.plan(world.mapping(), world.export(rows_of(5))).summary.run_id
    name, change = TOUCHED[what]
    change(world.folder(run_id) / name)
    for attempt in (world.apply, world.resume, world.report):
        with pytest.raises(RunFolderError) as raised:
            attempt(run_id)
        assert raised.value.exit_code == 2
    assert world.mutations() == []


def test_a_plan_is_stale_when_another_run_has_delivered_since(world: World) -> None:
    """A plan that another run has overtaken is refused and names it; a run without mutations overtakes nobody."""
    world.seed(contacts_of(5))
    mapping = world.mapping()
    old = world.plan(mapping, world.export(rows_of(5, first_name="Old"))).summary.run_id
    blank = row_of(1, email="", email_opt_in="", points="", first_name="")
    assert world.sync(mapping, world.export([blank])).summary.rows.unchanged == 1
    newer = world.sync(mapping, world.export(rows_of(5, first_name="New"))).summary.run_id
    sent = len(world.mutations())
    for attempt in (world.apply, world.resume):
        with pytest.raises(RunFolderError, match=newer):
            attempt(old)
    assert len(world.mutations()) == sent
    assert {found[0][0]["First Name"] for found in world.stored().values()} == {"New"}


def test_a_plan_is_for_its_own_account(world: World) -> None:
    """Settings that lead to another account than the one planned for are refused."""
    world.seed(contacts_of(3), api_generation="current")
    mapping = world.mapping()
    text = mapping.read_text().replace("data_set_id: 4fe4136f-c007-44a3-b38f-922200000000", "api_generation: current")
    mapping.write_text(text)
    run_id = world.plan(mapping, world.export(rows_of(3))).summary.run_id
    world.sandbox.reset()
    another: Any = {"data_set": DATA_SET | {"dataSetId": "another"}, "contacts": contacts_of(3)}
    world.sandbox.load({"acoustic_connect": another})
    world.sandbox.settings(api_generation="current")
    with pytest.raises(RunFolderError, match="another"):
        world.apply(run_id)
    assert world.mutations() == []


def test_an_audience_that_lost_a_field_since_planning_is_noticed_before_sending(world: World) -> None:
    """`apply` compares mapping and audience again."""
    world.seed(contacts_of(3))
    run_id = world.plan(world.mapping(), world.export(rows_of(3))).summary.run_id
    attributes = [a for a in DATA_SET["attributes"] if a["name"] != "First Name"]
    world.sandbox.reset()
    smaller: Any = {"data_set": DATA_SET | {"attributes": attributes}, "contacts": contacts_of(3)}
    world.sandbox.load({"acoustic_connect": smaller})
    with pytest.raises(MappingErrors, match="First Name"):
        world.apply(run_id)
    assert world.mutations() == []


def test_opt_outs_leave_before_anything_else(world: World) -> None:
    """The first request of the other phase leaves after the last answer with an opt-out."""
    world.seed(contacts_of(40))
    rows = [row_of(n, email_opt_in="N" if n % 4 == 0 else "Y") for n in range(1, 41)]
    assert world.sync(world.mapping(batch_size=2, concurrency=4), world.export(rows)).exit_code == 0
    sent = [{int(key[2:]) % 4 == 0 for key in entry.keys} for entry in world.mutations()]
    assert sent == [{True}] * 5 + [{False}] * 15


@pytest.mark.parametrize("count", [0, 1])
def test_an_empty_or_tiny_export_is_no_error_of_the_program(world: World, count: int) -> None:
    """An export without records is stopped by a guard; one of one record is sent."""
    world.seed(contacts_of(1))
    result = world.sync(world.mapping(), world.export(rows_of(count)))
    assert result.exit_code == (0 if count else 4)
    assert result.summary.balanced


def test_a_run_that_is_asked_to_stop_before_it_sends_says_so(world: World) -> None:
    """A stop in the middle of delivering leaves the rest unsent, and `resume` sends exactly the rest."""
    count = 2 * AHEAD + 10  # more than are begun in two turns
    world.seed(contacts_of(count))
    stop = threading.Event()

    def progress(stage: str, done: int, total: int | None) -> None:
        if stage == "deliver" and done >= 3:
            stop.set()

    result = world.sync(world.mapping(batch_size=1), world.export(rows_of(count)), stop=stop, progress=progress)
    assert (result.exit_code, result.summary.status) == (5, "interrupted")
    assert f"consent-sync resume {result.summary.run_id}" in str(result.error)
    outcomes = world.outcomes(result)
    sent = set(world.applied())
    assert {key for key, row in outcomes.items() if row["outcome"] == "updated"} == sent
    assert {row["reason"] for key, row in outcomes.items() if key not in sent} == {"not_sent"}
    assert len(sent) < count
    again = world.resume(result.summary.run_id)
    assert (again.exit_code, again.summary.rows.updated) == (0, count)
    assert world.applied() == dict.fromkeys(map(key_of, range(1, count + 1)), 1)


def test_two_runs_of_one_destination_exclude_each_other(world: World) -> None:
    """The second run ends with exit code 6 and names the first; afterwards the destination is free."""
    world.seed(contacts_of(6))
    mapping, export = world.mapping(batch_size=2), world.export(rows_of(6))
    seen: list[DestinationBusy] = []
    mine: list[str] = []

    def progress(stage: str, done: int, total: int | None) -> None:
        if stage == "deliver" and not seen:
            mine.append(next(p.name for p in (world.home / "runs").iterdir()))
            with pytest.raises(DestinationBusy) as raised:
                world.sync(mapping, export)
            seen.append(raised.value)

    result = world.sync(mapping, export, progress=progress)
    assert result.exit_code == 0
    assert seen[0].exit_code == 6
    assert result.summary.run_id in str(seen[0])
    assert world.sync(mapping, export).exit_code == 0


def test_outcomes_are_those_of_the_sandboxs_log(world: World) -> None:
    """Updated records are those that the log says were applied, and no others; each record appears once."""
    world.seed(contacts_of(8))
    rows = [*rows_of(10), row_of(3, email_opt_in="N", at="2026-01-03T00:00:00Z"), row_of(4, contact_id="")]
    result = world.sync(world.mapping(batch_size=3), world.export(rows))
    outcomes = pl.read_parquet(world.folder(result) / "outcomes.parquet")
    assert outcomes.get_column("record").to_list() == list(range(1, 13))
    updated = outcomes.filter(pl.col("outcome") == Outcome.UPDATED).get_column("identity").to_list()
    assert set(updated) == set(world.applied())
    assert result.summary.requests.sent == len(world.sandbox.requests())
    assert result.summary.rows.model_dump() == {
        "read": 12, "created": 0, "updated": 8, "unchanged": 0, "superseded": 1, "held": 0, "rejected": 1, "failed": 2,
        "unknown": 0,
    }  # fmt: skip
