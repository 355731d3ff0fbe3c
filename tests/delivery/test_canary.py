"""The canary: the first items are sent and read back, and one that differs stops the rest."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from pipeline import run
from pipeline.context import Request
from pipeline.errors import RunFolderError
from pipeline.ledger.canaries import rest_begins
from pipeline.ledger.ledger import Ledger
from pipeline.model import Extent

from .world import CHANNELS, contacts_of, key_of, row_of, rows_of

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.carried_out import Result

    from .commands import Commands
    from .world import World

pytest_plugins = ["tests.delivery.fixtures"]

COUNT = 25
LIE: dict[str, Any] = {
    "fault": "answer",
    "status": 200,
    "body": {"data": {"updateContacts": {"modifiedCount": 5}}},
    "operation": "updateContacts",
    "nth": [1],
}
"""The first mutation is answered as if it had been carried out."""


def sync(world: World, mapping: Path, export: Path, first: int | None = 5) -> Result:
    """`sync --canary`."""
    return run.sync(Request(mapping, export, canary=first), world.context())


def sizes(world: World) -> list[int]:
    """How many contacts each mutation was about."""
    return [entry.rows for entry in world.mutations()]


def differed(world: World, **changes: Any) -> Result:
    """A run whose canary of five was not carried out."""
    world.seed(contacts_of(COUNT))
    world.faults([LIE])
    return sync(world, world.mapping(settle=0.1, **changes), world.export(rows_of(COUNT)))


@pytest.mark.parametrize("first", [1, 5, 10, 15, 24])
def test_a_canary_that_agrees_is_followed_by_the_rest(world: World, first: int) -> None:
    """Exactly the first items go alone and are read; then the rest goes, each contact once, and the figures say so."""
    world.seed(contacts_of(COUNT))
    result = sync(world, world.mapping(concurrency=2), world.export(rows_of(COUNT)), first)
    assert (result.exit_code, result.summary.rows.updated) == (0, COUNT)
    asked = [entry.operation for entry in world.sandbox.requests()]
    ahead = -(-first // 10)
    assert sum(sizes(world)[:ahead]) == first
    begun = asked.index("updateContacts")
    assert asked[begun : begun + ahead] == ["updateContacts"] * ahead
    assert asked[begun + ahead] == "contacts"
    assert set(world.applied().values()) == {1}
    figures = {"asked": first, "sent": first, "read_back": first, "differ": 0}
    assert result.summary.document()["canary"] == figures
    assert "the rest followed" in (world.folder(result) / "report.html").read_text()


def test_a_canary_that_differs_stops_the_rest(world: World) -> None:
    """Nothing else is sent; the message has how many, up to three records, what differs and what goes on; no value."""
    result = differed(world)
    assert (result.exit_code, str(result.summary.status), sizes(world)) == (4, "stopped", [5])
    assert result.summary.document()["error"] == {"code": 4, "message": str(result.error)}
    said = str(result.error)
    assert "5 of 5 items" in said
    assert "record 1 (C•••••): First Name differs, Points differs, EMAIL: OPT_IN planned, nothing found" in said
    assert "record 3 " in said
    assert "record 4 " not in said
    assert "and 2 more" in said
    assert f"apply {result.summary.run_id} --approve {result.summary.plan_hash[:12]}" in said
    assert "Name1" not in said
    assert "example.com" not in said
    assert result.summary.document()["canary"] == {"asked": 5, "sent": 5, "read_back": 5, "differ": 5}
    rows = result.summary.rows
    assert (rows.failed, rows.unknown, rows.updated, result.summary.balanced) == (5, COUNT - 5, 0, True)
    outcomes = world.outcomes(result)
    assert {outcomes[key_of(n)]["reason"] for n in range(1, 6)} == {"not_applied"}
    assert {outcomes[key_of(n)]["reason"] for n in range(6, COUNT + 1)} == {"not_sent"}
    assert [command for command in result.summary.next if "--approve" in command]
    assert "Only the canary was sent" in (world.folder(result) / "report.html").read_text()


def test_what_a_canary_held_back_is_not_in_quarantine(world: World) -> None:
    """Only what failed of it is tried again by the next run; the rest waits for somebody to let it go."""
    assert differed(world).summary.quarantine.waiting == 5
    world.faults([])
    assert world.sync(world.mapping(), world.export([row_of(COUNT)])).summary.rows.read == 6


def test_resuming_does_not_pass_a_canary_that_differed(world: World) -> None:
    """Nor does applying without the hash; with it the rest goes, each contact once."""
    run_id = differed(world).summary.run_id
    for again in (world.resume(run_id), world.apply(run_id)):
        assert (again.exit_code, sizes(world)) == (4, [5])
        assert "5 of 5 items" in str(again.error)
    passed = world.apply(run_id, passed_hash := again.summary.plan_hash[:12])
    assert passed_hash
    assert (passed.exit_code, passed.summary.rows.updated, passed.summary.rows.failed) == (3, COUNT - 5, 5)
    assert sizes(world) == [5, 5, 10, 5]
    assert max(world.applied().values()) == 1
    assert "somebody approved it" in passed.summary.canary.said if passed.summary.canary else False


def test_a_refused_record_of_the_canary_stops_the_rest(world: World) -> None:
    """What the destination refuses differs from what was planned."""
    world.seed(contacts_of(COUNT))
    world.faults([{"fault": "poison_row", "key": key_of(3), "code": "X", "message": "no c0003@example.com"}])
    result = sync(world, world.mapping(), world.export(rows_of(COUNT)))
    assert (result.exit_code, result.summary.rows.updated, result.summary.rows.failed) == (4, 4, 1)
    assert "1 of 5 items" in str(result.error)
    assert "record 3 (C•••••): failed: refused_by_destination" in str(result.error)
    assert "example.com" not in str(result.error)


def test_what_shows_late_agrees(world: World) -> None:
    """It is read until it would have shown."""
    world.seed(contacts_of(COUNT), visibility_delay_ms=300)
    result = sync(world, world.mapping(settle=2), world.export(rows_of(COUNT)))
    assert (result.exit_code, result.summary.rows.updated) == (0, COUNT)


def test_a_canary_larger_than_the_plan_is_the_whole_plan(world: World) -> None:
    """There is no rest; all is read back."""
    world.seed(contacts_of(COUNT))
    result = sync(world, world.mapping(), world.export(rows_of(COUNT)), 1000)
    assert result.exit_code == 0
    assert result.summary.document()["canary"] == {"asked": 1000, "sent": COUNT, "read_back": COUNT, "differ": 0}


def test_a_canary_that_was_cut_off_is_finished_first(world: World) -> None:
    """A destination that fails in the middle: `resume` settles and judges the canary, then sends the rest, once."""
    world.seed(contacts_of(COUNT))
    mapping, export = world.mapping(), world.export(rows_of(COUNT))
    world.faults([{"fault": "server_error", "operation": "contacts", "nth": list(range(2, 40))}])
    cut = sync(world, mapping, export)
    assert (cut.exit_code, sizes(world)) == (5, [5])
    world.faults([])
    result = world.resume(cut.summary.run_id)
    assert (result.exit_code, result.summary.rows.updated) == (0, COUNT)
    assert set(world.applied().values()) == {1}
    assert result.summary.document()["canary"] == {"asked": 5, "sent": 5, "read_back": 5, "differ": 0}


def test_the_opt_outs_ahead_have_a_canary_too(world: World) -> None:
    """It is of the first items of what goes; when the rest follows, so do the rest of the canary's items, first."""
    world.seed(contacts_of(COUNT))
    rows = [row_of(n, email_opt_in="N" if n <= 4 else "Y") for n in range(1, COUNT + 1)]
    planned = world.plan(world.mapping(), world.export(rows))
    run_id = planned.summary.run_id
    ahead = run.apply(run_id, world.context(), extent=Extent.OPT_OUTS, first=6)
    assert (sizes(world), str(ahead.summary.status)) == ([4], "stopped")
    assert ahead.summary.document()["canary"] == {"asked": 6, "sent": 4, "read_back": 4, "differ": 0}
    world.faults([LIE | {"body": {"data": {"updateContacts": {"modifiedCount": 2}}}}])
    stopped = world.resume(run_id) if ahead.error else world.apply(run_id)
    assert (stopped.exit_code, sizes(world)) == (4, [4, 2])
    assert stopped.summary.document()["canary"] == {"asked": 6, "sent": 6, "read_back": 6, "differ": 2}


