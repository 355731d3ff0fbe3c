"""iVvy's adapter at one end of a socket and the sandbox at the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.destinations.interface import Kind
from pipeline.destinations.ivvy.adapter import build
from pipeline.destinations.ivvy.identity import split_names
from pipeline.errors import MappingErrors, Refused
from pipeline.stages.map import identity_of
from tests.jobs import records_of

from .bench import NAMED, NEWS, contact, job_of, row

if TYPE_CHECKING:
    from .bench import Account

ADAPTER = build("http://127.0.0.1/", {"api_key": "k", "api_secret": "s"}, {})
TRIPLE: dict[str, Any] = {"identity": NAMED, "addresses": None, "attributes": {"Note": "note"}}
GROUPS: dict[str, Any] = {"consent": {"groups": {"Newsletter": NEWS}}}


ANSWERS: dict[str, tuple[int, Any, Kind, str]] = {
    "a result": (200, {"id": 1}, Kind.OK, ""),
    "a list": (200, [], Kind.OK, ""),
    "success": (200, {"success": True, "id": 1}, Kind.OK, ""),
    "no success": (200, {"success": False, "message": "no"}, Kind.REFUSED, "success: false"),
    "no success, no word": (200, {"success": False}, Kind.REFUSED, "success: false"),
    "a wrong value": (400, {"errorCode": 400, "message": "no", "specificCode": 23016}, Kind.REFUSED, "23016"),
    "a missing value": (400, {"errorCode": 400, "message": "no", "specificCode": 23017}, Kind.REFUSED, "23017"),
    "nobody": (400, {"errorCode": 400, "message": "no", "specificCode": 24096}, Kind.REFUSED, "24096"),
    "nobody, by 404": (404, {"errorCode": 404, "message": "no", "specificCode": 24096}, Kind.REFUSED, "24096"),
    "an error under HTTP 200": (200, {"errorCode": 400, "message": "no", "specificCode": 24999}, Kind.REFUSED, "24999"),
    "an error without a code of its own": (400, {"errorCode": 400, "message": "no"}, Kind.REFUSED, "400"),
    "a wrong key": (401, {"errorCode": 401, "message": "no", "specificCode": 1}, Kind.HALT, "401"),
    "no permission": (403, {"errorCode": 403, "message": "no", "specificCode": 1}, Kind.HALT, "403"),
    "a revoked key": (463, {"errorCode": 463, "message": "no", "specificCode": 1}, Kind.HALT, "463"),
    "an action that is not there": (501, {"errorCode": 501, "message": "no", "specificCode": 1}, Kind.HALT, "501"),
    "too fast": (429, {"errorCode": 429, "message": "no", "specificCode": 1}, Kind.THROTTLED, "429"),
    "a fault of the server": (500, {"errorCode": 500, "message": "no", "specificCode": 1}, Kind.RETRY, "500"),
    "unknown": (460, {"errorCode": 460, "message": "no"}, Kind.RETRY, "460"),
    "the gateway": (504, {"message": "Endpoint request timed out"}, Kind.RETRY, "504"),
    "the gateway, too fast": (429, {"message": "Limit Exceeded"}, Kind.THROTTLED, "429"),
    "a page": (200, "<html>", Kind.RETRY, "502"),
    "a page with a status": (503, "<html>", Kind.RETRY, "503"),
    "an error of another shape": (400, {"errorCode": "x"}, Kind.RETRY, ""),
    "a number": (200, 7, Kind.RETRY, ""),
}


@pytest.mark.rule("IV-11")
@pytest.mark.rule("IV-13")
@pytest.mark.parametrize(("status", "body", "kind", "code"), ANSWERS.values(), ids=ANSWERS)
def test_answers_are_judged(status: int, body: Any, kind: Kind, code: str) -> None:
    """Both failure channels; by the vendor's codes where there are any, else by the status."""
    text = body if isinstance(body, str) else None
    answer = httpx.Response(status, text=text) if text else httpx.Response(status, json=body)
    verdict = ADAPTER.classify(answer)
    assert (verdict.kind, verdict.code) == (kind, code)


