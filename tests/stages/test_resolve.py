"""What is sent of a contact, given what it was told, what the destination shows, and the policy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pipeline.model import Channel, Column, Outcome
from tests.jobs import AUDIENCE, NEWS, NOW, PROMO, job_of, records_of, target
from tests.properties.chain import Person, World, world_of
from tests.properties.exports import state_of

Row = dict[str, str]
ADDRESSED = {"Email": "ann@example.com", "Cell Phone": "+12125550123"}
BROUGHT: Row = {"email": "ann@example.com", "mobile": "212 555 0123"}
EVIDENCE: Row = {"email_at": "2024-02-01", "email_src": "form"}
NEWER: dict[str, Any] = {"resubscribe": "with_newer_evidence"}
NEWSLETTERS: dict[str, Any] = {"groups": {"Newsletters": target("email")}}


def person(**channels: str) -> Person:
    """A contact with both addresses."""
    return Person(dict(ADDRESSED), dict(channels))


def world(contact: Person | None = None, told: dict[str, Any] | None = None, **changes: Any) -> World:
    """A world of contact 1, who was told this before."""
    kind = "groups" if "groups" in changes.get("consent", {}) else "channels"
    state = state_of({"1": {key: _dated(what) for key, what in (told or {}).items()}}, kind)
    return world_of(job_of(**changes), NOW, {"1": contact} if contact else {}, state=state)


def _dated(what: Any) -> Any:
    return what if isinstance(what, tuple) else (what, None)


def synced(here: World, *rows: Row, **how: Any) -> tuple[str, str | None, dict[str, str]]:
    """Outcome, reason and withheld parts of the last record of contact 1."""
    outcomes = here.sync(records_of(here.job, *({"id": "1", **row} for row in rows)), **how)
    carrier = outcomes.filter(outcomes.get_column(Column.OUTCOME) != Outcome.SUPERSEDED).row(0, named=True)
    withheld = {entry["part"]: entry["reason"] for entry in carrier[Column.WITHHELD]}
    return carrier[Column.OUTCOME], carrier[Column.REASON], withheld


HELD = ("held", "resubscribe_without_evidence", {"consent:EMAIL": "resubscribe_without_evidence"})


@pytest.mark.parametrize("word", ["Y", "P", "C"])
@pytest.mark.parametrize("witness", ["state", "destination"])
def test_an_opt_out_is_not_raised(word: str, witness: str) -> None:
    """Neither permission nor clearing ends an opt-out that the state or the destination knows."""
    here = world(person(), told={"EMAIL": "OPT_OUT"}) if witness == "state" else world(person(EMAIL="OPT_OUT"))
    assert synced(here, {"email_ok": word, **EVIDENCE}) == HELD


@pytest.mark.parametrize("witness", ["state", "destination"])
def test_a_witness_that_is_not_asked_says_nothing(witness: str) -> None:
    """`witnesses` names who is asked; the others do not hold a permission up."""
    others = ["export", *({"state", "destination"} - {witness})]
    here = world(
        person() if witness == "state" else person(EMAIL="OPT_OUT"),
        told={"EMAIL": "OPT_OUT"} if witness == "state" else None,
        policy={"witnesses": others},
    )
    assert synced(here, {"email_ok": "Y"})[0] == "updated"


def test_an_opt_out_always_goes() -> None:
    """Over any status, with or without evidence, whatever the policy."""
    for before in ("OPT_IN", "OPT_IN_UNVERIFIED"):
        here = world(person(EMAIL=before), told={"EMAIL": before}, policy={"require_evidence": ["OPT_IN"]})
        assert synced(here, {"email_ok": "N"})[0] == "updated"
        assert here.status("1", "EMAIL") == "OPT_OUT"


JANUARY, FEBRUARY, MARCH = "2024-01-01", "2024-02-01", "2024-03-01"


def at(day: str) -> Any:
    """Midnight of a day in UTC."""
    from datetime import UTC, datetime

    return datetime.fromisoformat(day).replace(tzinfo=UTC)


RESUBSCRIBED: dict[str, tuple[Any, Row, bool]] = {
    "newer, with a source": (("OPT_OUT", at(JANUARY)), EVIDENCE, True),
    "newer, without a source": (("OPT_OUT", at(JANUARY)), EVIDENCE | {"email_src": ""}, False),
    "at the same time": (("OPT_OUT", at(FEBRUARY)), EVIDENCE, False),
    "older": (("OPT_OUT", at(MARCH)), EVIDENCE, False),
    "of unknown time": (("OPT_OUT", at(JANUARY)), EVIDENCE | {"email_at": ""}, False),
    "of a future time": (("OPT_OUT", at(JANUARY)), EVIDENCE | {"email_at": "2031-01-01"}, False),
    "over an opt-out of unknown time": (("OPT_OUT", None), EVIDENCE, False),
}


@pytest.mark.parametrize(("told", "row", "raised"), RESUBSCRIBED.values(), ids=RESUBSCRIBED)
def test_only_newer_evidence_ends_an_opt_out(told: Any, row: Row, raised: bool) -> None:
    """`with_newer_evidence`: a known time after that of the opt-out, and a source; what is shown does not matter."""
    here = world(person(EMAIL="OPT_OUT"), told={"EMAIL": told}, policy=NEWER)
    assert (synced(here, {"email_ok": "Y", **row}) == HELD) == (not raised)
    assert here.status("1", "EMAIL") == ("OPT_IN" if raised else "OPT_OUT")


def test_a_mapping_without_a_source_has_no_evidence() -> None:
    """A time alone proves nothing: the permission is held."""
    consent = {"channels": {"EMAIL": {key: value for key, value in target("email").items() if key != "source"}}}
    here = world(person(EMAIL="OPT_OUT"), told={"EMAIL": ("OPT_OUT", at(JANUARY))}, policy=NEWER, consent=consent)
    assert synced(here, {"email_ok": "Y", **EVIDENCE}) == HELD


def test_the_platforms_own_opt_out_has_no_time() -> None:
    """What the destination shows and this product never told is never outdated."""
    here = world(person(EMAIL="OPT_OUT"), told={"EMAIL": ("OPT_IN", at(JANUARY))}, policy=NEWER)
    assert synced(here, {"email_ok": "P", **EVIDENCE}) == HELD


def test_never_is_never() -> None:
    """Without `with_newer_evidence` the newest evidence ends no opt-out."""
    here = world(person(), told={"EMAIL": ("OPT_OUT", at(JANUARY))})
    assert synced(here, {"email_ok": "Y", **EVIDENCE}) == HELD


def test_a_withheld_record_does_not_date_the_opt_out_back() -> None:
    """A stale opt-in that is held, beside an attribute that goes, leaves the opt-out's own time in the state."""
    here = world(person(), policy=NEWER)
    synced(here, {"email_ok": "N", "email_at": MARCH})
    synced(here, {"email_ok": "Y", "email_at": JANUARY, "email_src": "form", "first_name": "Ann"})
    assert synced(here, {"email_ok": "Y", **EVIDENCE}) == HELD


