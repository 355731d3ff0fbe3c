"""What iVvy shows after a run of each of its mappings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from sample_data import generate
from sample_data.ivvy.stories import PRESS

if TYPE_CHECKING:
    from collections.abc import Callable

    from sample_data.ivvy.stories import Story
    from tests.sample_data.ran import Ran


@pytest.fixture(params=["ivvy", "ivvy_groups"])
def ran(request: pytest.FixtureRequest, ran_of: Callable[[str], Ran]) -> Ran:
    """The runs of each mapping."""
    return ran_of(request.param)


def test_ivvy_shows_what_was_planted(ran: Ran) -> None:
    """Opt-outs win for everybody with the address, restrictions stay, memberships and fields are as they must be."""
    wrong = [
        (story.oddity, key, _shown(ran, story, key), value)
        for story in ran.sample.stories
        for key, value in (story.then if ran.mapping == "ivvy" else story.then_by_groups).items()
        if _shown(ran, story, key) != value
    ]
    assert wrong == []


def test_contacts_that_the_export_does_not_know_are_left_alone(ran: Ran) -> None:
    """Of strangers iVvy has after the run what it had before."""
    before = {c["id"]: c for c in json.loads((generate.FOLDER / "ivvy.json").read_bytes())["ivvy"]["contacts"]}
    after = {contact["id"]: contact for contact in ran.platform["contacts"]}
    strangers = {story.person.email for story in ran.sample.strangers}
    ids = [contact_id for contact_id, contact in before.items() if contact["email"] in strangers]

    assert len(ids) == len(strangers)
    parts = ("firstName", "lastName", "phone", "externalId", "status", "customFields", "modifiedDate")
    assert [[after[i][part] for part in parts] for i in ids] == [[before[i][part] for part in parts] for i in ids]


def test_a_membership_that_the_mapping_does_not_speak_of_is_kept(ran: Ran) -> None:
    """IV-04: whoever was in the group Press still is."""
    members = {story.person.email for story in ran.sample.stories if story.stored and PRESS in story.contact.groups}
    left = {c["email"].lower() for c in ran.platform["contacts"] if PRESS in [g["groupId"] for g in c["groups"]]}

    assert members
    assert members <= left


def _shown(ran: Ran, story: Story, key: str | int) -> Any:
    address = story.person.email
    contacts = sorted(
        (c for c in ran.platform["contacts"] if c["email"].lower() == address), key=lambda contact: contact["id"]
    )
    match key:
        case "statuses":
            return tuple(contact["status"] for contact in contacts)
        case "groups":
            return tuple(group["groupId"] for group in contacts[0]["groups"])
        case "number":
            return contacts[0]["externalId"]
        case "url":
            return next((entry["url"] for entry in contacts[0]["externalUrls"]), None)
    return {field["fieldId"]: field["value"] for field in contacts[0]["customFields"]}.get(key)