names = st.text(st.characters(categories=("L", "P", "Zs", "S")), min_size=1, max_size=8).filter(
    lambda t: t.strip() != ""
)


@pytest.mark.rule("IV-03")
@given(st.tuples(names, names, names))
def test_an_identity_of_three_columns_can_be_taken_apart(cells: tuple[str, str, str]) -> None:
    """Whatever stands in the names: trimmed, in lower case, and never the names of somebody else."""
    job = job_of(**TRIPLE)
    frame = records_of(job, dict(zip(("first", "last", "email"), cells, strict=True)))
    identity = frame.select(identity_of(job)).item()
    assert split_names(identity) == tuple(frame.select(c).item().strip().lower() for c in ("first", "last", "email"))


@pytest.mark.rule("IV-03")
def test_a_contact_is_found_by_its_names_and_address(account: Account) -> None:
    """Case and outer spaces aside; another first name is somebody else, even at the same address."""
    account.seed(contact(1, firstName=" ANN1 "), contact(2, firstName="Bea", email="ann1@example.com"))
    result = account.sync(
        row(1, email="Ann1@Example.com", note="x"), row(3, email="ann1@example.com", note="y"), **TRIPLE
    )
    assert (result.summary.rows.updated, result.summary.rows.created) == (1, 1)
    notes = {c["firstName"]: [f["value"] for f in c["customFields"]] for c in account.contacts().values()}
    assert notes == {" ANN1 ": ["x"], "Bea": [], "Ann3": ["y"]}


@pytest.mark.rule("IV-02")
@pytest.mark.parametrize(("cells", "reason"), [({"last": ""}, "attribute_missing"), ({"email": ""}, "address_missing")])
def test_who_lacks_a_name_or_an_address_is_not_added(account: Account, cells: dict[str, str], reason: str) -> None:
    """It is rejected before anything is sent, and a known contact takes the rest."""
    account.seed(contact(2))
    outcomes = account.outcomes(account.sync(row(1, "N", **cells), row(2, "N", **cells)))
    assert (outcomes["c1"]["outcome"], outcomes["c1"]["reason"]) == ("rejected", reason)
    assert outcomes["c2"]["outcome"] == "updated"


@pytest.mark.rule("IV-02")
def test_a_mapping_that_adds_must_map_what_new_contacts_need(account: Account) -> None:
    """The message names what is missing."""
    with pytest.raises(MappingErrors, match=r"delivery\.mode: iVvy adds nobody without .* map `lastName` too"):
        account.sync(row(1), attributes={"firstName": "first"})


@pytest.mark.rule("IV-03")
def test_a_contact_without_our_id_is_recognised_and_given_it(account: Account) -> None:
    """Adding would update a contact of the same names and address: it is the one, and keeps its consent."""
    account.seed(contact(1, 2, externalId=None))
    result = account.sync(row(1))
    assert result.summary.withheld == {"resubscribe_without_evidence": 1}
    assert account.statuses() == {1: 2}
    assert account.contacts()[1]["externalId"] == "c1"


@pytest.mark.rule("IV-03")
def test_a_contact_of_another_id_is_not_taken_over(account: Account) -> None:
    """Same names, same address, another external id: nobody can say whose consent it is."""
    account.seed(contact(1, externalId="somebody-else"))
    outcome = account.outcomes(account.sync(row(1)))["c1"]
    assert (outcome["outcome"], outcome["reason"]) == ("rejected", "contact_ambiguous")
    assert account.writes() == []


@pytest.mark.rule("IV-03")
def test_one_of_several_that_may_be_meant_is_not_given_the_id(account: Account) -> None:
    """They are opted out; naming one of them would make it the one the next night."""
    account.seed(contact(1, externalId=None), contact(2, firstName="Ann1", email="ann1@example.com"))
    assert account.outcomes(account.sync(row(1, "N")))["c1"]["outcome"] == "updated"
    assert account.statuses() == {1: 2, 2: 2}
    assert account.contacts()[1].get("externalId") is None
    written = len(account.writes())
    account.sync(row(1, "N"))
    assert len(account.writes()) == written


