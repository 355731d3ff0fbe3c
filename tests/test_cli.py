"""The command line: exit codes, one clear message for bad input, and one JSON document."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.delivery.world import contacts_of, key_of, row_of, rows_of

if TYPE_CHECKING:
    from tests.delivery.commands import Commands, Ended
    from tests.delivery.world import World

pytest_plugins = ["tests.delivery.fixtures"]

NAMES = {
    "run_id", "destination", "status", "plan_hash", "balanced", "rows", "withheld", "requests", "modified_count",
    "transitions", "reasons", "run_dir", "report",
    "planned_transitions", "samples", "resubscriptions", "guards", "requests_to_come", "next", "canary", "error",
    "open_opt_outs", "quarantine", "already_delivered_at",
}  # fmt: skip
ROWS = {"read", "created", "updated", "unchanged", "superseded", "held", "rejected", "failed", "unknown"}


def require_clear(ended: Ended, code: int, *words: str) -> None:
    """One message for the operator: the code, the words, no traceback."""
    assert ended.code == code, ended.err
    assert "Traceback" not in ended.err
    assert "consent-sync: " in ended.err
    for word in words:
        assert word in ended.err, ended.err


def require_json(ended: Ended) -> Any:
    """Exactly one JSON document on stdout, with the exit code that the process has."""
    document = ended.document
    assert document["exit_code"] == ended.code
    assert document["error"]
    return document


def test_the_document_has_exactly_the_names_of_the_contract(world: World, command: Commands) -> None:
    """`plan`, `apply`, `sync`, `resume` and `report` print one document of the same names."""
    world.seed(contacts_of(12))
    mapping, export = world.mapping(), world.export([*rows_of(12), row_of(13, mobile="12", sms_opt_in="Y")])
    planned = command("plan", mapping, "--export", export, "--json")
    run_id = planned.document["run_id"]
    ended = [planned, *(command(name, run_id, "--json") for name in ("apply", "resume", "report"))]
    ended.append(command("sync", mapping, "--export", export, "--json"))
    for one in ended:
        document = one.document
        assert set(document) == NAMES
        assert set(document["rows"]) == ROWS
        assert set(document["requests"]) == {
        "sent", "retried", "throttled", "waited_seconds", "lowest_in_flight", "lowest_rows_per_request",
    }  # fmt: skip
        assert set(document["modified_count"]) == {"expected", "reported"}
        assert document["balanced"] is True
    assert [one.code for one in ended] == [0, 3, 3, 3, 3]
    assert [one.document["status"] for one in ended] == ["planned", *["partial"] * 4]
    applied = ended[1].document
    assert applied["rows"] | {"read": 13, "updated": 12, "failed": 1} == applied["rows"]
    assert applied["withheld"] == {"phone_not_e164": 2}
    assert applied["reasons"] == {"contact_not_found": 1}
    assert applied["transitions"] == {"EMAIL": {"UNSET->OPT_IN": 12}}
    assert applied["modified_count"] == {"expected": 12, "reported": 12}
    summary = json.loads((Path(applied["run_dir"]) / "summary.json").read_text())
    assert set(summary) >= NAMES


def test_a_clean_run_ends_with_0_and_an_unclean_one_with_3(world: World, command: Commands) -> None:
    """0 needs every row settled and nothing withheld; one withheld part makes it 3."""
    world.seed(contacts_of(3))
    mapping = world.mapping()
    assert command("sync", mapping, "--export", world.export(rows_of(3))).code == 0
    assert command("sync", mapping, "--export", world.export([row_of(1, mobile="12")])).code == 3


def test_a_guard_ends_with_4_and_its_approval(world: World, command: Commands) -> None:
    """The message has the command that carries the plan out, and that command works."""
    mapping = world.mapping()
    mapping.write_text(mapping.read_text().replace("max_reject_share: 1.0", "max_reject_share: 0.1"))
    export = world.export(rows_of(120, contact_id=""))
    ended = command("sync", mapping, "--export", export)
    require_clear(ended, 4, "max_reject_share", "consent-sync apply")
    assert command("plan", mapping, "--export", export, "--json").code == 4
    words = ended.err[ended.err.index("`consent-sync apply") :].strip("`").split()
    assert command("apply", words[2], "--json").code == 4
    assert command("apply", words[2], words[3], words[4].strip("`")).code == 3


BAD: dict[str, tuple[int, tuple[str, ...]]] = {
    "no mapping": (2, ("nowhere.yaml",)),
    "a mapping that is a folder": (2, ()),
    "a mapping of nonsense": (2, ("m.yaml",)),
    "a mapping with an unknown key": (2, ("m.yaml:", "identity")),
    "a mapping of another destination": (2, ("m.yaml:", "destination")),
    "a mapping with a field the audience lacks": (2, ("m.yaml:", "First Nam")),
    "no export": (2, ("nowhere.csv",)),
    "an export that is a folder": (2, ()),
    "an empty export": (2, ("empty",)),
    "an export of another encoding": (2, ("encoding",)),
    "an export with an unknown column": (2, ("surprise",)),
    "an export without a mapped column": (2, ("first_name",)),
    "an export with a column twice": (2, ("same name",)),
    "no url": (2, ("ACOUSTIC_CONNECT_URL",)),
    "no key": (2, ("ACOUSTIC_CONNECT_API_KEY",)),
    "a url that is none": (2, ("ACOUSTIC_CONNECT_URL",)),
    "a url of another scheme": (2, ("ACOUSTIC_CONNECT_URL",)),
    "a key that no header takes": (2, ("ACOUSTIC_CONNECT_API_KEY",)),
    "a database url that is none": (2, ("CONSENT_SYNC_DATABASE_URL",)),
    "attempts that are none": (2, ("CONSENT_SYNC_ATTEMPTS",)),
    "an api that is not there": (5, ("again",)),
    "an api that is another server": (5, ()),
    "a wrong key": (5, ("key",)),
    "an audience that is not there": (5, ("data_set_id",)),
    "an account without audiences": (5, ("data_set_id",)),
    "an api that is down": (5, ("again",)),
    "a home that is a file": (1, ("home",)),
}


def spoil(case: str, world: World, command: Commands) -> tuple[Path, Path]:  # noqa: C901, PLR0912, PLR0915 - one case each
    """Makes one thing wrong; returns mapping and export."""
    mapping, export = world.mapping(), world.export(rows_of(3))
    text = mapping.read_text()
    match case:
        case "no mapping":
            mapping = world.path / "nowhere.yaml"
        case "a mapping that is a folder":
            mapping = world.path
        case "a mapping of nonsense":
            mapping.write_text("version: [1")
        case "a mapping with an unknown key":
            mapping.write_text(text.replace("identity:", "identitee:"))
        case "a mapping of another destination":
            mapping.write_text(text.replace("destination: acoustic_connect", "destination: carrier_pigeon"))
        case "a mapping with a field the audience lacks":
            mapping.write_text(text.replace("First Name:", "First Nam:"))
        case "no export":
            export = world.path / "nowhere.csv"
        case "an export that is a folder":
            export = world.path
        case "an empty export":
            export.write_bytes(b"")
        case "an export of another encoding":
            export.write_bytes(export.read_text().encode("utf-16"))
        case "an export with an unknown column":
            export.write_text(export.read_text().replace(",src", ",src,surprise", 1))
        case "an export without a mapped column":
            export.write_text(export.read_text().replace("first_name", "given_name", 1))
        case "an export with a column twice":
            export.write_text(export.read_text().replace("first_name", "points", 1))
        case "no url":
            command.patch.delenv("ACOUSTIC_CONNECT_URL")
        case "no key":
            command.patch.delenv("ACOUSTIC_CONNECT_API_KEY")
        case "a url that is none":
            command.patch.setenv("ACOUSTIC_CONNECT_URL", "connect")
        case "a url of another scheme":
            command.patch.setenv("ACOUSTIC_CONNECT_URL", "ftp://127.0.0.1/")
        case "a key that no header takes":
            command.patch.setenv("ACOUSTIC_CONNECT_API_KEY", "secr\u00e9t-\nkey")
        case "a database url that is none":
            command.patch.setenv("CONSENT_SYNC_DATABASE_URL", "secret-nonsense")
        case "attempts that are none":
            command.patch.setenv("CONSENT_SYNC_ATTEMPTS", "0")
        case "an api that is not there":
            command.patch.setenv("ACOUSTIC_CONNECT_URL", "http://127.0.0.1:9/")
        case "an api that is another server":
            command.patch.setenv("ACOUSTIC_CONNECT_URL", f"{world.sandbox.url}/elsewhere")
        case "a wrong key":
            command.patch.setenv("ACOUSTIC_CONNECT_API_KEY", "secret-wrong")
        case "an audience that is not there":
            mapping = world.mapping(data_set_id="00000000-0000-0000-0000-000000000000")
        case "an account without audiences":
            world.sandbox.reset()
        case "an api that is down":
            world.faults([{"fault": "server_error"}])
        case "a home that is a file":
            world.home.write_text("")
        case _:
            raise AssertionError(case)
    return mapping, export


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_message_with_a_code_and_nothing_is_sent(world: World, command: Commands, case: str) -> None:
    """Each mistake ends with its exit code, words that name it, one JSON document, and no mutation."""
    world.seed(contacts_of(3))
    code, words = BAD[case]
    mapping, export = spoil(case, world, command)
    ended = command("sync", mapping, "--export", export, "--json")
    require_clear(ended, code, *words)
    require_json(ended)
    assert "secr" not in ended.err + ended.out
    assert world.mutations() == []


@pytest.mark.parametrize("content", ["", "\n", "\n\n\n"])
def test_an_export_with_nothing_but_a_header_is_stopped(world: World, command: Commands, content: str) -> None:
    """A header without records is what a broken extract looks like: exit code 4, nothing sent."""
    world.seed(contacts_of(3))
    export = world.export([])
    export.write_text(export.read_text().strip() + content)
    require_clear(command("sync", world.mapping(), "--export", export, "--json"), 4, "empty_export")
    assert world.mutations() == []


@pytest.mark.parametrize("name", ["apply", "resume", "report", "explain"])
def test_an_unknown_run_is_a_usage_error(world: World, command: Commands, name: str) -> None:
    """The message says how to list the runs."""
    more = ["C-0001"] if name == "explain" else []
    ended = command(name, "20000101T000000-nothing", *more, "--json")
    require_clear(ended, 2, "consent-sync runs")
    require_json(ended)


@pytest.mark.parametrize("arguments", [["sync"], ["sync", "m.yaml"], ["frobnicate"], ["plan", "--nonsense"], ["apply"]])
def test_a_wrong_command_line_is_a_usage_error(command: Commands, arguments: list[str]) -> None:
    """A mistake in the arguments is exit code 2, as JSON too."""
    ended = command(*arguments, "--json")
    assert ended.code == 2
    assert ended.err
    require_json(ended)


@pytest.mark.parametrize("name", ["plan", "verify", "check"])
@pytest.mark.parametrize("case", ["no mapping", "no export", "an export with an unknown column", "an empty export"])
def test_verify_and_check_complain_in_the_same_way(world: World, command: Commands, name: str, case: str) -> None:
    """The commands that only look have the same messages and codes."""
    world.seed(contacts_of(3))
    mapping, export = spoil(case, world, command)
    ended = command(name, mapping, "--export", export, "--json")
    require_clear(ended, *BAD[case][:1], *BAD[case][1])
    require_json(ended)


def test_runs_are_listed_last_first(world: World, command: Commands) -> None:
    """`runs` lists each run with its status, as a table and as JSON."""
    world.seed(contacts_of(3))
    mapping, export = world.mapping(), world.export(rows_of(3))
    first = command("plan", mapping, "--export", export, "--json").document["run_id"]
    second = command("sync", mapping, "--export", export, "--json").document["run_id"]
    listed = command("runs", "--json").document
    assert [(run["run_id"], run["status"]) for run in listed] == [(second, "completed"), (first, "planned")]
    table = command("runs")
    assert table.code == 0
    assert table.out.index(second) < table.out.index(first + " ")
    assert command("runs", "--home", world.path / "another", "--json").document == []


def test_progress_is_plain_lines_on_stderr(world: World, command: Commands) -> None:
    """In a log, stages say how far they are; stdout has the result only."""
    world.seed(contacts_of(30))
    ended = command("sync", world.mapping(batch_size=3), "--export", world.export(rows_of(30)))
    assert "read: 30" in ended.err
    assert "deliver: 10 of 10" in ended.err
    assert "deliver" not in ended.out


def test_long_folders_are_not_broken_into_lines(world: World, command: Commands) -> None:
    """The report's path can be copied from a log, however long it is."""
    world.seed(contacts_of(1))
    home = world.path / ("long" * 30) / ("folder" * 20)
    ended = command("sync", world.mapping(), "--export", world.export(rows_of(1)), "--home", home)
    assert f"{home}/runs/" in ended.out
    assert "/report.html\n" in ended.out


def test_the_module_is_the_command() -> None:
    """`python -m pipeline --version` and `schema` run as a process of their own."""
    version = subprocess.run(
        [sys.executable, "-m", "pipeline", "--version"], capture_output=True, check=True, text=True
    )
    assert version.stdout.startswith("consent-sync ")


@pytest.mark.parametrize("name", ["apply", "resume", "report", "explain"])
def test_a_run_folder_that_was_touched_by_hand_is_a_usage_error(world: World, command: Commands, name: str) -> None:
    """Every command that relies on the plan refuses it with exit code 2 and the next step."""
    world.seed(contacts_of(2))
    run_id = command("plan", world.mapping(), "--export", world.export(rows_of(2)), "--json").document["run_id"]
    (world.folder(run_id) / "mapping.yaml").write_text("version: 1\n")
    ended = command(name, run_id, *([key_of(1)] if name == "explain" else []), "--json")
    require_clear(ended, 2, "plan the export again")
    require_json(ended)
    assert world.mutations() == []
