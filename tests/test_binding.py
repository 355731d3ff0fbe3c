"""A mapping's names, bound to what the destination says of itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from pipeline import mapping_file as mf
from pipeline.binding import bind
from pipeline.destinations.interface import Audience, Field
from pipeline.model import Channel, Operation
from tests.jobs import (
    AUDIENCE,
    EMAIL_ADDRESS,
    EMAIL_AND_SMS,
    FIELDS,
    NEWS,
    NOW,
    PROMO,
    VALUES,
    job_of,
    records_of,
    target,
)
from tests.properties.chain import Person, world_of

if TYPE_CHECKING:
    from pipeline.job import Job

NEWSLETTERS = {"column": "news", "values": VALUES}


def problems(audience: Audience = AUDIENCE, **changes: Any) -> list[str]:
    """`path: problem` for everything that does not bind."""
    try:
        job_of(audience, **changes)
    except mf.MappingErrors as errors:
        return [f"{error.path}: {error.problem}" for error in errors.errors]
    return []


def audience(*fields: Field, **changes: Any) -> Audience:
    """The tests' audience with other attributes."""
    return replace(AUDIENCE, fields={field.name: field for field in fields or FIELDS}, **changes)


def part(job: Job, name: str) -> Any:
    """The attribute of that name."""
    return next(attribute for attribute in job.attributes if attribute.name == name)


def test_a_job_is_what_the_stages_need() -> None:
    """Addresses come before other attributes; types, decimals and channels are the audience's."""
    job = job_of(attributes={"Points": "points", "Birthday": {"column": "dob", "format": "%d/%m/%Y", "type": "date"}})
    assert [a.name for a in job.attributes] == ["Email", "Cell Phone", "Points", "Birthday"]
    assert (job.identity_field, job.identity_is_key, job.account, job.mapping) == ("Member No", True, "ds-1", "members")
    assert (part(job, "Points").type, part(job, "Points").decimals) == ("number", 2)
    assert (part(job, "Birthday").type, part(job, "Birthday").format) == ("date", "%d/%m/%Y")
    assert (part(job, "Cell Phone").channels, part(job, "Cell Phone").region) == ((Channel.SMS,), "US")
    assert [(t.key, t.label, t.overlaps) for t in job.targets] == [
        ("EMAIL", "EMAIL", ("EMAIL",)),
        ("SMS", "SMS", ("SMS",)),
    ]
    assert job.channel_fields == {Channel.EMAIL: ("Email",), Channel.SMS: ("Cell Phone",)}


def test_an_attribute_of_any_type_is_text_unless_the_mapping_says() -> None:
    """JSON attributes take what the mapping makes of the cell."""
    assert part(job_of(attributes={"Extra": "x"}), "Extra").type == "text"
    assert part(job_of(attributes={"Extra": {"column": "x", "type": "number"}}), "Extra").type == "number"


@pytest.mark.rule("AC-13")
@pytest.mark.parametrize("name", ["Newsletters", NEWS])
def test_a_group_is_named_by_name_or_id(name: str) -> None:
    """Either way it is known by its id, and shown by its name; its permission would undo every channel's opt-out."""
    [bound] = job_of(consent={"groups": {name: NEWSLETTERS}}).targets
    assert (bound.key, bound.group_id, bound.label, bound.channel) == (f"group:{NEWS}", NEWS, "Newsletters", None)
    assert set(bound.overlaps) == {bound.key, f"group:{NEWS}:EMAIL", f"group:{NEWS}:SMS", "EMAIL", "SMS"}


@pytest.mark.rule("AC-05")
def test_a_channel_of_a_group_is_a_target_of_its_own() -> None:
    """Its permission would undo its own opt-out, the group's and the channel's, and no other channel's."""
    [bound] = job_of(consent={"groups": {"Promotions": {"channels": {"EMAIL": target("promo")}}}}).targets
    assert (bound.key, bound.label, bound.channel) == (f"group:{PROMO}:EMAIL", "Promotions/EMAIL", Channel.EMAIL)
    assert bound.overlaps == (f"group:{PROMO}:EMAIL", f"group:{PROMO}", "EMAIL")


