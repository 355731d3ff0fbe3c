"""Every code of the vendor ends attached to its row, with its reason and the vendor's message (AC-14)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .world import GROUPS, contact_of, contacts_of, key_of, row_of, rows_of

if TYPE_CHECKING:
    from .world import World

pytest_plugins = ["tests.delivery.fixtures"]

ROW_CODES = {
    "INVALID_CHANNEL_TYPE": "channel_refused",
    "INVALID_CONSENT_FIELD_NAME": "consent_refused",
    "CONSENT_UPDATE_FOR_UNSET_ATTRIBUTE": "address_not_set",
    "CHANNELS_DUPLICATE_PROVIDED": "consent_refused",
    "CHANNELS_ALREADY_ASSIGNED": "consent_refused",
    "CONTACT_NOT_FOUND_BY_KEY": "contact_not_found",
    "CONTACT_NOT_FOUND_BY_ADDRESSABLE": "contact_not_found",
    "INVALID_ATTRIBUTE_VALUE": "attribute_value_refused",
    "CONTACT_ALREADY_EXISTS": "contact_exists",
    "ADDRESSABLE_ATTRIBUTE_REQUIRED": "address_missing",
    "BAD_USER_INPUT": "refused_by_destination",
    "QUOTA_FOR_TUESDAYS_EXCEEDED": "refused_by_destination",
    "": "refused_by_destination",
}


@pytest.mark.rule("AC-14")
@pytest.mark.parametrize("code", ROW_CODES)
def test_a_code_ends_at_its_row_with_the_vendors_words(world: World, code: str) -> None:
    """One refused row fails with reason, code and message verbatim; every other row is applied."""
    world.seed(contacts_of(12))
    said = 'Not today, "quoted", with; separators\nand a line'
    world.faults([{"fault": "poison_row", "key": key_of(7), "code": code, "message": said}])
    result = world.sync(world.mapping(batch_size=12), world.export(rows_of(12)))
    outcomes = world.outcomes(result)
    assert (result.exit_code, result.summary.balanced) == (3, True)
    assert (result.summary.rows.updated, result.summary.rows.failed) == (11, 1)
    bad = outcomes.pop(key_of(7))
    assert (bad["outcome"], bad["reason"]) == ("failed", ROW_CODES[code])
    assert bad["message"] == f"{code}: {said}"
    assert {row["outcome"] for row in outcomes.values()} == {"updated"}
    assert {key for key, found in world.stored().items() if found[0][1]["channels"].get("EMAIL")} == set(outcomes)
    assert result.summary.reasons == {ROW_CODES[code]: 1}


@pytest.mark.rule("AC-14")
@pytest.mark.parametrize("error_report", ["first", "all"])
def test_different_refusals_in_one_batch_keep_their_own_words(world: World, error_report: str) -> None:
    """Each of several refused rows carries its own code, whether the vendor lists one error or all."""
    world.seed(contacts_of(12), error_report=error_report)
    codes = dict(zip((2, 3, 7, 12), ["CHANNELS_DUPLICATE_PROVIDED", "X_1", "X_2", "INVALID_CHANNEL_TYPE"], strict=True))
    world.faults(
        [{"fault": "poison_row", "key": key_of(n), "code": code, "message": f"no {n}"} for n, code in codes.items()]
    )
    result = world.sync(world.mapping(batch_size=12), world.export(rows_of(12)))
    failed = {k: row["message"] for k, row in world.outcomes(result).items() if row["outcome"] == "failed"}
    assert failed == {key_of(n): f"{code}: no {n}" for n, code in codes.items()}
    assert result.summary.rows.updated == 8


@pytest.mark.rule("AC-14")
@pytest.mark.rule("AC-09")
def test_refusals_that_the_sandbox_finds_itself_end_at_their_rows(world: World) -> None:
    """A missing contact, a channel without address and a bad value are refused by the vendor's own rules."""
    world.seed([*contacts_of(5), contact_of(6), contact_of(7)])
    mapping = world.mapping(batch_size=20)
    text = mapping.read_text().replace(
        "policy: {resubscribe: with_newer_evidence}", "policy: {witnesses: [export, state]}"
    )
    mapping.write_text(text)
    rows = [*rows_of(6), row_of(9, points=""), row_of(7, sms_opt_in="N")]
    result = world.sync(mapping, world.export(rows))
    found = {
        key: (row["reason"], row["message"].partition(":")[0])
        for key, row in world.outcomes(result).items()
        if row["outcome"] == "failed"
    }
    assert found == {
        "C-0009": ("contact_not_found", "CONTACT_NOT_FOUND_BY_KEY"),
        "C-0007": ("address_not_set", "CONSENT_UPDATE_FOR_UNSET_ATTRIBUTE"),
    }
    assert result.summary.rows.updated == 6