def test_sending_all_again_does_not_date_the_opt_out_back() -> None:
    """`--full` with an older record of the same opt-out keeps the later time."""
    here = world(person(), policy=NEWER)
    synced(here, {"email_ok": "N", "email_at": MARCH})
    synced(here, {"email_ok": "N", "email_at": JANUARY}, full=True)
    assert synced(here, {"email_ok": "Y", **EVIDENCE}) == HELD


OVERLAPS: dict[str, tuple[dict[str, str], dict[str, dict[str, str]], dict[str, Any], bool]] = {
    "nothing is known": ({}, {}, {}, True),
    "the group's own opt-out, told": ({}, {}, {f"group:{NEWS}": "OPT_OUT"}, False),
    "a channel's opt-out, told": ({}, {}, {"SMS": "OPT_OUT"}, False),
    "a channel of the group, told": ({}, {}, {f"group:{NEWS}:SMS": "OPT_OUT"}, False),
    "a channel's opt-out, shown": ({"EMAIL": "OPT_OUT"}, {}, {}, False),
    "a channel of the group, shown": ({}, {NEWS: {"SMS": "OPT_OUT"}}, {}, False),
    "another group's opt-out": ({}, {PROMO: {"EMAIL": "OPT_OUT"}}, {f"group:{PROMO}": "OPT_OUT"}, True),
}


