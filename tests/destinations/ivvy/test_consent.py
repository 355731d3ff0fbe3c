"""Consent at iVvy: who is restricted stays so, an opt-out is for the address, and nothing is subscribed by silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pipeline import run

from .bench import NEWS, STATUS, contact, row

if TYPE_CHECKING:
    from .bench import Account

NEWER = {"resubscribe": "with_newer_evidence"}


@pytest.mark.rule("IV-07")
@pytest.mark.parametrize(("ok", "number"), [("Y", 1), ("N", 2), ("B", 3), ("M", 5)])
def test_each_status_is_stored_as_its_number(account: Account, ok: str, number: int) -> None:
    """Subscribed 1, unsubscribed 2, bounced 3, no marketing 5; for new contacts and known ones."""
    account.seed(contact(1))
    result = account.sync(row(1, ok), row(2, ok))
    assert (result.summary.rows.updated, result.summary.rows.created) == (1, 1)
    assert sorted(account.statuses().values()) == [number, number]


@pytest.mark.rule("IV-07")
@pytest.mark.parametrize("status", [2, 3, 4, 5])
@pytest.mark.parametrize("policy", [{}, NEWER], ids=["never", "with newer evidence"])
def test_a_restricted_contact_is_not_subscribed_again(account: Account, status: int, policy: dict[str, str]) -> None:
    """Unsubscribed, bounced, registering and no marketing carry no date, so no opt-in is provably newer."""
    account.seed(contact(1, status))
    result = account.sync(row(1), policy=policy)
    assert result.summary.withheld == {"resubscribe_without_evidence": 1}
    assert account.statuses() == {1: status}


@pytest.mark.rule("IV-07")
@pytest.mark.parametrize(("ok", "ends"), [("B", 2), ("M", 2), ("N", 2)])
def test_no_restriction_takes_the_place_of_an_opt_out(account: Account, ok: str, ends: int) -> None:
    """Bounced is lifted when the address is corrected, an opt-out never."""
    account.seed(contact(1, 2))
    account.sync(row(1, ok))
    assert account.statuses() == {1: ends}


@pytest.mark.rule("IV-07")
@pytest.mark.parametrize("before", [1, 3, 5])
def test_an_opt_out_is_written_over_everything(account: Account, before: int) -> None:
    """Whatever the contact is, it is unsubscribed."""
    account.seed(contact(1, before))
    assert account.sync(row(1, "N")).exit_code == 0
    assert account.statuses() == {1: 2}


MODES = {"allow": (1, "updated", ""), "ignore": (2, "failed", "not_applied"), "reject": (2, "failed", None)}


@pytest.mark.rule("IV-07")
@pytest.mark.parametrize(("mode", "expected"), MODES.items(), ids=MODES)
def test_a_permission_over_our_own_opt_out_is_looked_at_afterwards(
    account: Account, mode: str, expected: tuple[int, str, str | None]
) -> None:
    """An opt-out that we told is ended by newer evidence if the platform lets us; its silence is no yes."""
    account.seed(contact(1), resubscribe=mode)
    account.sync(row(1, "N", at="2026-01-02"), policy=NEWER)
    result = account.sync(row(1, "Y", at="2026-02-02"), policy=NEWER)
    outcome = account.outcomes(result)["c1"]
    status, word, reason = expected
    assert (account.statuses()[1], outcome["outcome"]) == (status, word)
    assert reason is None or outcome["reason"] == reason


def test_an_opt_out_of_the_platforms_own_is_not_made_older(account: Account) -> None:
    """Nobody knows when it was recorded; that the export has an older one too does not date it."""
    account.seed(contact(1, 2), resubscribe="allow")
    assert account.sync(row(1, "N", at="2026-01-01"), policy=NEWER).exit_code == 0
    assert account.sync(row(1, "N", at="2026-01-01"), policy=NEWER).summary.rows.unchanged == 1
    assert account.sync(row(1, "Y", at="2026-02-01"), policy=NEWER).summary.withheld == {
        "resubscribe_without_evidence": 1
    }
    assert account.statuses() == {1: 2}


@pytest.mark.rule("IV-07")
def test_silence_about_a_new_contact_subscribes_nobody(account: Account) -> None:
    """The platform would: such a record is held, or added with the status that an option names."""
    assert account.outcomes(account.sync(row(1, "")))["c1"]["reason"] == "consent_missing"
    assert account.contacts() == {}
    assert account.sync(row(1, ""), options={"new_contact_status": "NO_MARKETING"}).summary.rows.created == 1
    assert list(account.statuses().values()) == [5]


@pytest.mark.rule("IV-07")
@pytest.mark.parametrize(("status", "after"), [(2, 2), (3, 3), (5, 5), (1, 1)])
def test_another_address_lifts_no_restriction(account: Account, status: int, after: int) -> None:
    """The platform takes a bounced contact with a new address for subscribed; the stored status is said with it."""
    account.seed(contact(1, status))
    account.sync(row(1, "", email="new@example.com"))
    stored = account.contacts()[1]
    assert (stored["email"], stored["status"]) == ("new@example.com", after)


@pytest.mark.rule("IV-07")
def test_a_stored_permission_is_not_said_unasked(account: Account) -> None:
    """Somebody may unsubscribe between reading and writing: who is not spoken of is not subscribed."""
    account.seed(contact(1))
    account.sync(row(1, "", email="new@example.com"))
    [wire] = [item["wire"] for item in _explained(account, "c1")]
    assert "status" not in wire["contact"]


def _explained(account: Account, identity: str) -> list[dict[str, Any]]:
    from pipeline.context import Context
    from pipeline.explaining import explain
    from pipeline.settings import Settings

    context = Context(settings=Settings.model_validate({}), home=account.path / "home")
    return explain("latest", identity, context).sent


def test_an_opt_out_is_for_the_address(account: Account) -> None:
    """Whoever else has the address at iVvy is opted out too, and nobody else."""
    account.seed(contact(1), contact(2, email="ANN1@example.com"), contact(3, 3, email="ann1@example.com"), contact(4))
    assert account.sync(row(1, "N")).exit_code == 0
    assert account.statuses() == {1: 2, 2: 2, 3: 3, 4: 1}


def test_an_opt_out_of_a_new_contact_is_for_the_address(account: Account) -> None:
    """Who is not at iVvy yet may share the address of somebody who is."""
    account.seed(contact(2, email="ann1@example.com"))
    assert account.sync(row(1, "N")).summary.rows.created == 1
    assert sorted(account.statuses().values()) == [2, 2]


def test_kin_that_opted_out_at_the_platform_hold_a_permission(account: Account) -> None:
    """A suppressed address stays suppressed, whoever of those who share it comes along."""
    account.seed(contact(1), contact(2, 2, email="ann1@example.com"))
    result = account.sync(row(1), row(3, email="ann1@example.com"))
    outcomes = account.outcomes(result)
    assert outcomes["c1"]["withheld"] == "EMAIL: resubscribe_without_evidence"
    assert (outcomes["c3"]["outcome"], outcomes["c3"]["reason"]) == ("held", "resubscribe_without_evidence")
    assert account.statuses() == {1: 1, 2: 2}


def test_kin_that_opt_out_in_the_export_hold_a_permission(account: Account) -> None:
    """One record's opt-out holds the opt-in of another contact with the address, unless that is newer."""
    account.seed(contact(1), contact(2, email="ann1@example.com"))
    out = row(2, "N", email="ann1@example.com", at="2026-01-05")
    assert account.sync(row(1, at="2026-01-02"), out).summary.withheld == {"resubscribe_without_evidence": 1}
    assert account.statuses() == {1: 2, 2: 2}


