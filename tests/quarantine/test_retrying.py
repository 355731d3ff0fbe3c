"""Records that failed wait in quarantine and are tried again by the next run, unless the export says all of them."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipeline import memory, run
from pipeline.ledger.ledger import Ledger
from pipeline.quarantine import entries
from pipeline.quarantine.entries import Whose
from tests.delivery.world import contacts_of, key_of, read_csv, row_of, rows_of

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from pipeline.carried_out import Result
    from tests.delivery.commands import Commands
    from tests.delivery.world import World

pytest_plugins = ["tests.delivery.fixtures"]

OTHER = rows_of(2)
"""An export that is silent about those who failed."""
BEGIN = datetime(2026, 6, 1, 3, tzinfo=UTC)


def failed(world: World, *rows: dict[str, str], mapping: Path | None = None) -> Result:
    """A run of which these rows failed, since the audience does not have the contacts."""
    world.seed(contacts_of(2))
    result = world.sync(mapping or world.mapping(), world.export([*OTHER, *rows]))
    assert result.summary.rows.failed == len({row["contact_id"] for row in rows})
    return result


def waiting(world: World, mapping: str = "m") -> list[tuple[str, int, int]]:
    """Run, record and attempts of what waits."""
    ledger = Ledger.at(world.home, None)
    found = entries.waiting(ledger, Whose("acoustic_connect", ledger.runs()[0]["account"], mapping))
    ledger.close()
    return list(found.select("run_id", "record", "attempts").iter_rows())


def test_what_failed_is_tried_again_and_its_history_is_said(world: World) -> None:
    """The next run reads the row in after the export's, says since when it fails, and how often it was tried."""
    first = failed(world, row_of(3, email_opt_in="N", at=""))
    mapping = world.mapping()
    second = world.sync(mapping, world.export(OTHER))
    row = world.outcomes(second)[key_of(3)]
    assert (row["record"], row["outcome"], row["retry_of_run"], row["retry_of_record"], row["retry_attempt"]) == (
        "3", "failed", first.summary.run_id, "3", "2",
    )  # fmt: skip
    assert (second.summary.rows.read, second.summary.balanced) == (3, True)
    assert second.summary.quarantine.model_dump(include={"retried", "waiting"}) == {"retried": 1, "waiting": 1}
    pages = [(world.folder(result) / "report.html").read_text() for result in (first, second)]
    assert ["Read from the export" in page for page in pages] == [True, False]
    assert "Read, 1 of them again, since they failed before" in pages[1]
    world.seed(contacts_of(3))
    third = world.sync(mapping, world.export(OTHER))
    assert world.outcomes(third)[key_of(3)]["retry_attempt"] == "3"
    assert world.status(key_of(3)) == "OPT_OUT"
    assert third.summary.quarantine.waiting == 0
    assert world.sync(mapping, world.export(OTHER), full=True).summary.rows.read == 2


def test_the_same_export_again_stands_for_what_failed(world: World) -> None:
    """It is read as it is; attempts and age go on."""
    first = failed(world, row_of(3))
    again = world.sync(world.mapping(), world.home / "../x0.csv")
    assert again.summary.rows.read == 3
    assert (again.summary.quarantine.retried, again.summary.quarantine.superseded) == (0, 1)
    assert waiting(world) == [(again.summary.run_id, 3, 2)]
    assert first.summary.quarantine.waiting == 1


def test_a_newer_record_supersedes_an_older_one_and_loses_no_opt_out(world: World) -> None:
    """Where the export is silent about an opt-out, the old record is folded into the export's."""
    failed(world, row_of(3, email_opt_in="N", at="", first_name="Old"))
    world.seed(contacts_of(3))
    result = world.sync(world.mapping(), world.export([row_of(3, email_opt_in="", first_name="New")]))
    rows = read_csv(world.folder(result) / "outcomes.csv")
    assert [(row["outcome"], row["winner"]) for row in rows] == [("updated", ""), ("superseded", "1")]
    assert (world.status(key_of(3)), world.stored()[key_of(3)][0][0]["First Name"]) == ("OPT_OUT", "New")


