"""What is rejected, and what is withheld of the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pipeline.model import Column
from pipeline.stages.map import map_records
from pipeline.stages.validate import Validated, validate
from tests.jobs import NOW, job_of, records_of

if TYPE_CHECKING:
    from pipeline.job import Attribute, Target

ATTRIBUTES = {"Birthday": "dob", "Points": "points", "Active": "active", "Tags": "tags"}


def validated(*rows: dict[str, str], **changes: Any) -> Validated:
    """The two frames of some rows."""
    job = job_of(**changes)
    return validate(map_records(records_of(job, *rows), job, NOW), job)


REJECTED: dict[str, tuple[dict[str, str], dict[str, Any], str, str]] = {
    "no identity": ({"email": "ann@example.com"}, {}, "identity_missing", "column 'id'"),
    "nothing but space": ({"id": "  "}, {}, "identity_missing", "column 'id'"),
    "null": ({"id": "NULL"}, {}, "identity_missing", "column 'id'"),
    "digits lost to a spreadsheet": ({"id": "4.41E+11"}, {}, "mangled_number", "column 'id'"),
    "blank where the mapping rejects it": (
        {"id": "1"},
        {"attributes": {"First Name": {"column": "first_name", "blank": "reject"}}},
        "attribute_blank",
        "column 'first_name'",
    ),
    "an unlisted consent where the mapping rejects it": (
        {"id": "1", "sms_ok": "maybe"},
        {"policy": {"unknown_value": "reject"}},
        "unknown_consent_value",
        "column 'sms_ok'",
    ),
}


@pytest.mark.parametrize(("row", "changes", "reason", "message"), REJECTED.values(), ids=REJECTED)
def test_records_are_rejected_with_reason_and_column(
    row: dict[str, str], changes: dict[str, Any], reason: str, message: str
) -> None:
    """A rejected record says why, and which column it is about; no cell is repeated in the message."""
    found = validated(row, **changes)
    assert found.valid.is_empty()
    assert found.rejected.select(Column.RECORD, Column.REASON, Column.MESSAGE).rows() == [(1, reason, message)]


@pytest.mark.parametrize("identity", ["0", "1E", "E+5", "12E4A", "a@example.com"])
def test_odd_identities_are_identities(identity: str) -> None:
    """Only blank and mangled identities are rejected."""
    assert validated({"id": identity}).valid.get_column(Column.IDENTITY).to_list() == [identity]


def test_every_record_is_in_one_frame() -> None:
    """Valid and rejected records together are all records."""
    found = validated({"id": "1"}, {"id": ""}, {"id": "2", "email": "ann@"}, {"id": "9.1e+5"})
    assert found.valid.get_column(Column.RECORD).to_list() == [1, 3]
    assert found.rejected.get_column(Column.RECORD).to_list() == [2, 4]


PARTS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "a broken phone withholds the phone and the SMS permission, not the EMAIL opt-out": (
        {"mobile": "12", "sms_ok": "Y", "email_ok": "N"},
        {"attribute:Cell Phone": "phone_not_e164", "consent:SMS": "phone_not_e164"},
    ),
    "a broken e-mail address withholds the address and the EMAIL permission": (
        {"email": "ann@", "email_ok": "P", "sms_ok": "Y"},
        {"attribute:Email": "email_invalid", "consent:EMAIL": "email_invalid"},
    ),
    "an opt-out stays: another record may have its address": (
        {"mobile": "12", "sms_ok": "N"},
        {"attribute:Cell Phone": "phone_not_e164"},
    ),
    "doubt stays, so that no other record's permission passes it": (
        {"mobile": "12", "sms_ok": "maybe"},
        {"attribute:Cell Phone": "phone_not_e164"},
    ),
    "clearing stays": ({"mobile": "12", "sms_ok": "C"}, {"attribute:Cell Phone": "phone_not_e164"}),
    "a mangled phone": ({"mobile": "2.13E+09"}, {"attribute:Cell Phone": "mangled_number"}),
    "a date": ({"dob": "17 May"}, {"attribute:Birthday": "date_invalid"}),
    "a number": ({"points": "many"}, {"attribute:Points": "number_invalid"}),
    "a number of another script": ({"points": "١٢"}, {"attribute:Points": "number_invalid"}),
    "a number with more decimals than the attribute takes": (
        {"points": "1.234"},
        {"attribute:Points": "number_invalid"},
    ),
    "zeros are no decimals": ({"points": "1.2300"}, {}),
    "a mangled number": ({"points": "1.2E+10"}, {"attribute:Points": "mangled_number"}),
    "a boolean": ({"active": "perhaps"}, {"attribute:Active": "boolean_invalid"}),
    "blank is nothing wrong": ({}, {}),
}


@pytest.mark.rule("AC-12")
@pytest.mark.parametrize(("row", "reasons"), PARTS.values(), ids=PARTS)
def test_the_smallest_wrong_part_is_withheld(row: dict[str, str], reasons: dict[str, str]) -> None:
    """Each wrong part has its reason and no value; every other part is as it was."""
    job = job_of(attributes=ATTRIBUTES)
    mapped = map_records(records_of(job, {"id": "1", **row}), job, NOW)
    found = validate(mapped, job).valid.row(0, named=True)
    parts: list[Attribute | Target] = [*job.attributes, *job.targets]
    assert {part.part: found[part.reason] for part in parts if found[part.reason] is not None} == reasons
    for part in parts:
        assert found[part.part] == (None if part.part in reasons else mapped.item(0, part.part))
