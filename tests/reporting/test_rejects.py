"""rejects.csv: the export's own rows of what was not delivered, for the same mapping."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.delivery.world import HEADER, contacts_of, key_of, read_csv, row_of

if TYPE_CHECKING:
    from tests.delivery.world import World

pytest_plugins = ["tests.delivery.fixtures"]

REPAIRED = "C-0002"


@pytest.mark.parametrize(
    ("source", "delimiter", "encoding"),
    [
        ("", ",", "utf-8"),
        ('source: {delimiter: ";"}\n', ";", "utf-8"),
        ("source: {format: tsv}\n", "\t", "utf-8"),
        ('source: {delimiter: ";", encoding: cp1252}\n', ";", "cp1252"),
        ("source: {encoding: utf-16}\n", ",", "utf-16"),
        ("source: {encoding: latin-1}\n", ",", "latin-1"),
    ],
)
def test_rejects_are_corrected_and_run_again_with_the_same_mapping(
    world: World, source: str, delimiter: str, encoding: str
) -> None:
    """In every dialect the file has the export's columns as they were, and a corrected row is delivered."""
    world.seed(contacts_of(4))
    rows = [row_of(1), row_of(2, contact_id=""), row_of(3), row_of(9, first_name='Zo\u00eb "the" quick; a, b')]
    lines = [delimiter.join(HEADER)]
    lines += [delimiter.join('"' + cell.replace('"', '""') + '"' for cell in row.values()) for row in rows]
    lines.append("too short")
    export = world.path / "export.csv"
    export.write_bytes(("\n".join(lines) + "\n").encode(encoding))
    mapping = world.mapping(source=source)
    result = world.sync(mapping, export)
    assert (result.summary.rows.rejected, result.summary.rows.failed, result.summary.rows.updated) == (2, 1, 2)
    rejects = world.folder(result) / "rejects.csv"
    text = rejects.read_bytes().decode(encoding).lstrip("\ufeff")
    assert text.splitlines()[0] == delimiter.join((*HEADER, "_record", "_outcome", "_reason", "_message"))
    assert 'Zo\u00eb ""the"" quick; a, b' in text
    again = world.path / "again.csv"
    corrected = text.replace(f"{delimiter}c0002@example.com", f"{REPAIRED}{delimiter}c0002@example.com", 1)
    again.write_bytes(corrected.encode(encoding))
    second = world.sync(mapping, again)
    assert second.summary.rows.updated == 1
    assert world.outcomes(second)[REPAIRED]["outcome"] == "updated"
    assert world.status(REPAIRED) == "OPT_IN"


def test_rejects_hold_what_was_folded_into_an_undelivered_record(world: World) -> None:
    """An opt-out in an earlier record of a contact that failed is not lost from the file."""
    world.seed(contacts_of(1))
    rows = [row_of(9, email_opt_in="N"), row_of(1), row_of(9, email_opt_in="")]
    result = world.sync(world.mapping(), world.export(rows))
    found = read_csv(world.folder(result) / "rejects.csv")
    assert [(row["_record"], row["_outcome"], row["email_opt_in"]) for row in found] == [
        ("1", "superseded", "N"), ("3", "failed", ""),
    ]  # fmt: skip


def test_what_was_delivered_in_part_is_listed_apart(world: World) -> None:
    """withheld.csv has the rows of which something was withheld, and why."""
    world.seed(contacts_of(2))
    result = world.sync(world.mapping(), world.export([row_of(1, mobile="12"), row_of(2)]))
    found = read_csv(world.folder(result) / "withheld.csv")
    assert [(row["contact_id"], row["_outcome"], row["_reason"]) for row in found] == [
        (key_of(1), "updated", "Cell Phone: phone_not_e164")
    ]
    assert read_csv(world.folder(result) / "rejects.csv") == []


def test_an_export_in_another_format_comes_back_as_a_file_of_rows(world: World) -> None:
    """Where the mapping leaves the format to the file's name, rejects of an NDJSON export are run again as CSV."""
    world.seed(contacts_of(2))
    export = world.path / "export.ndjson"
    fields = '"email":"c000%s@example.com","mobile":"","first_name":"A","points":"1","email_opt_in":"Y","sms_opt_in":""'
    ends = ',"at":"2026-01-02T03:04:05Z","src":"form"}'
    lines = [f'{{"contact_id":"C-0001",{fields % 1}{ends}', f'{{"contact_id":"",{fields % 2}{ends}']
    export.write_text("\n".join(lines) + "\n")
    mapping = world.mapping()
    result = world.sync(mapping, export)
    assert (result.summary.rows.updated, result.summary.rows.rejected) == (1, 1)
    again = world.path / "again.csv"
    again.write_text((world.folder(result) / "rejects.csv").read_text().replace("\n,c0002", "\nC-0002,c0002"))
    assert world.sync(mapping, again).summary.rows.updated == 1
