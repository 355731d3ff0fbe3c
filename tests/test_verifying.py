"""`verify`: the destination compared with an export, without a mutation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.delivery.world import contact_of, row_of

if TYPE_CHECKING:
    from tests.delivery.commands import Commands
    from tests.delivery.world import World

pytest_plugins = ["tests.delivery.fixtures"]


@pytest.mark.rule("AC-16")
def test_an_export_is_compared_with_what_is_stored(world: World, command: Commands) -> None:
    """Match, differ and missing are counted per contact, differing consents by their statuses."""
    world.seed([contact_of(n, channels={"EMAIL": "OPT_IN" if n != 3 else "OPT_OUT"}) for n in (1, 2, 3)])
    mapping = world.mapping()
    same = {"first_name": "", "points": ""}
    rows = [row_of(n, **same) for n in (1, 2, 3, 4)] + [row_of(5, contact_id="")]
    ended = command("verify", mapping, "--export", world.export(rows), "--json")
    assert ended.code == 3
    assert ended.document == {
        "match": 2, "differ": 1, "missing": 1, "unusable_records": 1,
        "differences": {"EMAIL": {"export OPT_IN, destination OPT_OUT": 1}},
    }  # fmt: skip
    assert command("verify", mapping, "--export", world.export(rows[:2])).code == 0
    assert world.mutations() == []


def test_a_run_verifies_against_its_own_export(world: World, command: Commands) -> None:
    """What `sync` confirmed, `verify` finds; a later change at the destination is a difference."""
    world.seed([contact_of(n) for n in (1, 2)])
    mapping, export = world.mapping(), world.export([row_of(1), row_of(2, email_opt_in="N")])
    assert command("verify", mapping, "--export", export).code == 3
    assert command("sync", mapping, "--export", export).code == 0
    assert command("verify", mapping, "--export", export, "--json").document["match"] == 2
    world.sandbox.load({"acoustic_connect": {"contacts": [contact_of(2, channels={"EMAIL": "OPT_IN"})]}})
    assert command("verify", mapping, "--export", export, "--json").document["differ"] == 1


def test_verify_of_a_destination_that_is_down_is_exit_code_5(world: World, command: Commands) -> None:
    """An outage is told as such."""
    world.seed([contact_of(1)])
    world.faults([{"fault": "server_error", "operation": "contacts"}])
    assert command("verify", world.mapping(), "--export", world.export([row_of(1)])).code == 5
