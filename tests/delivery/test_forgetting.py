"""Whoever is forgotten is in no file any more, is not brought back by an export, and leaves the evidence unbroken."""

from __future__ import annotations

import shutil
import sqlite3
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import polars as pl
import pytest

from pipeline import run, verifying
from pipeline.context import Request
from pipeline.erasure import forgetting
from pipeline.errors import RunFolderError, UsageError
from pipeline.evidence.proving import prove
from pipeline.run_folder import RunFolder

from .world import World, contact_of, contacts_of, key_of, read_csv, row_of, rows_of, stopped_before

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.carried_out import Result

    from .commands import Commands

pytest_plugins = ["tests.delivery.fixtures"]

IDENTITY: Final = "AA-77-IDENTITY"
EMAIL: Final = "aaa.quartz@example.com"
PERSON: Final = {
    "contact_id": IDENTITY, "email": EMAIL, "first_name": "Zenobia", "mobile": "212 555 0187", "sms_opt_in": "Y",
}  # fmt: skip
WORDS: Final = (IDENTITY, EMAIL, "Zenobia", "5550187", "212 555 0187")


def person(**cells: str) -> dict[str, str]:
    """The person's row."""
    return row_of(1, **(PERSON | cells))


def texts(home: Path) -> Iterator[tuple[Path, str]]:
    """Every file of the home as text; tables as their cells."""
    for path in sorted(home.rglob("*")):
        if path.suffix == ".parquet":
            yield path, str(pl.read_parquet(path, hive_partitioning=False).to_dicts())
        elif path.is_file():
            yield path, path.read_bytes().decode("utf-8", errors="replace")


def holding(world: World, words: tuple[str, ...] = WORDS) -> list[str]:
    """The files that hold one of the words."""
    found = [path for path, text in texts(world.home) if any(word.lower() in text.lower() for word in words)]
    return [str(path.relative_to(world.home)) for path in found]


def seeded(world: World) -> None:
    """The person and some others."""
    contact = {"attributes": {"Contact key": IDENTITY, "Email": EMAIL}, "consent": {}}
    world.seed([contact, *contacts_of(6)[1:]])


def told(world: World) -> str:
    """Two runs that hold the person in every kind of file; the first one's id."""
    seeded(world)
    message = f"no {EMAIL}"
    world.faults([{"fault": "poison_row", "key": IDENTITY, "code": "X_Y", "message": message}])
    mapping = world.mapping()
    broken = person(mobile="nonsense", points="many")
    nobody = person(contact_id="", first_name="Zenobia")
    first = world.sync(mapping, world.export([broken, nobody, *rows_of(4)[1:]]))
    world.faults([])
    world.sync(mapping, world.export([person(), *rows_of(5, email_opt_in="N")[1:]]), full=True)
    return first.summary.run_id


def test_nothing_of_the_person_is_left_in_any_file(world: World, command: Commands) -> None:
    """Neither in tables and their earlier versions and logs, nor in runs, reports, the ledger and the list itself."""
    told(world)
    assert len(holding(world)) > 8
    ended = command("forget", IDENTITY, "--json")
    assert (ended.code, len(ended.document["runs"]), ended.document["records"]) == (0, 2, 3)
    assert holding(world) == []
    assert IDENTITY not in ended.out + ended.err
    for path in world.home.rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_the_others_are_kept_as_they_were(world: World, command: Commands) -> None:
    """Their state, their outcomes and their evidence."""
    first = told(world)
    before = {key: row for key, row in world.outcomes(first).items() if key.startswith("C-")}
    evidence = command("evidence", key_of(2), "--json").document
    command("forget", IDENTITY)
    assert {key: row for key, row in world.outcomes(first).items() if key.startswith("C-")} == before
    assert command("evidence", key_of(2), "--json").document == evidence
    again = world.sync(world.mapping(), world.export(rows_of(5, email_opt_in="N")[1:]))
    assert again.summary.rows.unchanged == 4


