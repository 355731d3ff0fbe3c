"""A mapping against the header of an export: every column is mapped or ignored, and every mapped column is there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline import mapping_file as mf

if TYPE_CHECKING:
    from collections.abc import Sequence

FULL = Path(__file__).with_name("full.yaml")
COLUMNS = (
    *("contact_id", "email", "mobile", "first_name", "dob"),
    *("email_opt_in", "email_opt_in_at", "email_opt_in_source", "sms_opt_in"),
)
HEADER = (*COLUMNS, "internal_note", "2024")


def differences(header: Sequence[str]) -> list[str]:
    """What is wrong with a header, a message each, without the folder of the mapping."""
    with pytest.raises(mf.MappingErrors) as caught:
        mf.check_header(mf.load(FULL), header)
    return [str(error).removeprefix(f"{FULL.parent}/") for error in caught.value.errors]


def test_a_header_of_mapped_and_ignored_columns_is_accepted() -> None:
    """The order does not matter, and an ignored column may be absent."""
    mf.check_header(mf.load(FULL), HEADER)
    mf.check_header(mf.load(FULL), COLUMNS[::-1])


def test_a_header_that_differs_is_refused_column_by_column() -> None:
    """Missing columns say which column looks like them; new columns say what to do."""
    header = [name for name in HEADER if name not in {"email", "dob", "sms_opt_in"}] + ["E-Mail", "DOB ", "sms_optin"]
    assert differences(header) == [
        "full.yaml:13: addresses.EMAIL.column: the export has no column 'email'; did you mean 'E-Mail'?",
        (
            "full.yaml:17: attributes.Birthday.column: the export has no column 'dob'; it has 'DOB ', which differs "
            "only in case or space"
        ),
        "full.yaml:25: consent.channels.SMS.column: the export has no column 'sms_opt_in'; did you mean 'sms_optin'?",
        (
            "full.yaml:32: ignore: column 'E-Mail' of the export is neither mapped nor ignored; map it, or add "
            "it to `ignore`; did you mean 'email'?"
        ),
        (
            "full.yaml:32: ignore: column 'sms_optin' of the export is neither mapped nor ignored; map it, or add "
            "it to `ignore`; did you mean 'sms_opt_in'?"
        ),
    ]


def test_an_export_without_a_header_line_shows_no_personal_data() -> None:
    """The first record stands where the header should be: its values are in no message."""
    (message,) = differences(["1001", "ada@example.org", "+1 212 555 0123"])
    assert message == "full.yaml: none of the mapped columns is among the 3 of the export; has it a header line?"
