"""Subscription groups: replaced by a write, changed one by one by the actions for it."""

from __future__ import annotations

from typing import Any

import pytest

from .client import EVENTS, NEWS, OFFERS, Client, invalid, last_entry, missing, person, reasons, seed, stored

ADD, REMOVE = "addContactsToSubscriptionGroup", "removeContactsFromSubscriptionGroup"


def joined(client: Client, contact_id: int) -> dict[int, str]:
    """A contact's groups and since when."""
    return {entry["groupId"]: entry["joinDate"] for entry in client.contact(contact_id)["groups"]}


def groups(*ids: Any) -> list[dict[str, Any]]:
    """The parameter of a write."""
    return [{"groupId": group_id} for group_id in ids]


@pytest.mark.rule("IV-04")
def test_groups_replace_all(client: Client) -> None:
    """What is not listed is lost; who stays keeps the time of joining, which is read without ` UTC`."""
    assert client.write(id=1, groups=groups(EVENTS, NEWS)) == {"id": 1}
    assert joined(client, 1) == {EVENTS: "2026-02-03 01:10:44", NEWS: "2025-05-01 10:00:00"}
    assert {entry["contactId"] for entry in client.contact(1)["groups"]} == {1}


@pytest.mark.rule("IV-04")
def test_groups_absent_or_empty(client: Client) -> None:
    """Absent leaves them all, an empty list clears them."""
    client.write(id=1, status=2)
    assert set(joined(client, 1)) == {NEWS, OFFERS}
    client.write(id=1, groups=[])
    assert joined(client, 1) == {}


@pytest.mark.rule("IV-04")
def test_repeated_groups_collapse(client: Client) -> None:
    """A group is joined once; ids may be texts of digits."""
    client.write(**person("Gil", groups=groups(NEWS, str(NEWS), NEWS)))
    assert set(joined(client, 6)) == {NEWS}


@pytest.mark.rule("IV-04")
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (groups(NEWS, 5), "Group 5 does not exist"),
        (groups(None), "Value is not a whole number"),
        ([NEWS], "Value is not an object"),
        (None, "Value is not an array"),
        ({"groupId": NEWS}, "Value is not an array"),
    ],
)
def test_bad_groups(client: Client, value: Any, reason: str) -> None:
    """Nothing is written, not even the good ones."""
    assert reasons(client.write(id=1, groups=value)) == invalid("groups", reason)
    assert set(joined(client, 1)) == {NEWS, OFFERS}


@pytest.mark.rule("IV-04")
@pytest.mark.rule("IV-07")
def test_groups_and_status_are_independent(client: Client) -> None:
    """Joining a group subscribes nobody, and unsubscribing takes nobody out of a group."""
    client.write(id=2, groups=groups(NEWS))
    client.ask(ADD, contacts=[2, 5], group=OFFERS)
    assert [client.status(2), client.status(5)] == [2, 5]
    client.write(id=1, status=2)
    assert set(joined(client, 1)) == {NEWS, OFFERS}


@pytest.mark.rule("IV-04")
def test_add_to_a_group(client: Client) -> None:
    """One outcome for each contact, in order; other memberships are left alone."""
    answer = client.ask(ADD, contacts=[1, 99, "2"], group=EVENTS)
    assert answer == [
        {"contactId": 1, "status": True},
        {"contactId": 99, "status": False},
        {"contactId": 2, "status": True},
    ]
    assert joined(client, 1)[NEWS] == "2025-05-01 10:00:00"
    assert joined(client, 1)[EVENTS] == joined(client, 2)[EVENTS] == "2026-02-03 01:10:44"
    assert client.contact(2)["modifiedDate"] == "2026-02-03 01:10:44 UTC"


@pytest.mark.rule("IV-04")
def test_remove_from_a_group(client: Client) -> None:
    """The same the other way round."""
    assert client.ask(REMOVE, contacts=[1, 99], group=NEWS) == [
        {"contactId": 1, "status": True},
        {"contactId": 99, "status": False},
    ]
    assert set(joined(client, 1)) == {OFFERS}


@pytest.mark.rule("IV-04")
@pytest.mark.parametrize("noop", [True, False])
def test_nothing_to_do(client: Client, noop: bool) -> None:
    """For who is in already, or out, the status is a switch; nothing is written and joining is not dated anew."""
    client.settings(group_noop_status=noop)
    assert client.ask(ADD, contacts=[1], group=NEWS) == [{"contactId": 1, "status": noop}]
    assert last_entry(client).write_applied is False
    assert client.ask(REMOVE, contacts=[1], group=EVENTS) == [{"contactId": 1, "status": noop}]
    assert joined(client, 1)[NEWS] == "2025-05-01 10:00:00"


@pytest.mark.rule("IV-04")
def test_anonymised_contacts_join_nothing(client: Client) -> None:
    """Their status is false."""
    client.sandbox.load(seed(stored(7, isAnonymised=True)))
    assert client.ask(ADD, contacts=[7], group=NEWS) == [{"contactId": 7, "status": False}]


@pytest.mark.rule("IV-13")
@pytest.mark.parametrize("action", [ADD, REMOVE])
@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"group": NEWS}, missing("contacts")),
        ({"contacts": [1]}, missing("group")),
        ({"contacts": [1], "group": 5}, invalid("group", "Group 5 does not exist")),
        ({"contacts": 1, "group": NEWS}, invalid("contacts", "Value is not an array")),
        ({"contacts": ["x"], "group": NEWS}, invalid("contacts", "Value is not a whole number")),
    ],
)
def test_bad_group_calls(client: Client, action: str, params: dict[str, Any], expected: Any) -> None:
    """The call as a whole is refused."""
    assert reasons(client.ask(action, **params)) == expected


@pytest.mark.rule("IV-04")
def test_group_list(client: Client) -> None:
    """A bare array with the number of members, now."""
    client.ask(ADD, contacts=[2, 3], group=NEWS)
    assert client.ask("getSubscriptionGroupList") == [
        {"id": NEWS, "groupName": "Newsletter", "memberCount": 3, "tagColour": "#3366CC"},
        {"id": OFFERS, "groupName": "Offers", "memberCount": 1, "tagColour": "#888888"},
        {"id": EVENTS, "groupName": "Events", "memberCount": 0, "tagColour": "#888888"},
    ]