def test_an_undated_opt_out_that_failed_outranks_an_undated_opt_in_of_the_export(world: World) -> None:
    """At unknown times the stricter status wins, as it would have if it had been told."""
    failed(world, row_of(3, email_opt_in="N", at=""))
    world.seed(contacts_of(3))
    world.sync(world.mapping(), world.export([row_of(3, at="")]))
    assert world.status(key_of(3)) == "OPT_OUT"


def test_a_newer_opt_in_of_the_export_stands_for_an_older_opt_out(world: World) -> None:
    """Each is dated, and the export's is the later one: the old record is not read in."""
    failed(world, row_of(3, email_opt_in="N", at="2026-01-01T00:00:00Z"))
    world.seed(contacts_of(3))
    result = world.sync(world.mapping(), world.export([row_of(3, at="2026-01-05T00:00:00Z")]))
    assert (result.summary.rows.read, result.summary.quarantine.superseded) == (1, 1)
    assert world.status(key_of(3)) == "OPT_IN"


def test_what_was_folded_into_a_record_that_failed_is_tried_again_too(world: World) -> None:
    """The opt-out of an earlier record of the same contact is not lost with it."""
    world.seed(contacts_of(2))
    rows = [row_of(3, email_opt_in="N", at=""), row_of(3, email_opt_in="", points="7")]
    world.sync(world.mapping(), world.export([*OTHER, *rows]))
    world.seed(contacts_of(3))
    result = world.sync(world.mapping(), world.export(OTHER))
    assert (result.summary.quarantine.retried, result.summary.rows.superseded) == (2, 1)
    assert (world.status(key_of(3)), world.stored()[key_of(3)][0][0]["Points"]) == ("OPT_OUT", 7)


def test_an_undated_opt_in_is_dropped_once_the_contact_was_told_something_else(world: World) -> None:
    """By another mapping of the account; the record is held as overtaken and leaves the quarantine."""
    mapping, other = world.mapping(), world.mapping("other.yaml")
    failed(world, row_of(3, at="", first_name="Old"), mapping=mapping)
    world.seed(contacts_of(3))
    world.sync(other, world.export([row_of(3, email_opt_in="", first_name="New", sms_opt_in="")]))
    result = world.sync(mapping, world.export(OTHER))
    row = world.outcomes(result)[key_of(3)]
    assert row["outcome"] == "unchanged" or row["reason"] == "overtaken"
    assert "EMAIL: overtaken" in row["withheld"]
    assert (world.status(key_of(3)), world.stored()[key_of(3)][0][0]["First Name"]) == (None, "New")
    assert result.summary.quarantine.waiting == 0


def test_an_opt_out_is_told_whatever_the_contact_was_told_since(world: World) -> None:
    """Undated or not, and by whichever mapping."""
    mapping, other = world.mapping(), world.mapping("other.yaml")
    failed(world, row_of(3, email_opt_in="N", at=""), mapping=mapping)
    world.seed(contacts_of(3))
    world.sync(other, world.export([row_of(3)]))
    assert world.status(key_of(3)) == "OPT_IN"
    world.sync(mapping, world.export(OTHER))
    assert world.status(key_of(3)) == "OPT_OUT"


def test_a_dated_opt_in_that_is_older_than_what_was_told_since_is_dropped(world: World) -> None:
    """It may not take the place of a newer unverified one."""
    values = "{OPT_IN: [Y], OPT_OUT: [N], OPT_IN_UNVERIFIED: [P]}"
    consent = f"consent: {{channels: {{EMAIL: {{column: email_opt_in, values: {values}, at: at, source: src}}}}}}\n"
    consent += "ignore: [sms_opt_in]\n"
    mapping, other = world.mapping(consent=consent), world.mapping("other.yaml", consent=consent)
    failed(world, row_of(3, at="2026-01-01T00:00:00Z"), mapping=mapping)
    world.seed(contacts_of(3))
    world.sync(other, world.export([row_of(3, email_opt_in="P", at="2026-01-03T00:00:00Z")]))
    result = world.sync(mapping, world.export(OTHER))
    assert world.status(key_of(3)) == "OPT_IN_UNVERIFIED"
    assert "EMAIL: overtaken" in world.outcomes(result)[key_of(3)]["withheld"]


