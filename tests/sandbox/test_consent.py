"""What a request may say about consent, and what becomes of the stored statuses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .client import DATA_SET, NEWS, OFFERS, TEXTS, Client, attributes, channel, codes, seed, stored


@pytest.mark.rule("AC-03")
def test_channel_statuses_are_set_one_by_one(client: Client) -> None:
    """Each channel named gets its status and the others keep theirs."""
    assert client.consent("M-3", channels=[channel("SMS", "OPT_IN")]) == {
        "data": {"updateContacts": {"modifiedCount": 1}}
    }
    assert client.statuses("M-3") == {"EMAIL": "OPT_IN", "SMS": "OPT_IN"}


@pytest.mark.rule("AC-04")
def test_group_status_applies_to_all_channels_of_the_group(client: Client) -> None:
    """A group's status is stored for each of its channels."""
    client.consent("M-1", consentGroups=[{"consentGroupId": NEWS, "status": "OPT_IN_UNVERIFIED"}])
    assert client.groups("M-1") == {NEWS: {"EMAIL": "OPT_IN_UNVERIFIED", "SMS": "OPT_IN_UNVERIFIED"}}
    assert client.statuses("M-1") == {}


@pytest.mark.rule("AC-04")
def test_group_status_leaves_out_channels_that_the_group_has_not(client: Client) -> None:
    """A group of one channel sets that channel only."""
    client.consent("M-1", consentGroups=[{"consentGroupId": OFFERS, "status": "OPT_IN"}])
    assert client.groups("M-1") == {OFFERS: {"EMAIL": "OPT_IN"}}


@pytest.mark.rule("AC-05")
def test_group_entry_is_limited_to_the_channels_it_names(client: Client) -> None:
    """Channels of the group that are not named keep their status."""
    client.consent("M-3", consentGroups=[{"consentGroupId": NEWS, "channels": [channel("SMS", "OPT_IN_UNVERIFIED")]}])
    assert client.groups("M-3") == {NEWS: {"EMAIL": "OPT_IN", "SMS": "OPT_IN_UNVERIFIED"}}


@pytest.mark.rule("AC-06")
@pytest.mark.parametrize("status", ["OPT_IN", "OPT_OUT", "OPT_IN_UNVERIFIED"])
def test_every_status_can_be_stored(client: Client, status: str) -> None:
    """The three statuses are stored as sent."""
    client.consent("M-2", channels=[channel("EMAIL", status)])
    assert client.statuses("M-2") == {"EMAIL": status}


@pytest.mark.rule("AC-06")
def test_null_clears_a_channel_on_update(client: Client) -> None:
    """In the dataset generation null removes a channel's status."""
    client.consent("M-3", channels=[channel("SMS", None)])
    assert client.statuses("M-3") == {"EMAIL": "OPT_IN"}


@pytest.mark.rule("AC-06")
@pytest.mark.parametrize(
    ("entry", "left"),
    [({"status": None}, {}), ({"channels": [channel("EMAIL", None)]}, {NEWS: {"SMS": "OPT_OUT"}})],
)
def test_null_clears_a_group_on_update(client: Client, entry: dict[str, Any], left: dict[str, Any]) -> None:
    """In the dataset generation null removes a group's statuses, or those of the channels named."""
    client.consent("M-3", consentGroups=[{"consentGroupId": NEWS, **entry}])
    assert client.groups("M-3") == left


@pytest.mark.rule("AC-06")
def test_null_is_refused_on_create(client: Client) -> None:
    """A new contact has no stored status that null could clear."""
    row = {"attributes": attributes(Mail="dan@example.com"), "consent": {"channels": [channel("EMAIL", None)]}}
    assert codes(client.create(row)) == ["BAD_USER_INPUT"]


@pytest.mark.rule("AC-10")
@pytest.mark.parametrize("status", ["OPT_IN", "OPT_IN_UNVERIFIED"])
@pytest.mark.parametrize(
    "route",
    [
        lambda entry: {"channels": [entry]},
        lambda entry: {"consentGroups": [{"consentGroupId": NEWS, "channels": [entry]}]},
    ],
)
def test_create_needs_the_address_of_an_opted_in_channel(client: Client, status: str, route: Any) -> None:
    """An opt-in for SMS without a phone number is refused, by channel and by group."""
    row = {"attributes": attributes(Mail="dan@example.com"), "consent": route(channel("SMS", status))}
    assert codes(client.create(row)) == ["CONSENT_UPDATE_FOR_UNSET_ATTRIBUTE"]


@pytest.mark.rule("AC-10")
def test_create_takes_an_opt_out_without_address_unless_told(client: Client) -> None:
    """The vendor asks for the address of opt-ins only; a switch asks for all."""
    row = {
        "attributes": attributes(Member_No="M-4", Mail="d@example.com"),
        "consent": {"channels": [channel("SMS", "OPT_OUT")]},
    }
    client.create(row)
    assert client.statuses("M-4")["SMS"] == "OPT_OUT"
    client.sandbox.settings(create_opt_out_needs_address=True)
    assert codes(client.create(row)) == ["CONSENT_UPDATE_FOR_UNSET_ATTRIBUTE"]


