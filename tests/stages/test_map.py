"""Records to identity, addresses, attributes and intents."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.stages.map import map_records
from tests.jobs import EMAIL_AND_SMS, NOW, job_of, records_of, target


def mapped(row: dict[str, str], **changes: Any) -> dict[str, Any]:
    """The one mapped record of a row."""
    job = job_of(**changes)
    return map_records(records_of(job, row), job, NOW).row(0, named=True)


STATUSES = {
    "as listed": ("Y", "OPT_IN"),
    "in another case, with space around it": (" y\t", "OPT_IN"),
    "an opt-out": ("n", "OPT_OUT"),
    "clearing": ("C", "CLEAR"),
    "blank": ("", None),
    "nothing but space": ("  ", None),
    "the mapping's word for null": ("NULL", None),
    "not listed": ("yes", "UNLISTED"),
    "the name of a status, which is not listed either": ("OPT_IN", "UNLISTED"),
    "a listed word and more": ("Y?", "UNLISTED"),
}


@pytest.mark.parametrize(("cell", "status"), STATUSES.values(), ids=STATUSES)
def test_statuses_are_what_the_mapping_lists(cell: str, status: str | None) -> None:
    """A cell is a status only where `values` lists it; blank is null, all else is UNLISTED."""
    assert mapped({"id": "1", "email_ok": cell})["consent:EMAIL"] == status


def test_a_constant_is_the_status_of_every_record() -> None:
    """`const` needs no column; it is the mapping that says so, not a default."""
    found = mapped({"id": "1"}, consent={"channels": {"EMAIL": {"const": "OPT_OUT"}}})
    assert (found["consent:EMAIL"], found["consent:EMAIL@at"], found["consent:EMAIL@source"]) == ("OPT_OUT", None, None)


def test_evidence_is_time_and_source() -> None:
    """`at` and `source` stand beside the status, trimmed; a constant source is every record's."""
    consent = {"channels": {"EMAIL": target("email"), "SMS": target("sms", source={"const": "store form"})}}
    found = mapped({"id": "1", "email_at": "2024-03-01", "email_src": " web "}, consent=consent)
    assert found["consent:EMAIL@at"] == datetime(2024, 3, 1, tzinfo=UTC)
    assert (found["consent:EMAIL@source"], found["consent:SMS@source"]) == ("web", "store form")


def test_words_for_sources_are_translated_and_the_others_are_unknown() -> None:
    """A source that `values` does not list is not evidence."""
    values = {"FORM": ["web"]}
    consent = {"channels": {"EMAIL": target("email", source={"column": "how", "values": values})}}
    assert mapped({"id": "1", "how": "WEB"}, consent=consent)["consent:EMAIL@source"] == "FORM"
    assert mapped({"id": "1", "how": "fax"}, consent=consent)["consent:EMAIL@source"] is None


FUTURE = {
    "now": ("2025-06-01T12:00:00Z", True),
    "within a day, as time zones are": ("2025-06-02T11:00:00Z", True),
    "later": ("2025-06-02T13:00:00Z", False),
    "a year of the far future": ("2999-01-01", False),
}


@pytest.mark.parametrize(("at", "known"), FUTURE.values(), ids=FUTURE)
def test_a_time_in_the_future_is_unknown(at: str, known: bool) -> None:
    """Nobody can have consented tomorrow: such a time outdates nothing."""
    found = mapped({"id": "1", "email_ok": "Y", "email_at": at})["consent:EMAIL@at"]
    assert (found is not None) == known


def test_times_have_the_format_and_zone_of_the_mapping() -> None:
    """`at` may have a format and a time zone of its own."""
    at = {"column": "when", "format": "%d/%m/%Y %H:%M", "timezone": "Europe/Berlin"}
    found = mapped({"id": "1", "when": "01/07/2024 10:00"}, consent={"channels": {"EMAIL": target("email", at=at)}})
    assert found["consent:EMAIL@at"] == datetime(2024, 7, 1, 8, tzinfo=UTC)


BLANK = {
    "keep says nothing": ("keep", "", None),
    "clear says null": ("clear", " ", "null"),
    "reject is for validation to judge": ("reject", "", None),
    "a value is a value": ("clear", "Ann", '"Ann"'),
}


@pytest.mark.parametrize(("blank", "cell", "value"), BLANK.values(), ids=BLANK)
def test_blank_attributes(blank: str, cell: str, value: str | None) -> None:
    """Only `blank: clear` turns a blank cell into something that is sent."""
    attributes = {"First Name": {"column": "first_name", "blank": blank}}
    assert mapped({"id": "1", "first_name": cell}, attributes=attributes)["attribute:First Name"] == value


def test_a_value_that_does_not_fit_is_not_cleared() -> None:
    """`blank: clear` is about blank cells: a date that does not parse has no value, and is not null."""
    found = mapped({"id": "1", "dob": "17 May"}, attributes={"Birthday": {"column": "dob", "blank": "clear"}})
    assert found["attribute:Birthday"] is None


def test_addresses_are_normalised() -> None:
    """Addresses travel in the form that destinations take, as JSON text; a broken one has a reason."""
    found = mapped({"id": " 1 ", "email": "Ann@Example.ORG", "mobile": "(212) 555-0123"})
    assert (found["identity"], found["attribute:Email"]) == ("1", '"Ann@example.org"')
    assert (found["attribute:Cell Phone"], found["attribute:Cell Phone@reason"]) == ('"+12125550123"', None)
    assert mapped({"id": "1", "mobile": "12"})["attribute:Cell Phone@reason"] == "phone_not_e164"


def test_one_column_may_be_read_more_than_once() -> None:
    """Two targets, an attribute and an address can share a column."""
    consent = {"channels": {"EMAIL": target("any"), "SMS": target("any")}}
    found = mapped({"id": "1", "any_ok": "N"}, consent=consent, attributes={"First Name": "any_ok"})
    assert [found[p] for p in ("consent:EMAIL", "consent:SMS", "attribute:First Name")] == ["OPT_OUT", "OPT_OUT", '"N"']


def test_consent_is_not_read_where_it_is_not_written() -> None:
    """`write: [attributes]` leaves no target behind."""
    assert not job_of(policy={"write": ["attributes"]}, consent=EMAIL_AND_SMS).targets


@pytest.mark.parametrize(
    ("cell", "status"), [("N", "OPT_OUT"), (" No ", None), ("0", None), ("", None), ("nope", "UNLISTED")]
)
def test_a_silent_cell_is_like_a_blank_one(cell: str, status: str | None) -> None:
    """The `no` of a column that only knows opt-outs says nothing; whatever is not listed is still in doubt."""
    only_out = target("email", values={"OPT_OUT": ["N"]}, silent=["no", "0"])
    job = job_of(consent={"channels": {"EMAIL": only_out}})
    mapped = map_records(records_of(job, {"id": "1", "email_ok": cell}), job, NOW)
    assert mapped.item(0, "consent:EMAIL") == status
