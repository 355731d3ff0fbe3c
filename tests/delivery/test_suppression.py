"""Suppression lists as files: what a run does with their ages, flaws and changes."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pipeline import run
from pipeline.checking import check
from pipeline.context import Request
from pipeline.errors import MappingErrors
from pipeline.verifying import Audit, verify
from tests.delivery.world import CHANNELS, GROUPS, contact_of, contacts_of, row_of, rows_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.carried_out import Result
    from tests.delivery.commands import Commands
    from tests.delivery.world import World

pytest_plugins = ["tests.delivery.fixtures"]
OLD = "# as of: 2020-01-01\nc0001@example.com\n"
FRESH = "c0001@example.com\n"


@dataclass
class Listed:
    """A mapping with lists beside it."""

    world: World
    mapping: Path

    def write(self, text: str, name: str = "list.txt", days: float = 0) -> Path:
        """Writes a list, so many days ago."""
        path = self.mapping.parent / name
        path.write_text(text, encoding="utf-8")
        then = (datetime.now(UTC) - timedelta(days=days)).timestamp()
        os.utime(path, (then, then))
        return path

    def export(self, *rows: dict[str, str]) -> Path:
        """An export of these rows."""
        return self.world.export(rows)


def listed(world: World, suppression: str = "list.txt", consent: str = CHANNELS) -> Listed:
    """Contacts 1 to 3 at the destination, and a mapping with `policy.suppression`."""
    world.seed(contacts_of(3))
    mapping = world.mapping(consent=consent, batch_size=2)
    text = mapping.read_text().replace("policy: {", f"policy: {{suppression: {suppression}, ")
    mapping.write_text(text)
    return Listed(world, mapping)


def manifest_of(world: World, result: Result) -> dict[str, Any]:
    """The run's manifest."""
    found: dict[str, Any] = json.loads((world.folder(result) / "manifest.json").read_text())
    return found


LIMITED = "[{file: list.txt, max_age_days: 7}]"
UNUSABLE: dict[str, tuple[str | None, float, str]] = {
    "missing": (None, 0, r"list\.txt cannot be read \(No such file or directory\)"),
    "stale by its file": (FRESH, 8, r"8\.0 days old \(as of .* by the time of its file\), and `max_age_days` is 7"),
    "stale by its line": (OLD, 0, r"list\.txt is \d{4,}\.\d days old \(as of 2020-01-01 00:00 UTC, by its own line\)"),
    "a date that is none": ("# As of: yesterday\nc0001@example.com\n", 0, "`as of: yesterday`, which is no ISO date"),
    "dated in the future": ("# as of: 2999-01-01\nc0001@example.com\n", 0, "dated in the future"),
    "empty": ("\n", 0, "is empty, as after a transfer that failed"),
    "with a line that is nothing": (FRESH + "who?\n", 0, "1 lines of .* the first of them line 2, are no address"),
}


@pytest.mark.parametrize(("text", "days", "said"), UNUSABLE.values(), ids=UNUSABLE)
def test_a_list_that_cannot_be_relied_on_stops_every_command(
    world: World, text: str | None, days: float, said: str
) -> None:
    """`check`, `verify`, `plan` and `sync` say the same, with file, line and path, before anything is written."""
    lists = listed(world, LIMITED)
    if text is not None:
        lists.write(text, days=days)
    export = lists.export(row_of(1, email_opt_in="N"))
    request, context = Request(lists.mapping, export), world.context()
    commands: tuple[Callable[[], object], ...] = (
        lambda: check(lists.mapping, None),
        lambda: verify(Audit(lists.mapping, export), context),
        lambda: run.plan(request, context),
        lambda: run.sync(request, context),
    )
    for command in commands:
        with pytest.raises(MappingErrors, match=said) as stopped:
            command()
        [error] = stopped.value.errors
        assert (error.path, error.exit_code, error.line) == ("policy.suppression.0", 2, 15)
        assert "without it nothing is sent" in str(error)
    assert world.mutations() == []
    assert not (world.home / "runs").exists()


@pytest.mark.parametrize(
    ("text", "days"),
    [
        (FRESH, 6.9),
        ("# exported by the CRM\n#as of: {now}\nc0001@example.com\n", 400),
        ("c0001@example.com\n# as of: 2020-01-01\n", 0),
    ],
    ids=["the file is young", "its line is young", "a line among the entries dates nothing"],
)
def test_a_list_within_its_limit_is_heeded(world: World, text: str, days: float) -> None:
    """What the list says of its age counts, else its file's time; only comments before the first entry date it."""
    lists = listed(world, LIMITED)
    lists.write(text.format(now=(datetime.now(UTC) - timedelta(days=1)).isoformat()), days=days)
    result = world.sync(lists.mapping, lists.export(row_of(1), row_of(2)))
    assert (world.status("C-0001"), world.status("C-0002")) == (None, "OPT_IN")
    [facts] = manifest_of(world, result)["suppression"]
    assert (facts["file"], facts["entries"], facts["max_age_days"], facts["held"]) == ("list.txt", 1, 7.0, 1)
    assert facts["age_days"] < 7
    assert len(facts["sha256"]) == 64