def test_kin_that_speak_for_themselves_are_not_opted_out_by_others(account: Account) -> None:
    """Who opted in later than the other opted out keeps it."""
    account.seed(contact(1), contact(2, email="ann1@example.com"))
    result = account.sync(row(1, at="2026-03-02"), row(2, "N", email="ann1@example.com", at="2026-01-05"))
    assert result.exit_code == 0
    assert account.statuses() == {1: 1, 2: 2}


def test_kin_whose_own_consent_is_withheld_are_opted_out(account: Account) -> None:
    """A permission that the other's opt-out holds says nothing, so the opt-out for the address reaches that contact."""
    account.seed(contact(1), contact(2, email="ann1@example.com"))
    account.sync(row(1, "Y", email=""), row(2, "N", email=""))
    assert account.statuses() == {1: 2, 2: 2}


def test_kin_that_are_refused_are_not_passed_over(account: Account) -> None:
    """The address is not opted out as a whole, so the record is failed and says whose refusal it was."""
    account.seed(contact(1), contact(2, email="ann1@example.com"))
    account.sandbox.faults([{"fault": "poison_row", "key": "c2", "code": "400/24999", "message": "Row refused"}])
    outcome = account.outcomes(account.sync(row(1, "N")))["c1"]
    assert (outcome["outcome"], outcome["message"]) == (
        "failed",
        "contact 2 with the same address: 24999: Row refused",
    )
    assert account.statuses() == {1: 2, 2: 1}


