"""Invariants 1, 7 and 8: every record has one outcome, a second run sends nothing, and order changes nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pipeline.job import part_of
from pipeline.model import RESTRICTIONS, Column, Outcome, Status
from pipeline.reporting.summary import Tally
from tests.jobs import NOW, records_of
from tests.properties.chain import LIMITS, Person, Plan, World, shards_of, world_of
from tests.properties.exports import PEOPLE, Past, Row, exports, jobs, pasts, people, state_of

if TYPE_CHECKING:
    from pipeline.job import Job

SHARDS = st.sampled_from([1, 2, 4])


def _worlds(job: Job, contacts: dict[str, Person], past: Past, number: int) -> list[World]:
    """Worlds that do not share contacts, all alike."""
    return [
        world_of(
            job,
            NOW,
            {
                i: Person(dict(p.attributes), dict(p.channels), {g: dict(s) for g, s in p.groups.items()})
                for i, p in contacts.items()
            },
            state=state_of(past),
        )
        for _ in range(number)
    ]


@given(exports(), jobs(), pasts(), people(), SHARDS)
def test_every_record_has_exactly_one_outcome(
    rows: list[Row], job: Job, past: Past, contacts: dict[str, Person], shards: int
) -> None:
    """`read` is the sum of all outcomes, whatever is broken, refused or folded."""
    [world] = _worlds(job, contacts, past, 1)
    source = records_of(job, *rows)
    tally = Tally(source.height)
    for part in shards_of(source, job, shards):
        plan = world.plan(part)
        tally.add(world.carry_out(plan), plan.items, job)
    assert tally.balanced
    assert tally.rows.settled == len(rows)


@given(exports(), jobs(), pasts(), people())
def test_what_is_folded_names_a_record_that_is_not(
    rows: list[Row], job: Job, past: Past, contacts: dict[str, Person]
) -> None:
    """A superseded record names the record of its identity that carries the outcome."""
    [world] = _worlds(job, contacts, past, 1)
    outcomes = {row[Column.RECORD]: row for row in world.sync(records_of(job, *rows)).to_dicts()}
    for row in outcomes.values():
        folded = row[Column.OUTCOME] == Outcome.SUPERSEDED
        assert (row[Column.WINNER] is not None) == folded
        if folded:
            carrier = outcomes[row[Column.WINNER]]
            assert carrier[Column.OUTCOME] != Outcome.SUPERSEDED
            assert carrier[Column.IDENTITY] == row[Column.IDENTITY]


@given(exports(), jobs(), people())
def test_a_second_run_sends_nothing(rows: list[Row], job: Job, contacts: dict[str, Person]) -> None:
    """The same export and mapping twice: whatever the destination took is not sent again."""
    [world] = _worlds(job, contacts, {}, 1)
    source = records_of(job, *rows)
    first = world.sync(source)
    refused = first.filter(pl.col(Column.OUTCOME) == Outcome.FAILED).get_column(Column.IDENTITY)
    second = world.plan(source).items
    assert second.filter(~pl.col(Column.IDENTITY).is_in(refused.to_list())).is_empty()


@given(exports(), jobs(), pasts(), people(), SHARDS, st.sampled_from([1, 2, 100]))
def test_shards_and_batches_change_no_outcome(
    rows: list[Row], job: Job, past: Past, contacts: dict[str, Person], shards: int, batch_size: int
) -> None:
    """Outcomes, reasons, withheld parts and the destination are the same for any shard count and batch size."""
    whole, parts = _worlds(job, contacts, past, 2)
    parts.contacts.job = replace(job, delivery=job.delivery.model_copy(update={"batch_size": batch_size}))
    source = records_of(job, *rows)
    # Shards and batches are where a record travels, not what becomes of it.
    told, again = (o.drop("shard", Column.BATCH) for o in (whole.sync(source), parts.sync(source, shards=shards)))
    assert told.equals(again)
    assert whole.contacts.people == parts.contacts.people


@given(exports(), jobs(), pasts(), people(), st.randoms(use_true_random=False))
def test_shuffling_changes_no_consent(
    rows: list[Row], job: Job, past: Past, contacts: dict[str, Person], random: Any
) -> None:
    """The statuses at the destination and in the state do not depend on the order of the export's records."""
    straight, shuffled = _worlds(job, contacts, past, 2)
    straight.sync(records_of(job, *rows))
    shuffled.sync(records_of(job, *random.sample(rows, len(rows))))
    assert _consents(straight) == _consents(shuffled)
    assert _told(straight) == _told(shuffled)