def test_an_undated_opt_in_is_dropped_where_the_destination_says_otherwise(world: World) -> None:
    """Whatever status it has may be newer; so it is asked even if it is no witness."""
    text = world.mapping().read_text().replace("policy: {", "policy: {witnesses: [export, state], ")
    mapping = world.path / "m.yaml"
    mapping.write_text(text)
    failed(world, row_of(3, at=""), row_of(4, at=""), mapping=mapping)
    seeds = contacts_of(4)
    seeds[2]["consent"] = {"channels": {"EMAIL": "OPT_IN_UNVERIFIED"}}
    world.seed(seeds)
    result = world.sync(mapping, world.export(OTHER))
    assert (world.status(key_of(3)), world.status(key_of(4))) == ("OPT_IN_UNVERIFIED", "OPT_IN")
    assert result.summary.withheld == {"overtaken": 1}


def test_an_opt_in_for_an_address_that_the_contact_no_longer_has_is_dropped(world: World) -> None:
    """The export brings another address and is silent about the consent."""
    failed(world, row_of(3))
    world.seed(contacts_of(3))
    result = world.sync(world.mapping(), world.export([row_of(3, email="new@example.com", email_opt_in="")]))
    assert world.status(key_of(3)) is None
    assert "EMAIL: overtaken" in read_csv(world.folder(result) / "outcomes.csv")[0]["withheld"]


def test_a_record_is_given_up_after_its_attempts_or_days_and_the_report_says_so(world: World) -> None:
    """But for opt-outs, which are tried without end."""
    mapping = world.mapping()
    text = mapping.read_text().replace("concurrency: 1}", "concurrency: 1, quarantine: {attempts: 2, days: 5}}")
    mapping.write_text(text)
    world.seed(contacts_of(2))
    rows = [*OTHER, row_of(3), row_of(4, email_opt_in="N")]
    world.sync(mapping, world.export(rows), clock=lambda: BEGIN)
    world.sync(mapping, world.export(OTHER), clock=lambda: BEGIN + timedelta(days=1))
    third = world.sync(mapping, world.export(OTHER), clock=lambda: BEGIN + timedelta(days=2))
    assert third.summary.quarantine.model_dump(include={"retried", "given_up", "waiting", "oldest_days"}) == {
        "retried": 1, "given_up": 1, "waiting": 1, "oldest_days": 2,
    }  # fmt: skip
    assert "Given up: 1 record" in (world.folder(third) / "report.html").read_text()
    world.sync(mapping, world.export([*OTHER, row_of(5)]), clock=lambda: BEGIN + timedelta(days=3))
    last = world.sync(mapping, world.export(OTHER), clock=lambda: BEGIN + timedelta(days=30))
    assert (last.summary.quarantine.given_up, last.summary.quarantine.retried) == (1, 1)


def test_an_entry_whose_folder_is_gone_is_said_and_closed(world: World) -> None:
    """Once; the next run knows nothing of it."""
    first = failed(world, row_of(3))
    shutil.rmtree(world.folder(first))
    second = world.sync(world.mapping(), world.export(OTHER))
    assert (second.summary.rows.read, second.summary.quarantine.lost) == (2, 1)
    assert world.sync(world.mapping(), world.export(OTHER), full=True).summary.quarantine.lost == 0


def test_a_plan_changes_nothing_in_the_quarantine_and_a_stopped_run_neither(world: World) -> None:
    """Until something is carried out the same records wait."""
    failed(world, row_of(3))
    before = waiting(world)
    mapping = world.mapping()
    planned = world.plan(mapping, world.export(OTHER))
    assert (planned.summary.rows.read, planned.summary.quarantine.waiting) == (3, 1)
    assert world.sync(mapping, world.export([])).exit_code == 4
    assert waiting(world) == before
    again = world.apply(planned.summary.run_id)
    assert (again.summary.rows.failed, waiting(world)) == (1, [(again.summary.run_id, 3, 2)])


