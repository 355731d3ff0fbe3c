"""`check`: a mapping alone, against an export, against the audience."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.delivery.world import row_of, rows_of

if TYPE_CHECKING:
    from tests.delivery.commands import Commands
    from tests.delivery.world import World

pytest_plugins = ["tests.delivery.fixtures"]


LETTERS = str.maketrans("0123456789", "ghijklmnop")


def test_a_mapping_is_checked_without_any_world(world: World, command: Commands) -> None:
    """Neither settings nor a destination are needed for the mapping and an export."""
    for name in ("ACOUSTIC_CONNECT_URL", "ACOUSTIC_CONNECT_API_KEY"):
        command.patch.delenv(name)
    mapping = world.mapping()
    assert command("check", mapping).code == 0
    assert command("check", mapping, "--export", world.export(rows_of(3))).code == 0
    assert command("check", mapping, "--online").code == 2
    assert world.sandbox.requests() == []


def test_unlisted_values_and_malformed_records_are_noted(world: World, command: Commands) -> None:
    """What would be withheld or rejected is exit code 3 and a note each."""
    export = world.export(rows_of(3, email_opt_in="perhaps"))
    export.write_text(export.read_text() + "short\n")
    ended = command("check", world.mapping(), "--export", export, "--json")
    assert ended.code == 3
    assert any("'perhaps'" in warning and "3 cells" in warning for warning in ended.document["warnings"])
    assert any("1 record is malformed" in warning for warning in ended.document["warnings"])


@pytest.mark.rule("AC-13")
def test_the_audience_is_asked_only_online(world: World, command: Commands) -> None:
    """`--online` compares names with the audience: a missing attribute is exit code 2, no audience exit code 5."""
    mapping = world.mapping()
    assert command("check", mapping, "--online").code == 0
    mapping.write_text(mapping.read_text().replace("First Name:", "first name:"))
    wrong = command("check", mapping, "--online")
    assert wrong.code == 2
    assert "First Name" in wrong.err
    world.faults([{"fault": "server_error"}])
    assert command("check", mapping, "--online").code == 5
    assert world.mutations() == []


def test_a_column_of_other_things_than_consents_is_noted_in_few_words(world: World, command: Commands) -> None:
    """So many different values are told apart, and the rest of them counted together."""
    rows = [row_of(number, email_opt_in=f"v{number:x}".translate(LETTERS)) for number in range(1, 10_101)]
    ended = command("check", world.mapping(), "--export", world.export(rows), "--json")
    noted = [warning for warning in ended.document["warnings"] if "email_opt_in" in warning]
    assert len(noted) == 10
    assert "column 'email_opt_in': 100 cells are others, which `values` does not list" in noted


def test_options_are_checked_without_the_destination(world: World, command: Commands) -> None:
    """What the section may not say is said with its line, as all else of a mapping is, and not at night."""
    mapping = world.mapping()
    text = mapping.read_text()
    assert "settle_seconds:" in text
    mapping.write_text(
        text.replace(
            "settle_seconds:", "api_generation: datset, extra_headers: {Host: a}, settle_second: 1, settle_seconds:"
        )
    )
    line = 1 + text[: text.index("settle_seconds:")].count("\n")
    ended = command("check", mapping)
    assert ended.code == 2
    assert world.sandbox.requests() == []
    for said in ("did you mean 'dataset'?", "`Host` is not a mapping's to say", "unknown key 'settle_second'"):
        assert said in ended.err
    assert ended.err.count(f"{mapping}:{line}: options.") == 3