def test_the_chain_stays_whole_and_leads_to_nobody(world: World, command: Commands) -> None:
    """Not even to that somebody was forgotten: the answer is that for a stranger."""
    told(world)
    rows = prove(world.context()).chains[0].rows
    assert command("evidence", IDENTITY).code == 0
    command("forget", IDENTITY)
    [proved] = prove(world.context()).chains
    assert (proved.rows, proved.breaks) == (rows, ())
    gone, stranger = command("evidence", IDENTITY), command("evidence", "nobody at all")
    assert (gone.code, gone.err) == (2, stranger.err)
    assert command("evidence", EMAIL).code == 2


def test_reports_of_its_runs_still_add_up(world: World, command: Commands) -> None:
    """`report` and `explain` go on for the others; the plan is not carried out any more."""
    first = told(world)
    before = command("report", first, "--json").document
    command("forget", IDENTITY)
    after = command("report", first, "--json").document
    assert (before.pop("quarantine")["waiting"], after.pop("quarantine")["waiting"]) == (1, 0)
    assert after == before
    assert after["balanced"]
    assert command("explain", first, key_of(2)).code == 0
    gone = command("explain", first, IDENTITY)
    assert (gone.code, "a contact of it was forgotten since" in gone.err) == (2, True)
    for act in (world.apply, world.resume):
        with pytest.raises(RunFolderError, match="was forgotten since"):
            act(first)


def test_a_plan_that_was_changed_by_hand_is_not_sealed_anew(world: World) -> None:
    """Forgetting makes no plan valid that was not."""
    first = told(world)
    path = RunFolder.open(world.home, first).plan_file("items", 0)
    pl.read_parquet(path).with_columns(pl.lit("forged").alias("wire")).write_parquet(path)
    forgetting.forget(IDENTITY, world.context())
    with pytest.raises(RunFolderError, match="not those that were planned"):
        world.report(first)
    assert IDENTITY not in str(pl.read_parquet(path).to_dicts())


def outcome(world: World, *rows: dict[str, str], **mapping: Any) -> dict[str, tuple[str, str]]:
    """Identity -> outcome and reason of a run with these rows."""
    result = world.sync(world.mapping(**mapping), world.export(rows))
    return {key: (row["outcome"], row["reason"]) for key, row in world.outcomes(result).items()}


def test_the_forgotten_may_only_be_opted_out(world: World) -> None:
    """By an export that still has them: a permission and attributes are held, an opt-out goes, alone."""
    told(world)
    world.sandbox.clear_requests()
    forgetting.forget(IDENTITY, world.context())
    assert outcome(world, person()) == {IDENTITY: ("held", "forgotten")}
    assert world.mutations() == []
    world.seed(
        [{"attributes": {"Contact key": IDENTITY, "Email": EMAIL}, "consent": {"channels": {"EMAIL": "OPT_IN"}}}]
    )
    assert outcome(world, person(email_opt_in="N"))[IDENTITY][0] == "updated"
    assert world.status(IDENTITY) == "OPT_OUT"
    [(attributes, _)] = world.stored()[IDENTITY]
    assert attributes == {"Contact key": IDENTITY, "Email": EMAIL}


def test_the_forgotten_are_not_created_again(world: World) -> None:
    """Not with an opt-out either; and not under another identity with an address that was theirs."""
    told(world)
    forgetting.forget(IDENTITY, world.context())
    world.seed()
    found = outcome(world, person(email_opt_in="N"), row_of(7, email=EMAIL.upper()), row_of(8), mode="upsert")
    assert found[IDENTITY] == ("held", "forgotten")
    assert found[key_of(7)] == ("held", "forgotten")
    assert found[key_of(8)][0] == "created"
    assert set(world.stored()) == {key_of(8)}


def test_an_opt_out_that_is_sent_later_brings_no_history_back(world: World, command: Commands) -> None:
    """It is in the evidence, and nothing leads to it from the identity."""
    told(world)
    command("forget", IDENTITY)
    rows = prove(world.context()).chains[0].rows
    outcome(world, person(email_opt_in="N"))
    assert prove(world.context()).chains[0].rows == rows + 1
    assert command("evidence", IDENTITY).code == 2


