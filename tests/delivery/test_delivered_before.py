"""An export that was delivered by just this mapping is left alone, unless something has changed since."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.erasure import forgetting
from tests.delivery.world import contacts_of, key_of, row_of, rows_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.delivery.commands import Commands
    from tests.delivery.world import World

pytest_plugins = ["tests.delivery.fixtures"]


def test_a_delivered_export_is_a_no_op(world: World, command: Commands) -> None:
    """No request, no run folder; the document is that of the run that delivered it, with everything unchanged."""
    world.seed(contacts_of(3))
    mapping, export = world.mapping(), world.export([*rows_of(3), row_of(3, first_name="Ann")])
    first = command("sync", mapping, "--export", export, "--json")
    world.sandbox.clear_requests()
    again = command("sync", mapping, "--export", export, "--json")
    assert (first.code, again.code, world.sandbox.requests()) == (0, 0, [])
    assert len(list((world.home / "runs").iterdir())) == 1
    document, run_id = again.document, first.document["run_id"]
    assert (document["run_id"], document["status"], document["balanced"]) == (run_id, "completed", True)
    assert (document["rows"]["unchanged"], document["rows"]["superseded"], document["rows"]["read"]) == (3, 1, 4)
    assert document["rows"]["updated"] == document["requests"]["sent"] == document["modified_count"]["expected"] == 0
    assert (document["transitions"], document["next"]) == ({}, [])
    assert f"already delivered by run {run_id} at {document['already_delivered_at'][:10]}" in again.err
    kept = json.loads((world.folder(run_id) / "summary.json").read_text())
    assert kept["rows"]["updated"] == 3


@pytest.mark.parametrize("how", ["force", "full"])
def test_it_is_planned_again_where_somebody_asks_for_it(world: World, how: str) -> None:
    """`--force` plans it again, and `--full` sends it again."""
    world.seed(contacts_of(3))
    mapping, export = world.mapping(), world.export(rows_of(3))
    first = world.sync(mapping, export)
    again: Any = {how: True}
    second = world.sync(mapping, export, **again)
    assert second.summary.run_id != first.summary.run_id
    assert second.summary.rows.updated == (3 if how == "full" else 0)
    assert world.sync(mapping, export).summary.run_id == second.summary.run_id


def _other_mapping(world: World) -> None:
    path = world.path / "m.yaml"
    path.write_text(path.read_text() + "\n# looked at\n")


def _other_run(world: World) -> None:
    world.sync(world.mapping("other.yaml"), world.export([row_of(1, first_name="Other")]))


def _other_export(world: World) -> None:
    with (world.path / "x0.csv").open("a") as file:
        file.write("\n")


def _forgotten(world: World) -> None:
    forgetting.forget(key_of(2), world.context())


def _lost_folder(world: World) -> None:
    [folder] = (world.home / "runs").iterdir()
    (folder / "summary.json").unlink()


CHANGES = [_other_mapping, _other_run, _other_export, _forgotten, _lost_folder]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.strip("_"))
def test_it_is_planned_again_where_something_has_changed(world: World, change: Callable[[World], None]) -> None:
    """The mapping, the export, what the account was told, who was forgotten; or the run is no longer there."""
    world.seed(contacts_of(3))
    mapping, export = world.mapping(), world.export(rows_of(3))
    first = world.sync(mapping, export)
    change(world)
    assert world.sync(mapping, export).summary.run_id != first.summary.run_id


def test_it_is_planned_again_for_another_account(world: World) -> None:
    """Other credentials may lead to another account, and nobody asks before."""
    world.seed(contacts_of(3))
    mapping, export = world.mapping(), world.export(rows_of(3))
    world.sync(mapping, export)
    world.more = {"acoustic_connect_url": world.sandbox.url.replace("127.0.0.1", "localhost")}
    world.sandbox.clear_requests()
    world.sync(mapping, export)
    assert world.sandbox.requests() != []


def test_it_is_planned_again_where_a_suppression_list_has_changed(world: World) -> None:
    """Somebody may be on it by now."""
    world.seed(contacts_of(3))
    listed = world.path / "listed.txt"
    listed.write_text("# nobody\n")
    mapping, export = world.mapping(), world.export(rows_of(3))
    mapping.write_text(mapping.read_text().replace("policy: {", "policy: {suppression: listed.txt, "))
    first = world.sync(mapping, export)
    assert world.sync(mapping, export).summary.run_id == first.summary.run_id
    listed.write_text("# nobody\nx@example.com\n")
    assert world.sync(mapping, export).summary.run_id != first.summary.run_id


def test_an_export_that_was_not_delivered_as_a_whole_is_planned_again(world: World) -> None:
    """What failed is tried again; and `plan` always plans."""
    world.seed(contacts_of(3))
    mapping, export = world.mapping(), world.export(rows_of(4))
    first = world.sync(mapping, export)
    world.seed(contacts_of(4))
    second = world.sync(mapping, export)
    assert (first.exit_code, second.exit_code, second.summary.rows.updated) == (3, 0, 1)
    assert world.plan(mapping, export).summary.run_id != second.summary.run_id
    assert world.sync(mapping, export).summary.run_id == second.summary.run_id