def test_a_mapping_can_ask_for_a_canary(world: World) -> None:
    """`delivery.canary` holds where the command says nothing; 0 on the command line is none."""
    world.seed(contacts_of(COUNT))
    mapping = world.mapping()
    mapping.write_text(mapping.read_text().replace("concurrency: 1", "concurrency: 1, canary: 7"))
    assert sync(world, mapping, world.export(rows_of(COUNT)), None).summary.document()["canary"]["asked"] == 7
    again = sync(world, mapping, world.export(rows_of(COUNT, first_name="Else")), 0)
    assert (again.exit_code, again.summary.canary) == (0, None)


def test_a_run_that_has_begun_gets_no_other_canary(world: World) -> None:
    """What went already cannot go first."""
    stopped = differed(world)
    for first in (0, 6):
        with pytest.raises(RunFolderError, match="has begun with a canary of 5"):
            run.apply(stopped.summary.run_id, world.context(), first=first)
    assert sizes(world) == [5]


def test_the_command_line_says_what_the_canary_came_to(world: World, command: Commands) -> None:
    """The figures, the exit code and the command that goes on."""
    world.seed(contacts_of(COUNT))
    world.faults([LIE])
    mapping, export = world.mapping(settle=0.1, consent=CHANNELS), world.export(rows_of(COUNT))
    ended = command("sync", mapping, "--export", export, "--canary", "5")
    assert ended.code == 4
    assert "canary: 5 items sent first, 5 read back, 5 otherwise than planned; the rest was not sent" in ended.out
    assert "--approve" in ended.err


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("mode", ["update", "create"])
def test_a_run_that_is_stopped_between_the_parts_of_a_batch_sends_the_rest_once(
    world: World, mode: str, begun: bool
) -> None:
    """What the canary held back is known as not sent; once its sending was intended, it is read back first."""
    world.seed(contacts_of(COUNT) if mode == "update" else (), create_existing="duplicate")
    stop = threading.Event()

    def stopped_by_the_canary(stage: str, _done: int, _total: int | None) -> None:
        if stage == "deliver":
            stop.set()

    mapping, export = world.mapping(mode=mode), world.export(rows_of(COUNT))
    context = world.context(stop=stop, progress=stopped_by_the_canary)
    cut = run.sync(Request(mapping, export, canary=5), context)
    assert (cut.exit_code, sizes(world), cut.summary.rows.unknown) == (5, [5], COUNT - 5)
    assert set(cut.summary.reasons) == {"not_sent"}
    ledger = Ledger.at(world.home, None)
    if begun:
        rest_begins(ledger, cut.summary.run_id, (0, 0), range(6, 11))
        assert world.report(cut.summary.run_id).summary.reasons == {"not_sent": COUNT - 10, "not_confirmed": 5}
    ledger.close()
    before = len(world.sandbox.requests())
    result = world.resume(cut.summary.run_id)
    assert (result.exit_code, sizes(world)) == (0, [5, 5, 10, 5])
    assert set(world.applied().values()) == {1}
    asked = [entry.operation for entry in world.sandbox.requests()[before:]]
    reads = asked[: asked.index(f"{mode}Contacts")].count("contacts")
    assert reads >= (1 if begun else 0)


class CrashError(BaseException):
    """Ends a run as a kill would: nothing catches it."""


@pytest.mark.parametrize("sent", [1, 2])
def test_a_crash_in_either_part_of_a_batch_creates_nobody_twice(world: World, sent: int) -> None:
    """The part that took effect is in flight in the ledger, and it alone: it is read back before anything is sent."""
    world.seed(create_existing="duplicate")

    def clock() -> datetime:
        if len(world.mutations()) == sent:
            raise CrashError
        return datetime.now(UTC)

    mapping, export = world.mapping(mode="create"), world.export(rows_of(COUNT))
    with pytest.raises(CrashError):
        run.sync(Request(mapping, export, canary=5), world.context(clock=clock))
    assert sizes(world) == [5, 5][:sent]
    [run_id] = [path.name for path in world.home.glob("runs/*")]
    result = world.resume(run_id)
    assert (result.exit_code, result.summary.rows.created, sizes(world)) == (0, COUNT, [5, 5, 10, 5])
    assert {key: len(found) for key, found in world.stored().items()} == {key_of(n): 1 for n in range(1, COUNT + 1)}
    assert result.summary.document()["canary"] == {"asked": 5, "sent": 5, "read_back": 5, "differ": 0}