TWICE = audience(groups={"g-1": "News", "g-2": "News"})
PROBLEMS: dict[str, tuple[Audience, dict[str, Any], str]] = {
    "an attribute in other letters": (
        AUDIENCE,
        {"attributes": {"first name": "x"}},
        (
            "attributes.first name: the audience 'Lakeside members' has no attribute 'first name' (names are "
            "case-sensitive); did you mean 'First Name'?"
        ),
    ),
    "an attribute like no other": (
        AUDIENCE,
        {"attributes": {"Zzz": "x"}},
        "attributes.Zzz: the audience 'Lakeside members' has no attribute 'Zzz' (names are case-sensitive)",
    ),
    "an attribute of another type": (
        AUDIENCE,
        {"attributes": {"Points": {"column": "x", "type": "date"}}},
        "attributes.Points.type: attribute 'Points' is of type number in the audience, not date",
    ),
    "the identity among the attributes": (
        AUDIENCE,
        {"attributes": {"Member No": "x"}},
        "attributes.Member No: attribute 'Member No' is the identity; it is sent by itself and cannot be overwritten",
    ),
    "an address that the audience has not": (
        AUDIENCE,
        {"addresses": {"EMAIL": {"column": "email", "attribute": "Mail"}}},
        (
            "addresses.EMAIL.attribute: the audience 'Lakeside members' has no attribute 'Mail' (names are "
            "case-sensitive); did you mean 'Email'?"
        ),
    ),
    "an address of another channel": (
        AUDIENCE,
        {"addresses": {"EMAIL": {"column": "email", "attribute": "Cell Phone"}}},
        "addresses.EMAIL.attribute: attribute 'Cell Phone' is not an address of EMAIL; allowed: Email",
    ),
    "an address without its attribute, where two would do": (
        audience(*FIELDS, Field("Work email", "text", frozenset({Channel.EMAIL}))),
        {"addresses": {"EMAIL": "email"}},
        "addresses.EMAIL: `attribute:` is missing: the audience's attribute that holds this address",
    ),
    "a channel that no attribute is the address of": (
        AUDIENCE,
        {"consent": {"channels": {"WHATSAPP": target("wa")}}},
        (
            "consent.channels.WHATSAPP: no attribute of the audience is an address of channel WHATSAPP; its channels: "
            "EMAIL, SMS"
        ),
    ),
    "such a channel of a group": (
        AUDIENCE,
        {"consent": {"groups": {NEWS: {"channels": {"WHATSAPP": target("wa")}}}}},
        (
            f"consent.groups.{NEWS}.channels.WHATSAPP: no attribute of the audience is an address of "
            "channel WHATSAPP; its channels: EMAIL, SMS"
        ),
    ),
    "a group that is not there": (
        AUDIENCE,
        {"consent": {"groups": {"Newsleters": NEWSLETTERS}}},
        "consent.groups.Newsleters: the audience has no consent group 'Newsleters'; did you mean 'Newsletters'?",
    ),
    "a name that two groups have": (
        TWICE,
        {"consent": {"groups": {"News": NEWSLETTERS}}},
        "consent.groups.News: 2 groups are named 'News'; use the id: g-1, g-2",
    ),
    "one group under two names": (
        AUDIENCE,
        {"consent": {"groups": {"Newsletters": NEWSLETTERS, NEWS: target("other")}}},
        f"consent.groups.{NEWS}: the group '{NEWS}' is mapped as 'Newsletters' already; remove one of the two",
    ),
    "an audience without a key": (
        audience(*FIELDS[1:]),
        {},
        (
            "identity: the audience 'Lakeside members' has no key attribute; name the one that identifies contacts "
            "with `attribute:`"
        ),
    ),
    "an identity that the audience has not": (
        AUDIENCE,
        {"identity": {"column": "id", "attribute": "member no"}},
        (
            "identity.attribute: the audience 'Lakeside members' has no attribute 'member no' (names are "
            "case-sensitive); did you mean 'Member No'?"
        ),
    ),
}


@pytest.mark.rule("AC-12")
@pytest.mark.rule("AC-13")
@pytest.mark.parametrize(("known", "changes", "problem"), PROBLEMS.values(), ids=PROBLEMS)
def test_names_that_the_destination_does_not_have_are_errors(
    known: Audience, changes: dict[str, Any], problem: str
) -> None:
    """Before the first write, with the path, what is there, and the nearest match."""
    assert problems(known, **changes) == [problem]


