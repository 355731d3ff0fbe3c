"""What is wrong with the configuration stops the run at once, what is wrong with rows is isolated, an outage waits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.errors import Refused

from .world import contacts_of, key_of, rows_of

if TYPE_CHECKING:
    from .world import World

pytest_plugins = ["tests.delivery.fixtures"]

NEW = {"code": "QUOTA_FOR_TUESDAYS_EXCEEDED", "message": "Not on a Tuesday, ann@example.com"}


def poisoned(*numbers: int) -> list[dict[str, Any]]:
    """The sandbox refuses these contacts with a code that nobody knows."""
    return [{"fault": "poison_row", "key": key_of(number), **NEW} for number in numbers]


def test_an_unknown_code_that_refuses_every_row_is_the_configurations(world: World) -> None:
    """Ten rows by themselves and five from all over the batch are asked, no batch is halved to the end."""
    world.seed(contacts_of(400))
    world.faults(poisoned(*range(1, 401)))
    result = world.sync(world.mapping(batch_size=100, concurrency=4), world.export(rows_of(400)))
    assert (result.exit_code, result.summary.balanced, dict(world.applied())) == (5, True, {})
    assert len(world.mutations()) <= 50
    said = str(result.error)
    assert "refused each of 15 records" in said
    assert "QUOTA_FOR_TUESDAYS_EXCEEDED: Not on a Tuesday, [...]" in said
    assert "ann@example.com" not in said


def test_bad_rows_in_a_row_are_not_taken_for_the_configuration(world: World) -> None:
    """The first twelve rows are refused with an unknown code, the others are not: each ends as it must."""
    world.seed(contacts_of(100))
    world.faults(poisoned(*range(1, 13)))
    result = world.sync(world.mapping(batch_size=100), world.export(rows_of(100)))
    failed = {key for key, row in world.outcomes(result).items() if row["outcome"] == "failed"}
    assert failed == {key_of(n) for n in range(1, 13)}
    assert (result.exit_code, result.summary.rows.updated) == (3, 88)
    assert {row["message"] for row in world.outcomes(result).values() if row["message"]} == {
        "QUOTA_FOR_TUESDAYS_EXCEEDED: Not on a Tuesday, ann@example.com"
    }
    assert set(world.applied().values()) == {1}


def test_small_batches_do_not_hide_it(world: World) -> None:
    """What is refused is counted over batches, until something is accepted."""
    world.seed(contacts_of(60))
    world.faults(poisoned(*range(1, 61)))
    result = world.sync(world.mapping(batch_size=2), world.export(rows_of(60)))
    assert (result.exit_code, dict(world.applied())) == (5, {})
    assert len(world.mutations()) <= 20


CONFIGURATIONS = {
    "attribute": ("ATTRIBUTE_NOT_DEFINED", "No defined Attribute with name: 'Points'", "Points:"),
    "channel": ("CHANNEL_NOT_DEFINED", "Channel not defined: SMS", "SMS:"),
    "key": ("UNAUTHENTICATED", "no", ""),
}


@pytest.mark.parametrize(("code", "message", "line"), CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_a_refused_configuration_costs_one_request(world: World, code: str, message: str, line: str) -> None:
    """However many threads wait; the message names the mapping's file and line where the vendor names a part of it."""
    world.seed(contacts_of(80))
    body: Any = {"errors": [{"message": message, "extensions": {"code": code}}], "data": None}
    world.faults([{"fault": "answer", "operation": "updateContacts", "status": 200, "body": body}])
    mapping = world.mapping(concurrency=4)
    result = world.sync(mapping, world.export(rows_of(80)))
    assert (result.exit_code, str(result.summary.status), len(world.mutations())) == (5, "stopped", 1)
    found = re.search(rf"{re.escape(str(mapping))}:(\d+): ", str(result.error))
    if line:
        assert found is not None, result.error
        assert line in mapping.read_text().splitlines()[int(found[1]) - 1]


def test_a_part_that_is_gone_when_the_plan_is_made_is_placed_too(world: World) -> None:
    """An attribute that is deleted between two queries stops the plan with the mapping's line."""
    world.seed(contacts_of(3))
    body: Any = {
        "errors": [
            {"message": "No defined Attribute with name: 'Points'", "extensions": {"code": "ATTRIBUTE_NOT_DEFINED"}}
        ]
    }
    world.faults([{"fault": "answer", "operation": "contacts", "status": 200, "body": body}])
    with pytest.raises(Refused, match=r"m\.yaml:\d+: .*ATTRIBUTE_NOT_DEFINED"):
        world.plan(world.mapping(), world.export(rows_of(3)))


def test_an_audience_that_is_not_there_is_placed(world: World) -> None:
    """The option that names it, by file and line."""
    with pytest.raises(Refused, match=r"m\.yaml:3: no audience 'nowhere'"):
        world.plan(world.mapping(data_set_id="nowhere"), world.export(rows_of(1)))


def test_a_destination_that_reads_and_takes_nothing_stops_the_run(world: World) -> None:
    """After three batches of which nothing arrives: what was sent is unknown, and `resume` goes on."""
    world.seed(contacts_of(100))
    world.faults([{"fault": "server_error", "operation": "updateContacts", "status": 500}])
    result = world.sync(world.mapping(settle=0), world.export(rows_of(100)))
    assert (result.exit_code, str(result.summary.status)) == (5, "interrupted")
    reasons = result.summary.reasons
    assert set(reasons) == {"not_confirmed", "not_sent"}
    assert reasons["not_confirmed"] <= 90
    assert f"consent-sync resume {result.summary.run_id}" in str(result.error)
    world.faults([])
    again = world.resume(result.summary.run_id)
    assert (again.exit_code, again.summary.rows.updated) == (0, 100)
    assert set(world.applied().values()) == {1}


def test_one_batch_that_never_arrives_stops_nothing(world: World) -> None:
    """The others go, and only its records are unknown."""
    world.seed(contacts_of(40))
    world.faults([{"fault": "server_error", "operation": "updateContacts", "key": key_of(15)}])
    result = world.sync(world.mapping(settle=0), world.export(rows_of(40)))
    assert (result.exit_code, result.summary.rows.updated, result.summary.rows.unknown) == (3, 30, 10)
