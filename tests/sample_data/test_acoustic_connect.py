"""What Acoustic Connect shows after a run of each of its mappings."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from sample_data.acoustic_connect.stories import GROUP_IDS, NEWSLETTERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from sample_data.acoustic_connect.stories import Story
    from tests.sample_data.ran import Ran


@pytest.fixture(params=["acoustic_channels", "acoustic_groups"])
def ran(request: pytest.FixtureRequest, ran_of: Callable[[str], Ran]) -> Ran:
    """The runs of each mapping."""
    return ran_of(request.param)


@pytest.fixture
def platform(ran: Ran) -> dict[str, dict[str, Any]]:
    """Key -> contact."""
    return {contact["attributes"]["Contact key"]: contact for contact in ran.platform["contacts"]}


def test_as_many_opt_out_as_were_planted(ran: Ran) -> None:
    """The transitions from OPT_IN to OPT_OUT are the planted contacts that have the one and must end with the other."""
    keys = ("EMAIL", "SMS") if ran.mapping == "acoustic_channels" else (NEWSLETTERS,)
    ends = [(story, key) for story in ran.sample.stories for key in keys if story.then.get(key) == "OPT_OUT"]
    expected = Counter(key for story, key in ends if _stored(story, key) == {"OPT_IN"})

    steps = ran.first.summary.transitions
    assert {key: steps[key].get("OPT_IN->OPT_OUT", 0) for key in keys} == expected


def test_the_platform_shows_what_was_planted(ran: Ran, platform: dict[str, dict[str, Any]]) -> None:
    """Statuses and attributes of the contacts whose end is known: opt-outs win, opt-outs stay, numbers are E.164."""
    wrong = [
        (story.oddity, key, _shown(platform, story, key), value)
        for story in ran.sample.stories
        for key, value in story.then.items()
        if _speaks_of(ran.mapping, key) and _shown(platform, story, key) != value
    ]
    assert wrong == []


def test_contacts_that_the_export_does_not_know_are_left_alone(ran: Ran, platform: dict[str, dict[str, Any]]) -> None:
    """What only the platform has is the same after the run."""
    for story in ran.sample.strangers:
        contact = platform[story.person.key]
        assert contact["attributes"] == story.stored.attributes
        assert contact["consent"]["channels"] == story.stored.channels


def _stored(story: Story, key: str) -> set[str]:
    """The statuses that the platform has of a channel or of a group's channels."""
    if key in story.stored.channels:
        return {story.stored.channels[key]}
    return set(story.stored.groups.get(key, {}).values())


def _speaks_of(mapping: str, key: str) -> bool:
    """Whether the mapping writes it at all: channels and groups exclude each other."""
    writes = {"EMAIL": "acoustic_channels", "SMS": "acoustic_channels", NEWSLETTERS: "acoustic_groups"}
    return writes.get(key, mapping) == mapping


def _shown(platform: dict[str, dict[str, Any]], story: Story, key: str) -> Any:
    contact = platform[story.records[0].cells["contact_id"].strip()]
    match key:
        case "EMAIL" | "SMS":
            return contact["consent"]["channels"].get(key)
        case _ if key == NEWSLETTERS:
            return contact["consent"]["consentGroups"].get(GROUP_IDS[key], {}).get("EMAIL")
    return contact["attributes"].get(key)