def test_a_run_that_may_go_on_refuses_and_nothing_is_removed(world: World, command: Commands) -> None:
    """A plan that waits for its `apply` is named; once a later run has made it stale, it is cleared too."""
    told(world)
    waiting = world.plan(world.mapping(), world.export([person(), *rows_of(5)[1:]])).summary.run_id
    before = dict(texts(world.home))
    ended = command("forget", IDENTITY)
    assert (ended.code, waiting in ended.err, IDENTITY in ended.err) == (2, True, False)
    after = dict(texts(world.home))
    assert {path: text for path, text in after.items() if "ledger" not in path.name and "locks" not in path.parts} == {
        path: text for path, text in before.items() if "ledger" not in path.name and "locks" not in path.parts
    }
    world.sync(world.mapping(), world.export(rows_of(5)[1:]), full=True)
    assert command("forget", IDENTITY).code == 0
    assert holding(world) == []


def test_a_run_that_reaches_the_address_under_another_identity_refuses(world: World) -> None:
    """What was planned before would be sent to somebody who was forgotten."""
    told(world)
    run_id = world.plan(world.mapping(), world.export([row_of(3, email=EMAIL)])).summary.run_id
    with pytest.raises(UsageError, match=run_id):
        forgetting.forget(IDENTITY, world.context())


def test_a_run_with_unknown_outcomes_refuses(world: World) -> None:
    """`resume` would still settle it."""
    seeded(world)
    world.faults([{"fault": "server_error", "operation": "updateContacts"}])
    run_id = world.sync(world.mapping(), world.export([person()])).summary.run_id
    with pytest.raises(UsageError, match=run_id):
        forgetting.forget(IDENTITY, world.context())


def test_a_folder_without_a_sealed_plan_refuses(world: World) -> None:
    """Nobody can say whom it holds."""
    told(world)
    (world.home / "runs" / "20260101T000000-m").mkdir()
    with pytest.raises(UsageError, match="20260101T000000-m"):
        forgetting.forget(IDENTITY, world.context())


def test_a_stranger_is_not_forgotten(world: World, command: Commands) -> None:
    """A misspelt identity removes nothing and is not kept."""
    told(world)
    ended = command("forget", "AA-78-IDENTITY")
    assert (ended.code, "nothing is known" in ended.err) == (2, True)
    assert not (world.home / "evidence" / "forgotten").exists()


def test_whoever_is_meant_must_be_clear(world: World) -> None:
    """By another case or by an address only where one contact alone is meant."""
    world.seed(contacts_of(3))
    rows = [row_of(1, email=EMAIL), row_of(2, email=EMAIL), row_of(3)]
    world.sync(world.mapping(), world.export(rows))
    with pytest.raises(UsageError, match="2 contacts"):
        forgetting.forget(EMAIL, world.context())
    assert forgetting.forget(key_of(3).lower(), world.context()).records == 1
    found = forgetting.forget(key_of(1), world.context())
    assert (found.records, found.shared) == (1, 1)
    assert holding(world, (key_of(1),)) == []
    assert holding(world, (key_of(2),)) != []


STEPS: Final = ("clear the ledger of ", "clear plan/", "clear a table", "compact the ledger")


@pytest.mark.parametrize("step", STEPS)
def test_what_was_stopped_halfway_goes_on_when_run_again(world: World, step: str) -> None:
    """Whatever it had done before it was stopped."""
    told(world)
    with pytest.raises(KeyboardInterrupt):
        forgetting.forget(IDENTITY, world.context(perform=stopped_before(step)))
    forgetting.forget(IDENTITY, world.context())
    assert holding(world) == []
    assert forgetting.forget(IDENTITY, world.context()).runs == ()


def test_a_run_that_was_cleared_in_part_is_cleared_to_the_end(world: World) -> None:
    """Its plan is sealed again only then; until then it says what to do."""
    first = told(world)
    with pytest.raises(KeyboardInterrupt):
        forgetting.forget(IDENTITY, world.context(perform=stopped_before("write the reports again")))
    with pytest.raises(RunFolderError, match="is being forgotten"):
        world.report(first)
    forgetting.forget(IDENTITY, world.context())
    assert holding(world) == []
    assert world.report(first).summary.balanced


def test_malformed_records_lose_the_raw_text(world: World) -> None:
    """A line that nobody could read may still name the person."""
    seeded(world)
    export = world.export([person(), row_of(2)])
    export.write_text(export.read_text() + f"{EMAIL},Zenobia,too,short\n", encoding="utf-8")
    run_id = world.sync(world.mapping(), export).summary.run_id
    forgetting.forget(IDENTITY, world.context())
    assert holding(world) == []
    assert len(read_csv(world.folder(run_id) / "outcomes.csv")) == 3