@pytest.mark.rule("AC-11")
def test_channels_and_groups_exclude_each_other(client: Client) -> None:
    """Both in one contact are refused, on create and on update, even for different channels."""
    consent = {
        "channels": [channel("EMAIL", "OPT_IN")],
        "consentGroups": [{"consentGroupId": TEXTS, "status": "OPT_IN"}],
    }
    row = {"attributes": attributes(Mail="d@example.com", Mobile="+12125550104"), "consent": consent}
    assert codes(client.create(row)) == ["CHANNELS_ALREADY_ASSIGNED"]
    assert codes(client.consent("M-1", **consent)) == ["CHANNELS_ALREADY_ASSIGNED"]


@pytest.mark.rule("AC-11")
def test_exclusion_on_update_is_a_switch(client: Client) -> None:
    """A16 off: different channels may come by both routes, the same channel may not."""
    client.sandbox.settings(exclusive_consent_on_update=False)
    groups = [{"consentGroupId": TEXTS, "status": "OPT_OUT"}]
    client.consent("M-1", channels=[channel("EMAIL", "OPT_IN")], consentGroups=groups)
    assert client.statuses("M-1") == {"EMAIL": "OPT_IN", "SMS": "OPT_OUT"}
    same = client.consent("M-1", channels=[channel("SMS", "OPT_IN")], consentGroups=groups)
    assert codes(same) == ["CHANNELS_ALREADY_ASSIGNED"]


@pytest.mark.rule("AC-14")
@pytest.mark.parametrize(
    ("consent", "code", "message"),
    [
        (
            {"consentGroups": [{"consentGroupId": "nope", "status": "OPT_IN"}]},
            "CONSENT_GROUP_NOT_FOUND",
            "Consent group not found: nope",
        ),
        (
            {"channels": [channel("EMAIL", "OPT_IN"), channel("EMAIL", "OPT_OUT")]},
            "CHANNELS_DUPLICATE_PROVIDED",
            "Channel given more than once: EMAIL",
        ),
        (
            {"consentGroups": [{"consentGroupId": NEWS, "channels": [channel("EMAIL", "OPT_IN")] * 2}]},
            "CHANNELS_DUPLICATE_PROVIDED",
            "Channel given more than once: EMAIL",
        ),
        (
            {"consentGroups": [{"consentGroupId": OFFERS, "status": "OPT_IN"}] * 2},
            "CHANNELS_DUPLICATE_PROVIDED",
            "Channel given more than once: EMAIL",
        ),
        (
            {"consentGroups": [{"consentGroupId": NEWS, "status": "OPT_IN", "channels": [channel("SMS", "OPT_OUT")]}]},
            "CHANNELS_ALREADY_ASSIGNED",
            "Channel already assigned: SMS",
        ),
        (
            {"channels": [channel("SMS", "OPT_OUT")]},
            "CONSENT_UPDATE_FOR_UNSET_ATTRIBUTE",
            "No address stored for channel SMS",
        ),
        (
            {"consentGroups": [{"consentGroupId": TEXTS, "status": "OPT_OUT"}]},
            "CONSENT_UPDATE_FOR_UNSET_ATTRIBUTE",
            "No address stored for channel SMS",
        ),
        (
            {"consentGroups": [{"consentGroupId": OFFERS, "channels": [channel("SMS", "OPT_OUT")]}]},
            "INVALID_CHANNEL_TYPE",
            "Invalid channel type: SMS",
        ),
        (
            {"consentGroups": [{"consentGroupId": NEWS}]},
            "BAD_USER_INPUT",
            f"Consent group {NEWS} has neither status nor channels",
        ),
    ],
)
def test_consent_that_breaks_a_rule_has_its_code(client: Client, consent: Any, code: str, message: str) -> None:
    """Each documented consent error is answered in the documented envelope and changes nothing."""
    before = client.contacts()
    [error] = client.consent("M-2", **consent)["errors"]
    extensions = {"code": code}
    assert error == {
        "message": message,
        "locations": [{"line": 1, "column": 37}],
        "path": ["updateContacts"],
        "extensions": extensions,
    }
    assert client.contacts() == before


@pytest.mark.rule("AC-14")
def test_channel_without_attribute_is_not_defined(client: Client) -> None:
    """An audience without a phone attribute has no SMS."""
    plain = [attribute for attribute in DATA_SET["attributes"] if attribute["name"] != "Mobile"]
    client.sandbox.load(seed(stored("M-1", mail="ann@example.com"), attributes=plain), replace=True)
    assert codes(client.consent("M-1", channels=[channel("SMS", "OPT_OUT")])) == ["CHANNEL_NOT_DEFINED"]


