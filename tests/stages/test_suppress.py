"""Addresses that may only be opted out."""

from __future__ import annotations

import hashlib
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.model import Channel, Column
from pipeline.stages.suppress import Listed, mark, parse
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
    "a phone number, hashed without its plus sign": (sha("12125550123"), {"EMAIL": "OPT_IN"}),
    "hashed as it was written": (sha("Ann@Example.org"), {"EMAIL": "OPT_IN", "SMS": "OPT_IN"}),
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


GROUP = {"groups": {"Newsletters": target("news")}}
ONLY_EMAIL = {"EMAIL": {"column": "email", "attribute": "Email"}}
STORED = {
    "a phone number that no column has": (GROUP, ONLY_EMAIL, "+12125550123"),
    "a phone number hashed": (GROUP, ONLY_EMAIL, sha("+12125550123")),
    "the address of a mapping without addresses": ({"channels": {"EMAIL": target("news")}}, None, "ann@example.org"),
}


@pytest.mark.parametrize(("consent", "addresses", "entry"), STORED.values(), ids=STORED)
@pytest.mark.parametrize("witnesses", [["export", "state", "destination"], ["export", "state"]])
def test_an_address_that_only_the_destination_has_counts(
    consent: dict[str, Any], addresses: dict[str, Any] | None, entry: str, witnesses: list[str]
) -> None:
    """Consent may be for an address that is mapped nowhere, so the stored ones are asked for, whoever is a witness."""
    policy = {"suppression": "list.txt", "witnesses": witnesses}
    job = job_of(consent=consent, addresses=addresses, policy=policy)
    stored = {"Email": "Ann@Example.org", "Cell Phone": "1 (212) 555-0123"}
    for on_list, allowed in ((["bob@example.org"], True), ([entry], False)):
        world = world_of(job, NOW, {"1": Person(attributes=dict(stored))}, suppressed=on_list)
        world.sync(records_of(job, {"id": "1", "email": "", "news_ok": "Y"}))
        person = world.contacts.people["1"]
        assert bool(person.groups or person.channels) == allowed


@pytest.mark.parametrize(
    ("channels", "statuses"),
    [(None, {}), ([Channel.SMS], {"EMAIL": "OPT_IN"}), ([Channel.WHATSAPP], {"EMAIL": "OPT_IN", "SMS": "OPT_IN"})],
)
def test_a_list_for_some_channels_says_nothing_of_others(
    channels: list[Channel] | None, statuses: dict[str, str]
) -> None:
    """A list holds the channels that it is for, and of a group's channels any one of them holds the group."""
    entries = ["ann@example.org", "+12125550123"]
    job = job_of()
    world = world_of(job, NOW, {"1": Person()}, suppressed=entries, channels=channels)
    world.sync(records_of(job, {"id": "1", **ADDRESSES, "email_ok": "Y", "sms_ok": "Y"}))
    assert world.contacts.people["1"].channels == statuses
    group = world_of(job_of(consent=GROUP), NOW, {"1": Person()}, suppressed=entries, channels=channels)
    group.sync(records_of(group.job, {"id": "1", **ADDRESSES, "news_ok": "Y"}))
    assert (group.contacts.people["1"].groups == {}) == (channels != [Channel.WHATSAPP])


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
        (["ann@example.org", "0171 234567", "+99 1"], (2,)),
        (["ann@example.org\u200b"], (1,)),
    ],
    ids=[
        "one a line",
        "a heading",
        "a heading elsewhere",
        "columns",
        "parts and lists",
        "half a hash",
        "a number of no known country",
        "what nobody sees",
    ],
)
def test_a_line_that_is_no_address_is_not_passed_over(lines: list[str], unreadable: tuple[int, ...]) -> None:
    """Nobody knows whom it is about, so it must not look as if it were heeded."""
    for size in (1, 2, len(lines)):
        chunks = [pl.Series(lines[start : start + size]) for start in range(0, len(lines), size)]
        assert parse(chunks, ["US"]).unreadable.to_list() == list(unreadable)


def test_phone_numbers_are_of_no_interest_where_nobody_is_called() -> None:
    """Without a region to read them by nothing is said of them; what is neither address nor number still is."""
    said = parse([pl.Series(["0171 234567", "ann@example.org", "?"])], [])
    assert (said.entries, said.hashed, said.unreadable.to_list(), said.digests.len()) == (2, 0, [3], 1)


@given(st.lists(st.sampled_from("abcdefgh")), st.lists(st.sampled_from("abcdefgh")), st.integers(1, 4))
def test_a_few_addresses_are_found_as_many_are(on_list: list[str], asked: list[str], copies: int) -> None:
    """Whether the list is searched or hashed, and however it came in pieces, who is on it is the same."""
    entries = parse([pl.Series([f"{name}@example.org"]) for name in on_list] * copies, [])
    filler = parse([pl.Series([f"{n}@example.com" for n in range(500)])], []).digests
    given = [(a, f'"{a.upper()}@example.org"', None) for a in asked]
    schema = dict.fromkeys((Column.IDENTITY, "attribute:Email", "attribute:Cell Phone"), pl.String)
    frame = pl.DataFrame(given, schema=schema, orient="row")
    for digests in (entries.digests, pl.concat([entries.digests, filler]).sort()):
        marked = mark(frame, [Listed(digests)], job_of())
        found = marked.get_column("suppressed@EMAIL@0").to_list() if asked else list[bool]()
        assert found == [name in on_list for name in asked]
