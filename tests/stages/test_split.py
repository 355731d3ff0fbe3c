"""Records by address, and records again."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.model import Column
from tests.jobs import records_of
from tests.properties.addresses import site_job, site_of

Row = dict[str, str]
BOTH: Row = {"id": "1", "email": "ann@example.com", "mobile": "212 555 0123"}


def decided(*rows: Row, known: dict[str, str] | None = None, **changes: Any) -> dict[int, tuple[str, str | None, str]]:
    """Record number -> decision, reason, and withheld parts as `part: reason`."""
    job = site_job(**changes)
    world, _ = site_of(job, known)
    found = {}
    for row in world.plan(records_of(job, *rows)).records.to_dicts():
        withheld = "; ".join(f"{entry['part']}: {entry['reason']}" for entry in row[Column.WITHHELD])
        found[row[Column.RECORD]] = (row[Column.DECISION], row[Column.REASON], withheld)
    return found


CASES: dict[str, tuple[Row, tuple[str, str | None, str]]] = {
    "both go": ({"email_ok": "Y", "sms_ok": "N"}, ("send", None, "")),
    "one is held": (
        {"email_ok": "maybe", "sms_ok": "N"},
        ("send", None, "consent:EMAIL: unknown_consent_value"),
    ),
    "both are held": (
        {"email_ok": "maybe", "sms_ok": "maybe"},
        (
            "held",
            "unknown_consent_value",
            "consent:EMAIL: unknown_consent_value; consent:SMS: unknown_consent_value",
        ),
    ),
    "one address is broken": (
        {"email": "ann@", "email_ok": "Y", "sms_ok": "N"},
        ("send", None, "consent:EMAIL: email_invalid; attribute:email: email_invalid"),
    ),
    "both are broken": (
        {"email": "ann@", "mobile": "12", "email_ok": "Y", "sms_ok": "N"},
        (
            "rejected",
            "email_invalid",
            "; ".join(
                (
                    "consent:EMAIL: email_invalid",
                    "consent:SMS: phone_not_e164",
                    "attribute:email: email_invalid",
                    "attribute:phone: phone_not_e164",
                )
            ),
        ),
    ),
    "one address is missing": (
        {"mobile": "", "email_ok": "Y", "sms_ok": "N"},
        ("send", None, "consent:SMS: address_missing"),
    ),
    "nothing is said of one": ({"email_ok": "Y"}, ("send", None, "")),
    "nothing is said": ({}, ("unchanged", "nothing_to_send", "")),
    "there is no address": ({"email": "", "mobile": ""}, ("rejected", "address_missing", "")),
}


@pytest.mark.parametrize(("row", "expected"), CASES.values(), ids=CASES)
def test_a_record_is_what_its_addresses_are(row: Row, expected: tuple[str, str | None, str]) -> None:
    """The best of them decides for it; what the others leave is withheld, and nothing is lost without a word."""
    assert decided({**BOTH, **row}) == {1: expected}


def test_a_record_is_superseded_only_if_all_of_it_is() -> None:
    """Whose e-mail address another record speaks of may still carry its phone number's consent."""
    first, last = {**BOTH, "email_ok": "Y", "sms_ok": "Y"}, {"id": "2", "email": "ANN@example.com", "email_ok": "N"}
    assert {number: row[0] for number, row in decided(first, last).items()} == {1: "send", 2: "send"}
    assert {number: row[0] for number, row in decided({**first, "sms_ok": ""}, last).items()} == {
        1: "superseded",
        2: "send",
    }


def test_what_is_told_already_stands_behind_what_goes() -> None:
    """A record of which one address is unchanged and one is sent is sent."""
    job = site_job()
    world, consents = site_of(job)
    world.sync(records_of(job, {**BOTH, "email_ok": "Y"}))
    plan = world.plan(records_of(job, {**BOTH, "email_ok": "Y", "sms_ok": "N"}))
    assert plan.records.get_column(Column.DECISION).to_list() == ["send"]
    assert plan.items.get_column(Column.IDENTITY).to_list() == ["+12125550123"]
    assert consents.statuses == {"ann@example.com": "OPT_IN"}


def test_a_rejected_record_still_forbids_what_it_forbids() -> None:
    """By the address that it shares with another one, whatever is wrong with the rest of it."""
    policy = {"unknown_value": "reject"}
    refused = {**BOTH, "id": "9", "email_ok": "N", "sms_ok": "maybe"}
    found = decided({**BOTH, "email_ok": "Y"}, refused, policy=policy)
    assert found[2][:2] == ("rejected", "unknown_consent_value")
    assert found[1][:2] == ("held", "resubscribe_without_evidence")


def test_people_see_the_identity_column_or_the_address() -> None:
    """Where the mapping names no identity, the first address stands for the record."""
    job = site_job(identity=None)
    world, _ = site_of(job)
    rows = [{"email": "Ann@Example.com", "email_ok": "Y"}, {"mobile": "212 555 0123", "sms_ok": "Y"}]
    records = world.plan(records_of(job, *rows)).records
    assert records.sort(Column.RECORD).get_column(Column.IDENTITY).to_list() == ["ann@example.com", "+12125550123"]
