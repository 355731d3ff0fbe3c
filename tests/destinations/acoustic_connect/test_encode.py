"""The wire JSON of a row, held against the vendor's schema; and contacts as read."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from graphql import OperationDefinitionNode, build_schema, parse, validate
from graphql.execution.values import get_variable_values
from hypothesis import given
from hypothesis import strategies as st

import pipeline.sandbox.acoustic_connect
from pipeline.destinations.acoustic_connect import wire
from pipeline.destinations.acoustic_connect.contacts import frame_of, statuses_of
from pipeline.model import Operation
from tests.jobs import AUDIENCE, EMAIL_AND_SMS, NEWS, NOW, PROMO, job_of, records_of, target
from tests.properties.chain import Person, Plan, world_of

if TYPE_CHECKING:
    from graphql import GraphQLSchema

    from pipeline.destinations.acoustic_connect.wire import Generation

BROUGHT = {"email": "ann@example.com", "mobile": "212 555 0123"}
ALL_TYPES = {"First Name": "first_name", "Points": "points", "Active": "active", "Birthday": "dob", "Tags": "tags"}


@cache
def schema(generation: Generation) -> GraphQLSchema:
    """The vendor's SDL, as it is kept beside the sandbox."""
    folder = Path(pipeline.sandbox.acoustic_connect.__file__).parent
    return build_schema((folder / f"schema_{generation}.graphql").read_text("utf-8"))


def faults(document: str, generation: Generation, **variables: Any) -> list[str]:
    """What the schema says against a document and its variables."""
    parsed = parse(document)
    found = [error.message for error in validate(schema(generation), parsed)]
    [operation] = parsed.definitions
    assert isinstance(operation, OperationDefinitionNode)
    coerced = get_variable_values(schema(generation), operation.variable_definitions or (), variables)
    return found + ([error.message for error in coerced] if isinstance(coerced, list) else [])


def planned(row: dict[str, str], people: dict[str, Person] | None, **changes: Any) -> Plan:
    """The plan of one row."""
    job = job_of(**{"delivery": {"mode": "upsert"}, **changes})
    return world_of(job, NOW, people).plan(records_of(job, {"id": "1", **row}))


def updated(row: dict[str, str], **changes: Any) -> Any:
    """What updates contact 1, who has both addresses and both consents; it fits the vendor's schema."""
    known = {"1": Person({"Email": "x@example.com", "Cell Phone": "+1"}, {"EMAIL": "OPT_IN", "SMS": "OPT_IN"})}
    [text] = planned(row, known, **changes).items.get_column("wire")
    item = json.loads(text)
    assert faults(wire.UPDATE["dataset"], "dataset", dataSetId="ds-1", rows=[item]) == []
    return item


def created(row: dict[str, str], **changes: Any) -> Any:
    """What creates contact 1; it fits the vendor's schema."""
    plan = planned(row, None, **changes)
    assert plan.items.get_column("operation").to_list() == [Operation.CREATE]
    item = json.loads(plan.items.item(0, "wire"))
    assert faults(wire.CREATE["dataset"], "dataset", dataSetId="ds-1", rows=[item]) == []
    return item


@pytest.mark.rule("AC-01")
def test_an_update_names_the_contact_by_its_key() -> None:
    """`key` and `to`, with only what changes."""
    assert updated({"first_name": "Ann"}) == {
        "key": "1",
        "to": {"attributes": [{"name": "First Name", "value": "Ann"}]},
    }


@pytest.mark.rule("AC-02")
@pytest.mark.rule("AC-03")
def test_attributes_and_channels_travel_together() -> None:
    """One entry for each channel that has a status; a blank one is left out."""
    assert updated({"first_name": "Ann", "email_ok": "N", "sms_ok": "P"})["to"] == {
        "attributes": [{"name": "First Name", "value": "Ann"}],
        "consent": {
            "channels": [{"channel": "EMAIL", "status": "OPT_OUT"}, {"channel": "SMS", "status": "OPT_IN_UNVERIFIED"}]
        },
    }
    assert updated({"sms_ok": "N"})["to"] == {"consent": {"channels": [{"channel": "SMS", "status": "OPT_OUT"}]}}


def groups() -> dict[str, Any]:
    """A whole group, and a group by its channels."""
    by_channel = {"channels": {"EMAIL": target("promo_email"), "SMS": target("promo_sms")}}
    return {"consent": {"groups": {"Newsletters": target("news"), "Promotions": by_channel}}}