SINGLE = {"bulk": "never"}
LOST: dict[str, Any] = {"fault": "server_error", "operation": "addOrUpdateContact", "status": 503}


@pytest.mark.parametrize("before", [1, 2], ids=["subscribed", "out already"])
def test_an_opt_out_that_did_not_reach_everybody_is_not_done(account: Account, before: int) -> None:
    """Reading back looks at whoever shares the address too: what was lost on the way is told again."""
    account.seed(contact(1, before), contact(9, email="ann1@example.com"))
    account.sandbox.faults([LOST | {"nth": [1, 2, 3, 4]}])
    assert account.sync(row(1, "N"), options=SINGLE).exit_code == 0
    assert account.statuses() == {1: 2, 9: 2}


def test_an_opt_out_that_never_reaches_everybody_is_unknown(account: Account) -> None:
    """And resuming brings it to its end."""
    account.seed(contact(1, 2), contact(9, email="ann1@example.com"))
    account.sandbox.faults([LOST])
    result = account.sync(row(1, "N"), options=SINGLE)
    assert (result.exit_code, result.summary.rows.unknown) == (3, 1)
    account.sandbox.faults([])
    assert account.resume(result).summary.rows.updated == 1
    assert account.statuses() == {1: 2, 9: 2}


def test_a_new_contact_whose_kin_were_not_reached_is_not_added_twice(account: Account) -> None:
    """Only what is left is done again."""
    account.seed(contact(9, email="ann1@example.com", firstName="Other"))
    account.sandbox.faults([LOST | {"nth": [1, 2, 3, 4]}])
    assert account.sync(row(1, "N"), options=SINGLE).summary.rows.created == 1
    assert sorted(account.statuses().values()) == [2, 2]


def test_kin_that_is_gone_needs_no_opt_out(account: Account) -> None:
    """Somebody removed it since it was read."""
    account.seed(contact(1), contact(9, email="ann1@example.com"))
    account.sandbox.faults([{"fault": "poison_row", "key": "c9", "code": "400/24096", "message": "Unable to find"}])
    assert account.sync(row(1, "N")).exit_code == 0
    assert account.statuses()[1] == 2


def test_an_sms_consent_is_no_voice_for_an_address(account: Account) -> None:
    """Who says nothing of e-mail is opted out with the address."""
    both = {"channels": {"EMAIL": STATUS, **SMS["channels"]}}
    account.seed(contact(1), contact(2, email="ann1@example.com", phone="+12125550102"), sms_status="accept")
    account.sync(
        row(1, "N"),
        row(2, "", email="ann1@example.com", phone="212 555 0102", sms="Y"),
        options={"sms_status": True},
        addresses=PHONE,
        consent=both,
    )
    assert account.statuses() == {1: 2, 2: 2}


def test_an_address_that_is_not_written_is_not_the_contacts(account: Account) -> None:
    """The opt-out is for the address that the contact has and keeps."""
    account.seed(contact(1, email="old@example.com"), contact(9, email="old@example.com"), contact(8))
    account.sync(row(1, "N"), policy={"write": ["consent"]}, delivery={"mode": "update"})
    assert account.statuses() == {1: 2, 9: 2, 8: 1}


def test_who_is_registering_is_opted_out_with_the_address(account: Account) -> None:
    """It may become subscribed."""
    account.seed(contact(1), contact(9, 4, email="ann1@example.com"))
    account.sync(row(1, "N"))
    assert account.statuses() == {1: 2, 9: 2}


OUT = "ann1@example.com"
MOVES: dict[str, tuple[dict[str, str], str]] = {
    "silently": (row(2, "", email=OUT), "ann2@example.com"),
    "with a permission": (row(2, email=OUT), "ann2@example.com"),
    "with its own opt-out": (row(2, "N", email=OUT), OUT),
    "with a restriction": (row(2, "M", email=OUT), OUT),
}


@pytest.mark.parametrize("told", [False, True], ids=["a stranger", "told before"])
@pytest.mark.parametrize(("moved", "email"), MOVES.values(), ids=MOVES)
def test_nobody_is_moved_to_an_address_that_opted_out(
    account: Account, moved: dict[str, str], email: str, told: bool
) -> None:
    """A subscribed contact keeps its address; one that is opted out with the same record may move."""
    account.seed(contact(1, 2), contact(2))
    if told:
        account.sync(row(2))
    result = account.sync(moved)
    assert account.contacts()[2]["email"] == email
    assert (account.statuses()[2] != 1) is (email == OUT)
    assert (result.summary.withheld.get("address_opted_out") == 1) is (email != OUT)


