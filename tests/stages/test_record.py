"""Settled outcomes to what each contact was last told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from pipeline.model import Column, Outcome
from pipeline.stages.record import Teller, Told, told
from pipeline.stages.told import fingerprint
from tests.jobs import NOW, job_of, records_of
from tests.properties.chain import world_of

ROW = {"id": "1", "email": "ann@example.com", "email_ok": "Y", "email_at": "2024-01-01", "sms_at": "2024-02-01"}


def recorded(outcome: str = "created", reason: str | None = None, **changes: Any) -> Told:
    """What is told of ROW after that outcome."""
    job = job_of(**{"delivery": {"mode": "upsert"}, **changes})
    plan = world_of(job, NOW).plan(records_of(job, ROW))
    settled = plan.items.with_columns(
        pl.lit(outcome).alias(Column.OUTCOME), pl.lit(reason, pl.String).alias(Column.REASON)
    )
    return told(plan.items, settled, plan.records, job, Teller("run-1", NOW))


def test_what_was_sent_is_told_with_its_time() -> None:
    """Statuses as they are, values as fingerprints; a target that was not sent has neither status nor time."""
    [row] = recorded().rows.to_dicts()
    assert (row["identity"], row["told_run"], row["told_at"], row["afresh"]) == ("1", "run-1", NOW, True)
    assert (row["consent:EMAIL"], row["consent:EMAIL@at"]) == ("OPT_IN", datetime(2024, 1, 1, tzinfo=UTC))
    assert (row["consent:SMS"], row["consent:SMS@at"]) == (None, None)
    assert row["attribute:First Name"] is None


def test_no_value_is_kept() -> None:
    """The state holds 64-bit fingerprints: no address and no name is in it."""
    rows = recorded().rows
    expected = pl.select(fingerprint(pl.lit('"ann@example.com"'))).item()
    assert rows.get_column("attribute:Email").to_list() == [expected]
    assert "example.com" not in rows.write_json()


@pytest.mark.parametrize("outcome", sorted(set(Outcome) - {Outcome.CREATED, Outcome.UPDATED}))
def test_only_what_was_confirmed_is_told(outcome: str) -> None:
    """Unknown and failed are sent again; the rest was never sent."""
    assert recorded(outcome).rows.is_empty()


def test_who_was_not_found_is_gone() -> None:
    """The destination does not know the contact, so it was told nothing."""
    assert recorded("failed", "contact_not_found").gone.to_list() == ["1"]
    assert recorded("failed", "channel_refused").gone.to_list() == []


def test_a_new_contact_has_nothing_to_clear() -> None:
    """With `blank: clear` it counts as cleared, so that the next run does not clear it again."""
    attributes = {"First Name": {"column": "first_name", "blank": "clear"}}
    [row] = recorded(attributes=attributes).rows.to_dicts()
    assert row["attribute:First Name"] == pl.select(fingerprint(pl.lit("null"))).item()
