"""What was told to the destination can be shown and proved: by run, by contact, and without naming anybody."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import polars as pl

from pipeline.carried_out import Run
from pipeline.delivery.recording import record
from pipeline.delivery.standing import existing
from pipeline.evidence import recording, telling
from pipeline.evidence.chain import People
from pipeline.evidence.proving import prove
from pipeline.ledger.ledger import Ledger
from pipeline.subject import job_as_planned

from .world import GROUPS, World, contact_of, contacts_of, key_of, row_of, rows_of

if TYPE_CHECKING:
    import pytest

    from .commands import Commands

pytest_plugins = ["tests.delivery.fixtures"]


def rows(world: World) -> list[dict[str, Any]]:
    """The rows of the one chain."""
    [log] = world.home.glob("evidence/*/_delta_log")
    return pl.read_delta(str(log.parent)).sort("sequence").to_dicts()


def require_unbroken(world: World, count: int) -> None:
    """The chain holds, and has so many rows."""
    [proved] = prove(world.context()).chains
    assert (proved.rows, proved.breaks) == (count, ())


def record_again(world: World, run_id: str) -> None:
    """Records a run once more, as after a crash."""
    folder, manifest = existing(run_id, world.context())
    ledger = Ledger.at(world.home, None)
    record(Run(folder, manifest, job_as_planned(folder), world.context(), ledger))
    ledger.close()


def test_each_item_and_target_is_told_with_all_that_a_regulator_asks(world: World) -> None:
    """When, what, from which status to which, with what consent, from which record, by whom, and the answer."""
    world.seed([contact_of(1, channels={"EMAIL": "OPT_OUT"}), *contacts_of(3)[1:]])
    export = [row_of(1, email_opt_in="N"), row_of(2, mobile="212 555 0187", sms_opt_in="Y"), row_of(4)]
    result = world.sync(world.mapping(), world.export(export), full=True)
    found = {(row["record"], row["target"]): row for row in rows(world)}
    assert set(found) == {(1, "EMAIL"), (2, "EMAIL"), (2, "SMS")}
    row = found[1, "EMAIL"]
    manifest = existing(result.summary.run_id, world.context())[1]
    assert (row["before"], row["status"], row["outcome"], row["operation"]) == (
        "OPT_OUT", "OPT_OUT", "updated", "update",
    )  # fmt: skip
    assert (row["run"], row["export_sha256"], row["mapping_sha256"]) == (
        manifest.run_id, manifest.export_sha256, manifest.mapping_sha256,
    )  # fmt: skip
    assert (row["export"], row["source"], str(row["consented_at"])) == ("x0.csv", "form", "2026-01-02 03:04:05+00:00")
    assert (row["destination"], row["account"]) == (manifest.destination, manifest.account)
    require_unbroken(world, 3)


def test_groups_are_told_by_name_and_key(world: World) -> None:
    """People know a group by its name, the destination by its id."""
    world.seed(contacts_of(1))
    world.sync(world.mapping(consent=GROUPS), world.export(rows_of(1)))
    [row] = rows(world)
    assert (row["target"], row["target_key"]) == ("Newsletters", "group:g-news")


def test_nothing_is_written_where_nothing_was_sent(world: World) -> None:
    """Neither by a second run without changes, nor in a home that never sent anything."""
    mapping = world.mapping()
    world.plan(mapping, world.export(rows_of(2)))
    assert not (world.home / "evidence").exists()
    world.sync(mapping, world.export(rows_of(2)))
    assert not list(world.home.glob("evidence/*/"))
    world.seed(contacts_of(2))
    export = world.export(rows_of(2))
    world.sync(mapping, export)
    before = sorted(world.home.glob("evidence/*/_delta_log/*"))
    assert world.sync(mapping, export).summary.rows.unchanged == 2
    assert sorted(world.home.glob("evidence/*/_delta_log/*")) == before


def test_a_run_that_is_recorded_again_adds_nothing(world: World) -> None:
    """A killed run is recorded by the next one, whatever it had recorded itself."""
    world.seed(contacts_of(3))
    run_id = world.sync(world.mapping(), world.export(rows_of(3))).summary.run_id
    record_again(world, run_id)
    require_unbroken(world, 3)


def test_what_was_unknown_is_told_again_when_it_is_settled(world: World) -> None:
    """First the item is unknown, then `resume` settles it: two rows, in this order."""
    world.seed(contacts_of(1))
    world.faults([{"fault": "server_error", "operation": "updateContacts"}])
    run_id = world.sync(world.mapping(), world.export(rows_of(1))).summary.run_id
    world.faults([])
    world.resume(run_id)
    record_again(world, run_id)
    told = [(row["outcome"], row["reason"]) for row in rows(world)]
    assert told == [("unknown", "not_confirmed"), ("updated", None)]
    require_unbroken(world, 2)


def test_a_run_of_many_blocks_is_one_chain(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in memory at once is a block."""
    monkeypatch.setattr(recording, "MOST", 2)
    world.seed(contacts_of(5))
    world.sync(world.mapping(), world.export(rows_of(5)))
    assert [row["block"] for row in rows(world)] == [1, 1, 2, 2, 3]
    require_unbroken(world, 5)