@pytest.mark.rule("AC-04")
@pytest.mark.parametrize(("channels", "groups", "told", "raised"), OVERLAPS.values(), ids=OVERLAPS)
def test_a_group_makes_its_channels_opt_in(
    channels: dict[str, str], groups: dict[str, dict[str, str]], told: dict[str, Any], raised: bool
) -> None:
    """A group's permission is blocked by an opt-out of the group or of any channel that it would raise."""
    here = world(Person(dict(ADDRESSED), channels, groups), told=told, consent=NEWSLETTERS)
    assert (synced(here, {"email_ok": "Y"})[0] == "updated") == raised


CHANNEL_OF_GROUP: dict[str, tuple[dict[str, dict[str, str]], dict[str, Any], bool]] = {
    "its own opt-out, shown": ({NEWS: {"EMAIL": "OPT_OUT"}}, {}, False),
    "the whole group's, told": ({}, {f"group:{NEWS}": "OPT_OUT"}, False),
    "its channel's, told": ({}, {"EMAIL": "OPT_OUT"}, False),
    "another channel of the group, shown": ({NEWS: {"SMS": "OPT_OUT"}}, {}, True),
    "another channel of the group, told": ({}, {f"group:{NEWS}:SMS": "OPT_OUT", "SMS": "OPT_OUT"}, True),
}


@pytest.mark.rule("AC-05")
@pytest.mark.parametrize(("groups", "told", "raised"), CHANNEL_OF_GROUP.values(), ids=CHANNEL_OF_GROUP)
def test_a_channel_of_a_group_looks_at_that_channel(
    groups: dict[str, dict[str, str]], told: dict[str, Any], raised: bool
) -> None:
    """A group that shows an opt-out of SMS only does not block its EMAIL."""
    consent = {"groups": {NEWS: {"channels": {"EMAIL": target("email")}}}}
    here = world(Person(dict(ADDRESSED), {}, groups), told=told, consent=consent)
    assert (synced(here, {"email_ok": "Y"})[0] == "updated") == raised


def test_newer_evidence_for_a_group_does_not_end_a_channels_opt_out() -> None:
    """The group's opt-out is outdated; the channel's was made at the platform and has no time."""
    told = {f"group:{NEWS}": ("OPT_OUT", at(JANUARY))}
    contact = Person(dict(ADDRESSED), {"EMAIL": "OPT_OUT"}, {NEWS: {"EMAIL": "OPT_OUT", "SMS": "OPT_OUT"}})
    here = world(contact, told=told, consent=NEWSLETTERS, policy=NEWER)
    assert synced(here, {"email_ok": "Y", **EVIDENCE})[0] == "held"


def test_newer_evidence_for_a_group_ends_its_own_opt_out() -> None:
    """The destination shows the group's opt-out for each of its channels: it is the one that was told."""
    told = {f"group:{NEWS}": ("OPT_OUT", at(JANUARY))}
    contact = Person(dict(ADDRESSED), {}, {NEWS: {"EMAIL": "OPT_OUT", "SMS": "OPT_OUT"}})
    here = world(contact, told=told, consent=NEWSLETTERS, policy=NEWER)
    assert synced(here, {"email_ok": "Y", **EVIDENCE})[0] == "updated"


EVIDENCES: dict[str, tuple[Row, bool]] = {
    "time and source": (EVIDENCE, True),
    "no time": ({"email_src": "form"}, False),
    "no source": ({"email_at": FEBRUARY}, False),
    "a time that cannot be read": ({"email_at": "soon", "email_src": "form"}, False),
    "a time in the future": ({"email_at": "2031-01-01", "email_src": "form"}, False),
}


@pytest.mark.parametrize(("row", "sent"), EVIDENCES.values(), ids=EVIDENCES)
def test_evidence_can_be_required(row: Row, sent: bool) -> None:
    """`require_evidence`: without a known time and a source the status is held; other statuses are not."""
    policy = {"require_evidence": ["OPT_IN"]}
    expected = ("updated", None, {}) if sent else ("held", "evidence_missing", {"consent:EMAIL": "evidence_missing"})
    assert synced(world(person(), policy=policy), {"email_ok": "Y", **row}) == expected
    assert synced(world(person(), policy=policy), {"email_ok": "N"}) == ("updated", None, {})