def test_an_export_without_records_trips_its_guard_whatever_is_tried_again(world: World) -> None:
    """And the usual number of records is that of exports alone."""
    failed(world, *(row_of(number) for number in range(3, 200)))
    mapping = world.mapping()
    mapping.write_text(mapping.read_text().replace("row_count_change: 1000", "row_count_change: 0.3"))
    assert "empty_export" in world.sync(mapping, world.export([])).summary.guards_tripped
    few = world.sync(mapping, world.export(rows_of(199, first_name="X")[:2]))
    assert "row_count_change" in few.summary.guards_tripped


def test_a_run_that_was_interrupted_leaves_what_it_did_not_send(world: World) -> None:
    """Its opt-outs reach the destination by the next run, even if the next export has them no more."""
    world.seed(contacts_of(4))
    mapping = world.mapping(batch_size=1)
    world.faults([{"fault": "answer", "operation": "updateContacts", "status": 403, "body": {"message": "Forbidden"}}])
    rows = [row_of(number, email_opt_in="N") for number in range(1, 5)]
    assert world.sync(mapping, world.export(rows)).exit_code == 5
    world.faults([])
    result = world.sync(mapping, world.export([row_of(1, email_opt_in="N")]))
    assert {world.status(key_of(number)) for number in range(1, 5)} == {"OPT_OUT"}
    assert (result.exit_code, waiting(world)) == (0, [])


def test_recording_a_run_again_changes_nothing(world: World) -> None:
    """`resume` of a run whose records were taken up since opens no entry again."""
    first = failed(world, row_of(3))
    world.resume(first.summary.run_id)
    assert waiting(world) == [(first.summary.run_id, 3, 1)]
    second = world.sync(world.mapping(), world.export([row_of(9, contact_id=key_of(1), first_name="Ned")]))
    assert waiting(world) == [(second.summary.run_id, 2, 2)]
    world.report(first.summary.run_id)
    assert waiting(world) == [(second.summary.run_id, 2, 2)]


def test_a_corrected_rejects_file_supersedes_what_failed(world: World) -> None:
    """Its rows have the same identity and say all that the old ones said."""
    first = failed(world, row_of(3, email="wrong@example.com"))
    rejects = world.folder(first) / "rejects.csv"
    corrected = world.path / "corrected.csv"
    corrected.write_text(rejects.read_text().replace("wrong@", "right@"))
    world.seed(contacts_of(3))
    result = world.sync(world.mapping(), corrected)
    assert (result.summary.rows.read, result.summary.quarantine.superseded, result.exit_code) == (1, 1, 0)
    assert world.stored()[key_of(3)][0][0]["Email"] == "right@example.com"
    assert waiting(world) == []


def test_a_revert_takes_what_failed_with_it(world: World) -> None:
    """What a mistaken run had yet to tell is not told by the next one."""
    first = failed(world, row_of(3, email_opt_in="N"))
    reverted = run.revert(first.summary.run_id, world.context())
    world.apply(reverted.summary.run_id, approve=reverted.summary.plan_hash)
    assert waiting(world) == []


def test_forgetting_somebody_takes_them_out_of_the_quarantine(world: World, command: Commands) -> None:
    """Nothing of them is read in again."""
    first = failed(world, row_of(3, email_opt_in="N"))
    second = world.sync(world.mapping(), world.export(OTHER))
    assert command("forget", key_of(3)).code == 0
    assert waiting(world) == []
    for result in (first, second):
        for file in world.folder(result).rglob("*"):
            assert not file.is_file() or key_of(3).encode() not in file.read_bytes(), file
    third = world.sync(world.mapping(), world.export(OTHER), full=True)
    assert (third.summary.rows.read, third.summary.quarantine.lost) == (2, 0)


