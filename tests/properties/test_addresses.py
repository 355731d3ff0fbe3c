"""Where consent belongs to addresses: the invariants, with records that share addresses in every way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pipeline.job import part_of
from pipeline.model import Column
from pipeline.reporting.summary import Tally
from pipeline.state import SCHEMA, bucket_of
from tests.jobs import NOW, records_of
from tests.properties.addresses import site_job, site_of
from tests.properties.exports import CONSENTS, STATUSES, TOLD_TIMES, Row, exports, policies
from tests.properties.reference import Rules, Witnesses, statuses_to_send

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from pipeline.job import Job

EMAILS: Final = {
    "ann@example.com": "ann@example.com",
    "Ann@Example.ORG": "ann@example.org",
    "bob@example.com": "bob@example.com",
}
MOBILES: Final = {"212 555 0123": "+12125550123", "+1 212 555 0124": "+12125550124"}
EVERYONE: Final = (*EMAILS.values(), *MOBILES.values())
WORDS: Final = CONSENTS.filter(lambda cell: cell != "C")
Told = dict[str, tuple[str, Any]]

jobs = policies().map(lambda policy: site_job(policy=policy))
stored = st.dictionaries(st.sampled_from(EVERYONE), STATUSES)
pasts = st.dictionaries(st.sampled_from(EVERYONE), st.tuples(STATUSES, TOLD_TIMES))


def state_of(past: Mapping[str, tuple[str, datetime | None]]) -> pl.DataFrame:
    """The state's rows of what addresses were told."""
    schema = dict(SCHEMA)
    for key in ("EMAIL", "SMS"):
        schema |= {part_of(key): pl.String(), f"{part_of(key)}@at": pl.Datetime("us", "UTC")}
    rows = []
    for address, (status, at) in past.items():
        part = part_of("EMAIL" if "@" in address else "SMS")
        rows.append({Column.IDENTITY: address, "told_run": "run-0", "told_at": NOW, part: status, f"{part}@at": at})
    return pl.DataFrame(rows, schema=schema).with_columns(bucket_of(pl.col(Column.IDENTITY)).alias("bucket"))


@given(exports(consents=WORDS), jobs, pasts, stored)
def test_every_record_has_exactly_one_outcome(rows: list[Row], job: Job, past: Told, known: dict[str, str]) -> None:
    """However many addresses it has, and whatever becomes of each."""
    world, _ = site_of(job, known, state=state_of(past))
    plan = world.plan(records_of(job, *rows))
    tally = Tally(len(rows))
    tally.add(world.carry_out(plan), plan.items, job)
    assert tally.balanced
    assert tally.rows.settled == len(rows)


@given(exports(consents=WORDS), jobs, pasts, stored)
def test_each_address_is_told_what_the_reference_says(
    rows: list[Row], job: Job, past: Told, known: dict[str, str]
) -> None:
    """Folding, precedence, evidence and both witnesses decide for an address as the plain rules do for a contact."""
    # Who the reference speaks of exists: for a new consent there is nothing to clear or to repeat.
    known = dict.fromkeys(EVERYONE, "NEVER_CONFIRMED") | known
    world, _ = site_of(job, known, state=state_of(past))
    sent = dict(_sent(world.plan(records_of(job, *rows)).items))
    targets: Any = {"email": "EMAIL", "sms": "SMS"}
    policy = job.policy.model_dump()
    # A write needs what only reading gives; what was read anyway is heard anyway.
    heard = {**policy, "witnesses": (*policy["witnesses"], "destination")}
    rules = Rules(heard, targets, targets, NOW)
    for address in EVERYONE:
        column, spelled, key = ("email", EMAILS, "EMAIL") if "@" in address else ("mobile", MOBILES, "SMS")
        own = [row for row in rows if spelled.get(row[column]) == address]
        witnesses = Witnesses({key: past[address]} if address in past else {}, {key: known[address]})
        assert sent.get(address) == statuses_to_send(own, rules, witnesses).get(key), address


def _sent(items: pl.DataFrame) -> list[tuple[str, str]]:
    status = pl.coalesce(part_of("EMAIL"), part_of("SMS"))
    return items.select(Column.IDENTITY, status).drop_nulls().rows()


@given(exports(consents=WORDS), jobs, stored)
def test_a_second_run_sends_nothing(rows: list[Row], job: Job, known: dict[str, str]) -> None:
    """The same export and mapping twice."""
    world, _ = site_of(job, known)
    world.sync(records_of(job, *rows))
    assert world.plan(records_of(job, *rows)).items.is_empty()


@given(exports(consents=WORDS), jobs, pasts, stored, st.randoms(use_true_random=False))
def test_shuffling_changes_no_consent(
    rows: list[Row], job: Job, past: Told, known: dict[str, str], random: Any
) -> None:
    """What each address is told does not depend on the order of the export's records."""
    found = []
    for order in (rows, random.sample(rows, len(rows))):
        world, consents = site_of(job, known, state=state_of(past))
        world.sync(records_of(job, *order))
        found.append(consents.statuses)
    assert found[0] == found[1]


@given(exports(consents=WORDS), jobs, stored)
def test_no_batch_has_a_record_or_an_address_twice(rows: list[Row], job: Job, known: dict[str, str]) -> None:
    """A record's two addresses travel in batches of their own, so that answers are attached by record."""
    world, _ = site_of(job, known)
    items = world.plan(records_of(job, *rows)).items
    assert items.select(Column.BATCH, Column.RECORD).is_unique().all()
    assert items.get_column(Column.IDENTITY).is_unique().all()