@pytest.mark.rule("IV-04")
def test_no_membership_is_lost(account: Account) -> None:
    """A group that the mapping does not speak of stays, whatever else is written to the contact."""
    account.seed(
        contact(1, groups=[{"groupId": 310}, {"groupId": 311}]), contact(2, groups=[{"groupId": 311}]), contact(3)
    )
    rows = (row(1, news="N"), row(2, news="Y"), row(3, news=""))
    assert account.sync(*rows, **GROUPS).exit_code == 0
    assert [account.groups(number) for number in (1, 2, 3)] == [[311], [310, 311], []]
    account.sandbox.clear_requests()
    again = account.sync(*rows, **GROUPS)
    assert (again.summary.rows.unchanged, account.writes()) == (3, [])


@pytest.mark.rule("IV-04")
def test_who_is_in_the_group_already_is_settled_by_reading(account: Account) -> None:
    """The action may answer `false` for it; the contact is where it should be."""
    account.seed(contact(1, groups=[{"groupId": 310}]), contact(2), group_noop_status=False)
    result = account.sync(row(1, news="Y"), row(2, news="N"), **GROUPS)
    assert (result.exit_code, result.summary.rows.updated) == (0, 2)


@pytest.mark.rule("IV-04")
def test_who_was_taken_out_of_a_group_stays_out(account: Account) -> None:
    """A membership that we told and that is gone was ended by somebody: that is an opt-out."""
    account.seed(contact(1))
    account.sync(row(1, news="Y"), **GROUPS)
    account.seed(contact(1))
    account.sync(row(1, news="N"), **GROUPS)
    held = account.sync(row(1, news="Y"), **GROUPS)
    assert held.summary.withheld == {"resubscribe_without_evidence": 1}
    assert account.groups(1) == []


@pytest.mark.rule("IV-04")
def test_who_unsubscribed_is_not_put_in_a_group(account: Account) -> None:
    """And who is not spoken of by e-mail is not added to the account for a group's sake."""
    account.seed(contact(1, 2))
    result = account.sync(row(1, news="Y"), row(2, news="Y"), **GROUPS)
    outcomes = account.outcomes(result)
    assert "resubscribe_without_evidence" in outcomes["c1"]["withheld"]
    assert outcomes["c2"]["reason"] == "consent_missing"
    assert account.groups(1) == []


@pytest.mark.rule("IV-04")
def test_a_new_contact_joins_its_group(account: Account) -> None:
    """With the id that its adding was answered with, and the status that the options name."""
    result = account.sync(row(1, news="Y"), **GROUPS, options={"new_contact_status": "NO_MARKETING"})
    assert (result.exit_code, result.summary.rows.created) == (0, 1)
    [number] = account.contacts()
    assert (account.groups(number), account.statuses()[number]) == ([310], 5)


@pytest.mark.rule("IV-05")
def test_only_fields_that_can_be_written_are_there(account: Account) -> None:
    """Addresses, files, static text and inactive fields are none; the message names the nearest of the others."""
    for name in ("Home", "Old"):
        with pytest.raises(MappingErrors, match=f"has no attribute '{name}'"):
            account.sync(row(1), attributes={"firstName": "first", "lastName": "last", name: "x"})


@pytest.mark.rule("IV-05")
def test_a_choice_that_the_field_does_not_list_is_withheld(account: Account) -> None:
    """The rest of the record goes."""
    account.seed(contact(1))
    attributes = {"firstName": "first", "lastName": "last", "Topics": "topics", "Visits": "visits"}
    result = account.sync(row(1, "N", topics="news;bogus", visits="1.5"), attributes=attributes)
    assert result.summary.withheld == {"choice_invalid": 1, "number_invalid": 1}
    assert account.statuses() == {1: 2}