def test_the_evidence_names_the_export_that_a_retried_consent_is_of(world: World, command: Commands) -> None:
    """Not that of the run that told it."""
    first = failed(world, row_of(3, email_opt_in="N"))
    world.seed(contacts_of(3))
    world.sync(world.mapping(), world.export(OTHER))
    told = command("evidence", key_of(3), "--json").document["told"]
    assert [row["export"] for row in told if row["status"] == "OPT_OUT"] == [
        f"x0.csv (record 3 of run {first.summary.run_id})"
    ]
    assert command("evidence", "--verify").code == 0


def test_a_record_that_the_mapping_now_rejects_leaves_the_quarantine_as_a_reject(world: World) -> None:
    """It is an ordinary reject then."""
    failed(world, row_of(3, email_opt_in="maybe"))
    mapping = world.mapping()
    mapping.write_text(mapping.read_text().replace("policy: {", "policy: {unknown_value: reject, "))
    result = world.sync(mapping, world.export(OTHER))
    assert (result.summary.rows.rejected, result.summary.quarantine.waiting) == (1, 0)
    assert [row["contact_id"] for row in read_csv(world.folder(result) / "rejects.csv")] == [key_of(3)]


def test_a_column_that_the_old_export_did_not_have_clears_nothing(world: World) -> None:
    """What was not in it is not blank in it."""
    failed(world, row_of(3, email_opt_in="N"))
    mapping = world.mapping()
    clear = "Points: {column: points, type: number}\n  Birthday: {column: born, blank: clear}"
    mapping.write_text(mapping.read_text().replace("Points: {column: points, type: number}", clear))
    seeds = contacts_of(3)
    seeds[2]["attributes"]["Birthday"] = "1990-01-01"
    world.seed(seeds)
    export = world.path / "wide.csv"
    export.write_text(",".join([*OTHER[0], "born"]) + "\n" + ",".join([*OTHER[0].values(), "1980-01-01"]) + "\n")
    world.sync(mapping, export)
    assert world.status(key_of(3)) == "OPT_OUT"
    assert world.stored()[key_of(3)][0][0]["Birthday"] == "1990-01-01"


def test_sharded_exports_try_each_record_again_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A retry goes to the shard of its identity, where the export's records of it are."""
    monkeypatch.setattr(memory, "PLANNED_BYTES_PER_BYTE", 1_000_000)
    failed(world, *(row_of(number, email_opt_in="N", at="") for number in range(3, 40)))
    world.seed(contacts_of(40))
    silent: list[dict[str, Any]] = [row_of(number, email_opt_in="") for number in range(3, 60)]
    result = world.sync(world.mapping(), world.export(silent))
    rows = read_csv(world.folder(result) / "outcomes.csv")
    assert sorted(int(row["record"]) for row in rows) == list(range(1, 57 + 37 + 1))
    assert result.summary.balanced
    assert len(list((world.folder(result) / "source").glob("*/retries.parquet"))) > 1
    assert {world.status(key_of(number)) for number in range(3, 40)} == {"OPT_OUT"}


def test_the_command_lists_what_waits_and_drops_a_run(world: World, command: Commands) -> None:
    """By mapping and reason, without naming anybody."""
    first = failed(world, row_of(3), row_of(4))
    said = command("quarantine", "--json").document
    assert (said["waiting"], said["groups"][0]["reason"]) == (2, "contact_not_found")
    shown = command("quarantine", "m").out
    assert "2 records, contact_not_found" in shown
    assert key_of(3) not in shown
    assert command("quarantine", "another").out.strip() == "nothing is in quarantine"
    assert "dropped: 2 records" in command("quarantine", "--drop", first.summary.run_id).out
    assert command("quarantine", "--drop", first.summary.run_id).code == 2
    assert waiting(world) == []
    explained = command("explain", first.summary.run_id, "#3", "--json")
    assert explained.document["records"][0]["retry_of_run"] is None


def test_explain_says_that_a_record_is_a_retry(world: World, command: Commands) -> None:
    """Of which run and record, the how-manieth attempt, and since when."""
    first = failed(world, row_of(3))
    second = world.sync(world.mapping(), world.export(OTHER))
    said = command("explain", second.summary.run_id, key_of(3)).out
    assert f"attempt 2 of record 3 of run {first.summary.run_id}, failing since 20" in said
