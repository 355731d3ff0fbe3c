"""Plan joined with ledger."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from pipeline.destinations.interface import Exceptional
from pipeline.ledger.rows import BatchRow
from pipeline.model import Column, Outcome, Reason
from pipeline.stages.outcomes import settle, settle_items
from tests.jobs import NOW, job_of, records_of
from tests.properties.chain import world_of

ROWS = (
    {"id": "1", "email": "ann@example.com", "email_ok": "Y"},
    {"id": "1", "email": "ann@example.com"},
    {"id": ""},
    {"id": "2", "email": "bob@example.com", "email_ok": "N", "sms_ok": "maybe"},
)


def settled(*batches: BatchRow, shard: int = 0, mode: str = "upsert") -> dict[int, dict[str, Any]]:
    """Record number -> outcome. Record 4 opts out, so it is batch 0; record 2 carries 1, in batch 1."""
    job = job_of(delivery={"mode": mode})
    plan = world_of(job, NOW).plan(records_of(job, *ROWS))
    begun = {(0, number): row for number, row in enumerate(batches)}
    rows = settle(plan.records, settle_items(plan.items, begun, shard), shard).to_dicts()
    return {row[Column.RECORD]: row for row in rows}


def batch(state: str = "settled", *exceptional: Exceptional) -> BatchRow:
    """A batch as the ledger has it."""
    return BatchRow(state, 2, 1, 1, exceptional)


def test_a_settled_batch_confirms_its_records() -> None:
    """What is not exceptional went as planned; what the plan decided stays."""
    found = settled(batch(), batch())
    assert {number: row[Column.OUTCOME] for number, row in found.items()} == {
        1: "superseded",
        2: "created",
        3: "rejected",
        4: "created",
    }
    assert [found[4][c] for c in (Column.BATCH, Column.ATTEMPTS, Column.REASON, "shard")] == [0, 2, None, 0]
    assert found[4][Column.WITHHELD] == [{"part": "consent:SMS", "reason": "unknown_consent_value"}]
    assert (found[1][Column.WINNER], found[3][Column.REASON]) == (2, "identity_missing")


SAID = {
    "refused": (Exceptional(4, Outcome.FAILED, Reason.CONTACT_NOT_FOUND, "no"), "failed", "contact_not_found"),
    "not confirmed": (Exceptional(4, Outcome.UNKNOWN, Reason.NOT_CONFIRMED), "unknown", "not_confirmed"),
    "unclear, and never settled": (Exceptional(4, None, Reason.NOT_CONFIRMED), "unknown", "not_confirmed"),
}


@pytest.mark.parametrize(("said", "outcome", "reason"), SAID.values(), ids=SAID)
def test_exceptional_records_have_an_outcome_of_their_own(said: Exceptional, outcome: str, reason: str) -> None:
    """An exception is about its record alone; without an outcome it is unknown, never success."""
    found = settled(batch("settled", said), batch())
    assert (found[4][Column.OUTCOME], found[4][Column.REASON]) == (outcome, reason)
    assert found[4][Column.MESSAGE] == said.message
    assert found[2][Column.OUTCOME] == "created"


UNSETTLED = {"never begun": ((), "not_sent"), "in flight": ((batch("in_flight"),), "not_confirmed")}


@pytest.mark.parametrize(("batches", "reason"), UNSETTLED.values(), ids=UNSETTLED)
def test_a_batch_that_was_not_settled_is_unknown(batches: tuple[BatchRow, ...], reason: str) -> None:
    """Not sent and not confirmed are told apart; neither is success."""
    found = settled(*batches)
    assert (found[4][Column.OUTCOME], found[4][Column.REASON]) == ("unknown", reason)
    assert (found[2][Column.OUTCOME], found[2][Column.REASON]) == ("unknown", "not_sent")


def test_another_shards_batches_say_nothing() -> None:
    """Batch numbers are counted in each shard."""
    assert settled(batch(), batch(), shard=1)[4][Column.OUTCOME] == "unknown"


def test_every_record_is_there_once_and_in_order() -> None:
    """Also where nothing was sent at all."""
    job = job_of()
    plan = world_of(job, NOW).plan(records_of(job, *ROWS))
    nothing = settle_items(plan.items, {}, 0)
    assert settle(plan.records, nothing, 0).get_column(Column.RECORD).to_list() == [1, 2, 3, 4]
    assert settle(plan.records.clear(), nothing.clear(), 0).is_empty()


def test_outcomes_are_a_function_of_plan_and_ledger() -> None:
    """Settling twice gives the same frame."""
    job = job_of(delivery={"mode": "upsert"})
    plan = world_of(job, NOW).plan(records_of(job, *ROWS))
    first, second = (settle(plan.records, settle_items(plan.items, {(0, 0): batch()}, 0), 0) for _ in range(2))
    assert isinstance(first, pl.DataFrame)
    assert first.equals(second)