@pytest.mark.rule("AC-04")
@pytest.mark.rule("AC-05")
@pytest.mark.rule("AC-11")
def test_groups_travel_whole_or_by_channel() -> None:
    """A group's status, or its channels, never both; and never beside `channels`."""
    whole = {"consentGroupId": NEWS, "status": "OPT_OUT"}
    by_channel = {"consentGroupId": PROMO, "channels": [{"channel": "SMS", "status": "OPT_OUT"}]}
    assert updated({"news_ok": "N", "promo_sms_ok": "N"}, **groups())["to"] == {
        "consent": {"consentGroups": [whole, by_channel]}
    }
    assert updated({"promo_sms_ok": "N"}, **groups())["to"] == {"consent": {"consentGroups": [by_channel]}}


@pytest.mark.rule("AC-06")
def test_clearing_is_null_on_update_and_nothing_on_create() -> None:
    """A stored status is cleared by null; a new contact has none."""
    assert updated({"sms_ok": "C"})["to"] == {"consent": {"channels": [{"channel": "SMS", "status": None}]}}
    assert "consent" not in created({**BROUGHT, "sms_ok": "C", "email_ok": "C"})


@pytest.mark.rule("AC-07")
def test_lists_are_lists() -> None:
    """One entry travels in a list too: the shorthand is accepted by the vendor, and not relied upon."""
    to = updated({"first_name": "Ann", "sms_ok": "N"})["to"]
    assert isinstance(to["attributes"], list)
    assert isinstance(to["consent"]["channels"], list)


@pytest.mark.rule("AC-08")
@pytest.mark.rule("AC-09")
def test_a_new_contact_brings_its_key_and_addresses() -> None:
    """The key attribute first, then what the record has; consent beside it."""
    assert created({**BROUGHT, "email_ok": "Y"}) == {
        "attributes": [
            {"name": "Member No", "value": "1"},
            {"name": "Email", "value": "ann@example.com"},
            {"name": "Cell Phone", "value": "+12125550123"},
        ],
        "consent": {"channels": [{"channel": "EMAIL", "status": "OPT_IN"}]},
    }


def test_a_key_that_is_mapped_is_not_sent_twice() -> None:
    """Where the identity is an address, that attribute holds it."""
    row = {"email": "ann@example.com", "id": "ann@example.com"}
    item = created(row, identity={"column": "id", "attribute": "Email"})
    assert item["attributes"] == [{"name": "Email", "value": "ann@example.com"}]


@pytest.mark.rule("AC-12")
def test_values_have_the_attributes_type() -> None:
    """Numbers, booleans, dates and lists are no strings; a long number keeps its digits."""
    row = {"first_name": 'A "B" \\ é', "points": "12.50", "active": "yes", "dob": "1990-05-17", "tags": "a;b"}
    assert {entry["name"]: entry["value"] for entry in updated(row, attributes=ALL_TYPES)["to"]["attributes"]} == {
        "First Name": 'A "B" \\ é',
        "Points": 12.5,
        "Active": True,
        "Birthday": "1990-05-17T00:00:00.000Z",
        "Tags": ["a", "b"],
    }


def test_a_blank_that_clears_is_null() -> None:
    """`blank: clear` on update; a new contact has nothing to clear."""
    attributes = {"First Name": {"column": "first_name", "blank": "clear"}}
    assert updated({}, attributes=attributes)["to"] == {"attributes": [{"name": "First Name", "value": None}]}
    assert [entry["name"] for entry in created(BROUGHT, attributes=attributes)["attributes"]] == [
        "Member No",
        "Email",
        "Cell Phone",
    ]


@pytest.mark.rule("AC-17")
def test_the_current_generation_finds_contacts_by_address() -> None:
    """`addressable` in place of `key` where the identity is not the key; it fits the current schema."""
    job = job_of(identity={"column": "id", "attribute": "Email"})
    known = {"ann@example.com": Person({"Email": "ann@example.com"}, {"EMAIL": "OPT_IN"})}
    source = records_of(job, {"id": "ann@example.com", "email_ok": "N", "first_name": "Ann"})
    item = json.loads(world_of(job, NOW, known).plan(source).items.item(0, "wire"))
    assert item["addressable"] == [{"field": "Email", "eq": "ann@example.com"}]
    assert "key" not in item
    assert faults(wire.UPDATE["current"], "current", rows=[item]) == []


