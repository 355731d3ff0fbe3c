"""A run and its revert: the destination's consents are those from before, wherever nobody else changed them."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pipeline.model import Column, Operation, Outcome
from pipeline.stages import records, revert
from pipeline.stages.batch import batch
from pipeline.stages.outcomes import APPLIED
from pipeline.stages.resolve import decide
from pipeline.stages.seen import one_row_per_identity
from pipeline.stages.told import against_state
from pipeline.subject import restoring
from tests.jobs import NOW, records_of
from tests.properties.chain import LIMITS, Person, Plan, World, world_of
from tests.properties.exports import PEOPLE, Past, Row, exports, jobs, pasts, people, state_of

if TYPE_CHECKING:
    from pipeline.job import Job

LATER = datetime(2025, 7, 1, tzinfo=UTC)
ALL_FIT = frozenset({"OPT_IN", "OPT_OUT", "OPT_IN_UNVERIFIED", "CLEAR"})
NOBODY = revert.Since(revert.merged([]), revert.merged([]))
MEDDLED = st.dictionaries(st.sampled_from(PEOPLE), st.sampled_from(["OPT_OUT", "OPT_IN"]), max_size=4)


@dataclass
class Reverting:
    """A run that was carried out in a world, and the plan that takes it back."""

    world: World
    items: pl.DataFrame

    def plan(self) -> Plan:
        """As `pipeline.planning.reverting` composes it."""
        job = restoring(self.world.job)
        of = revert.Reverted("run-1", NOW, LATER)
        wanted = revert.wanted(self.items, {t.part: ALL_FIT for t in job.targets}, job, of)
        seen = one_row_per_identity(self.world.contacts.read(wanted))
        frame = revert.unless_changed(against_state(wanted, self.world.state, job), seen, NOBODY, job, NOW)
        resolved = revert.with_notes(decide(frame, seen, wanted.get_column(Column.IDENTITY), job), frame, job)
        wires = {operation: self.world.contacts.encode(operation) for operation in Operation}
        decided = records.decided(resolved, job)
        return Plan(decided, batch(resolved.changes, job, wires, LIMITS), wanted, decided, resolved.opt_outs)


def consents(world: World) -> dict[str, dict[str, str]]:
    """The channel statuses of each contact; one that was cleared is not there."""
    people = world.contacts.people.items()
    return {identity: {c: s for c, s in person.channels.items() if s} for identity, person in people}


@given(exports(), jobs(modes=st.sampled_from(["update", "upsert"])), pasts(), people(addressed=True), MEDDLED)
def test_a_revert_restores_all_that_nobody_else_changed(
    rows: list[Row], job: Job, past: Past, contacts: dict[str, Person], meddled: dict[str, str]
) -> None:
    """Whoever was changed since keeps that; each applied record has one outcome; the second time nothing is sent.

    Whoever the run had not read before it changed them is not raised.
    """
    world = world_of(job, NOW, deepcopy(contacts), state=state_of(past))
    before = consents(world)
    plan = world.plan(records_of(job, *rows))
    outcomes = world.carry_out(plan)
    applied = outcomes.filter(pl.col(Column.OUTCOME).is_in(APPLIED)).select(Column.RECORD)
    reverting = Reverting(world, plan.items.join(applied, on=Column.RECORD, how="semi"))
    left = consents(world)
    for identity, status in meddled.items():
        world.contacts.people[identity].channels["EMAIL"] = status
    result = world.carry_out(reverting.plan())
    assert sorted(result.get_column(Column.RECORD)) == sorted(applied.get_column(Column.RECORD))
    assert set(result.get_column(Column.OUTCOME)) <= {Outcome.UPDATED, Outcome.UNCHANGED, Outcome.HELD}
    after, unread = consents(world), plan.items.filter(pl.col(Column.EXISTS).is_null()).get_column(Column.IDENTITY)
    for identity in PEOPLE:
        same = meddled.get(identity, left[identity].get("EMAIL")) == left[identity].get("EMAIL")
        if identity not in set(unread):
            assert after[identity].get("SMS") == before[identity].get("SMS")
            assert after[identity].get("EMAIL") == (before[identity].get("EMAIL") if same else meddled[identity])
        else:
            out = {channel for channel, status in left[identity].items() if status == "OPT_OUT"}
            ended = {channel for channel in out if after[identity].get(channel) != "OPT_OUT"}
            assert ended <= (set() if same else {"EMAIL"})
    assert reverting.plan().items.is_empty()
