"""Addresses that may only be opted out."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from pipeline.stages.suppress import parse
from tests.jobs import EMAIL_AND_SMS, NEWS, NOW, job_of, records_of, target
from tests.properties.chain import Person, World, world_of

ADDRESSES = {"email": "Ann@Example.org", "mobile": "(212) 555-0123"}


def sha(text: str) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def synced(row: dict[str, str], *suppressed: str, **changes: Any) -> World:
    """A world in which contact 1 was sent, with that suppression list."""
    world = world_of(job_of(**changes), NOW, {"1": Person()}, suppressed=suppressed)
    world.sync(records_of(world.job, {"id": "1", **ADDRESSES, **row}))
    return world


LISTED = {
    "as the export has it": ("Ann@Example.org", {"SMS": "OPT_IN"}),
    "in other letters": ("ANN@EXAMPLE.ORG", {"SMS": "OPT_IN"}),
    "quoted, with space around it": (' "ann@example.org" ', {"SMS": "OPT_IN"}),
    "hashed": (sha("ann@example.org"), {"SMS": "OPT_IN"}),
    "hashed, in capitals": (sha("ann@example.org").upper(), {"SMS": "OPT_IN"}),
    "a phone number in E.164": ("+12125550123", {"EMAIL": "OPT_IN"}),
    "a phone number as people write it": ("212.555.0123", {"EMAIL": "OPT_IN"}),
    "a phone number, hashed": (sha("+12125550123"), {"EMAIL": "OPT_IN"}),
    "a comment": ("# ann@example.org", {"EMAIL": "OPT_IN", "SMS": "OPT_IN"}),
    "another address": ("bob@example.org", {"EMAIL": "OPT_IN", "SMS": "OPT_IN"}),
}


@pytest.mark.parametrize(("entry", "statuses"), LISTED.values(), ids=LISTED)
def test_listed_addresses_get_no_permission(entry: str, statuses: dict[str, str]) -> None:
    """Entries are compared without case, hashed or plain, and read as the export's addresses are."""
    assert synced({"email_ok": "Y", "sms_ok": "Y"}, entry).contacts.people["1"].channels == statuses


@pytest.mark.parametrize(("word", "sent"), [("Y", False), ("P", False), ("C", False), ("N", True)])
def test_only_an_opt_out_passes(word: str, sent: bool) -> None:
    """A suppressed address may be opted out; neither permission nor clearing passes."""
    assert bool(synced({"email_ok": word}, "ann@example.org").contacts.people["1"].channels) == sent


@pytest.mark.parametrize("entry", ["ann@example.org", "+12125550123"])
def test_a_group_is_for_all_of_its_channels(entry: str) -> None:
    """A whole group is held where any address of the contact is suppressed."""
    world = synced({"news_ok": "Y"}, entry, consent={"groups": {"Newsletters": target("news")}})
    assert world.contacts.people["1"].groups == {}


@pytest.mark.parametrize(("entry", "groups"), [("ann@example.org", {}), ("+12125550123", {NEWS: {"EMAIL": "OPT_IN"}})])
def test_a_channel_of_a_group_is_for_its_own_address(entry: str, groups: dict[str, dict[str, str]]) -> None:
    """A suppressed phone number does not hold the group's EMAIL."""
    consent = {"groups": {NEWS: {"channels": {"EMAIL": target("email")}}}}
    assert synced({"email_ok": "Y"}, entry, consent=consent).contacts.people["1"].groups == groups


def test_a_record_of_suppressed_parts_only_is_held() -> None:
    """Nothing of it is sent, by policy; attributes beside it would go."""
    job = job_of(consent=EMAIL_AND_SMS, policy={"write": ["consent"]})
    world = world_of(job, NOW, {"1": Person()}, suppressed=["ann@example.org"])
    outcomes = world.sync(records_of(job, {"id": "1", **ADDRESSES, "email_ok": "Y"}))
    assert outcomes.select("outcome", "reason").rows() == [("held", "suppressed")]


@pytest.mark.parametrize(
    ("lines", "unreadable"),
    [
        (
            ["ann@example.org", "", "# a comment", sha("x"), "+1 (212) 555-0123", "212.555.0123", '"bob@example.org"'],
            (),
        ),
        (["E-mail address", "ann@example.org"], ()),
        (["ann@example.org", "E-mail address"], (2,)),
        (["Email,Reason", "ann@example.org,SPAM"], (1, 2)),
        (
            ["example.org", "@example.org", "ann@", "Ann Lake <ann@example.org>", "ann@example.org; bob@example.org"],
            (1, 2, 3, 4, 5),
        ),
        ([sha("x")[:-1]], (1,)),
    ],
    ids=["one a line", "a heading", "a heading elsewhere", "columns", "parts and lists", "half a hash"],
)
def test_a_line_that_is_no_address_is_not_passed_over(lines: list[str], unreadable: tuple[int, ...]) -> None:
    """Nobody knows whom it is about, so it must not look as if it were heeded."""
    assert parse(lines).unreadable == unreadable