@pytest.mark.parametrize("cell", ["", "Y"])
def test_nobody_is_moved_to_an_address_that_the_export_opts_out(account: Account, cell: str) -> None:
    """Whichever comes first: what one record says of an address counts for every contact."""
    account.seed(contact(1), contact(2))
    account.sync(row(2, cell, email=OUT, at="2026-01-01"), row(1, "N"))
    assert (account.statuses(), account.contacts()[2]["email"]) == ({1: 2, 2: 1}, "ann2@example.com")


def test_nobody_is_moved_to_an_address_that_opted_out_after_the_plan(account: Account) -> None:
    """A plan that is carried out later looks at the new address once more."""
    account.seed(contact(1), contact(2))
    account.sync(row(2))
    planned = run.plan(account.request(row(2, email=OUT)), account.context())
    account.seed(contact(1, 2), contact(2))
    result = run.apply(planned.summary.run_id, account.context())
    assert account.outcomes(result)["c2"]["outcome"] == "held"
    assert account.contacts()[2]["email"] == "ann2@example.com"


def test_newer_evidence_moves_a_contact(account: Account) -> None:
    """A permission that is later than the export's opt-out at the address takes it along."""
    account.seed(contact(1), contact(2))
    account.sync(row(1, "N", at="2026-01-01"), row(2, email=OUT, at="2026-02-01"))
    assert (account.statuses(), account.contacts()[2]["email"]) == ({1: 2, 2: 1}, OUT)


def test_nobody_is_moved_to_a_suppressed_address(account: Account) -> None:
    """Whether a consent travels along or not."""
    (account.path / "list.txt").write_text("gone@example.com\n")
    account.seed(contact(2), contact(3, 2))
    moved = [row(2, "", email="gone@example.com"), row(3, "", email="gone@example.com")]
    result = account.sync(*moved, policy={"suppression": "list.txt"})
    assert result.summary.withheld == {"suppressed": 1}
    emails = {number: each["email"] for number, each in account.contacts().items()}
    assert emails == {2: "ann2@example.com", 3: "gone@example.com"}


@pytest.mark.rule("IV-03")
@pytest.mark.parametrize("known", [True, False], ids=["a known one", "a new one"])
def test_two_identities_of_one_contact_take_only_an_opt_out(account: Account, known: bool) -> None:
    """What one of them says would undo what the other does; neither names the contact."""
    account.seed(*([contact(1, externalId=None)] if known else []))
    result = account.sync(row(1, "N"), {**row(1, "Y"), "id": "c2"})
    assert all("contact_named_twice" in str(outcome) for outcome in account.outcomes(result).values())
    assert account.statuses() == ({1: 2} if known else {})
    assert account.contacts().get(1, {}).get("externalId") is None


@pytest.mark.rule("IV-01")
def test_an_id_is_written_in_one_way(account: Account) -> None:
    """`01` is not contact 1."""
    account.seed(contact(1))
    result = account.sync({**row(1, "N"), "id": "01"}, identity={"id": "id"}, delivery={"mode": "update"})
    assert account.outcomes(result)["01"]["reason"] == "contact_not_found"


FOLDED: dict[str, tuple[list[str], int]] = {
    "a later restriction does not end an opt-out": (["N", "B"], 2),
    "a restriction ends a permission": (["Y", "B"], 3),
    "a permission ends both": (["N", "B", "Y"], 1),
}


@pytest.mark.rule("IV-07")
@pytest.mark.parametrize(("cells", "status"), FOLDED.values(), ids=FOLDED)
def test_records_of_one_contact_are_folded_without_losing_an_opt_out(
    account: Account, cells: list[str], status: int
) -> None:
    """Of records in the order of their times, only a permission ends an earlier opt-out."""
    account.seed(contact(1))
    account.sync(*(row(1, cell, at=f"2026-01-{day:02}") for day, cell in enumerate(cells, 1)))
    assert account.statuses() == {1: status}


SMS = {"channels": {"SMS": {"column": "sms", "values": {"OPT_IN": ["Y"], "OPT_OUT": ["N"], "NO_MARKETING": ["M"]}}}}
PHONE = {"EMAIL": "email", "SMS": {"column": "phone", "region": "US"}}