CONFIGURATION: list[tuple[str, str, str, str]] = [
    ("ATTRIBUTE_NOT_DEFINED", "No defined Attribute with name: 'First Name'", "channels", "First Name: first_name"),
    ("CHANNEL_NOT_DEFINED", "Channel not defined in the audience: SMS", "channels", "    SMS: {column: sms_opt_in"),
    ("CONSENT_GROUP_NOT_FOUND", "Consent group not found: g-news", "groups", "Newsletters"),
]


@pytest.mark.rule("AC-14")
@pytest.mark.parametrize(("code", "said", "kind", "place"), CONFIGURATION)
@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_configuration_that_breaks_after_planning_costs_one_request(
    world: World, code: str, said: str, kind: str, place: str, concurrency: int
) -> None:
    """The first refusal stops the run, which names the mapping's line and ends with exit code 5."""
    world.seed(contacts_of(60))
    more: dict[str, Any] = {"consent": GROUPS} if kind == "groups" else {}
    mapping = world.mapping(batch_size=5, concurrency=concurrency, **more)
    body = {"errors": [{"message": said, "extensions": {"code": code}}], "data": None}
    world.faults([{"fault": "answer", "status": 200, "body": body, "operation": "updateContacts"}])
    result = world.sync(mapping, world.export(rows_of(60)))
    line = next(n for n, text in enumerate(mapping.read_text().splitlines(), 1) if place in text)
    assert len(world.mutations()) == 1
    assert result.exit_code == 5
    assert f"{mapping}:{line}:" in str(result.error)
    assert code in str(result.error)
    assert result.summary.status == "stopped"
    assert result.summary.balanced
    assert result.summary.rows.unknown == 60
    assert result.summary.reasons == {"not_confirmed": 5, "not_sent": 55}
    assert result.summary.requests.sent == len(world.sandbox.requests())


def test_a_key_that_is_withdrawn_while_sending_stops_after_one_request(world: World) -> None:
    """403 on a mutation ends the run at once; `resume` completes it when the key is back."""
    world.seed(contacts_of(30))
    forbidden = {"fault": "answer", "status": 403, "body": {"message": "Forbidden"}, "operation": "updateContacts"}
    world.faults([forbidden])
    result = world.sync(world.mapping(batch_size=5, concurrency=4), world.export(rows_of(30)))
    assert (result.exit_code, len(world.mutations())) == (5, 1)
    assert "refuses the credentials" in str(result.error)
    world.faults([])
    again = world.resume(result.summary.run_id)
    assert again.exit_code == 0
    assert again.summary.rows.updated == 30
    assert set(world.applied().values()) == {1}


def test_a_stop_in_the_middle_sends_nothing_that_had_not_begun(world: World) -> None:
    """What a refusal in the middle of a run finds in flight is settled; nothing else is sent."""
    world.seed(contacts_of(60))
    forbidden = {"fault": "answer", "status": 403, "body": {"message": "Forbidden"}, "operation": "updateContacts"}
    world.faults([forbidden | {"nth": [5]}])
    result = world.sync(world.mapping(batch_size=2, concurrency=2), world.export(rows_of(60)))
    assert result.exit_code == 5
    # The other thread goes on until the refusal is noticed: a few batches of the thirty, on a busy machine.
    assert len(world.mutations()) <= 10
    outcomes = world.outcomes(result)
    assert {k for k, row in outcomes.items() if row["outcome"] == "updated"} == set(world.applied())
    unsent = [row for row in outcomes.values() if row["reason"] == "not_sent"]
    assert len(unsent) == 60 - 2 * len(world.mutations())