PERSON = {"contact_id": "ZQ-77-IDENTITY", "email": "zenobia.quartz@example.com", "first_name": "Zenobia"}
REFUSAL = "Field Email is wrong: ZENOBIA.quartz@example.com for Zenobia +1 212 555-0187 of zq-77-identity"


def test_no_row_names_anybody(world: World) -> None:
    """Not by identity or address, nor in what the destination said; the person is in the table that can be erased."""
    world.seed([{"attributes": {"Contact key": "ZQ-77-IDENTITY", "Email": PERSON["email"]}, "consent": {}}])
    world.faults(
        [{"fault": "poison_row", "key": "ZQ-77-IDENTITY", "code": "INVALID_ATTRIBUTE_VALUE", "message": REFUSAL}]
    )
    cells = PERSON | {"mobile": "212 555 0187", "sms_opt_in": "Y", "src": "card of zenobia.quartz@example.com"}
    world.sync(world.mapping(), world.export([row_of(1, **cells), row_of(2)]))
    found = rows(world)
    assert {row["outcome"] for row in found} == {"failed"}
    assert {row["source"] for row in found} == {"card of •••"}
    for word in (*PERSON.values(), "2125550187", "555-0187"):
        assert word.lower() not in str(found).lower(), word
    [log] = world.home.glob("people/*/_delta_log")
    people = People(world.home, log.parent.name).read().select("identity", "channel", "address").rows()
    assert sorted(people) == [
        ("ZQ-77-IDENTITY", "EMAIL", "zenobia.quartz@example.com"),
        ("ZQ-77-IDENTITY", "SMS", "+12125550187"),
    ]
    assert "zenobia" not in "".join(path.read_text() for path in world.home.glob("*/*/_delta_log/*.json"))


def test_the_command_shows_a_contact_the_oldest_first(world: World, command: Commands) -> None:
    """By identity or by address; for machines too; nobody is named."""
    world.seed(contacts_of(2))
    mapping = world.mapping()
    for answer in ("Y", "N"):
        command("sync", mapping, "--export", world.export(rows_of(2, email_opt_in=answer)))
    for name in (key_of(2), key_of(2).lower(), "C0002@example.com"):
        ended = command("evidence", name, "--json")
        told = [(row["before"], row["status"], row["record"]) for row in ended.document["told"]]
        assert (ended.code, told) == (0, [("UNSET", "OPT_IN", 2), ("OPT_IN", "OPT_OUT", 2)])
    shown = command("evidence", key_of(2))
    assert "EMAIL: OPT_IN -> OPT_OUT  updated" in shown.out
    assert key_of(2) not in shown.out


def test_the_command_names_the_operator(world: World, command: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who ran it, as the setting says."""
    world.seed(contacts_of(1))
    monkeypatch.setenv("CONSENT_SYNC_OPERATOR", "night shift")
    command("sync", world.mapping(), "--export", world.export(rows_of(1)))
    assert [row["operator"] for row in rows(world)] == ["night shift"]


def test_the_command_says_where_nothing_is_known(world: World, command: Commands) -> None:
    """Exit code 2, and the identity is not repeated; both questions at once are none."""
    world.seed(contacts_of(1))
    command("sync", world.mapping(), "--export", world.export(rows_of(1)))
    ended = command("evidence", "ZQ-77-IDENTITY")
    assert (ended.code, "nothing is known" in ended.err, "ZQ-77" in ended.err) == (2, True, False)
    assert command("evidence").code == 2
    assert command("evidence", key_of(1), "--verify").code == 2


def test_the_command_proves_the_chain_or_ends_with_three(world: World, command: Commands) -> None:
    """Rows, blocks and head of each chain; a break has a line of its own."""
    world.seed(contacts_of(3))
    command("sync", world.mapping(), "--export", world.export(rows_of(3)))
    ended = command("evidence", "--verify")
    assert (ended.code, ": unbroken, 3 rows in 1 blocks, head " in ended.out) == (0, True)
    with sqlite3.connect(world.home / "ledger.db") as ledger:
        ledger.execute("UPDATE evidence SET rows = 4")
    ledger.close()
    ended = command("evidence", "--verify", "--json")
    assert (ended.code, ended.document["unbroken"]) == (3, False)
    assert [found["kind"] for found in ended.document["chains"][0]["breaks"]] == ["end"]


def test_an_address_shows_whoever_has_it(world: World) -> None:
    """Two contacts share one: both were told something at it, each under a name of its own."""
    world.seed(contacts_of(2))
    world.sync(world.mapping(), world.export(rows_of(2, email="shared@example.com")))
    told = telling.history("shared@example.com", world.context()).told
    assert len({row["subject"] for row in told}) == 2
    assert len(telling.history(key_of(1), world.context()).told) == 1
