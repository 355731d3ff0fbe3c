"""`explain`: one contact's records, decisions, requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.delivery.world import contacts_of, row_of

if TYPE_CHECKING:
    from tests.delivery.commands import Commands
    from tests.delivery.world import World

pytest_plugins = ["tests.delivery.fixtures"]


def test_a_contact_is_explained_from_its_cells_to_the_answer(world: World, command: Commands) -> None:
    """All records of the identity, what was withheld and why, the wire JSON, and the requests of its batch."""
    world.seed(contacts_of(2))
    rows = [row_of(1, email_opt_in="N"), row_of(2), row_of(1, mobile="12", at="2026-01-01T00:00:00Z")]
    run_id = command("sync", world.mapping(), "--export", world.export(rows), "--json").document["run_id"]
    document = command("explain", run_id, " c-0001 ", "--json").document
    assert set(document) == {"run_id", "identity", "records", "sent", "requests"}
    assert {r["record"]: r["outcome"] for r in document["records"]} == {1: "superseded", 3: "updated"} or {
        r["record"]: r["outcome"] for r in document["records"]
    } == {1: "updated", 3: "superseded"}
    [sent] = document["sent"]
    assert sent["wire"]["key"] == "C-0001"
    assert sent["consent"] == {"EMAIL": "UNSET->OPT_OUT"}
    assert [r["verdict"] for r in document["requests"]] == ["ok"]
    assert document["records"][0]["source"]["email"] == "c0001@example.com"
    text = command("explain", run_id, "C-0001")
    assert text.code == 0
    assert "EMAIL: UNSET->OPT_OUT" in text.out
    assert "phone_not_e164" in text.out


def test_a_record_without_identity_is_explained_by_its_number(world: World, command: Commands) -> None:
    """`#2` finds what no identity finds; an identity of another run is exit code 2."""
    world.seed(contacts_of(1))
    rows = [row_of(1), row_of(2, contact_id="")]
    run_id = command("sync", world.mapping(), "--export", world.export(rows), "--json").document["run_id"]
    document = command("explain", run_id, "#2", "--json").document
    assert [(r["outcome"], r["reason"]) for r in document["records"]] == [("rejected", "identity_missing")]
    assert document["sent"] == document["requests"] == []
    assert command("explain", run_id, "C-0007").code == 2
    assert command("explain", "latest", "C-0001").code == 0
