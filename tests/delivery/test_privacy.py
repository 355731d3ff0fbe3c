"""No personal data outside its files: not in streams, logs, exceptions, summary or report; the key nowhere at all."""

from __future__ import annotations

import logging
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from .world import KEY, contacts_of, key_of, read_csv, row_of, rows_of

if TYPE_CHECKING:
    from pathlib import Path

    from .commands import Commands
    from .world import World

pytest_plugins = ["tests.delivery.fixtures"]

PLANTED = ("zenobia.quartz@example.com", "Zenobia", "+12125550187", "5550187", "ZQ-77-IDENTITY")
OPERATORS = {"outcomes.csv", "outcomes.parquet", "rejects.csv", "withheld.csv"}
"""Files of a run that hold identities and values as they are, beside plan and source."""


def planted(**cells: str) -> dict[str, str]:
    """The person whose data must not appear."""
    return row_of(
        1, contact_id="ZQ-77-IDENTITY", email="zenobia.quartz@example.com", first_name="Zenobia",
        mobile="212 555 0187", sms_opt_in="Y", **cells,
    )  # fmt: skip


def require_private(text: str) -> None:
    """None of the planted data is in the text."""
    for word in PLANTED:
        assert word.lower() not in text.lower(), (word, text[:2000])
    assert KEY not in text


def seeded(world: World) -> None:
    """The person and some others."""
    person = {"attributes": {"Contact key": "ZQ-77-IDENTITY", "Email": "zenobia.quartz@example.com"}, "consent": {}}
    world.seed([*contacts_of(4), person])


REFUSAL = (
    "Field Email has invalid value: zenobia.quartz@example.com. Category: EMAIL_FORMAT. Message: Zenobia +12125550187"
)
FAULTS: dict[str, list[dict[str, Any]]] = {
    "nothing": [],
    "a refused row": [
        {"fault": "poison_row", "key": "ZQ-77-IDENTITY", "code": "INVALID_ATTRIBUTE_VALUE", "message": REFUSAL}
    ],
    "a refused row of another code": [
        {"fault": "poison_row", "key": "ZQ-77-IDENTITY", "code": "NEW_zenobia.quartz@example.com", "message": REFUSAL}
    ],
    "a configuration that names a value": [
        {
            "fault": "answer", "status": 200, "operation": "updateContacts",
            "body": {"errors": [{
                "message": "Variable '$rows' got invalid value 'zenobia.quartz@example.com' and +12125550187",
                "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"},
            }]},
        }
    ],
    "a gateway that names a value": [
        {
            "fault": "answer", "status": 403, "operation": "updateContacts",
            "body": {"message": "zenobia.quartz@example.com may not"},
        }
    ],
    "an outage": [{"fault": "server_error", "operation": "updateContacts"}],
    "no connection": [{"fault": "reset", "operation": "contacts"}],
    "a query that is refused": [
        {
            "fault": "answer", "status": 200, "operation": "contacts",
            "body": {"errors": [{
                "message": "Variable '$rules' got invalid value 'ZQ-77-IDENTITY'",
                "extensions": {"code": "BAD_USER_INPUT"},
            }]},
        }
    ],
    "contacts of another shape": [
        {
            "fault": "answer", "status": 200, "operation": "contacts",
            "body": {"data": {"contacts": {"nodes": [{"attributes": "ZQ-77-IDENTITY zenobia.quartz@example.com"}]}}},
        }
    ],
}  # fmt: skip


@pytest.mark.parametrize("case", FAULTS)
def test_streams_logs_summary_and_report_show_nobody(
    world: World, command: Commands, caplog: pytest.LogCaptureFixture, case: str
) -> None:
    """Whatever happens, planted data stays in the operator's own files."""
    seeded(world)
    caplog.set_level(logging.DEBUG)
    world.faults(FAULTS[case])
    rows = [
        planted(),
        *rows_of(4)[1:],
        planted(email_opt_in="perhaps"),
        row_of(9, email="zenobia quartz", first_name="Zenobia"),
    ]
    ended = command("sync", world.mapping(settle=0.1), "--export", world.export(rows), "--json")
    require_private(ended.out + ended.err)
    require_private(
        "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("uvicorn"))
    )
    listed = command("runs", "--json")
    require_private(listed.out + listed.err)
    for path in world.home.glob("runs/*/*"):
        if path.is_file() and path.name in ("summary.json", "report.html", "manifest.json", "audience.json"):
            require_private(path.read_text(encoding="utf-8"))
    for path in world.home.rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path


def test_a_vendors_message_with_values_stays_in_outcomes_and_ledger(world: World, command: Commands) -> None:
    """The words of a refusal are kept verbatim where the operator needs them, and only there."""
    seeded(world)
    world.faults(FAULTS["a refused row"])
    document = command("sync", world.mapping(), "--export", world.export([planted(), row_of(2)]), "--json").document
    folder = world.folder(document["run_id"])
    [row] = [row for row in read_csv(folder / "outcomes.csv") if row["outcome"] == "failed"]
    assert row["message"] == f"INVALID_ATTRIBUTE_VALUE: {REFUSAL}"
    holding = {path.relative_to(folder).name for path in folder.rglob("*") if path.is_file() and holds(path)}
    assert holding <= OPERATORS
    with sqlite3.connect(world.home / "ledger.db") as ledger:
        assert REFUSAL in "".join(row[0] for row in ledger.execute("SELECT exceptional FROM batches"))
    ledger.close()


def holds(path: Path) -> bool:
    """Whether a file holds the refusal's words."""
    return b"EMAIL_FORMAT" in path.read_bytes()


@pytest.mark.parametrize("name", ["explain", "verify", "check"])
def test_messages_of_other_commands_repeat_no_identity(world: World, command: Commands, name: str) -> None:
    """An identity that is not found is not repeated in the error, and figures name nobody."""
    seeded(world)
    mapping, export = world.mapping(), world.export([planted(), row_of(2)])
    run_id = command("sync", mapping, "--export", export, "--json").document["run_id"]
    if name == "explain":
        ended = command("explain", run_id, "zenobia.quartz@example.com", "--json")
        assert ended.code == 2
    else:
        ended = command(name, mapping, "--export", export)
    require_private(ended.out + ended.err)


def test_check_of_a_wrong_column_shows_no_addresses(world: World, command: Commands) -> None:
    """A mapping that takes the address column for the consent column does not print the addresses."""
    mapping = world.mapping()
    mapping.write_text(
        mapping.read_text().replace("column: email_opt_in", "column: email") + "ignore: [email_opt_in]\n"
    )
    ended = command("check", mapping, "--export", world.export([planted()]))
    require_private(ended.out + ended.err)


def test_exceptions_of_a_run_show_nobody(world: World) -> None:
    """What a caller of the chain catches holds no value, in its message or in its causes."""
    seeded(world)
    for case in ("a configuration that names a value", "a query that is refused", "contacts of another shape"):
        world.faults(FAULTS[case])
        error: BaseException | None
        try:
            error = world.sync(world.mapping(), world.export([planted()])).error
        except Exception as raised:  # noqa: BLE001 - whatever it is
            error = raised
        assert error is not None
        while error is not None:
            require_private(str(error))
            assert error.__cause__ is not error
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def test_files_are_the_owners_alone(world: World) -> None:
    """Folders are 0700 and files 0600 everywhere under home."""
    seeded(world)
    world.sync(world.mapping(), world.export([planted(), row_of(2, email="no")]))
    found = list(world.home.rglob("*"))
    assert len(found) > 10
    for path in (world.home, *found):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
    assert key_of(2) in world.stored()