def test_an_unlisted_value_is_held_and_the_rest_goes() -> None:
    """What the mapping does not list is never guessed; the other target and the attribute are sent."""
    here = world(person())
    row = {"email_ok": "maybe", "sms_ok": "N", "first_name": "Ann"}
    assert synced(here, row) == ("updated", None, {"consent:EMAIL": "unknown_consent_value"})
    assert (here.contacts.people["1"].channels, here.contacts.people["1"].attributes["First Name"]) == (
        {"SMS": "OPT_OUT"},
        "Ann",
    )


NOTHING_LEFT: dict[str, tuple[Row, tuple[str, str | None]]] = {
    "all held by policy": ({"email_ok": "maybe"}, ("held", "unknown_consent_value")),
    "all invalid": ({"mobile": "12", "sms_ok": "Y"}, ("rejected", "phone_not_e164")),
    "an opt-out with a broken phone only": ({"mobile": "12", "sms_ok": "N"}, ("rejected", "phone_not_e164")),
    "both": ({"email_ok": "maybe", "mobile": "12"}, ("rejected", "unknown_consent_value")),
    "all blank": ({}, ("unchanged", "nothing_to_send")),
}


@pytest.mark.parametrize(("row", "expected"), NOTHING_LEFT.values(), ids=NOTHING_LEFT)
def test_a_record_of_which_nothing_is_left(row: Row, expected: tuple[str, str | None]) -> None:
    """Held if all was withheld by policy, rejected if anything was invalid, unchanged if nothing was said."""
    assert synced(world(person()), row)[:2] == expected


def test_what_was_told_is_not_told_again() -> None:
    """Told parts are left out; with nothing else the record is unchanged, also where a part is withheld beside it."""
    here = world(person())
    row = {"email_ok": "Y", "first_name": "Ann", **BROUGHT}
    assert synced(here, row)[0] == "updated"
    assert synced(here, row) == ("unchanged", "already_told", {})
    assert synced(here, row | {"sms_ok": "maybe"})[:2] == ("unchanged", "already_told")
    assert synced(here, row, full=True)[0] == "updated"


def test_newer_evidence_of_the_same_status_is_told() -> None:
    """The state learns of the later time, so that it is what a later change is measured against."""
    here = world(person())
    synced(here, {"email_ok": "N", "email_at": JANUARY})
    assert synced(here, {"email_ok": "N", "email_at": MARCH})[0] == "updated"
    assert synced(here, {"email_ok": "N", "email_at": FEBRUARY})[0] == "unchanged"


MODES: dict[str, tuple[str, bool, tuple[str, str | None]]] = {
    "update, known": ("update", True, ("updated", None)),
    "update, unknown": ("update", False, ("failed", "contact_not_found")),
    "create, known": ("create", True, ("rejected", "contact_exists")),
    "create, unknown": ("create", False, ("created", None)),
    "upsert, known": ("upsert", True, ("updated", None)),
    "upsert, unknown": ("upsert", False, ("created", None)),
}


@pytest.mark.rule("AC-08")
@pytest.mark.parametrize(("mode", "known", "expected"), MODES.values(), ids=MODES)
def test_modes(mode: str, known: bool, expected: tuple[str, str | None]) -> None:
    """Whether the contact is there decides between create and update, and what the mode leaves out."""
    here = world(person() if known else None, delivery={"mode": mode})
    assert synced(here, {"email_ok": "Y", **BROUGHT})[:2] == expected


def test_an_update_of_a_known_contact_that_moves_no_status_asks_nobody() -> None:
    """An opt-out that is said again with its address, and an attribute, are sent without a look-up."""
    here = world(person(EMAIL="OPT_OUT"), told={"EMAIL": "OPT_OUT"})
    synced(here, {"email_ok": "N", "first_name": "Ann", **BROUGHT}, full=True)
    assert here.contacts.asked == []


def test_a_contact_is_asked_for_before_its_permission_ends() -> None:
    """What was told may have ended since, and who opted out at the platform is not opted in again by a revert."""
    here = world(person(EMAIL="OPT_OUT"), told={"EMAIL": "OPT_IN"})
    synced(here, {"email_ok": "N", **BROUGHT})
    assert here.contacts.asked == ["1"]


