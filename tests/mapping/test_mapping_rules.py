"""What a mapping may not say although each key is well-formed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import phonenumbers
import pytest

from pipeline.mapping.words import REGIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    Problems = Callable[..., list[str]]


def target(**changes: Any) -> dict[str, Any]:
    """A consent target that is right, with the given keys replaced."""
    return {"column": "email_ok", "values": {"OPT_IN": ["Y"], "OPT_OUT": ["N"]}, **changes}


def channels(**changes: Any) -> dict[str, Any]:
    """Consent for the EMAIL channel alone."""
    return {"channels": {"EMAIL": target(**changes)}}


@pytest.mark.parametrize("destination", ["acoustic_connect", "ivvy", "wix"])
def test_the_smallest_mapping_of_each_destination_is_accepted(problems: Problems, destination: str) -> None:
    """Identity, one address or key, and one consent are enough."""
    assert problems(destination) == []


@pytest.mark.rule("AC-11")
def test_channels_and_groups_exclude_each_other(problems: Problems) -> None:
    """One mapping speaks of channels or of groups."""
    consent = {**channels(), "groups": {"Newsletters": target()}}
    assert problems(consent=consent) == ["consent: `channels` or `groups`, but only one of them"]


def test_consent_without_anything_is_refused(problems: Problems) -> None:
    """An empty `consent` is an oversight."""
    assert problems(consent={}) == ["consent: `channels` or `groups` is needed"]
    assert problems(consent={"channels": {}}) == ["consent.channels: found keys with values; at least one is needed"]


@pytest.mark.rule("AC-04")
@pytest.mark.rule("AC-05")
def test_a_group_has_one_status_or_one_for_each_channel(problems: Problems) -> None:
    """Either is accepted; both at once, or evidence beside `channels`, is not."""
    assert problems(consent={"groups": {"Newsletters": target(), "310": {"const": "OPT_OUT"}}}) == []
    assert problems(consent={"groups": {"Promotions": {"channels": {"EMAIL": target(), "SMS": target()}}}}) == []
    both = {"groups": {"Promotions": {**target(), "channels": {"EMAIL": target()}}}}
    assert problems(consent=both) == [
        "consent.groups.Promotions: `column` or `const` or `channels`, but only one of them"
    ]
    beside = {"groups": {"Promotions": {"channels": {"EMAIL": target()}, "at": "when"}}}
    assert problems(consent=beside) == [
        "consent.groups.Promotions.at: `at` belongs to each of the group's `channels`",
    ]


@pytest.mark.parametrize(
    ("destination", "consent", "word"),
    [
        ("acoustic_connect", channels(values={"BOUNCED": ["b"]}), "BOUNCED for EMAIL"),
        ("ivvy", channels(values={"FAILED": ["f"]}), "FAILED for EMAIL"),
        ("ivvy", channels(values={"CLEAR": ["c"]}), "CLEAR for EMAIL"),
        ("ivvy", {"groups": {"310": target(values={"BOUNCED": ["b"]})}}, "BOUNCED for a group"),
        ("wix", channels(values={"NO_MARKETING": ["n"]}), "NO_MARKETING for EMAIL"),
        ("wix", {"channels": {"EMAIL": {"const": "CLEAR"}}}, "CLEAR for EMAIL"),
    ],
)
def test_a_status_must_be_one_that_the_destination_stores(
    problems: Problems, destination: str, consent: dict[str, Any], word: str
) -> None:
    """Another destination's word is refused where it stands."""
    (problem,) = problems(destination, consent=consent)
    assert f"{destination} cannot store {word}; allowed: OPT_IN, OPT_OUT" in problem


@pytest.mark.parametrize(
    ("destination", "values"),
    [
        ("acoustic_connect", {"OPT_IN": ["a"], "OPT_OUT": ["b"], "OPT_IN_UNVERIFIED": ["c"], "CLEAR": ["d"]}),
        ("ivvy", {"OPT_IN": ["a"], "OPT_OUT": ["b"], "BOUNCED": ["c"], "NO_MARKETING": ["d"]}),
        ("wix", {"OPT_IN": ["a"], "OPT_OUT": ["b"], "OPT_IN_UNVERIFIED": ["c"], "UNKNOWN_STATE": ["d"]}),
    ],
)
def test_each_destination_takes_its_own_statuses(problems: Problems, destination: str, values: dict[str, Any]) -> None:
    """The canonical statuses that it stores, and its own."""
    assert problems(destination, consent=channels(values=values)) == []


@pytest.mark.parametrize(
    ("written", "meant"), [("OPTIN", "did you mean 'OPT_IN'?"), ("CONFIRMED", "called OPT_IN here")]
)
def test_an_unknown_status_is_answered_with_what_was_meant(problems: Problems, written: str, meant: str) -> None:
    """Typing errors and the vendors' own names are recognised, never accepted."""
    (problem,) = problems(consent=channels(values={written: ["Y"]}))
    assert problem.startswith(f"consent.channels.EMAIL.values.{written}: unknown status '{written}'")
    assert meant in problem