def test_every_list_says_how_many_it_held(world: World) -> None:
    """Each for its channels; manifest and report count the contacts of each list and name no address."""
    lists = listed(world, "[a.txt, {file: b.txt, channels: [SMS]}, {file: c.txt, channels: [EMAIL]}]")
    lists.write("c0001@example.com\n", "a.txt")
    lists.write("c0002@example.com\n+12125550123\n", "b.txt")
    lists.write("c0001@example.com\nc0003@example.com\n+12125550123\n", "c.txt")
    rows = [row_of(n, mobile="212-555-0123" if n == 2 else "", sms_opt_in="Y" if n == 2 else "") for n in (1, 2, 3)]
    result = world.sync(lists.mapping, lists.export(*rows))
    facts = manifest_of(world, result)["suppression"]
    assert [(f["file"], f["entries"], f["held"], f["channels"]) for f in facts] == [
        ("a.txt", 1, 1, None),
        ("b.txt", 2, 1, ["SMS"]),
        ("c.txt", 3, 2, ["EMAIL"]),
    ]
    assert (world.status("C-0002"), world.status("C-0002", "SMS")) == ("OPT_IN", None)
    page = (world.folder(result) / "report.html").read_text()
    assert "Suppression lists" in page
    assert "c.txt" in page
    assert "0001@" not in page


def test_check_names_entries_and_age(world: World, command: Commands) -> None:
    """What a list holds is seen before a run needs it."""
    lists = listed(world, "[{file: list.txt, channels: [EMAIL], max_age_days: 7}]")
    lists.write(FRESH + "a" * 64 + "\n", days=2)
    ended = command("check", lists.mapping, "--json")
    assert ended.code == 0
    assert (
        "suppression list list.txt, for EMAIL: 2 entries, 1 of them hashed; 2.0 days old (limit 7)"
        in ended.document["looked_at"]
    )
    lists.write(FRESH, days=9)
    assert command("check", lists.mapping).code == 2


def test_nobody_is_moved_to_an_address_that_was_listed_after_the_plan(world: World) -> None:
    """An address alone, without a consent beside it, is compared with the lists as they are by then too."""
    lists = listed(world)
    lists.write("# nobody yet\n")
    world.sync(lists.mapping, lists.export(row_of(1)))
    planned = world.plan(lists.mapping, lists.export(row_of(1, email="new@example.com")))
    lists.write("new@example.com\n")
    result = world.apply(planned.summary.run_id)
    assert (result.summary.rows.held, result.summary.reasons) == (1, {"suppressed": 1})


def test_a_command_that_sends_nothing_says_nothing_of_the_lists(world: World) -> None:
    """The manifest keeps the lists under which something was sent."""
    lists = listed(world)
    lists.write("# nobody yet\n")
    planned = world.plan(lists.mapping, lists.export(row_of(1)))
    world.apply(planned.summary.run_id)
    folder = lists.mapping.parent / "home" / "runs" / planned.summary.run_id
    sent = json.loads((folder / "manifest.json").read_text())["suppression_since"]
    lists.write(FRESH)
    world.resume(planned.summary.run_id)
    assert json.loads((folder / "manifest.json").read_text())["suppression_since"] == sent
    assert [facts["entries"] for facts in sent] == [0]


def test_verify_does_not_miss_what_may_not_be_sent(world: World) -> None:
    """A suppressed address is not expected to be opted in; its opt-out is."""
    lists = listed(world)
    lists.write(FRESH)
    export = lists.export(row_of(1), row_of(2))
    assert verify(Audit(lists.mapping, export), world.context()).differ == 2
    world.sync(lists.mapping, export)
    after = verify(Audit(lists.mapping, export), world.context())
    assert (after.contacts, after.differ, after.missing) == (2, 0, 0)
    out = verify(Audit(lists.mapping, lists.export(row_of(1, email_opt_in="N"))), world.context())
    assert out.differences == {"EMAIL": {"export OPT_OUT, destination UNSET": 1}}


@pytest.mark.parametrize("entry", ["c0001@example.com", "+12125550123"])
def test_a_group_of_all_channels_needs_all_of_its_addresses(world: World, entry: str) -> None:
    """The phone number that only the destination has holds the group too, for it would be opted in with it."""
    lists = listed(world, consent=GROUPS)
    contact = contact_of(1)
    contact["attributes"]["Cell Phone"] = "+12125550123"
    world.seed([contact, contact_of(2)])
    lists.write(entry)
    result = world.sync(lists.mapping, lists.export(row_of(1), row_of(2)))
    assert result.summary.withheld == {"suppressed": 1}
    groups = {key: found[0][1].get("consentGroups") for key, found in world.stored().items()}
    assert not groups["C-0001"]
    assert groups["C-0002"]