@pytest.mark.rule("IV-06")
def test_a_company_that_is_not_there_is_the_rows_fault(account: Account) -> None:
    """The vendor says which parameter, and the record says it on."""
    account.seed(contact(1), contact(2))
    attributes = {"firstName": "first", "lastName": "last", "companies": "companies"}
    outcomes = account.outcomes(account.sync(row(1, companies="77;99"), row(2, companies="77"), attributes=attributes))
    assert (outcomes["c1"]["outcome"], outcomes["c1"]["reason"]) == ("failed", "attribute_value_refused")
    assert "companies" in outcomes["c1"]["message"]
    assert account.contacts()[2]["companies"] == [77]


NO_LISTS = {
    "a leading zero": ("companies", "077"),
    "another separator": ("companies", "77/78"),
    "no separator": ("companies", "77 78"),
    "one item of two": ("companies", "77;x"),
    "a quote in a URL": ("externalUrls", 'a=https://example.org/?q="b"'),
    "a URL without reference": ("externalUrls", "https://example.org/"),
    "four URLs": ("externalUrls", ";".join(f"r{n}=https://example.org/{n}" for n in range(4))),
}


@pytest.mark.rule("IV-06")
@pytest.mark.parametrize(("name", "cell"), NO_LISTS.values(), ids=NO_LISTS)
def test_a_list_that_cannot_be_written_is_withheld(account: Account, name: str, cell: str) -> None:
    """Each of its items must fit; the rest of the record goes, and the other records do."""
    account.seed(contact(1), contact(2))
    result = account.sync(
        row(1, "N"), row(2, "N", x=cell), attributes={"firstName": "first", "lastName": "last", name: "x"}
    )
    assert result.summary.withheld == {"text_invalid": 1}
    assert account.statuses() == {1: 2, 2: 2}


@pytest.mark.rule("IV-09")
def test_external_urls_are_https_and_at_most_three(account: Account) -> None:
    """Another scheme is withheld; a fourth reference is an error of the mapping."""
    account.seed(
        contact(
            1,
            externalUrls=[
                {"ref": "keep", "url": "https://example.org/k"},
                {"ref": "b", "url": "https://example.org/b"},
            ],
        )
    )
    names = {"firstName": "first", "lastName": "last"}
    attributes = {
        **names,
        "externalUrl:a": "a",
        "externalUrl:b": {"column": "b", "blank": "clear"},
        "externalUrl:c": "c",
    }
    result = account.sync(row(1, a="https://example.org/a", b="", c="http://example.org/c"), attributes=attributes)
    assert result.summary.withheld == {"text_invalid": 1}
    assert {u["ref"]: u["url"] for u in account.contacts()[1]["externalUrls"]} == {
        "keep": "https://example.org/k", "a": "https://example.org/a",
    }  # fmt: skip
    with pytest.raises(MappingErrors, match=r"attributes\.externalUrl:d: a contact has at most 3 external URLs"):
        account.sync(row(1), attributes=attributes | {"externalUrl:d": "d"})
    with pytest.raises(MappingErrors, match=r"attributes\.externalUrls: `externalUrls` writes them all"):
        account.sync(row(1), attributes={**names, "externalUrl:a": "a", "externalUrls": "all"})


@pytest.mark.rule("IV-10")
def test_external_id_phone_and_privacy_consent_are_written(account: Account) -> None:
    """The phone as E.164; privacy consent with the platform's own date."""
    account.seed(contact(1))
    changes: dict[str, Any] = {
        "identity": NAMED, "addresses": {"SMS": {"column": "phone", "region": "US"}},
        "attributes": {"externalId": "crm", "privacyConsent": "privacy"},
    }  # fmt: skip
    assert account.sync(row(1, phone="(212) 555-0101", crm="x-9", privacy="yes"), **changes).exit_code == 0
    stored = account.contacts()[1]
    assert (stored["phone"], stored["externalId"]) == ("+12125550101", "x-9")
    assert stored["privacyConsentData"]["source"] == 5