def test_a_contact_that_was_never_told_anything_is_asked_for() -> None:
    """Whether it exists, and what its status is, belongs into the plan before the first write."""
    here = world(person(EMAIL="OPT_IN"))
    synced(here, {"email_ok": "N", "first_name": "Ann", **BROUGHT})
    assert here.contacts.asked == ["1"]


def test_an_update_does_not_know_whether_the_contact_exists() -> None:
    """Without the destination as a witness nobody was asked, so its refusal says it."""
    here = world(None, policy={"witnesses": ["export", "state"]})
    assert synced(here, {"email_ok": "N", **BROUGHT}) == ("failed", "contact_not_found", {})


@pytest.mark.rule("AC-09")
@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({}, ("rejected", "address_missing")),
        ({"mobile": "12"}, ("rejected", "phone_not_e164")),
        (BROUGHT, ("created", None)),
    ],
)
def test_a_new_contact_needs_an_address(row: Row, expected: tuple[str, str | None]) -> None:
    """Without any address that is valid, nothing of a new contact can be sent; a broken one is the reason."""
    here = world(None, delivery={"mode": "upsert"})
    assert synced(here, {"first_name": "Ann", **row})[:2] == expected


@pytest.mark.rule("AC-10")
@pytest.mark.parametrize(("word", "sent"), [("Y", False), ("P", False), ("N", True)])
def test_a_new_contacts_permission_needs_its_address(word: str, sent: bool) -> None:
    """SMS without a phone: a permission is withheld, an opt-out is recorded; the rest of the contact is created."""
    here = world(None, delivery={"mode": "upsert"})
    found = synced(here, {"email": "ann@example.com", "email_ok": "Y", "sms_ok": word})
    assert found == ("created", None, {} if sent else {"consent:SMS": "address_missing"})
    assert here.contacts.people["1"].channels == {"EMAIL": "OPT_IN", **({"SMS": "OPT_OUT"} if sent else {})}


def test_a_new_contact_gets_its_addresses_whatever_is_written() -> None:
    """`write: [consent]` keeps attributes back, but a contact cannot be created without an address."""
    here = world(None, delivery={"mode": "upsert"}, policy={"write": ["consent"]})
    synced(here, {"email_ok": "Y", "first_name": "Ann", **BROUGHT})
    assert here.contacts.people["1"].attributes == {"Member No": "1", **ADDRESSED}
    assert synced(here, {"email_ok": "N", "email": "other@example.com"})[0] == "updated"
    assert here.contacts.people["1"].attributes["Email"] == "ann@example.com"


SILENT: dict[str, tuple[Row, tuple[str, str | None]]] = {
    "blank": ({}, ("held", "consent_missing")),
    "not listed": ({"email_ok": "maybe"}, ("held", "unknown_consent_value")),
    "cleared, which a new contact cannot be": ({"email_ok": "C"}, ("held", "consent_missing")),
    "an opt-out": ({"email_ok": "N"}, ("created", None)),
    "a permission": ({"email_ok": "P"}, ("created", None)),
    "no address that it would be for": ({"email": "", "sms_ok": "N"}, ("created", None)),
}


@pytest.mark.parametrize(("row", "expected"), SILENT.values(), ids=SILENT)
def test_silence_about_a_new_contact_is_no_consent(row: Row, expected: tuple[str, str | None]) -> None:
    """Where the destination opts a new contact in by itself, one whose status nobody says is not created."""
    implicit = replace(AUDIENCE, implicit_opt_in=frozenset({Channel.EMAIL}))
    here = world_of(job_of(implicit, delivery={"mode": "upsert"}), NOW)
    assert synced(here, {**BROUGHT, "sms_ok": "N", **row})[:2] == expected
    assert synced(world_of(here.job, NOW, {"1": person()}), {**BROUGHT, **row})[0] != "created"


@pytest.mark.rule("AC-14")
def test_consent_for_an_address_that_is_not_stored_is_withheld() -> None:
    """The destination would refuse the contact (CONSENT_UPDATE_FOR_UNSET_ATTRIBUTE); the rest of it goes."""
    contact = Person({"Email": "ann@example.com"})
    row = {"sms_ok": "N", "email_ok": "N"}
    assert synced(world(contact), row) == ("updated", None, {"consent:SMS": "address_not_set"})
    brought = synced(world(contact), {**row, "mobile": BROUGHT["mobile"]})
    assert brought == ("updated", None, {})