@pytest.mark.rule("AC-17")
@pytest.mark.parametrize("row", [{"email_ok": "N"}, {"first_name": "Ann"}, {**BROUGHT, "sms_ok": "P"}])
def test_both_generations_take_the_same_rows(row: dict[str, str]) -> None:
    """By key, what the dataset generation takes the current one takes too, as long as nothing is cleared."""
    assert faults(wire.UPDATE["current"], "current", rows=[updated(row)]) == []
    assert faults(wire.CREATE["current"], "current", rows=[created({**BROUGHT, **row})]) == []


@pytest.mark.rule("AC-17")
@pytest.mark.rule("AC-06")
def test_the_current_generation_cannot_clear_a_channel() -> None:
    """Its schema refuses null: a mapping that clears is refused before the first write."""
    assert faults(wire.UPDATE["current"], "current", rows=[updated({"sms_ok": "C"})]) != []


@given(st.text(min_size=1, max_size=20), st.text(max_size=20))
def test_no_text_breaks_out_of_its_row(identity: str, name: str) -> None:
    """Whatever identity and value hold, the row is JSON, and reads as what they were."""
    job = job_of(policy={"witnesses": ["export"]})
    items = world_of(job, NOW).plan(records_of(job, {"id": f"<{identity}>", "first_name": f"<{name}>"})).items
    assert json.loads(items.item(0, "wire")) == {
        "key": f"<{identity}>",
        "to": {"attributes": [{"name": "First Name", "value": f"<{name}>"}]},
    }


READ: dict[str, tuple[Any, dict[str, str]]] = {
    "nothing": (None, {}),
    "channels": ({"channels": [{"channel": "EMAIL", "status": "OPT_IN"}]}, {"EMAIL": "OPT_IN"}),
    "a channel without a status": ({"channels": [{"channel": "EMAIL", "status": None}]}, {}),
    "a group is what its channels are": (
        {"consentGroups": [{"id": "g", "channels": [{"channel": c, "status": "OPT_OUT"} for c in ("EMAIL", "SMS")]}]},
        {"group:g": "OPT_OUT", "group:g:EMAIL": "OPT_OUT", "group:g:SMS": "OPT_OUT"},
    ),
    "a group whose channels differ": (
        {
            "consentGroups": [
                {
                    "id": "g",
                    "channels": [{"channel": "EMAIL", "status": "OPT_IN"}, {"channel": "SMS", "status": "OPT_OUT"}],
                }
            ]
        },
        {"group:g": "MIXED", "group:g:EMAIL": "OPT_IN", "group:g:SMS": "OPT_OUT"},
    ),
    "a group without statuses": ({"consentGroups": [{"id": "g", "channels": []}]}, {}),
}


@pytest.mark.rule("AC-16")
@pytest.mark.parametrize(("consent", "expected"), READ.values(), ids=READ)
def test_consent_as_read(consent: Any, expected: dict[str, str]) -> None:
    """Per channel and per group; a group has no status of its own on read."""
    given_ = wire.Consent.model_validate(consent) if consent is not None else None
    assert statuses_of(given_) == expected


@pytest.mark.rule("AC-16")
def test_contacts_as_read() -> None:
    """Identity, values as they would be sent, statuses, and which channels reach the contact."""
    job = job_of(attributes=ALL_TYPES, consent=EMAIL_AND_SMS)
    values = {
        "Member No": 42,
        "Email": "ann@example.com",
        "Cell Phone": "12125550123",
        "First Name": "",
        "Points": 12.50,
        "Active": True,
        "Birthday": "1990-05-17 00:00:00.000",
        "Tags": ["a", "b"],
    }
    contact = wire.Contact.model_validate({"attributes": [{"name": n, "value": v} for n, v in values.items()]})
    assert frame_of([contact], job).to_dicts() == [
        {
            "identity": "42",
            "attribute:Email": '"ann@example.com"',
            "attribute:Cell Phone": '"+12125550123"',
            "attribute:First Name": None,
            "attribute:Points": "12.5",
            "attribute:Active": "true",
            "attribute:Birthday": '"1990-05-17T00:00:00.000Z"',
            "attribute:Tags": '["a","b"]',
            "consent:EMAIL": None,
            "consent:SMS": None,
            "reach:EMAIL": True,
            "reach:SMS": True,
        }
    ]


def test_nobody_read_is_an_empty_frame() -> None:
    """With the same columns as one with contacts."""
    job = job_of(AUDIENCE)
    contact = wire.Contact.model_validate({"attributes": [{"name": "Member No", "value": "1"}]})
    assert frame_of([], job).schema == frame_of([contact], job).schema
