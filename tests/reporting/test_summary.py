"""What a run came to, in numbers."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from pipeline.ledger.rows import BatchRow
from pipeline.model import Column, Outcome, RunStatus
from pipeline.reporting.summary import (
    ModifiedCount,
    Rows,
    Summary,
    Tally,
    modified_count,
    opt_out_of_opt_in,
    planned_outcomes,
    raised_to_opt_in,
    transitions,
)
from tests.jobs import NEWS, NOW, job_of, records_of, target
from tests.properties.chain import Person, world_of

BROUGHT = {"email": "ann@example.com", "mobile": "212 555 0123"}
ROWS = (
    {"id": "1", "email_ok": "N", **BROUGHT},
    {"id": "2", "email_ok": "Y", "sms_ok": "maybe", **BROUGHT},
    {"id": "2"},
    {"id": ""},
    {"id": "3", "email_ok": "maybe"},
    {"id": "4"},
)


def tallied(read: int = len(ROWS), copies: int = 1) -> Tally:
    """The rows of ROWS counted, as if the export had `read` records."""
    job = job_of()
    people = {i: Person({"Email": "x@example.com"}, {"EMAIL": "OPT_IN"}) for i in ("1", "3", "4")}
    world = world_of(job, NOW, people | {"2": Person({"Email": "x@example.com"}, {"EMAIL": "OPT_IN_UNVERIFIED"})})
    plan = world.plan(records_of(job, *ROWS))
    outcomes = world.carry_out(plan)
    tally = Tally(read)
    for _ in range(copies):
        tally.add(outcomes, plan.items, job)
    return tally


def test_records_are_counted_by_outcome() -> None:
    """Each record once; reasons are of what was not delivered, withheld parts of every record."""
    tally = tallied()
    assert tally.rows == Rows(read=6, updated=2, superseded=1, rejected=1, held=1, unchanged=1)
    assert tally.reasons == {"identity_missing": 1, "unknown_consent_value": 1}
    assert tally.withheld == {"unknown_consent_value": 2}
    assert tally.transitions == {"EMAIL": {"OPT_IN->OPT_OUT": 1, "OPT_IN_UNVERIFIED->OPT_IN": 1}}


@pytest.mark.parametrize(("read", "copies", "balanced"), [(6, 1, True), (7, 1, False), (5, 1, False), (12, 2, True)])
def test_a_run_is_balanced_where_every_record_has_one_outcome(read: int, copies: int, balanced: bool) -> None:
    """As many outcomes as records were read."""
    assert tallied(read, copies).balanced == balanced


def test_a_record_that_is_there_twice_is_not_balanced() -> None:
    """Two outcomes of one record do not make up for one that is missing."""
    job = job_of()
    world = world_of(job, NOW)
    outcomes = world.sync(records_of(job, {"id": "1"}, {"id": "2"}))
    doubled = outcomes.with_columns(pl.lit(1, pl.Int64).alias(Column.RECORD))
    tally = Tally(2)
    tally.add(doubled, world.plan(records_of(job)).items, job)
    assert not tally.balanced


def test_outcomes_are_all_in_the_rows() -> None:
    """`Rows` has a number for each outcome, and adds all of them up."""
    assert set(Rows.model_fields) == {"read", *Outcome}
    assert Rows(**{str(outcome): 1 for outcome in Outcome}).settled == len(Outcome)


def summary(**changes: Any) -> Summary:
    """A clean summary, changed."""
    given = {
        "run_id": "r",
        "destination": "acoustic_connect",
        "status": "completed",
        "plan_hash": "h",
        "balanced": True,
        "rows": {"read": 1, "updated": 1},
        "run_dir": "d",
    }
    return Summary.model_validate(given | changes)


UNCLEAN: dict[str, tuple[dict[str, Any], bool]] = {
    "all settled": ({}, True),
    "unchanged and superseded are settled": ({"rows": {"read": 2, "unchanged": 1, "superseded": 1}}, True),
    "not balanced": ({"balanced": False}, False),
    "a withheld part": ({"withheld": {"phone_not_e164": 1}}, False),
    **{word: ({"rows": {"read": 1, word: 1}}, False) for word in ("held", "rejected", "failed", "unknown")},
}


@pytest.mark.parametrize(("changes", "clean"), UNCLEAN.values(), ids=UNCLEAN)
def test_a_run_is_clean_where_nothing_is_left_to_look_at(changes: dict[str, Any], clean: bool) -> None:
    """Nothing rejected, held, withheld, failed or unknown."""
    assert summary(**changes).clean == clean


def test_the_status_says_what_clean_says() -> None:
    """A run that came to its end is completed or partial, as its summary is clean or not."""
    tally = tallied()
    assert tally.status() is RunStatus.PARTIAL
    job = job_of()
    world = world_of(job, NOW, {"1": Person({"Email": "x@example.com"})})
    plan = world.plan(records_of(job, {"id": "1", "first_name": "Ann"}))
    good = Tally(1)
    good.add(world.carry_out(plan), plan.items, job)
    assert good.status() is RunStatus.COMPLETED
    assert Tally(1).status() is RunStatus.PARTIAL


def test_the_document_has_the_names_that_scripts_rely_on() -> None:
    """The keys of `--json`, no more and no fewer."""
    assert set(summary().document()) == {
        "run_id", "destination", "status", "plan_hash", "balanced", "rows", "withheld", "requests", "modified_count",
        "transitions", "reasons", "run_dir", "report",
        "planned_transitions", "samples", "resubscriptions", "guards", "requests_to_come", "next", "canary", "error",
        "open_opt_outs", "quarantine", "already_delivered_at",
    }  # fmt: skip


MOVES: dict[str, tuple[str | None, str, bool, bool]] = {
    "opted in, now out": ("OPT_IN", "N", True, False),
    "unverified, now out": ("OPT_IN_UNVERIFIED", "N", False, False),
    "unknown, now out": (None, "N", False, False),
    "unverified, now in": ("OPT_IN_UNVERIFIED", "Y", False, True),
    "unknown, now in": (None, "Y", False, False),
    "opted in, still in": ("OPT_IN", "Y", False, False),
    "opted in, now cleared": ("OPT_IN", "C", False, False),
}


@pytest.mark.parametrize(("before", "word", "opts_out", "opts_in"), MOVES.values(), ids=MOVES)
def test_guards_count_contacts_that_change_sides(before: str | None, word: str, opts_out: bool, opts_in: bool) -> None:
    """Opt-outs are of contacts known as opted in; opt-ins of contacts known as anything else."""
    job = job_of()
    people = {"1": Person({"Email": "x@example.com"}, {"EMAIL": before} if before else {})}
    items = world_of(job, NOW, people).plan(records_of(job, {"id": "1", "email_ok": word})).items
    assert items.filter(opt_out_of_opt_in(job)).height == opts_out
    assert items.filter(raised_to_opt_in(job)).height == opts_in


def test_a_contact_counts_once_however_many_targets_change() -> None:
    """Both channels opted out are one contact; without targets nobody counts."""
    job = job_of()
    people = {"1": Person({"Email": "x@example.com", "Cell Phone": "+1"}, {"EMAIL": "OPT_IN", "SMS": "OPT_IN"})}
    source = records_of(job, {"id": "1", "email_ok": "N", "sms_ok": "N"})
    items = world_of(job, NOW, people).plan(source).items
    assert items.filter(opt_out_of_opt_in(job)).height == 1
    silent = job_of(policy={"write": ["attributes"]})
    assert items.filter(opt_out_of_opt_in(silent) | raised_to_opt_in(silent)).is_empty()


def test_transitions_are_named_for_people() -> None:
    """By the group's name; the words are FROM->TO."""
    job = job_of(consent={"groups": {NEWS: target("news")}})
    world = world_of(job, NOW, {"1": Person({"Email": "x@example.com"})})
    items = world.plan(records_of(job, {"id": "1", "news_ok": "N"})).items
    assert transitions(items, job) == {"Newsletters": {"UNSET->OPT_OUT": 1}}


def test_a_plan_expects_that_all_is_accepted() -> None:
    """What is sent counts as created or updated, the rest as decided."""
    job = job_of(delivery={"mode": "upsert"})
    people = {"1": Person({"Email": "x@example.com"})}
    plan = world_of(job, NOW, people).plan(records_of(job, *ROWS))
    outcomes = planned_outcomes(plan.records, plan.items).select(Column.RECORD, Column.OUTCOME).sort(Column.RECORD)
    assert outcomes.get_column(Column.OUTCOME).to_list() == [
        "updated", "superseded", "created", "rejected", "held", "unchanged",
    ]  # fmt: skip


def test_modified_counts_are_sums_over_batches() -> None:
    """Expected and reported, apart."""
    assert modified_count([BatchRow("settled", 1, 3, 2), BatchRow("settled", 1, 4, 4)]) == ModifiedCount(
        expected=7, reported=6
    )