def test_all_problems_are_said_at_once() -> None:
    """One round is enough to put a mapping right."""
    found = problems(attributes={"Frist Name": "a", "Birthdy": "b"}, consent={"groups": {"News": NEWSLETTERS}})
    assert [problem.partition(":")[0] for problem in found] == [
        "consent.groups.News",
        "attributes.Frist Name",
        "attributes.Birthdy",
    ]


def test_a_problem_has_its_line() -> None:
    """An error names file, line, path and the nearest match."""
    text = dedent(
        """\
        version: 1
        destination: acoustic_connect
        identity: {column: id}
        attributes:
          First Name: first_name
          Birthdy: dob
        policy: {write: [attributes]}
        """
    )
    with pytest.raises(mf.MappingErrors) as raised:
        bind(mf.read(text.encode(), Path("members.yaml")), AUDIENCE)
    assert str(raised.value) == (
        "members.yaml:6: attributes.Birthdy: the audience 'Lakeside members' has no attribute 'Birthdy' (names are "
        "case-sensitive); did you mean 'Birthday'?"
    )


def test_an_identity_that_is_not_the_key_finds_contacts_by_address() -> None:
    """`attribute:` names what identifies a contact where the audience's key does not."""
    job = job_of(identity={"column": "email", "attribute": "Email"}, addresses={"EMAIL": EMAIL_ADDRESS})
    assert (job.identity_field, job.identity_is_key) == ("Email", False)


WRITES: dict[str, tuple[list[str], list[str], list[str], int]] = {
    "both": (
        ["attributes", "consent"],
        ["Email", "Cell Phone", "First Name"],
        ["Email", "Cell Phone", "First Name"],
        2,
    ),
    "attributes": (["attributes"], ["Email", "Cell Phone", "First Name"], ["Email", "Cell Phone", "First Name"], 0),
    "consent": (["consent"], [], ["Email", "Cell Phone"], 2),
}


@pytest.mark.rule("AC-02")
@pytest.mark.parametrize(("write", "on_update", "on_create", "targets"), WRITES.values(), ids=WRITES)
def test_either_of_attributes_and_consent_may_be_written(
    write: list[str], on_update: list[str], on_create: list[str], targets: int
) -> None:
    """What is not written is no part of the job; a new contact gets its addresses in any case (AC-09)."""
    job = job_of(policy={"write": write}, consent=EMAIL_AND_SMS)
    assert [a.name for a in job.sent_attributes(Operation.UPDATE)] == on_update
    assert [a.name for a in job.sent_attributes(Operation.CREATE)] == on_create
    assert len(job.targets) == targets


def test_the_empty_cell_is_always_blank() -> None:
    """Whatever `null_values` lists."""
    assert job_of(source={"null_values": [" n/a "]}).null_values == {"n/a", ""}


def test_one_attribute_may_be_the_address_of_two_channels() -> None:
    """A phone number that both SMS and WHATSAPP reach is one attribute, read from one column."""
    phone = Field("Cell Phone", "text", frozenset({Channel.SMS, Channel.WHATSAPP}))
    address = {"column": "mobile", "attribute": "Cell Phone", "region": "US"}
    known = audience(FIELDS[0], FIELDS[1], phone, FIELDS[3])
    consent = {"channels": {"SMS": target("sms"), "WHATSAPP": target("wa")}}
    job = job_of(known, addresses={"SMS": address, "WHATSAPP": address}, consent=consent)
    assert [a.name for a in job.attributes] == ["Cell Phone", "First Name"]
    row = {"id": "1", "mobile": "12", "sms_ok": "N", "wa_ok": "Y"}
    [outcome] = world_of(job, NOW, {"1": Person({"Cell Phone": "+12125550123"})}).sync(records_of(job, row)).to_dicts()
    broken = [
        {"part": part, "reason": "phone_not_e164"}
        for part in ("consent:SMS", "consent:WHATSAPP", "attribute:Cell Phone")
    ]
    assert (outcome["outcome"], outcome["withheld"]) == ("rejected", broken)
    other = {"SMS": address, "WHATSAPP": address | {"region": "GB"}}
    assert problems(known, addresses=other, consent=consent) == [
        "addresses.WHATSAPP.region: attribute 'Cell Phone' has one region for all of its channels: US"
    ]


def test_the_only_address_of_a_channel_needs_no_name() -> None:
    """A destination with one field for e-mail addresses is not asked which."""
    job = job_of(addresses={"EMAIL": "email"}, consent=None, policy={"write": ["attributes"]})
    assert [a.name for a in job.addresses] == ["Email"]
