"""Invariants 3, 4 and 5: nothing is guessed, nobody's bytes depend on others, answers go to whom they are about."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pipeline.model import Column
from pipeline.stages.reconcile import FOUND, Found, compare
from tests.jobs import NOW, records_of
from tests.properties.chain import Person, world_of
from tests.properties.exports import PEOPLE, Past, Row, exports, jobs, pasts, people, state_of

if TYPE_CHECKING:
    from pipeline.job import Job

SILENT = st.sampled_from(["", "N", "C", "maybe", "OPT_IN", "yes", "1", "NULL", "  "])
"""Cells that the mapping's `values` does not list as a permission."""


@given(exports(consents=SILENT), jobs(), pasts(), people())
def test_nobody_is_opted_in_without_a_listed_word(
    rows: list[Row], job: Job, past: Past, contacts: dict[str, Person]
) -> None:
    """From blank, unlisted and missing cells no path leads to a permission, in any mode and under any policy."""
    items = world_of(job, NOW, contacts, state=state_of(past)).plan(records_of(job, *rows)).items
    assert not [wire for wire in items.get_column(Column.WIRE) if "OPT_IN" in wire]


@given(exports(), jobs(), pasts(), people())
def test_a_status_is_one_that_a_record_of_its_identity_says(
    rows: list[Row], job: Job, past: Past, contacts: dict[str, Person]
) -> None:
    """Whatever is sent for a channel stands, listed, in a record of that identity for that channel."""
    words = {"OPT_IN": "y", "OPT_OUT": "n", "OPT_IN_UNVERIFIED": "p", None: "c"}
    items = world_of(job, NOW, contacts, state=state_of(past)).plan(records_of(job, *rows)).items
    for identity, wire in items.select(Column.IDENTITY, Column.WIRE).iter_rows():
        body = json.loads(wire)
        for entry in body.get("to", body).get("consent", {}).get("channels", ()):
            column = f"{entry['channel'].lower()}_ok"
            said = {row[column].strip().lower() for row in rows if row["id"].strip() == identity}
            assert words[entry["status"]] in said


@given(exports(), jobs(), pasts(), people(), st.sampled_from([1, 3, 100]), st.sets(st.sampled_from(PEOPLE)))
def test_wire_bytes_do_not_depend_on_other_identities(
    rows: list[Row], job: Job, past: Past, contacts: dict[str, Person], batch_size: int, others: set[str]
) -> None:
    """What is sent for a contact is the same with the records of other identities, and without them."""
    together = replace(job, delivery=job.delivery.model_copy(update={"batch_size": batch_size}))
    few = [row for row in rows if row["id"].strip() not in others]
    everybody = world_of(together, NOW, contacts, state=state_of(past)).plan(records_of(job, *rows)).items
    without = world_of(job, NOW, contacts, state=state_of(past)).plan(records_of(job, *few)).items
    kept = everybody.filter(~pl.col(Column.IDENTITY).is_in(list(others)))
    assert _wires(without) == _wires(kept)


def _wires(items: pl.DataFrame) -> dict[str, str]:
    return dict(items.select(Column.IDENTITY, Column.WIRE).iter_rows())


@given(exports(), jobs(modes=st.just("upsert")), st.randoms(use_true_random=False), st.data())
def test_reading_back_is_by_identity(rows: list[Row], job: Job, random: Any, data: st.DataObject) -> None:
    """Answers in any order, with contacts left out, changed or doubled, settle exactly the items they are about."""
    world = world_of(job, NOW)
    plan = world.plan(records_of(job, *rows))
    world.carry_out(plan)
    fates = {i: data.draw(st.sampled_from(["same", "missing", "twice", "changed"])) for i in world.contacts.people}
    shown = []
    for identity, fate in fates.items():
        row = world.contacts.read(pl.DataFrame({"identity": [identity]}))
        shown += {"same": [row], "missing": [], "twice": [row, row], "changed": [row, _changed(row)]}[fate]
    random.shuffle(shown)
    judged = compare(plan.items, pl.concat([world.contacts.read(plan.items.head(0)), *shown]), job)
    says = {"same": Found.CONFIRMED, "twice": Found.CONFIRMED, "missing": Found.MISSING, "changed": Found.DIFFERENT}
    assert judged.get_column(Column.RECORD).to_list() == plan.items.get_column(Column.RECORD).to_list()
    for identity, found in judged.select(Column.IDENTITY, FOUND).iter_rows():
        assert found == says[fates[identity]]


def _changed(row: pl.DataFrame) -> pl.DataFrame:
    """The same contact with other addresses: a new contact has at least one, and it was sent."""
    other = pl.lit('"other@example.com"')
    return row.with_columns(other.alias("attribute:Email"), other.alias("attribute:Cell Phone"))