@pytest.mark.parametrize("command", ["apply", "resume"])
def test_who_was_listed_since_the_plan_is_not_opted_in(world: World, command: str) -> None:
    """The plan's permissions are compared with the list as it is when they are sent; everything else goes."""
    lists = listed(world)
    lists.write("nobody@example.com\n")
    planned = world.plan(lists.mapping, lists.export(row_of(1), row_of(2), row_of(3, email_opt_in="N")))
    lists.write(FRESH + "c0003@example.com\n")
    result = getattr(world, command)(planned.summary.run_id)
    assert (world.status("C-0001"), world.status("C-0002")) == (None, "OPT_IN")
    assert world.status("C-0003") == "OPT_OUT"
    outcomes = world.outcomes(result)
    assert (outcomes["C-0001"]["outcome"], outcomes["C-0001"]["reason"]) == ("held", "suppressed")
    assert result.exit_code == 3
    manifest = manifest_of(world, result)
    assert [f["entries"] for f in (*manifest["suppression"], *manifest["suppression_since"])] == [1, 2]
    assert manifest["suppression_since"][0]["held"] == 1
    assert world.report(planned.summary.run_id).summary.rows.held == 1


def test_an_address_that_was_told_or_stored_before_counts_at_apply(world: World) -> None:
    """It is compared even where the item does not carry it: unchanged since the last run, or changed there since."""
    lists = listed(world)
    lists.write("nobody@example.com\n")
    world.sync(lists.mapping, lists.export(*rows_of(2, email_opt_in="")))
    planned = world.plan(lists.mapping, lists.export(row_of(1), row_of(2, email="")))
    contacts = [contact_of(1), contact_of(2)]
    contacts[1]["attributes"]["Email"] = "moved@example.com"
    world.seed(contacts)
    lists.write(FRESH + "moved@example.com\n")
    before = len(world.mutations())
    assert world.apply(planned.summary.run_id).summary.reasons == {"suppressed": 2}
    assert len(world.mutations()) == before


def test_an_address_that_the_plan_brings_counts_at_apply(world: World) -> None:
    """The destination has another one stored yet, and would not be asked: it is no witness."""
    lists = listed(world)
    lists.mapping.write_text(lists.mapping.read_text().replace("policy: {", "policy: {witnesses: [export, state], "))
    lists.write("nobody@example.com\n")
    planned = world.plan(lists.mapping, lists.export(row_of(1, email="new@example.com"), row_of(2)))
    lists.write("new@example.com\n")
    assert world.apply(planned.summary.run_id).summary.reasons == {"suppressed": 1}
    assert (world.status("C-0001"), world.status("C-0002")) == (None, "OPT_IN")


@pytest.mark.parametrize("state", ["missing", "stale"])
def test_a_list_that_failed_since_the_plan_stops_apply(world: World, state: str) -> None:
    """Nothing is sent and the plan stays as it is; once the list is there again it can be carried out."""
    lists = listed(world, LIMITED)
    path = lists.write(FRESH)
    planned = world.plan(lists.mapping, lists.export(row_of(1), row_of(2)))
    if state == "missing":
        path.unlink()
    else:
        lists.write(FRESH, days=8)
    before = manifest_of(world, planned)
    with pytest.raises(MappingErrors, match=r"m\.yaml:15: policy\.suppression\.0: the suppression list"):
        world.apply(planned.summary.run_id)
    assert world.mutations() == []
    assert manifest_of(world, planned) == before
    lists.write(FRESH)
    assert world.apply(planned.summary.run_id).summary.rows.updated == 2
    assert world.status("C-0001") is None


def test_what_was_in_flight_is_not_sent_again_to_who_is_listed_by_now(world: World) -> None:
    """A batch that was begun is read back; what did not take effect stays unsent."""
    lists = listed(world)
    lists.write("nobody@example.com\n")
    world.faults([{"fault": "server_error", "operation": "updateContacts"}])
    stopped = world.sync(lists.mapping, lists.export(row_of(1), row_of(2)))
    assert stopped.summary.rows.unknown == 2
    world.faults([])
    lists.write(FRESH)
    result = world.resume(stopped.summary.run_id)
    assert (world.status("C-0001"), world.status("C-0002")) == (None, "OPT_IN")
    assert result.summary.reasons == {"suppressed": 1}


def test_a_plan_finds_its_lists_from_any_folder(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A list is beside the mapping, wherever the later command is started."""
    lists = listed(world)
    lists.write("nobody@example.com\n")
    export = lists.export(row_of(1), row_of(2)).resolve()
    monkeypatch.chdir(lists.mapping.parent)
    planned = run.plan(Request(lists.mapping.relative_to(lists.mapping.parent), export), world.context())
    lists.write(FRESH)
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert world.apply(planned.summary.run_id).summary.reasons == {"suppressed": 1}
