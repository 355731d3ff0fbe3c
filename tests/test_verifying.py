"""`verify`: the destination compared with an export, without a mutation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.reporting.drift_report import NOT_ASKED
from tests.delivery.world import contact_of, key_of, read_csv, row_of, rows_of

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
    document = ended.document
    assert [row["kind"] for row in read_csv(Path(document.pop("differences_csv")))] == ["differs", "missing"]
    assert document == {
        "compared_with": "export", "match": 2, "differ": 1, "missing": 1, "opted_out_since": 0, "raised_since": 0,
        "drift": 0.5, "max_drift": 0.0, "unusable_records": 1, "destination_only": None,
        "destination_only_reason": NOT_ASKED,
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


def channels(number: int, **statuses: str) -> dict[str, Any]:
    """A contact with statuses, and with the attributes that a run has written."""
    contact = contact_of(number, channels=statuses)
    contact["attributes"] |= {"First Name": f"Name{number}", "Points": number}
    return contact


def test_what_contacts_were_told_is_compared_with_what_is_there(world: World, command: Commands) -> None:
    """An opt-out since is the platform's own and no drift; a permission against an opt-out is; values are not shown."""
    world.seed([contact_of(n) for n in range(1, 7)])
    mapping = world.mapping()
    told = [row_of(n, email_opt_in="N" if n == 3 else "Y") for n in range(1, 7)]
    world.sync(mapping, world.export(told))
    assert command("verify", mapping, "--json").document["match"] == 6
    other = channels(5, EMAIL="OPT_IN")
    other["attributes"]["First Name"] = "Somebody"
    there = [(1, "OPT_IN"), (2, "OPT_OUT"), (3, "OPT_IN"), (4, "OPT_IN_UNVERIFIED")]
    world.seed([*(channels(n, EMAIL=status) for n, status in there), other])
    ended = command("verify", mapping, "--json")
    document = ended.document
    assert [document[k] for k in ("match", "opted_out_since", "differ", "raised_since", "missing")] == [1, 1, 3, 1, 1]
    assert document["differences"] == {
        "EMAIL": {
            "told OPT_IN, destination OPT_IN_UNVERIFIED": 1,
            "told OPT_IN, destination OPT_OUT": 1,
            "told OPT_OUT, destination OPT_IN": 1,
        },
        "First Name": {"value differs": 1},
    }
    rows = read_csv(path := Path(document["differences_csv"]))
    assert [(row["identity"], row["part"], row["kind"]) for row in rows] == [
        (key_of(4), "EMAIL", "differs"),
        (key_of(5), "First Name", "differs"),
        (key_of(2), "EMAIL", "opted_out_since"),
        (key_of(3), "EMAIL", "raised_since"),
        (key_of(6), "", "missing"),
    ]
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert "Somebody" not in path.read_text()
    assert ended.code == 3
    said = command("verify", mapping)
    assert "raised_since: 1: find out who" in said.out
    assert key_of(3) not in said.out + said.err


def test_some_drift_is_tolerated_but_no_raised_opt_out(world: World, command: Commands) -> None:
    """`--max-drift` lets a share differ or be missing; a permission where an opt-out was told is never let pass."""
    world.seed([contact_of(n) for n in range(1, 5)])
    mapping = world.mapping()
    world.sync(mapping, world.export(rows_of(4)))
    world.seed([channels(n, EMAIL="OPT_IN") for n in (1, 2)] + [channels(3, EMAIL="OPT_OUT")])
    assert command("verify", mapping).code == 3
    assert command("verify", mapping, "--max-drift", "0.25").code == 0
    assert command("verify", mapping, "--max-drift", "0.24").code == 3
    world.sync(mapping, world.export([row_of(1, email_opt_in="N")]))
    world.seed([channels(n, EMAIL="OPT_IN") for n in (1, 2, 3, 4)])
    assert command("verify", mapping, "--max-drift", "1").code == 3


def test_who_is_only_at_the_destination_is_counted_when_asked(world: World, command: Commands) -> None:
    """Contacts that neither the export nor the state knows, and consents that neither of them speaks of."""
    world.seed([contact_of(1), contact_of(2), contact_of(3)])
    mapping = world.mapping()
    world.sync(mapping, world.export([row_of(1), row_of(2)]))
    nameless = {"attributes": {"Email": "x@example.com"}, "consent": {"channels": {"EMAIL": "OPT_IN"}}}
    known = [channels(1, EMAIL="OPT_IN"), channels(2, EMAIL="OPT_IN", SMS="OPT_IN")]
    world.seed([*known, contact_of(3), contact_of(4, channels={"EMAIL": "OPT_OUT"}), nameless, nameless])
    alone = {"contacts": 4, "consents": {"EMAIL": {"OPT_IN": 2, "OPT_OUT": 1}, "SMS": {"OPT_IN": 1}}}
    ended = command("verify", mapping, "--destination-only", "--json")
    assert (ended.code, ended.document["destination_only"]) == (0, alone)
    export = world.export([row_of(3)])
    of_export = command("verify", mapping, "--export", export, "--destination-only", "--json").document
    assert of_export["destination_only"]["contacts"] == 3


def test_without_anything_told_there_is_nothing_to_compare(world: World, command: Commands) -> None:
    """A monitor that compares nobody is not told that all is well."""
    world.seed([contact_of(1)])
    ended = command("verify", world.mapping(), "--json")
    assert (ended.code, "--export" in ended.document["error"]) == (2, True)