def test_what_is_not_written_is_not_withheld() -> None:
    """`write: [consent]`: a date that does not parse is not missed by anybody."""
    here = world(person(), attributes={"Birthday": "dob"}, policy={"write": ["consent"]})
    assert synced(here, {"dob": "17 May", "email_ok": "N"}) == ("updated", None, {})


@pytest.mark.rule("AC-06")
def test_clearing_is_sent_where_there_is_something_to_clear() -> None:
    """A stored status is cleared once; a new contact, or one that shows no status, has nothing to clear."""
    here = world(person(SMS="OPT_IN"), delivery={"mode": "upsert"})
    assert synced(here, {"sms_ok": "C"})[0] == "updated"
    assert synced(here, {"sms_ok": "C"}) == ("unchanged", "already_told", {})
    new = world(None, delivery={"mode": "upsert"})
    assert synced(new, {"sms_ok": "C", **BROUGHT})[0] == "created"
    assert new.contacts.people["1"].channels == {}
    assert synced(new, {"sms_ok": "C", **BROUGHT})[0] == "unchanged"


def test_a_blank_that_clears_is_sent_once() -> None:
    """`blank: clear` sends null to a known contact, nothing to a new one, and neither twice."""
    attributes = {"First Name": {"column": "first_name", "blank": "clear"}}
    known = world(person(), attributes=attributes)
    assert [synced(known, {})[0], synced(known, {})[0]] == ["updated", "unchanged"]
    assert known.contacts.people["1"].attributes["First Name"] is None
    new = world(None, attributes=attributes, delivery={"mode": "upsert"})
    assert [synced(new, BROUGHT)[0], synced(new, BROUGHT)[0]] == ["created", "unchanged"]


TRANSITIONS: dict[str, tuple[Person, dict[str, Any], str, str]] = {
    "as read": (person(EMAIL="OPT_IN_UNVERIFIED"), {"EMAIL": "CLEAR"}, "Y", "OPT_IN_UNVERIFIED"),
    "as read: nothing": (person(), {"EMAIL": "OPT_IN_UNVERIFIED"}, "Y", "UNSET"),
    "as told, where nobody asked": (person(EMAIL="OPT_IN_UNVERIFIED"), {"EMAIL": "OPT_IN"}, "N", "OPT_IN"),
    "never told": (person(EMAIL="OPT_IN"), {}, "N", "OPT_IN"),
    "never told nor shown": (person(), {}, "N", "UNSET"),
}


@pytest.mark.parametrize(("contact", "told", "word", "before"), TRANSITIONS.values(), ids=TRANSITIONS)
def test_a_transition_begins_at_what_is_known(contact: Person, told: dict[str, Any], word: str, before: str) -> None:
    """FROM is what was read, else what was told, else UNSET."""
    asked = {"witnesses": ["export", "state"]} if before in told.values() else {}
    here = world(contact, told=told, policy=asked)
    items = here.plan(records_of(here.job, {"id": "1", "email_ok": word, **BROUGHT})).items
    assert items.get_column("consent:EMAIL@before").to_list() == [before]


def test_a_contact_created_again_keeps_its_opt_out() -> None:
    """An opt-out that was told before the contact was deleted holds the same opt-in on every later night."""
    here = world(person(), delivery={"mode": "upsert"})
    synced(here, {"email_ok": "N", **BROUGHT})
    here.contacts.people.clear()
    row = {"email_ok": "Y", **BROUGHT}
    for _ in range(2):
        assert synced(here, row)[2] == {"consent:EMAIL": "resubscribe_without_evidence"}


def test_a_contact_that_was_gone_keeps_its_opt_out() -> None:
    """That a contact was not found does not end the opt-out that it was told."""
    here = world(person(), told={"EMAIL": "OPT_OUT"})
    here.contacts.people.clear()
    assert synced(here, {"first_name": "Ann"})[:2] == ("failed", "contact_not_found")
    here.contacts.people["1"] = person()
    assert synced(here, {"email_ok": "Y"}) == HELD
