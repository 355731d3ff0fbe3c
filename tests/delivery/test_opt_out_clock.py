"""The opt-out clock: what a run leaves open, and how it says so."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from pipeline import run
from pipeline.context import Request
from tests.delivery.world import contacts_of, key_of, row_of, rows_of

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.carried_out import Result
    from pipeline.reporting.open_opt_outs import OpenOptOuts
    from tests.delivery.commands import Commands
    from tests.delivery.world import World

pytest_plugins = ["tests.delivery.fixtures"]
TODAY = datetime(2026, 11, 27, 9, tzinfo=UTC)
"""A Friday."""
REFUSED = [{"fault": "answer", "status": 403, "body": {"message": "Forbidden"}, "operation": "updateContacts"}]


def sync(world: World, mapping: Path, export: Path, now: datetime = TODAY, limit: int = 10) -> Result:
    """`sync` on that day, under a law of so many business days."""
    settings = world.settings.model_copy(update={"consent_sync_opt_out_limit_days": limit})
    return run.sync(Request(mapping, export), world.context(clock=lambda: now, settings=settings))


def figures(result: Result) -> tuple[int, int | None, int, int, int]:
    """open, oldest, due within a day, overdue, age unknown."""
    found: OpenOptOuts = result.summary.open_opt_outs
    return found.open, found.oldest_business_days, found.due_within_a_day, found.overdue, found.age_unknown


def out(number: int, at: str = "2026-11-26T12:00:00Z", **cells: str) -> dict[str, str]:
    """A contact who opts out of e-mail."""
    return row_of(number, email_opt_in="N", at=at, **cells)


def test_a_confirmed_opt_out_is_not_open(world: World) -> None:
    """Neither is one that went with a permission for another channel, was told before, nor anything else."""
    world.seed(contacts_of(4))
    export = world.export([out(1), out(2), row_of(3), out(4, mobile="212 555 0123", sms_opt_in="Y")])
    assert figures(sync(world, world.mapping(), export)) == (0, None, 0, 0, 0)
    assert figures(sync(world, world.mapping(), export)) == (0, None, 0, 0, 0)


@pytest.mark.parametrize(
    ("limit", "due", "overdue"), [(10, 1, 1), (5, 0, 2), (2, 1, 2)], ids=["ten days", "five days", "two days"]
)
def test_every_opt_out_that_was_not_confirmed_is_on_the_clock(world: World, limit: int, due: int, overdue: int) -> None:
    """Whether its record failed, was refused as a whole, or could not be sent; by its own time, in business days."""
    world.seed(contacts_of(2))
    rows = [
        out(1),
        out(7, at="2026-11-26T12:00:00Z"),
        out(8, at="2026-11-13T12:00:00Z"),
        out(9, at="2026-10-01T12:00:00Z", contact_id=""),
    ]
    result = sync(world, world.mapping(), world.export(rows), limit=limit)
    assert figures(result) == (3, 41, due, overdue, 0)
    assert result.summary.open_opt_outs.limit_business_days == limit
    assert result.exit_code == 3


def test_what_was_not_sent_is_open_until_it_is_resumed(world: World) -> None:
    """An interrupted run leaves its opt-outs open; a plan foretells those that it does not send."""
    world.seed(contacts_of(2))
    mapping, export = world.mapping(), world.export([out(1), out(2), out(7)])
    planned = world.plan(mapping, export)
    assert planned.summary.open_opt_outs.open == 1
    world.faults(REFUSED)
    stopped = sync(world, mapping, export)
    assert figures(stopped)[0] == 3
    world.faults([])
    assert world.resume(stopped.summary.run_id).summary.open_opt_outs.open == 1
    assert world.status(key_of(1)) == "OPT_OUT"


def test_an_opt_out_without_a_time_is_as_old_as_the_first_run_that_saw_it(world: World) -> None:
    """Its age is said to be unknown, and counted from the earliest of the runs that left it open."""
    world.seed(contacts_of(1))
    mapping, export = world.mapping(), world.export([out(7, at=""), out(8, at="2026-11-19T12:00:00Z")])
    first = datetime(2026, 11, 9, 9, tzinfo=UTC)
    assert figures(sync(world, mapping, world.export([out(7, at="")]), first)) == (1, 0, 0, 0, 1)
    sync(world, mapping, world.export([row_of(1)]), datetime(2026, 11, 12, 9, tzinfo=UTC))
    assert figures(sync(world, mapping, export, datetime(2026, 11, 20, 9, tzinfo=UTC))) == (2, 9, 1, 0, 1)
    result = sync(world, mapping, export, TODAY)
    assert figures(result) == (2, 14, 0, 1, 1)
    world.seed(contacts_of(8))
    assert figures(sync(world, mapping, export, TODAY))[0] == 0


@pytest.mark.parametrize(
    ("at", "says", "shown"),
    [
        ("2026-11-26T12:00:00Z", "not confirmed: 1, the oldest for 1 business day (limit 10)", "Within the limit"),
        ("2026-11-13T12:00:00Z", "DUE WITHIN A DAY: 1", "Due within one business day"),
        ("2026-10-01T12:00:00Z", "OVERDUE: 1", "Overdue"),
    ],
    ids=["early", "near", "past"],
)
def test_console_and_page_are_loud_when_the_limit_is_near(
    world: World, command: Commands, at: str, says: str, shown: str
) -> None:
    """A line only if something is open; the page has ages, and masked examples with their records."""
    from pipeline import console

    world.seed(contacts_of(1))
    quiet = sync(world, world.mapping(), world.export([out(1)]))
    console.show(quiet, to_stderr=False)
    assert "opt-outs" not in command.streams.readouterr().out
    assert 'id="clock"' not in (world.folder(quiet) / "report.html").read_text()
    result = sync(world, world.mapping(), world.export([out(1), out(7, at=at)]))
    console.show(result, to_stderr=False)
    assert says in command.streams.readouterr().out
    page = (world.folder(result) / "report.html").read_text()
    for said in (
        "Opt-outs that are not confirmed",
        shown,
        "record 2, line 3",
        "<code>C•••••</code>",
        "contact_not_found",
    ):
        assert said in page
    assert "C-0007" not in page


def test_the_document_has_the_clock(world: World, command: Commands) -> None:
    """`--json` and summary.json carry the same figures; the limit comes from the environment."""
    world.seed(contacts_of(1))
    command.patch.setenv("CONSENT_SYNC_OPT_OUT_LIMIT_DAYS", "5")
    ended = command("sync", world.mapping(), "--export", world.export(rows_of(1)), "--json")
    clock: dict[str, Any] = {"open": 0, "oldest_business_days": None, "limit_business_days": 5, "due_within_a_day": 0}
    assert ended.document["open_opt_outs"] == {**clock, "overdue": 0, "age_unknown": 0}
    command.patch.setenv("CONSENT_SYNC_OPT_OUT_LIMIT_DAYS", "7")
    assert command("sync", world.mapping(), "--export", world.export(rows_of(1))).code == 2