@pytest.mark.parametrize("status", ["UNSET", "UNLISTED"])
def test_internal_statuses_cannot_be_mapped(problems: Problems, status: str) -> None:
    """Words for what is not known never come from a mapping."""
    assert len(problems(consent={"channels": {"EMAIL": {"const": status}}})) == 1


def test_a_cell_stands_for_one_status(problems: Problems) -> None:
    """The same cell under two statuses is refused, compared as cells are: trimmed and without case."""
    consent = channels(values={"OPT_IN": ["Yes"], "OPT_OUT": ["no", " yES "]})
    assert problems(consent=consent) == [
        "consent.channels.EMAIL.values.OPT_OUT.1: ' yES ' is listed under OPT_IN already"
    ]


@pytest.mark.parametrize("cell", ["", "  "])
def test_a_blank_cell_has_no_status(problems: Problems, cell: str) -> None:
    """Blank means no change, whatever the mapping would like."""
    (problem,) = problems(consent=channels(values={"OPT_OUT": ["N", cell]}))
    assert problem == "consent.channels.EMAIL.values.OPT_OUT.1: a blank cell cannot be listed: blank means no change"


def test_a_null_value_has_no_status(problems: Problems) -> None:
    """What `null_values` calls blank cannot also stand for a status."""
    (problem,) = problems(consent=channels(values={"OPT_OUT": ["n/a"]}), source={"null_values": ["N/A"]})
    assert problem.startswith("consent.channels.EMAIL.values.OPT_OUT.0: 'n/a' is one of source.null_values")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"values": None}, "`values` is missing: which cells stand for which status"),
        ({"column": None, "values": None}, "`column` or `const` is needed"),
        ({"const": "OPT_OUT"}, "`column` or `const`, but only one of them"),
        ({"column": None, "const": "OPT_OUT"}, "`values` belongs to `column`, which is missing"),
        ({"values": {}}, "`values` lists nothing"),
        ({"source": {"column": "a", "const": "b"}}, "`column` or `const`, but only one of them"),
        ({"source": {"const": "b", "values": {"FORM": ["x"]}}}, "`values` belongs to `column`, which is missing"),
    ],
)
def test_a_status_and_its_evidence_come_from_one_place(
    problems: Problems, changes: dict[str, Any], problem: str
) -> None:
    """A column with values, or a constant; never both, never neither."""
    (found,) = problems(consent=channels(**changes))
    assert found.endswith(f": {problem}")


def test_resubscription_needs_the_time_of_every_consent(problems: Problems) -> None:
    """Without `at` nothing can be newer than an opt-out."""
    policy = {"resubscribe": "with_newer_evidence"}
    assert problems(consent=channels(at="when"), policy=policy) == []
    (problem,) = problems(consent=channels(), policy=policy)
    assert problem.startswith("consent.channels.EMAIL: `at` is missing")


def test_required_evidence_must_be_mapped(problems: Problems) -> None:
    """A status whose evidence is required, but never mapped, would hold every record."""
    policy = {"require_evidence": ["OPT_IN"]}
    assert problems(consent=channels(at="when", source={"const": "form"}), policy=policy) == []
    assert problems(consent={"channels": {"EMAIL": {"const": "OPT_OUT"}}}, policy=policy) == []
    (problem,) = problems(consent=channels(at="when"), policy=policy)
    assert problem.startswith("consent.channels.EMAIL: `source` missing")


def test_consent_may_be_left_out_only_where_it_is_not_written(problems: Problems) -> None:
    """`write: [attributes]` needs no consent; the default does."""
    assert problems(consent=None, policy={"write": ["attributes"]}) == []
    (problem,) = problems(consent=None)
    assert problem.startswith("consent: missing")


@pytest.mark.parametrize(
    ("destination", "identity", "problem"),
    [
        ("acoustic_connect", {}, "identity: missing: `column` names"),
        ("acoustic_connect", {"column": "a", "id": "b"}, "identity.id: only iVvy identifies contacts by `id`"),
        ("acoustic_connect", {"attribute": "Member No"}, "identity.attribute: `attribute` belongs to `column`"),
        ("ivvy", {}, "identity: missing: give the columns"),
        ("ivvy", {"first_name": "a", "email": "b"}, "identity: first_name, last_name and email identify together"),
        ("wix", {"id": "a"}, "identity.id: only iVvy identifies contacts by `id`"),
    ],
)
@pytest.mark.rule("IV-02")
def test_identity_is_what_the_destination_finds_contacts_by(
    problems: Problems, destination: str, identity: dict[str, str], problem: str
) -> None:
    """Each destination has its own way."""
    assert problems(destination, identity=identity)[0].startswith(problem)


@pytest.mark.rule("WX-01")
def test_wix_consent_needs_the_address_of_its_channel(problems: Problems) -> None:
    """Wix keeps consent per address and has no groups and no third channel."""
    consent = {"channels": {"EMAIL": target(), "SMS": target(), "WHATSAPP": target()}}
    found = problems("wix", consent=consent)
    assert [p.split(":")[0] for p in found] == ["consent.channels.SMS"] + ["consent.channels.WHATSAPP"] * 2
    assert problems("wix", consent={"groups": {"News": target()}}) == [
        "consent.groups: Wix has no consent groups; use `channels`"
    ]