@pytest.mark.rule("IV-11")
def test_a_failure_under_http_200_is_a_failure(account: Account) -> None:
    """With the vendor's message."""
    account.seed(contact(1), contact(2))
    account.sandbox.faults(
        [{"fault": "poison_row", "key": "c1", "code": "success_false", "message": "could not be saved"}]
    )
    outcomes = account.outcomes(account.sync(row(1), row(2)))
    assert (outcomes["c1"]["outcome"], outcomes["c1"]["message"]) == ("failed", "success: false: could not be saved")
    assert outcomes["c2"]["outcome"] == "updated"


@pytest.mark.rule("IV-14")
@pytest.mark.parametrize(
    "settings", [{"batch_results_order": "shuffled"}, {"batch_drop_results": 2}, {"batch_failed_job": "success_false"}]
)
def test_batches_end_as_planned_however_their_results_come(account: Account, settings: dict[str, Any]) -> None:
    """Shuffled or incomplete results are settled by reading; 30 contacts in one run."""
    account.seed(*(contact(number) for number in range(1, 31)), **settings)
    result = account.sync(*(row(number, "N") for number in range(1, 31)), options={"bulk": "always"})
    assert (result.exit_code, result.summary.rows.updated) == (0, 30)
    assert set(account.statuses().values()) == {2}


@pytest.mark.rule("IV-14")
def test_requests_are_as_few_as_batches_allow(account: Account) -> None:
    """A thousand new contacts are five runs, and their look-ups five more, each polled once."""
    rows = [row(number, "N" if number % 4 else "Y") for number in range(1, 1001)]
    assert account.sync(*rows, options={"bulk": "always"}).summary.rows.created == 1000
    operations = [entry.operation for entry in account.sandbox.requests("ivvy")]
    writes = [entry for entry in account.writes() if entry.operation == "batch.run"]
    # 750 opt-outs, then 250 others: four runs of 200 or fewer, and two.
    assert len(writes) == 6
    assert operations.count("batch.run") <= 6 + 2 * 5
    assert operations.count("batch.progress") == operations.count("batch.results") == operations.count("batch.run")


def test_a_refused_key_names_the_setting(account: Account) -> None:
    """At the first answer."""
    account.sandbox.settings("ivvy", key_revoked=True)
    with pytest.raises(Refused, match="Key Revoked"):
        account.sync(row(1))
    assert len(account.sandbox.requests("ivvy")) == 1


def test_a_mapping_of_ivvys_own_id_adds_nobody(account: Account) -> None:
    """Who has an id exists already."""
    with pytest.raises(MappingErrors, match="who has an iVvy id exists already"):
        account.sync(row(1), identity={"id": "id"})


def test_contacts_are_not_found_by_another_attribute(account: Account) -> None:
    """A mapping that identifies by what iVvy cannot look up would find nobody."""
    with pytest.raises(MappingErrors, match=r"identity\.attribute: iVvy finds contacts by `externalId`"):
        account.sync(row(1), identity={"column": "id", "attribute": "email"})


def test_who_is_opted_out_with_another_is_counted_and_said(account: Account) -> None:
    """There is no record of theirs: they are in the transitions, in the guard's figure and in the record's message."""
    account.seed(contact(1), contact(2, email="ann1@example.com"), contact(3, email="ann1@example.com"), contact(4))
    result = account.sync(row(1, "N"), row(4))
    assert result.summary.transitions == {"EMAIL": {"OPT_IN->OPT_OUT": 3, "OPT_IN->OPT_IN": 1}}
    message = account.outcomes(result)["c1"]["message"]
    assert message == "2 other contacts with the same address are opted out too"
    tight = {"max_opt_out_share": 0.7}
    account.seed(contact(1), contact(2, email="ann1@example.com"), contact(3, email="ann1@example.com"), contact(4))
    stopped = account.sync(row(1, "N", at="2026-05-05"), row(4), guards=tight)
    assert (stopped.exit_code, account.statuses()[2]) == (4, 1)
