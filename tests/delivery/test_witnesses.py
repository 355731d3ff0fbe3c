"""Opt-outs that are known in roundabout ways still forbid, and what was sent unseen is never taken for told."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from pipeline import run
from pipeline.errors import MappingErrors, RunFolderError
from tests.delivery.world import contacts_of, row_of, rows_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.carried_out import Result
    from tests.delivery.world import World

pytest_plugins = ["tests.delivery.fixtures"]


def suppressing(world: World, *changes: tuple[str, str]) -> Path:
    """A mapping with contact 1's address on its suppression list, and further changes of its text."""
    mapping = world.mapping()
    text = mapping.read_text().replace("policy: {", "policy: {suppression: list.txt, ")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    mapping.write_text(text)
    (mapping.parent / "list.txt").write_text("C0001@example.com\n")
    return mapping


def test_a_list_that_cannot_be_read_to_its_end_stops_the_run(world: World) -> None:
    """Whom an unreadable line is about nobody knows, so nothing is sent: the message names mapping and line."""
    world.seed(contacts_of(1))
    mapping = suppressing(world)
    (mapping.parent / "list.txt").write_text("c0001@example.com,2026-01-02\n")
    with pytest.raises(MappingErrors, match=r"policy\.suppression: 1 lines of .* line 1, are no address"):
        world.sync(mapping, world.export([row_of(1, email_opt_in="N")]))
    assert [entry for entry in world.sandbox.requests() if entry.write_applied] == []


def test_a_suppressed_address_that_only_the_platform_has_is_not_opted_in(world: World) -> None:
    """The list is compared with the stored address where the export's cell is blank."""
    world.seed(contacts_of(2))
    rows = [row_of(n, email="", email_opt_in="Y") for n in (1, 2)]
    result = world.sync(suppressing(world), world.export(rows))
    assert result.summary.withheld == {"suppressed": 1}
    assert (world.status("C-0001"), world.status("C-0002")) == (None, "OPT_IN")


def test_an_address_is_one_wherever_it_is_mapped(world: World) -> None:
    """Mapped under `attributes`, an address is suppressed all the same."""
    world.seed(contacts_of(1))
    moved = ("  EMAIL: {column: email, attribute: Email}\n", ""), ("attributes:\n", "attributes:\n  Email: email\n")
    result = world.sync(suppressing(world, *moved), world.export([row_of(1, email_opt_in="Y")]))
    assert result.summary.withheld == {"suppressed": 1}
    assert world.status("C-0001") is None


def test_an_opt_out_without_a_time_is_told_over_a_dated_one(world: World) -> None:
    """What forbids without a date forbids for longer: a later dated opt-in does not outdate it."""
    world.seed(contacts_of(1))
    mapping = world.mapping()
    for word, at in (("N", "2026-01-01T00:00:00Z"), ("N", ""), ("Y", "2026-02-01T00:00:00Z")):
        world.sync(mapping, world.export([row_of(1, email_opt_in=word, at=at, src="form")]))
    assert world.status("C-0001") == "OPT_OUT"


def test_a_run_that_was_resumed_since_makes_a_plan_stale(world: World) -> None:
    """It is when a batch was answered that counts, not when it was first begun."""
    world.seed(contacts_of(2))
    mapping = world.mapping(settle=0.1)
    world.faults([{"fault": "server_error", "operation": "updateContacts"}])
    stopped = world.sync(mapping, world.export(rows_of(1)))
    assert stopped.summary.rows.unknown == 1
    world.faults([])
    planned = world.plan(mapping, world.export(rows_of(2)))
    world.resume(stopped.summary.run_id)
    with pytest.raises(RunFolderError, match=stopped.summary.run_id):
        world.apply(planned.summary.run_id)


class Killed(BaseException):
    """Stands for SIGKILL: nothing of the product catches it."""


def resumed(world: World, run_id: str, **changes: Any) -> Result:
    """`resume` in a changed context."""
    return run.resume(run_id, world.context(**changes))


def killed_before_recording(name: str, step: Callable[[], Any]) -> Any:
    """Performs the steps of a run up to the one that writes the state."""
    if name == "record":
        raise Killed
    return step()


@pytest.mark.parametrize("command", ["sync", "resume"])
def test_a_run_killed_before_it_was_recorded_is_not_forgotten(world: World, command: str) -> None:
    """The next run learns from the ledger what was sent: an opt-out that was told before it goes again."""
    world.seed(contacts_of(2))
    mapping = world.mapping(settle=0.1, batch_size=1)
    opt_out = world.export(rows_of(2, email_opt_in="N", at="2026-01-01T00:00:00Z"))
    opt_in = world.export(rows_of(2, email_opt_in="Y", at="2026-02-01T00:00:00Z", src="form"))
    world.sync(mapping, opt_out)
    carry_out: Callable[..., Result] = partial(world.sync, mapping, opt_in)
    if command == "resume":
        # Of the second contact nothing was sent, so nothing about it is in doubt when the run stops.
        refusal = {"fault": "answer", "status": 403, "body": {"message": "Forbidden"}, "operation": "updateContacts"}
        world.faults([refusal])
        stopped = world.sync(mapping, opt_in)
        world.faults([])
        carry_out = partial(resumed, world, stopped.summary.run_id)

    with pytest.raises(Killed):
        carry_out(perform=killed_before_recording)
    assert world.status("C-0002") == "OPT_IN"
    world.sync(mapping, opt_out)
    assert world.status("C-0002") == "OPT_OUT"


def test_the_report_of_a_killed_run_says_that_it_was_interrupted(world: World) -> None:
    """It is no plan any more: what was told is settled, and the rest is for `resume`."""
    world.seed(contacts_of(2))
    with pytest.raises(Killed):
        world.sync(world.mapping(), world.export(rows_of(2)), perform=killed_before_recording)
    [killed] = run.runs(world.context())
    reported = run.report(killed["run_id"], world.context()).summary
    assert (str(reported.status), reported.rows.updated) == ("interrupted", 2)
    assert "planned" not in (world.home / "runs" / killed["run_id"] / "report.html").read_text()[:2000].lower()