@pytest.mark.rule("WX-04")
def test_wix_sources_are_the_vendors_words(problems: Problems) -> None:
    """Cells may be mapped to the sources that Wix knows, and to no others."""
    assert problems("wix", consent=channels(source={"column": "how", "values": {"FORM": ["web"]}})) == []
    (problem,) = problems("wix", consent=channels(source={"column": "how", "values": {"FROM": ["web"]}}))
    assert problem.startswith("consent.channels.EMAIL.source.values.FROM: unknown source 'FROM'")
    assert problem.endswith("did you mean 'FORM'?")


def test_an_ivvy_group_has_no_channels(problems: Problems) -> None:
    """iVvy groups are memberships."""
    (problem,) = problems("ivvy", consent={"groups": {"310": {"channels": {"EMAIL": target()}}}})
    assert problem.startswith("consent.groups.310.channels.EMAIL: an iVvy group has no channels")


def test_an_attribute_is_written_once(problems: Problems) -> None:
    """An address and an attribute of the same name, or two addresses from different columns, contradict each other."""
    addresses = {"SMS": {"column": "mobile", "attribute": "Phone"}, "WHATSAPP": {"column": "app", "attribute": "Phone"}}
    assert problems(addresses=addresses, attributes={"Phone": "raw"}) == [
        "addresses.WHATSAPP.attribute: attribute 'Phone' is written by SMS from column 'mobile' already",
    ]
    addresses["WHATSAPP"]["column"] = "mobile"
    assert problems(addresses=addresses) == []
    (problem,) = problems(addresses=addresses, attributes={"Phone": "raw"})
    assert problem.startswith("attributes.Phone: attribute 'Phone' is written by addresses.WHATSAPP already")


def test_a_mapped_column_cannot_be_ignored(problems: Problems) -> None:
    """`ignore` is for columns that nothing else speaks of."""
    assert problems(ignore=["note", "email_ok"]) == [
        "ignore.1: column 'email_ok' is mapped by consent.channels.EMAIL.column"
    ]


@pytest.mark.parametrize(
    ("attribute", "problem"),
    [
        ({"type": "date", "format": "DD/MM/YYYY"}, "'DD/MM/YYYY' has no % codes; a date is described like %d/%m/%Y"),
        ({"type": "number", "format": "%d"}, "a number has no format; only a date and a list have one"),
    ],
)
def test_a_format_fits_its_type(problems: Problems, attribute: dict[str, str], problem: str) -> None:
    """Dates are described with % codes; a list's format is its separator; other types have none."""
    assert problems(attributes={"A": {"column": "a", **attribute}}) == [f"attributes.A.format: {problem}"]
    assert problems(attributes={"A": {"column": "a", "type": "list", "format": "|"}}) == []


def test_regions_are_those_of_phonenumbers(problems: Problems) -> None:
    """The copied list is the library's; a wrong code is answered with the right one."""
    assert set(REGIONS) == phonenumbers.SUPPORTED_REGIONS
    assert problems(addresses={"EMAIL": {"column": "e", "region": "US"}}) == [
        "addresses.EMAIL.region: an e-mail address has no region"
    ]
    for code, meant in {"UK": "GB", "us": "US"}.items():
        (problem,) = problems(addresses={"SMS": {"column": "mobile", "region": code}})
        assert problem.endswith(f"did you mean '{meant}'?")


@pytest.mark.parametrize("name", ["Europe/Berln", "../../etc/passwd", "America", ""])
def test_a_time_zone_has_a_name(problems: Problems, name: str) -> None:
    """Names that no zone has are refused, also those that would leave the zone folder."""
    (problem,) = problems(consent=channels(at={"column": "when", "timezone": name}))
    assert problem.startswith(f"consent.channels.EMAIL.at.timezone: unknown time zone '{name}'")
    assert problems(consent=channels(at={"column": "when", "timezone": "Europe/Berlin"})) == []


@pytest.mark.parametrize(("delimiter", "right"), [(";", True), ("\t", True), ("ab", False), ("x", False), ('"', False)])
def test_a_delimiter_is_one_mark(problems: Problems, delimiter: str, right: bool) -> None:
    """Letters, digits, quotes and line ends cannot separate fields."""
    assert (problems(source={"delimiter": delimiter}) == []) is right


def test_a_cell_says_something_or_nothing(problems: Problems) -> None:
    """`silent` cells are those of a column, and none of them stands for a status."""
    assert problems(consent=channels(silent=["no", "0"])) == []
    assert problems(consent=channels(silent=["no", "y "])) == [
        "consent.channels.EMAIL.silent.1: 'y ' is listed under OPT_IN already"
    ]
    constant = {"channels": {"EMAIL": {"const": "OPT_OUT", "silent": ["no"]}}}
    assert problems(consent=constant) == [
        "consent.channels.EMAIL.silent: `silent` belongs to `column`, which is missing"
    ]
