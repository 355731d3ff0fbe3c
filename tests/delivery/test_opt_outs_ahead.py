"""`apply RUN --only opt-outs`: the opt-outs go while the rest waits for somebody, and nothing goes twice."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from pipeline import run
from pipeline.errors import GuardTripped, RunFolderError
from pipeline.model import Extent
from tests.delivery.world import contact_of, key_of, row_of

if TYPE_CHECKING:
    from pipeline.carried_out import Result
    from tests.delivery.commands import Commands
    from tests.delivery.world import World

pytest_plugins = ["tests.delivery.fixtures"]

OUT, MIXED, IN = range(1, 7), range(7, 9), range(9, 19)
OPEN = "max_opt_out_share: 1.0, max_opt_in_share: 1.0, max_reject_share: 1.0, row_count_change: 1000"


def planned(world: World, guards: str = "max_opt_ins: 3", **delivery: Any) -> Result:
    """A plan of six opt-outs, two contacts who opt out of one channel and in to another, and ten opt-ins."""
    world.seed(
        [
            {**contact_of(n, channels={"EMAIL": "OPT_IN_UNVERIFIED" if n in IN else "OPT_IN"})}
            | {"attributes": {"Contact key": key_of(n), "Email": f"c{n:04d}@example.com", "Cell Phone": "+12125550100"}}
            for n in range(1, 19)
        ]
    )
    rows = [
        *(row_of(n, email_opt_in="N") for n in OUT),
        *(row_of(n, email_opt_in="N", mobile="212 555 0100", sms_opt_in="Y") for n in MIXED),
        *(row_of(n) for n in IN),
    ]
    mapping = world.mapping(**({"batch_size": 2} | delivery))
    mapping.write_text(mapping.read_text().replace(OPEN, f"{OPEN}, {guards}" if guards else OPEN))
    return world.plan(mapping, world.export(rows))


def ahead(world: World, run_id: str, approve: str | None = None, **changes: Any) -> Result:
    """`apply RUN --only opt-outs`."""
    return run.apply(run_id, world.context(**changes), approve=approve, extent=Extent.OPT_OUTS)


def keys(numbers: range) -> set[str]:
    """Their identities."""
    return {key_of(n) for n in numbers}


def test_opt_outs_go_while_opt_ins_wait_and_nothing_goes_twice(world: World) -> None:
    """No approval is needed where only opt-ins are over a limit; the rest is carried out once it is approved."""
    plan = planned(world)
    run_id = plan.summary.run_id
    first = ahead(world, run_id)
    assert set(world.applied()) == keys(OUT)
    assert (first.exit_code, first.summary.status) == (4, "stopped")
    assert isinstance(first.error, GuardTripped)
    assert "2 contacts who opt out of one thing and not of another wait" in str(first.error)
    outcomes = world.outcomes(first)
    assert {key for key, row in outcomes.items() if row["outcome"] == "updated"} == keys(OUT)
    waiting = {(row["outcome"], row["reason"]) for key, row in outcomes.items() if key not in keys(OUT)}
    assert waiting == {("unknown", "not_sent")}
    assert first.summary.next == [
        f"consent-sync apply {run_id} --approve {plan.summary.plan_hash[:12]} --home {world.home}"
    ]
    assert "Only the opt-outs were sent, the rest waits" in (world.folder(run_id) / "report.html").read_text("utf-8")
    assert world.report(run_id).summary == first.summary
    with pytest.raises(GuardTripped, match="--approve"):
        world.apply(run_id)
    done = world.apply(run_id, approve=plan.summary.plan_hash)
    assert (done.exit_code, done.summary.status) == (0, "completed")
    assert world.applied() == dict.fromkeys(map(key_of, range(1, 19)), 1)
    assert done.summary.transitions == plan.summary.planned_transitions


def test_resume_finishes_the_opt_outs_and_lets_no_guard_be_passed_by(world: World) -> None:
    """A stop in the middle is resumed to the last opt-out; what waits for an approval goes on waiting."""
    plan = planned(world)
    stop = threading.Event()

    def progress(stage: str, done: int, total: int | None) -> None:
        if stage == "deliver" and done >= 1:
            stop.set()

    first = ahead(world, plan.summary.run_id, stop=stop, progress=progress)
    assert (first.exit_code, first.summary.status) == (5, "interrupted")
    assert set(world.applied()) < keys(OUT)
    for _ in range(2):
        again = world.resume(plan.summary.run_id)
        assert (again.exit_code, again.summary.status) == (4, "stopped")
        assert world.applied() == dict.fromkeys(keys(OUT), 1)


HELD = {"opt-outs": "max_opt_outs: 3", "records": "first_run: {max_rows: 3}"}


@pytest.mark.parametrize("guards", HELD.values(), ids=HELD)
def test_opt_outs_wait_too_where_a_guard_speaks_against_them(world: World, guards: str) -> None:
    """Too many opt-outs, or an odd number of records, need an approval; it is for the opt-outs only."""
    plan = planned(world, guards)
    with pytest.raises(GuardTripped, match="--only opt-outs --approve"):
        ahead(world, plan.summary.run_id)
    assert world.mutations() == []
    with pytest.raises(RunFolderError, match="nothing was sent"):
        ahead(world, plan.summary.run_id, approve="0" * 64)
    assert ahead(world, plan.summary.run_id, approve=plan.summary.plan_hash).exit_code == 4
    assert set(world.applied()) == keys(OUT)
    with pytest.raises(GuardTripped):
        world.apply(plan.summary.run_id)


def test_without_a_tripped_guard_the_rest_goes_with_a_plain_apply(world: World) -> None:
    """The run is stopped, ends with code 3 since records are not settled, and names the command for the rest."""
    plan = planned(world, "")
    first = ahead(world, plan.summary.run_id)
    assert (first.exit_code, first.error, first.summary.status) == (3, None, "stopped")
    assert first.summary.next == [f"consent-sync apply {plan.summary.run_id} --home {world.home}"]
    assert world.apply(plan.summary.run_id).exit_code == 0
    assert set(world.applied().values()) == {1}


def test_nothing_goes_ahead_of_a_run_that_sends_all(world: World) -> None:
    """Nor of a plan without opt-outs: the message says so, with code 2."""
    plan = planned(world, "")
    world.apply(plan.summary.run_id)
    with pytest.raises(RunFolderError, match="has begun to send all"):
        ahead(world, plan.summary.run_id)
    world.seed([contact_of(1)])
    only_in = world.plan(world.mapping(), world.export([row_of(1)]))
    with pytest.raises(RunFolderError, match="nothing can go ahead"):
        ahead(world, only_in.summary.run_id)


def test_a_run_between_opt_outs_and_rest_makes_the_rest_stale(world: World) -> None:
    """Whoever wrote in between is named, and the rest is not sent."""
    plan = planned(world)
    ahead(world, plan.summary.run_id)
    newer = world.sync(world.mapping(name="other.yaml"), world.export([row_of(9, first_name="New")]))
    with pytest.raises(RunFolderError, match=newer.summary.run_id):
        world.apply(plan.summary.run_id, approve=plan.summary.plan_hash)


def test_the_command_line_lets_opt_outs_ahead(world: World, command: Commands) -> None:
    """`--only opt-outs`, with the guard's sentence and code 4; any other word is a usage error."""
    run_id = planned(world).summary.run_id
    assert command("apply", run_id, "--only", "opt-ins").code == 2
    ended = command("apply", run_id, "--only", "opt-outs", "--json")
    assert (ended.code, ended.document["status"]) == (4, "stopped")
    assert "12 contacts would be opted in; at most 3 are allowed (max_opt_ins)" in ended.err
    assert json.loads((world.folder(run_id) / "manifest.json").read_text())["status"] == "stopped"
