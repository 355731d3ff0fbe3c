"""Invariant 2 for records that failed before: tried again, they lose no opt-out and permit nothing outdated."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.model import Column
from pipeline.stages.covering import covered
from pipeline.stages.retries import LACKING, SAID_AT, Earlier
from tests.jobs import NOW, records_of
from tests.properties.chain import Person, World, world_of
from tests.properties.exports import PEOPLE, Past, Row, exports, jobs, pasts, people, state_of
from tests.properties.reference import Rules, Witnesses, statuses_to_send
from tests.properties.test_opt_out_wins import CHANNEL_TARGETS, UPDATES

if TYPE_CHECKING:
    from pipeline.job import Job

MANY: Final = settings(max_examples=8 * settings().max_examples)
BEFORE: Final = st.sampled_from([NOW - timedelta(days=3), NOW + timedelta(seconds=1)])
"""When the retries were read: before the contacts of the past were told what they were told, or after it."""
PERMISSIONS: Final = ("OPT_IN", "OPT_IN_UNVERIFIED", "CLEAR")
WORDS: Final = {"y": "OPT_IN", "n": "OPT_OUT", "p": "OPT_IN_UNVERIFIED", "c": "CLEAR"}


def source_of(job: Job, rows: list[Row], old: list[Row], said_at: datetime) -> tuple[pl.DataFrame, Earlier]:
    """An export and the retries after it."""
    source = records_of(job, *rows, *old)
    retries = source.filter(pl.col(Column.RECORD) > len(rows)).select(
        Column.RECORD,
        pl.lit(said_at).cast(pl.Datetime("us", "UTC")).alias(SAID_AT),
        pl.lit([], pl.List(pl.String)).alias(LACKING),
    )
    return source, Earlier(len(rows), retries)


def sent(world: World, source: pl.DataFrame, earlier: Earlier) -> dict[str, dict[str, str]]:
    """Identity -> channel -> status that the plan sends."""
    plan = world.plan(source, earlier=earlier)
    assert sorted(plan.records.get_column(Column.RECORD)) == sorted(source.get_column(Column.RECORD))
    return {row[Column.IDENTITY]: _channels(row[Column.WIRE]) for row in plan.items.to_dicts()}


def _channels(wire: str) -> dict[str, str]:
    consent = json.loads(wire)["to"].get("consent", {})
    return {entry["channel"]: entry["status"] or "CLEAR" for entry in consent.get("channels", ())}


def _of(rows: list[Row], identity: str) -> list[Row]:
    return [row for row in rows if row["id"].strip() == identity]


def _said(rows: list[Row], prefix: str) -> list[tuple[str, datetime | None]]:
    """The statuses that rows give a target, with their times."""
    words = ((row[f"{prefix}_ok"].strip().lower(), _time(row[f"{prefix}_at"])) for row in rows)
    return [(WORDS.get(word, "UNLISTED"), at) for word, at in words if word]


def _time(cell: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(cell)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return at if at <= NOW + timedelta(days=1) else None


@dataclass(frozen=True)
class Case:
    """An export, records of before it, and what is known."""

    rows: list[Row]
    old: list[Row]
    job: Job
    past: Past
    contacts: dict[str, Person]
    said_at: datetime

    @property
    def world(self) -> World:
        """What a run meets."""
        return world_of(self.job, NOW, self.contacts, state=state_of(self.past))


FEW: Final = exports(identities=st.sampled_from(["C-1", "C-1", "C-1", "C-2"]), most=3)
"""Of so few identities that most records meet others."""
CASES: Final = st.builds(Case, FEW, FEW, jobs(modes=UPDATES), pasts(), people(addressed=True), BEFORE)


@MANY
@given(CASES)
def test_retries_lose_no_opt_out_and_permit_nothing_outdated(case: Case) -> None:
    """What plain rules opt out of all records is opted out; a permission is the export's own, or nothing is newer."""
    rows, old, past, contacts = case.rows, case.old, case.past, case.contacts
    keys, channel_of = CHANNEL_TARGETS
    rules = Rules(case.job.policy.model_dump(), keys, channel_of, NOW)
    told = sent(case.world, *source_of(case.job, rows, old, case.said_at))
    for identity in PEOPLE:
        own, mine = _of(rows, identity), _of(old, identity)
        witnesses = Witnesses(past.get(identity, {}), dict(contacts[identity].channels))
        alone = statuses_to_send(own, rules, witnesses)
        together = statuses_to_send([*own, *mine], rules, witnesses)
        for prefix, key in keys.items():
            status = told.get(identity, {}).get(key)
            before, before_at = past.get(identity, {}).get(key, (None, None))
            # What the export opts out of and withholds for its broken address is withheld and said, as without retries.
            if together.get(key) == "OPT_OUT" and (alone.get(key) or "OPT_OUT" in dict(_said(mine, prefix))):
                assert status == "OPT_OUT" or before == "OPT_OUT"
            heard = _heard(own, prefix, rules)
            if status in PERMISSIONS and alone.get(key) != status:
                told_since = identity in past and case.said_at < NOW
                shown = witnesses.shown.get(key)
                newest = [at for word, at in _said(mine, prefix) if word == status]
                assert any(
                    _stands(at, heard)
                    and (at is not None or shown in (None, status))
                    and (not told_since or before == status or _after(at, before, before_at))
                    for at in newest
                )
            forbidden = [word for word, _ in _said(mine, prefix) if word in ("OPT_OUT", "UNLISTED")]
            if alone.get(key) in PERMISSIONS and not forbidden and status != alone[key]:
                # Only a permission that is provably newer takes its place, or is told already.
                assert any(_stands(at, heard) for word, at in _said(mine, prefix) if at is not None)