@pytest.mark.rule("IV-08")
def test_sms_consent_is_withdrawn_unless_an_option_says_otherwise(account: Account) -> None:
    """The message names the mapping's line, the vendor's date and the option."""
    from pipeline.errors import MappingErrors

    with pytest.raises(MappingErrors, match=r"consent\.channels\.SMS: iVvy withdrew `smsStatus` on 2026-06-30"):
        account.sync(row(1, sms="Y"), consent=SMS, addresses=PHONE)
    assert account.writes() == []


@pytest.mark.rule("IV-08")
@pytest.mark.parametrize(("cell", "number"), [("Y", 1), ("N", 2), ("M", 4)])
def test_sms_consent_has_numbers_of_its_own(account: Account, cell: str, number: int) -> None:
    """No marketing is 4 here, and 5 for e-mail."""
    account.seed(contact(1, phone="+12125550101"), sms_status="accept")
    options = {"sms_status": True}
    result = account.sync(row(1, phone="212 555 0101", sms=cell), consent=SMS, addresses=PHONE, options=options)
    assert result.exit_code == 0
    assert account.contacts()[1]["smsStatus"] == number
    assert account.statuses() == {1: 1}


def test_several_contacts_of_one_identity_take_an_opt_out_only(account: Account) -> None:
    """Nobody can say who is meant: all of them are opted out, and nothing else is written to any."""
    account.seed(contact(1), contact(2, externalId="c1", email="other@example.com"))
    outcome = account.outcomes(account.sync(row(1, "N", first="Changed")))["c1"]
    assert outcome["outcome"] == "updated"
    assert "firstName: contact_ambiguous" in outcome["withheld"]
    assert account.statuses() == {1: 2, 2: 2}
    assert account.contacts()[1]["firstName"] == "Ann1"


def test_several_contacts_of_one_identity_take_no_permission(account: Account) -> None:
    """An opt-in of somebody who cannot be told apart is not sent."""
    account.seed(contact(1, 5), contact(2, 5, externalId="c1", email="other@example.com"))
    outcome = account.outcomes(account.sync(row(1)))["c1"]
    assert (outcome["outcome"], outcome["reason"]) == ("rejected", "contact_ambiguous")
    assert account.statuses() == {1: 5, 2: 5}


def test_an_anonymised_contact_is_left_alone(account: Account) -> None:
    """It is not written to, not even to opt it out."""
    account.seed(contact(1, isAnonymised=True))
    outcome = account.outcomes(account.sync(row(1, "N")))["c1"]
    assert (outcome["outcome"], outcome["reason"]) == ("rejected", "contact_anonymised")
    assert account.writes() == []


def test_who_is_gone_is_not_added_under_an_id(account: Account) -> None:
    """By iVvy's own id only known contacts are updated."""
    account.seed(contact(1))
    changes = {"identity": {"id": "ivvy_id"}, "delivery": {"requests_per_second": 100_000}}
    result = account.sync({**row(1, "N"), "ivvy_id": "1"}, {**row(2, "N"), "ivvy_id": "2"}, **changes)
    outcomes = account.outcomes(result)
    assert (outcomes["1"]["outcome"], outcomes["2"]["reason"]) == ("updated", "contact_not_found")
    assert account.statuses() == {1: 2}


def test_the_mapping_says_status_words_that_ivvy_has(account: Account) -> None:
    """A status of another destination is an error of the mapping, with those that fit."""
    from pipeline.errors import MappingErrors

    wrong = {"channels": {"EMAIL": {**STATUS, "values": {"NEVER_CONFIRMED": ["Y"]}}}}
    with pytest.raises(MappingErrors, match="ivvy cannot store NEVER_CONFIRMED for EMAIL; allowed: OPT_IN, OPT_OUT"):
        account.sync(row(1), consent=wrong)


def test_a_stored_phone_number_that_is_listed_holds_the_group(account: Account) -> None:
    """A group is for all channels: the number counts though nothing of the mapping knows it."""
    account.seed(contact(1, phone="+12125550101"), contact(2))
    (account.path / "list.txt").write_text("+1 212 555 0101\n", encoding="utf-8")
    groups = {"Newsletter": NEWS}
    result = account.sync(
        row(1, news="Y"), row(2, news="Y"), consent={"groups": groups}, policy={"suppression": "list.txt"}
    )
    assert result.summary.withheld == {"suppressed": 1}
    assert (account.groups(1), account.groups(2)) == ([], [310])