def test_the_ledger_keeps_no_message(world: World) -> None:
    """What the destination said of the person is gone from the database's file too, from its free pages as well."""
    seeded(world)
    world.faults([{"fault": "poison_row", "key": IDENTITY, "code": "X_Y", "message": f"{'no ' * 300}{EMAIL}"}])
    world.sync(world.mapping(), world.export([person(), row_of(2)]))
    with sqlite3.connect(world.home / "ledger.db") as ledger:
        assert EMAIL in "".join(row[0] for row in ledger.execute("SELECT exceptional FROM batches"))
    ledger.close()
    forgetting.forget(IDENTITY, world.context())
    assert EMAIL.encode() not in b"".join(path.read_bytes() for path in world.home.glob("ledger.db*"))


def test_a_deleted_run_folder_hinders_nothing(world: World) -> None:
    """Whoever was only in it and in the tables is forgotten all the same."""
    first = told(world)
    shutil.rmtree(world.folder(first))
    forgetting.forget(IDENTITY, world.context())
    assert holding(world) == []


def opted_out_after(world: World, *forgotten: str) -> Result:
    """A run that opts out contacts 1 to 3 after some of them were forgotten; 2 shares the address of 1."""
    shared = {"email": "c0001@example.com"}
    contacts = [contact_of(n, channels={"EMAIL": "OPT_IN"}) for n in (1, 2, 3)]
    contacts[1]["attributes"]["Email"] = shared["email"]
    world.seed(contacts)
    world.sync(world.mapping(), world.export([row_of(1), row_of(3)]))
    for identity in forgotten:
        forgetting.forget(identity, world.context())
    out = {"email_opt_in": "N", "at": "2026-02-02T00:00:00Z"}
    done = world.sync(world.mapping(), world.export([row_of(1, **out), row_of(2, **shared, **out), row_of(3, **out)]))
    assert [world.status(key_of(n)) for n in (1, 2, 3)] == ["OPT_OUT"] * 3
    return done


def test_a_revert_opts_nobody_in_again_who_was_forgotten(world: World) -> None:
    """By identity or by an address that the export had; approved or not."""
    done = opted_out_after(world, key_of(1))
    planned = run.revert(done.summary.run_id, world.context())
    assert "1 contacts who are opted out" in str(planned.error)
    result = world.apply(planned.summary.run_id, planned.summary.plan_hash)
    assert {key: (row["outcome"], row["reason"]) for key, row in world.outcomes(result).items()} == {
        key_of(1): ("held", "forgotten"), key_of(2): ("held", "forgotten"), key_of(3): ("updated", ""),
    }  # fmt: skip
    assert [world.status(key_of(n)) for n in (1, 2, 3)] == ["OPT_OUT", "OPT_OUT", "OPT_IN"]


def test_a_revert_of_a_revert_knows_the_addresses_of_the_export(world: World) -> None:
    """Its own records have none: those of the run that read the export count."""
    shared = {"email": "c0001@example.com"}
    world.seed([contact_of(1), contact_of(2, channels={"EMAIL": "OPT_IN_UNVERIFIED"})])
    world.sync(world.mapping(), world.export([row_of(1)]))
    done = world.sync(world.mapping(), world.export([row_of(2, **shared)]))
    back = world.apply(run.revert(done.summary.run_id, world.context()).summary.run_id)
    assert world.status(key_of(2)) == "OPT_IN_UNVERIFIED"
    forgetting.forget(key_of(1), world.context())
    again = world.apply(run.revert(back.summary.run_id, world.context()).summary.run_id)
    assert world.outcomes(again)[key_of(2)]["reason"] == "forgotten"
    assert world.status(key_of(2)) == "OPT_IN_UNVERIFIED"


def test_others_are_forgotten_after_somebody_in_a_revert(world: World) -> None:
    """Also somebody whose address is searched for in the same runs."""
    world.seed([contact_of(n, channels={"EMAIL": "OPT_IN"}) for n in (1, 2, 3)])
    done = world.sync(world.mapping(), world.export(rows_of(3, email_opt_in="N")))
    planned = run.revert(done.summary.run_id, world.context())
    world.apply(planned.summary.run_id, planned.summary.plan_hash)
    for number in (1, 2):
        assert len(forgetting.forget(key_of(number), world.context()).runs) == 2
        assert holding(world, (key_of(number), f"c000{number}@")) == []
    assert world.report(planned.summary.run_id).summary.balanced