def _heard(rows: list[Row], prefix: str, rules: Rules) -> list[tuple[str, datetime | None]]:
    """What an export says of a target; of a record that is rejected nothing counts but what it forbids."""
    strict = rules.policy["unknown_value"] == "reject"
    rejected = [strict and any(w == "UNLISTED" for p in rules.targets for w, _ in _said([row], p)) for row in rows]
    said = [(entry, out) for row, out in zip(rows, rejected, strict=True) for entry in _said([row], prefix)]
    return [entry for entry, out in said if not (out and entry[0] in PERMISSIONS)]


def _stands(at: datetime | None, own: list[tuple[str, datetime | None]]) -> bool:
    """Whether the export says nothing of a target, or only permissions that are dated and older."""
    older = [word in PERMISSIONS and time is not None and at is not None and time < at for word, time in own]
    return all(older)


def _after(at: datetime | None, told: str | None, told_at: datetime | None) -> bool:
    """Whether a permission is dated, and later than what was told of its target."""
    return at is not None and (told is None or (told_at is not None and told_at < at))


@MANY
@given(CASES, st.data())
def test_what_the_export_stands_for_changes_nothing(case: Case, data: st.DataObject) -> None:
    """Without the retries that the export stands for the same consents are sent; it stands for those that it has."""
    rows = case.rows
    again = data.draw(st.lists(st.sampled_from(rows), max_size=4)) if rows else []
    source, earlier = source_of(case.job, rows, [*case.old, *again], case.said_at)
    gone = covered(source, earlier, case.job, NOW).get_column(Column.RECORD)
    first = len(rows) + len(case.old) + 1
    assert set(range(first, first + len(again))) <= set(gone)
    less = source.filter(~pl.col(Column.RECORD).is_in(gone.implode()))
    kept = Earlier(earlier.exported, earlier.records.join(less, on=Column.RECORD, how="semi"))
    whole, part = sent(case.world, source, earlier), sent(case.world, less, kept)
    assert {i: s for i, s in whole.items() if s} == {i: s for i, s in part.items() if s}
