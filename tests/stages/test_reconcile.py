"""What was sent, compared with what the destination shows."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from pipeline.model import Column
from pipeline.stages.reconcile import FOUND, compare, creating
from tests.jobs import NEWS, NOW, job_of, records_of, target
from tests.properties.chain import Person, World, world_of

ATTRIBUTES = {"First Name": {"column": "first_name", "blank": "clear"}, "Points": "points", "Tags": "tags"}
ROW = {
    "id": "1",
    "email": "Ann@example.com",
    "mobile": "212 555 0123",
    "email_ok": "Y",
    "first_name": "Ann",
    "points": "1.50",
    "tags": "a;b",
}


def found(row: dict[str, str], shown: Person | None, **changes: Any) -> str:
    """What comparing says of a row that was sent, where the destination shows this contact."""
    job = job_of(**{"attributes": ATTRIBUTES, **changes})
    items = _world(job).plan(records_of(job, row)).items
    seen = world_of(job, NOW, {"1": shown} if shown else {}).contacts.read(pl.DataFrame({"identity": ["1"]}))
    return str(compare(items, seen, job).item(0, FOUND))


def _world(job: Any) -> World:
    return world_of(job, NOW, {"1": Person({"Email": "x@example.com"}, {"EMAIL": "OPT_IN", "SMS": "OPT_IN"})})


def shown(**attributes: Any) -> Person:
    """The contact as ROW leaves it, some attributes changed (underscores stand for spaces)."""
    values: dict[str, Any] = {
        "Email": "Ann@example.com",
        "Cell Phone": "+12125550123",
        "First Name": "Ann",
        "Points": 1.5,
        "Tags": ["a", "b"],
    }
    return Person(values | {name.replace("_", " "): value for name, value in attributes.items()}, {"EMAIL": "OPT_IN"})


SHOWN: dict[str, tuple[Person | None, str]] = {
    "all of it": (shown(), "confirmed"),
    "nobody": (None, "missing"),
    "another value": (shown(First_Name="Bea"), "different"),
    "no value": (shown(First_Name=None), "different"),
    "the address in other letters": (shown(Email="ann@EXAMPLE.com"), "confirmed"),
    "the phone without its plus": (shown(Cell_Phone="12125550123"), "confirmed"),
    "another phone": (shown(Cell_Phone="+12125550124"), "different"),
    "a number that was stored as text": (shown(Points="1.50"), "confirmed"),
    "another number": (shown(Points=2), "different"),
    "the list in another order": (shown(Tags=["b", "a"]), "different"),
}


@pytest.mark.rule("AC-16")
@pytest.mark.parametrize(("contact", "expected"), SHOWN.values(), ids=SHOWN)
def test_an_item_is_confirmed_where_every_part_of_it_shows(contact: Person | None, expected: str) -> None:
    """Values are compared as what they are, not as they are spelt."""
    assert found(ROW | {"email_ok": ""}, contact) == expected


STATUSES: dict[str, tuple[str, dict[str, str], str]] = {
    "the status": ("P", {"EMAIL": "OPT_IN_UNVERIFIED"}, "confirmed"),
    "another status": ("P", {"EMAIL": "OPT_IN"}, "different"),
    "no status": ("P", {}, "different"),
    "another channel's": ("P", {"SMS": "OPT_IN_UNVERIFIED"}, "different"),
    "cleared": ("C", {}, "confirmed"),
    "not cleared": ("C", {"EMAIL": "OPT_IN"}, "different"),
}


@pytest.mark.rule("AC-16")
@pytest.mark.parametrize(("word", "channels", "expected"), STATUSES.values(), ids=STATUSES)
def test_statuses_are_compared(word: str, channels: dict[str, str], expected: str) -> None:
    """What is cleared shows no status; the status of another channel says nothing."""
    assert found({"id": "1", "email_ok": word}, Person({}, channels), attributes={}) == expected


GROUPS: dict[str, tuple[dict[str, str], str]] = {
    "all of its channels": ({"EMAIL": "OPT_OUT", "SMS": "OPT_OUT"}, "confirmed"),
    "those with an address": ({"EMAIL": "OPT_OUT"}, "confirmed"),
    "only some of them": ({"EMAIL": "OPT_OUT", "SMS": "OPT_IN"}, "different"),
    "none": ({}, "different"),
}


@pytest.mark.rule("AC-16")
@pytest.mark.parametrize(("channels", "expected"), GROUPS.values(), ids=GROUPS)
def test_a_group_is_confirmed_by_its_channels(channels: dict[str, str], expected: str) -> None:
    """A group shows no status of its own: it is that of its channels."""
    consent = {"groups": {"Newsletters": target("news")}}
    contact = Person({}, {}, {NEWS: channels})
    assert found({"id": "1", "news_ok": "N", "email": "x@example.com"}, contact, consent=consent, addresses=None,
                 attributes={}) == expected  # fmt: skip


def test_a_cleared_attribute_shows_no_value() -> None:
    """`null` was sent: no value confirms it."""
    row = {"id": "1", "first_name": ""}
    assert found(row, Person({})) == "confirmed"
    assert found(row, Person({"First Name": "Ann"})) == "different"


def test_every_contact_of_an_identity_must_show_it() -> None:
    """Two contacts of one identity, one of which differs: the item is not confirmed."""
    job = job_of()
    world = world_of(job, NOW, {"1": Person({"Email": "x@example.com"})})
    items = world.plan(records_of(job, {"id": "1", "email_ok": "N"})).items
    rows = [
        world_of(job, NOW, {"1": Person({}, {"EMAIL": s})}).contacts.read(pl.DataFrame({"identity": ["1"]}))
        for s in ("OPT_OUT", "OPT_IN")
    ]
    for order in (rows, rows[::-1]):
        judged = compare(items, pl.concat(order), job)
        assert judged.select(Column.RECORD, FOUND).rows() == [(1, "different")]


def test_creating_is_told_by_the_operation() -> None:
    """A batch is of one operation; an empty one creates nothing."""
    items = pl.DataFrame({Column.OPERATION: ["create"]})
    assert creating(items)
    assert not creating(items.with_columns(pl.lit("update").alias(Column.OPERATION)))
    assert not creating(items.clear())