@given(exports(), jobs(), pasts(), people(), st.randoms(use_true_random=False))
def test_shuffling_dated_records_changes_nothing(
    rows: list[Row], job: Job, past: Past, contacts: dict[str, Person], random: Any
) -> None:
    """Where each record has a time of its own, wire bytes and outcomes are the same in any order."""
    dated = [row | {"sms_at": "", "email_at": f"2024-04-{day + 1:02}"} for day, row in enumerate(rows)]
    shuffled = random.sample(dated, len(dated))
    plans = [
        (order, world.plan(records_of(job, *order)))
        for order, world in zip((dated, shuffled), _worlds(job, contacts, past, 2), strict=True)
    ]
    assert _decisions(*plans[0]) == _decisions(*plans[1])


def _decisions(rows: list[Row], plan: Plan) -> tuple[dict[str, tuple[str, str]], Counter[str]]:
    """Time of the record -> decision and reason, and the wire bytes."""
    decided = plan.records.select(Column.RECORD, Column.DECISION, Column.REASON).iter_rows()
    by_time = {rows[record - 1]["email_at"]: (decision, reason) for record, decision, reason in decided}
    return by_time, Counter(plan.items.get_column(Column.WIRE).to_list())


def _consents(world: World) -> dict[str, tuple[dict[str, str], dict[str, dict[str, str]]]]:
    return {identity: (person.channels, person.groups) for identity, person in world.contacts.people.items()}


def _told(world: World) -> list[dict[str, Any]]:
    parts = [c for key in ("EMAIL", "SMS") for c in (part_of(key), f"{part_of(key)}@at")]
    rows = world.state.filter(pl.col(Column.IDENTITY).is_in(PEOPLE)).sort(Column.IDENTITY)
    return rows.select(Column.IDENTITY, *(c for c in parts if c in rows.columns)).to_dicts()


@given(exports(), jobs(), pasts(), people(), st.integers(1, 4), st.sampled_from([200, 400, 1 << 20]))
def test_batches_are_of_one_kind_and_fit_the_limits(
    rows: list[Row], job: Job, past: Past, contacts: dict[str, Person], most_rows: int, most_bytes: int
) -> None:
    """A batch has one phase and one operation, at most the rows asked for, and bytes within the limit."""
    [world] = _worlds(job, contacts, past, 1)
    limits = replace(LIMITS, rows_per_request=most_rows, bytes_per_request=most_bytes)
    items = world.plan(records_of(job, *rows), limits=limits).items
    assert items.get_column(Column.BATCH).is_sorted()
    assert items.get_column(Column.PHASE).is_sorted()
    for rows_of_batch in items.partition_by(Column.BATCH):
        sizes = [len(wire.encode()) + 1 for wire in rows_of_batch.get_column(Column.WIRE)]
        assert rows_of_batch.select(Column.PHASE, Column.OPERATION).unique().height == 1
        assert rows_of_batch.height <= most_rows
        assert sum(sizes) <= max(most_bytes, most_bytes // 2 + max(sizes))


@given(exports(), jobs(), pasts(), people())
def test_what_may_go_ahead_does_nothing_but_forbid(
    rows: list[Row], job: Job, past: Past, contacts: dict[str, Person]
) -> None:
    """No item of the first phase permits or clears anything, and no opt-out is left for the last."""
    [world] = _worlds(job, contacts, past, 1)
    for item in world.plan(records_of(job, *rows)).items.iter_rows(named=True):
        said = {item[target.part] for target in job.targets} - {None}
        forbidding = said & {str(Status.OPT_OUT), *RESTRICTIONS}
        match item[Column.PHASE]:
            case 0:
                assert forbidding
                assert said == forbidding
            case 1:
                assert forbidding
                assert said != forbidding
            case _:
                assert not forbidding