@pytest.mark.rule("AC-14")
@pytest.mark.parametrize(
    ("consent", "code"),
    [
        ({"channels": [channel("PIGEON", "OPT_IN")]}, "INVALID_CHANNEL_TYPE"),
        ({"channels": [channel("WHATSAPP", "OPT_IN")]}, "INVALID_CHANNEL_TYPE"),
        ({"chanels": [channel("EMAIL", "OPT_IN")]}, "INVALID_CONSENT_FIELD_NAME"),
        ({"channels": [{"channel": "EMAIL", "state": "OPT_IN"}]}, "INVALID_CONSENT_FIELD_NAME"),
        ({"consentGroups": [{"id": NEWS, "status": "OPT_IN"}]}, "INVALID_CONSENT_FIELD_NAME"),
        ({"channels": [channel("EMAIL", "MAYBE")]}, "BAD_USER_INPUT"),
        ({"channels": "EMAIL"}, "BAD_USER_INPUT"),
    ],
)
def test_untyped_consent_input_answers_by_code(client: Client, consent: Any, code: str) -> None:
    """Where the schema does not hold consent to its types, the two remaining codes can be met."""
    assert set(codes(client.consent("M-1", **consent))) == {"BAD_USER_INPUT"}
    client.sandbox.settings(typed_consent_input=False)
    assert codes(client.consent("M-1", **consent)) == [code]


@pytest.mark.rule("AC-07")
def test_untyped_consent_input_still_takes_one_object_for_a_list(client: Client) -> None:
    """The single-object shorthand does not depend on GraphQL's own coercion."""
    client.sandbox.settings(typed_consent_input=False)
    client.consent("M-1", channels=channel("EMAIL", "OPT_OUT"))
    assert client.statuses("M-1") == {"EMAIL": "OPT_OUT"}


@pytest.mark.parametrize(("cascades", "group"), [(True, "OPT_OUT"), (False, "OPT_IN")])
def test_channel_opt_out_cascades_to_groups(client: Client, cascades: bool, group: str) -> None:
    """A12: an opted-out channel is opted out in the groups that have it, or only by itself."""
    client.sandbox.settings(channel_opt_out_cascades=cascades)
    client.consent("M-3", channels=[channel("EMAIL", "OPT_OUT")])
    assert client.statuses("M-3")["EMAIL"] == "OPT_OUT"
    assert client.groups("M-3") == {NEWS: {"EMAIL": group, "SMS": "OPT_OUT"}}


def test_group_opt_in_opts_the_channel_in(client: Client) -> None:
    """One group's OPT_IN makes the whole channel OPT_IN, even a channel that was opted out."""
    client.consent("M-3", consentGroups=[{"consentGroupId": TEXTS, "status": "OPT_IN"}])
    assert client.statuses("M-3") == {"EMAIL": "OPT_IN", "SMS": "OPT_IN"}


@pytest.mark.parametrize(("sets", "status"), [(True, "OPT_OUT"), (False, "OPT_IN")])
def test_all_groups_opted_out_set_the_channel(client: Client, sets: bool, status: str) -> None:
    """A13: the last group's opt-out is the channel's, or leaves the channel alone."""
    client.sandbox.settings(all_groups_out_sets_channel=sets)
    client.consent("M-3", consentGroups=[{"consentGroupId": NEWS, "status": "OPT_OUT"}])
    assert client.statuses("M-3") == {"EMAIL": status, "SMS": "OPT_OUT"}


def test_group_status_scope(client: Client) -> None:
    """A14: a group's status skips channels without an address, or is stored for all."""
    entry = [{"consentGroupId": NEWS, "status": "OPT_OUT"}]
    client.consent("M-2", consentGroups=entry)
    assert client.groups("M-2") == {NEWS: {"EMAIL": "OPT_OUT"}}
    client.sandbox.settings(group_status_scope="all")
    client.consent("M-2", consentGroups=entry)
    assert client.groups("M-2") == {NEWS: {"EMAIL": "OPT_OUT", "SMS": "OPT_OUT"}}


def test_address_and_its_consent_travel_together(client: Client) -> None:
    """A channel whose address comes with the same row can be given a status."""
    to = {"attributes": attributes(Mobile="+12125550102"), "consent": {"channels": [channel("SMS", "OPT_IN")]}}
    client.update({"key": "M-2", "to": to})
    assert client.statuses("M-2") == {"SMS": "OPT_IN"}


STATUSES = st.sampled_from(["OPT_IN", "OPT_OUT", "OPT_IN_UNVERIFIED"])
GROUP_WRITES = st.builds(
    lambda group, status: {"consentGroups": [{"consentGroupId": group, "status": status}]},
    st.sampled_from([NEWS, OFFERS, TEXTS]),
    STATUSES,
)
OPT_OUTS = st.sampled_from(["EMAIL", "SMS"]).map(lambda name: {"channels": [channel(name, "OPT_OUT")]})


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(writes=st.lists(GROUP_WRITES | OPT_OUTS, min_size=1, max_size=5))
def test_an_opted_in_group_and_its_channel_agree(client: Client, writes: list[dict[str, Any]]) -> None:
    """Whatever groups are told and channels opted out of, a group is never OPT_IN on a channel that is not."""
    rows = [{"key": "M-3", "to": {"consent": consent}} for consent in writes]
    assert codes(client.update(*rows)) == []
    channels = client.statuses("M-3")
    opted_in = {name for group in client.groups("M-3").values() for name, status in group.items() if status == "OPT_IN"}
    assert opted_in <= {name for name, status in channels.items() if status == "OPT_IN"}
