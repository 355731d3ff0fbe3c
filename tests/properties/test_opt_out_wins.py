"""Invariant 2: what is sent is what an independent, slow and obvious implementation of the rules says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.model import Column
from tests.jobs import NEWS, NOW, PROMO, records_of
from tests.properties.chain import Person, world_of
from tests.properties.exports import PEOPLE, Past, Row, exports, jobs, opt_outs, pasts, people, returns, state_of
from tests.properties.reference import Rules, Witnesses, statuses_to_send

if TYPE_CHECKING:
    from pipeline.job import Job

MANY = settings(max_examples=2 * settings().max_examples)
"""This is what the product exists for, and one plan is an example."""
UPDATES = st.just("update")
CHANNEL_TARGETS = ({"email": "EMAIL", "sms": "SMS"}, {"email": "EMAIL", "sms": "SMS"})
GROUP_TARGETS: Any = (
    {"news": f"group:{NEWS}", "promo": f"group:{PROMO}:EMAIL"},
    {"news": None, "promo": "EMAIL"},
)


@MANY
@given(exports(), jobs(modes=UPDATES), pasts(), people(addressed=True))
def test_channels_are_sent_as_the_reference_says(
    rows: list[Row], job: Job, past: Past, contacts: dict[str, Person]
) -> None:
    """Folding, precedence, evidence and both witnesses decide about channels as the plain rules do."""
    _agree(rows, job, past, contacts, "channels")


@MANY
@given(exports("groups"), jobs("groups", UPDATES), pasts("groups"), people(addressed=True))
def test_groups_are_sent_as_the_reference_says(
    rows: list[Row], job: Job, past: Past, contacts: dict[str, Person]
) -> None:
    """A group's permission is blocked by its channel's opt-out, wherever that is known."""
    _agree(rows, job, past, contacts, "groups")


@given(returns(), jobs(modes=UPDATES), opt_outs(), people(addressed=True))
def test_channels_are_raised_again_as_the_reference_says(
    rows: list[Row], job: Job, past: Past, contacts: dict[str, Person]
) -> None:
    """An opt-out that was told ends by newer evidence only; one that only the destination knows does not end."""
    _agree(rows, job, past, contacts, "channels")


@given(returns("groups"), jobs("groups", UPDATES), opt_outs("groups"), people(addressed=True))
def test_groups_are_raised_again_as_the_reference_says(
    rows: list[Row], job: Job, past: Past, contacts: dict[str, Person]
) -> None:
    """Each opt-out that a group's permission would end has to be outdated by itself."""
    _agree(rows, job, past, contacts, "groups")


def _agree(rows: list[Row], job: Job, past: Past, contacts: dict[str, Person], kind: str) -> None:
    keys, channel_of = CHANNEL_TARGETS if kind == "channels" else GROUP_TARGETS
    rules = Rules(job.policy.model_dump(), keys, channel_of, NOW)
    world = world_of(job, NOW, contacts, state=state_of(past, kind))
    plan = world.plan(records_of(job, *rows))
    sent = {row[Column.IDENTITY]: _statuses(row[Column.WIRE]) for row in plan.items.to_dicts()}
    for identity in PEOPLE:
        own = [row for row in rows if row["id"].strip() == identity]
        witnesses = Witnesses(past.get(identity, {}), _shown(contacts[identity]))
        assert sent.get(identity, {}) == statuses_to_send(own, rules, witnesses)


def _shown(person: Person) -> dict[str, str]:
    of_groups = {f"group:{g}:{c}": status for g, of in person.groups.items() for c, status in of.items()}
    return {**person.channels, **of_groups}


def _statuses(wire: str) -> dict[str, str]:
    """Target key -> status, read from the wire; null is CLEAR."""
    consent = json.loads(wire)["to"].get("consent", {})
    found = {entry["channel"]: entry["status"] for entry in consent.get("channels", ())}
    for group in consent.get("consentGroups", ()):
        key = f"group:{group['consentGroupId']}"
        found |= {f"{key}:{c['channel']}": c["status"] for c in group.get("channels", ())}
        found |= {key: group["status"]} if "status" in group else {}
    return {key: status or "CLEAR" for key, status in found.items()}