def test_open_opt_outs_name_the_forgotten_no_more(world: World) -> None:
    """Neither those of the plan nor those that the next runs count from; they are as many as before."""
    world.seed(contacts_of(2))
    done = world.sync(world.mapping(), world.export([person(email_opt_in="N"), row_of(2, email_opt_in="N")]))
    assert done.summary.open_opt_outs.open == 1
    named = [name for name in holding(world) if "opt_outs" in name]
    assert len(named) == 2
    forgetting.forget(IDENTITY, world.context())
    assert holding(world) == []
    assert holding(world, (key_of(2),)) != []
    assert world.report(done.summary.run_id).summary.open_opt_outs.open == 1


def test_no_plain_digest_of_an_address_is_left(world: World) -> None:
    """Whoever knows the address could look it up."""
    seeded(world)
    (world.path / "list.txt").write_text("nobody@example.com\n")
    mapping = world.mapping()
    mapping.write_text(mapping.read_text().replace("policy: {", "policy: {suppression: list.txt, "))
    path = RunFolder(world.folder(world.sync(mapping, world.export([person(), row_of(2)])))).plan_file("permissions", 0)
    mine, other = (sha256(address.encode()).digest() for address in (EMAIL, "c0002@example.com"))
    assert {mine, other} <= set(pl.read_parquet(path).get_column("digest"))
    forgetting.forget(IDENTITY, world.context())
    assert set(pl.read_parquet(path).get_column("digest")) == {other}


def test_differences_that_verify_found_lose_the_person(world: World) -> None:
    """The others' rows stay; whoever is in such a file alone is forgotten too."""
    told(world)
    rows = [person(email_opt_in="N"), row_of(2, email_opt_in="Y"), row_of(8)]
    verifying.verify(verifying.Audit(world.mapping(), world.export(rows)), world.context())
    [path] = world.home.glob("verify/*/differences.csv")
    before = path.read_text().splitlines(keepends=True)
    assert any(IDENTITY in line for line in before)
    assert forgetting.forget(IDENTITY, world.context()).audits == 1
    assert holding(world) == []
    assert path.read_text() == "".join(line for line in before if IDENTITY not in line)
    found = forgetting.forget(key_of(8).lower(), world.context())
    assert (found.runs, found.audits) == ((), 1)
    assert key_of(8) not in path.read_text()


def test_reports_of_a_plan_that_was_changed_by_hand_lose_the_person(world: World) -> None:
    """They are not made from that plan again: what they say of the others stays."""
    seeded(world)
    rows = [
        person(mobile="nonsense"),
        person(contact_id="", email="none"),
        person(points="?"),
        *rows_of(4, points="?")[1:],
    ]
    request = Request(world.mapping(), world.export(rows))
    folder = world.folder(run.sync(request, world.context(show_addresses=True)))
    manifest = RunFolder(folder).manifest()
    RunFolder(folder).write_manifest(manifest.model_copy(update={"read": 99}))
    before = {name: read_csv(folder / name) for name in ("outcomes.csv", "rejects.csv", "withheld.csv")}
    held = {name.split("/")[-1] for name in holding(world) if name.startswith(f"runs/{folder.name}/")}
    assert {*before, "outcomes.parquet", "summary.json"} <= held
    forgetting.forget(IDENTITY, world.context())
    assert holding(world) == []
    outcomes = read_csv(folder / "outcomes.csv")
    assert [(row["record"], row["outcome"]) for row in outcomes] == [
        (row["record"], row["outcome"]) for row in before["outcomes.csv"]
    ]
    assert [row for row in outcomes if row["identity"]] == [
        row for row in before["outcomes.csv"] if row["identity"].startswith("C-")
    ]
    kept = [row for row in before["withheld.csv"] if row["contact_id"].startswith("C-")]
    assert (read_csv(folder / "withheld.csv"), len(kept)) == (kept, 3)
    with pytest.raises(RunFolderError, match="not those that were planned"):
        world.report(folder.name)
