"""Wix's adapter at one end of a socket and the sandbox at the other."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pipeline import run
from pipeline.destinations.interface import Kind
from pipeline.destinations.wix.adapter import build
from pipeline.errors import MappingErrors, Unreachable
from pipeline.pacing.allowance import Pace
from pipeline.pacing.turns import Pacer
from tests.delivery.world import read_csv

from .bench import EMAIL, NEWER, SMS, consent, row

if TYPE_CHECKING:
    from .bench import Site

ADAPTER = build("http://127.0.0.1/", {"api_key": "k", "site_id": "s"}, {})
PHONE = "+12125550101"


def _error(code: str) -> dict[str, Any]:
    return {"message": "no", "details": {"applicationError": {"code": code, "description": "no"}}}


ANSWERS: dict[str, tuple[int, Any, Kind, str, float | None]] = {
    "a result": (200, {"results": []}, Kind.OK, "", None),
    "a wrong value": (400, {"message": "no", "details": {}}, Kind.REFUSED, "400", None),
    "nothing there": (404, _error("NOT_FOUND"), Kind.REFUSED, "404", None),
    "a conflict": (409, _error("ANY_CODE"), Kind.REFUSED, "409", None),
    "a missing field": (428, _error("X"), Kind.REFUSED, "428", None),
    "no key": (401, _error("UNAUTHENTICATED"), Kind.HALT, "401", None),
    "no permission": (403, {}, Kind.HALT, "403", None),
    "too fast": (429, _error("RESOURCE_EXHAUSTED"), Kind.THROTTLED, "429", 60.0),
    "too fast, as a page": (429, "<html>", Kind.THROTTLED, "429", 60.0),
    "a fault of the server": (500, {"message": "", "details": {}}, Kind.RETRY, "500", None),
    "a page": (503, "<html>", Kind.RETRY, "503", None),
    "a page with success": (200, "<html>", Kind.RETRY, "502", None),
    "a path that is not there": (404, "<html>", Kind.HALT, "404", None),
    "a list": (200, [], Kind.RETRY, "502", None),
}


@pytest.mark.rule("WX-12")
@pytest.mark.parametrize(("status", "body", "kind", "code", "wait"), ANSWERS.values(), ids=ANSWERS)
def test_answers_are_judged(status: int, body: Any, kind: Kind, code: str, wait: float | None) -> None:
    """By their status; the codes in the body are no promise of the vendor's, and a 429 waits a minute."""
    answer = httpx.Response(status, text=body) if isinstance(body, str) else httpx.Response(status, json=body)
    verdict = ADAPTER.classify(answer)
    assert (verdict.kind, verdict.code, verdict.retry_after_seconds) == (kind, code, wait)


@pytest.mark.rule("WX-12")
def test_a_429_that_names_its_wait_is_taken_at_its_word() -> None:
    """The transport reads the header."""
    assert ADAPTER.classify(httpx.Response(429, headers={"retry-after": "3"})).retry_after_seconds is None


@pytest.mark.rule("WX-12")
def test_an_answer_without_the_list_is_not_an_empty_one(site: Site) -> None:
    """Who is not seen might be opted out: nothing is sent."""
    site.seed(consent("ann1@example.com", "REVOKED"))
    body: Any = {"marketingConsents": [], "pagingMetadata": {"count": 0}}
    site.sandbox.faults([{"fault": "answer", "operation": "query", "status": 200, "body": body}])
    with pytest.raises(Unreachable, match="marketingConsent"):
        site.sync(row(1))
    assert site.states() == {"ann1@example.com": "REVOKED"}


@pytest.mark.rule("WX-01")
def test_one_record_with_two_addresses_is_two_consents_and_one_outcome(site: Site) -> None:
    """E-mail and phone each have a consent of their own; the record counts once."""
    result = site.sync(row(1, phone="212 555 0101", sms="N"), row(2))
    rows = result.summary.rows
    assert (result.exit_code, rows.read, rows.created, result.summary.balanced) == (0, 2, 2, True)
    assert site.states() == {"ann1@example.com": "CONFIRMED", PHONE: "REVOKED", "ann2@example.com": "CONFIRMED"}
    assert result.summary.transitions == {"EMAIL": {"UNSET->OPT_IN": 2}, "SMS": {"UNSET->OPT_OUT": 1}}


@pytest.mark.rule("WX-01")
def test_a_record_of_which_one_address_failed_says_what_came_of_the_other(site: Site) -> None:
    """The worst is its outcome; nobody has to guess whether the opt-out beside it was told."""
    site.sandbox.faults([{"fault": "poison_row", "key": PHONE, "code": "INVALID", "message": "Row refused"}])
    outcome = site.outcomes(site.sync(row(1, "N", phone="212 555 0101", sms="N")))["1"]
    assert (outcome["outcome"], outcome["message"]) == ("failed", "SMS: INVALID: Row refused; EMAIL: created")
    assert site.states() == {"ann1@example.com": "REVOKED"}


@pytest.mark.rule("WX-01")
def test_an_address_in_several_spellings_is_one(site: Site) -> None:
    """Case and the way a number is written make no second consent, and the strictest answer wins."""
    rows = [row(1, "", phone="(212) 555-0101", sms="Y"), row(2, "", phone="+1 212 555 0101", sms="N"), row(3)]
    result = site.sync(*rows, row(4, email="ANN3@Example.com"))
    assert site.states() == {PHONE: "REVOKED", "ann3@example.com": "CONFIRMED"}
    assert (result.summary.rows.superseded, result.summary.rows.created) == (2, 2)


@pytest.mark.rule("WX-01")
def test_a_broken_address_withholds_its_own_consent_only(site: Site) -> None:
    """The consent beside it goes; a consent without any address is withheld, never guessed onto another."""
    result = site.sync(row(1, phone="12", sms="Y"), row(2, sms="N"), row(3, "", sms="Y"))
    outcomes = site.outcomes(result)
    assert site.states() == {"ann1@example.com": "CONFIRMED", "ann2@example.com": "CONFIRMED"}
    assert outcomes["1"]["withheld"] == "SMS: phone_not_e164; phone: phone_not_e164"
    assert outcomes["2"]["withheld"] == "SMS: address_missing"
    assert (outcomes["3"]["outcome"], outcomes["3"]["reason"]) == ("rejected", "address_missing")


def test_somebody_who_opted_out_again_at_the_site_stays_out(site: Site) -> None:
    """The site's own time goes before what we told it: an opt-in between the two opt-outs is older than the second."""
    site.sync(row(1, "N", at="2026-01-01"))
    site.seed(consent("ann1@example.com", "REVOKED", "2026-03-01T00:00:00Z"))
    assert site.sync(row(1, at="2026-02-01"), policy=NEWER).summary.rows.held == 1
    assert site.states() == {"ann1@example.com": "REVOKED"}


def test_an_older_opt_out_takes_no_newer_ones_place(site: Site) -> None:
    """It is told with the later time, so that an opt-in between the two is no newer evidence, then or ever."""
    site.seed(consent("ann1@example.com", "REVOKED", "2026-03-01T00:00:00Z"))
    site.sync(row(1, "N", at="2026-01-01"), policy=NEWER)
    assert site.consents()["ann1@example.com"]["lastRevokeActivity"]["updatedDate"] == "2026-03-01T00:00:00.000Z"
    assert site.sync(row(1, at="2026-02-01"), policy=NEWER).summary.rows.held == 1
    assert site.sync(row(1, at="2026-04-01"), policy=NEWER).summary.rows.updated == 1


@pytest.mark.rule("WX-02")
@pytest.mark.rule("WX-03")
@pytest.mark.rule("WX-05")
@pytest.mark.parametrize(
    ("ok", "state", "level"),
    [
        ("Y", "CONFIRMED", "DOUBLE_CONFIRMATION"),
        ("P", "PENDING", "DOUBLE_CONFIRMATION"),
        ("N", "REVOKED", None),
        ("V", "NEVER_CONFIRMED", None),
        ("U", "UNKNOWN_STATE", None),
    ],
)
def test_each_state_comes_with_its_activity(site: Site, ok: str, state: str, level: str | None) -> None:
    """Confirmed and pending with a confirmation and its level, revoked with a revocation, the others with neither."""
    site.seed(pending_needs_double_opt_in=True, activity_strict=True)
    options = {"opt_in_level": "DOUBLE_CONFIRMATION", "description": "Autumn fair"}
    assert site.sync(row(1, ok, src="desk"), options=options).exit_code == 0
    stored = site.consents()["ann1@example.com"]
    assert stored["state"] == state
    activity = {"source": "IN_PERSON", "description": "Autumn fair", "updatedDate": "2026-01-02T00:00:00.000Z"}
    confirmation, revocation = stored.get("lastConfirmationActivity"), stored.get("lastRevokeActivity")
    assert confirmation == (activity | {"optInLevel": level} if level else None)
    assert revocation == (activity if ok == "N" else None)


@pytest.mark.rule("WX-04")
@pytest.mark.parametrize(
    ("cell", "ok", "source", "description"),
    [
        ("web", "Y", "FORM", None),
        ("link", "Y", "LINK_CONFIRMATION", None),
        ("link", "N", "OTHER", "LINK_CONFIRMATION"),
        ("page", "N", "REVOKE_LINK", None),
        ("page", "Y", "OTHER", "REVOKE_LINK"),
        ("fair", "Y", "OTHER", None),
        ("", "N", "OTHER", None),
    ],
)
def test_a_source_of_the_other_kind_is_told_as_other(
    site: Site, cell: str, ok: str, source: str, description: str | None
) -> None:
    """Confirmations and revocations have sources of their own; what fits neither is kept in words."""
    values = {"FORM": ["web"], "LINK_CONFIRMATION": ["link"], "REVOKE_LINK": ["page"]}
    target = {**EMAIL, "source": {"column": "src", "values": values}}
    site.sync(row(1, ok, src=cell), consent={"channels": {"EMAIL": target}}, addresses={"EMAIL": "email"})
    activity = site.consents()["ann1@example.com"]["lastConfirmationActivity" if ok == "Y" else "lastRevokeActivity"]
    assert (activity["source"], activity.get("description")) == (source, description)


@pytest.mark.rule("WX-06")
def test_a_state_that_is_silently_kept_is_not_applied(site: Site) -> None:
    """UNKNOWN_STATE over a stored e-mail consent is answered as a success; over a phone's, and a new one, it is one."""
    site.seed(consent("ann1@example.com"), consent(PHONE, "NEVER_CONFIRMED"))
    result = site.sync(row(1, "U", phone=PHONE, sms="U"), row(2, "U"))
    outcomes = site.outcomes(result)
    assert (outcomes["1"]["outcome"], outcomes["1"]["reason"]) == ("failed", "not_applied")
    assert outcomes["1"]["message"] == "EMAIL: UNKNOWN_STATE was sent, and the state is CONFIRMED; SMS: updated"
    assert outcomes["2"]["outcome"] == "created"
    assert site.states() == {
        "ann1@example.com": "CONFIRMED",
        PHONE: "UNKNOWN_STATE",
        "ann2@example.com": "UNKNOWN_STATE",
    }
    assert site.outcomes(site.sync(row(1, "U", phone=PHONE, sms="U")))["1"]["outcome"] == "failed"


FIELDS = {
    "crm.tier": "tier",
    "crm.since": {"column": "since", "type": "number", "blank": "clear"},
    "shop.vip": {"column": "vip", "type": "boolean"},
}


@pytest.mark.rule("WX-07")
@pytest.mark.rule("WX-11")
def test_an_update_changes_what_it_names_and_nothing_else(site: Site) -> None:
    """Extended fields one by one: those that the mapping does not know, and those that are blank, stay."""
    fields = {"namespaces": {"crm": {"tier": "old", "since": 1, "own": "kept"}, "other": {"x": 1}}}
    site.seed(consent("ann1@example.com", at="2025-01-01T00:00:00Z", extendedFields=fields))
    result = site.sync(row(1, "", tier="gold", vip="yes"), attributes=FIELDS)
    assert (result.exit_code, result.summary.rows.updated) == (0, 1)
    stored = site.consents()["ann1@example.com"]
    assert stored["extendedFields"]["namespaces"] == {
        "crm": {"tier": "gold", "own": "kept"},
        "other": {"x": 1},
        "shop": {"vip": True},
    }
    assert (stored["state"], stored["lastConfirmationActivity"]["updatedDate"]) == ("CONFIRMED", "2025-01-01T00:00:00Z")
    assert [entry.operation for entry in site.writes()] == ["update"]


@pytest.mark.rule("WX-11")
def test_extended_fields_go_with_a_new_consent(site: Site) -> None:
    """And a field without a consent is no reason to make one."""
    outcomes = site.outcomes(site.sync(row(1, tier="gold"), row(2, "", tier="gold"), attributes=FIELDS))
    assert site.consents()["ann1@example.com"]["extendedFields"] == {"namespaces": {"crm": {"tier": "gold"}}}
    assert (outcomes["2"]["outcome"], outcomes["2"]["reason"]) == ("held", "consent_missing")


@pytest.mark.rule("WX-08")
@pytest.mark.parametrize("known_consents", ["auto", "update"])
def test_who_revokes_in_between_stays_revoked(site: Site, known_consents: str) -> None:
    """The revision that was decided on is stale: the consent is read again, and its newer opt-out wins."""
    site.seed(consent("ann1@example.com", "NEVER_CONFIRMED"), consent("ann2@example.com", "NEVER_CONFIRMED"))
    options = {"known_consents": known_consents}
    planned = run.plan(site.request(row(1), row(2), options=options, policy={"witnesses": ["export"]}), site.context())
    site.sandbox.load({"wix": {"consents": [consent("ann1@example.com", "REVOKED", "2026-03-01T00:00:00Z")]}})
    outcomes = site.outcomes(run.apply(planned.summary.run_id, site.context()))
    assert (outcomes["1"]["outcome"], outcomes["1"]["reason"]) == ("held", "resubscribe_without_evidence")
    assert outcomes["2"]["outcome"] == "updated"
    assert site.states() == {"ann1@example.com": "REVOKED", "ann2@example.com": "CONFIRMED"}


@pytest.mark.rule("WX-08")
def test_another_change_in_between_is_written_over_with_its_revision(site: Site) -> None:
    """Who was changed otherwise is decided again on what is there now, and the update goes."""
    site.seed(consent("ann1@example.com", "NEVER_CONFIRMED"))
    planned = run.plan(site.request(row(1), policy={"witnesses": ["export"]}), site.context())
    site.sandbox.load({"wix": {"consents": [consent("ann1@example.com", "UNKNOWN_STATE", revision="9")]}})
    result = run.apply(planned.summary.run_id, site.context())
    assert (result.exit_code, site.states()) == (0, {"ann1@example.com": "CONFIRMED"})
    assert [entry.status for entry in site.sandbox.requests("wix") if entry.operation == "update"] == [409, 200]


@pytest.mark.rule("WX-08")
def test_an_update_that_never_finds_its_revision_fails_and_says_why(site: Site) -> None:
    """After three rounds it is nobody's fault and not applied."""
    site.seed(consent("ann1@example.com", "NEVER_CONFIRMED"))
    conflict: Any = {"message": "entity has already changed since the requested revision", "details": {}}
    site.sandbox.faults([{"fault": "answer", "operation": "update", "status": 409, "body": conflict}])
    outcome = site.outcomes(site.sync(row(1)))["1"]
    assert (outcome["outcome"], outcome["reason"]) == ("failed", "changed_meanwhile")
    assert site.states() == {"ann1@example.com": "NEVER_CONFIRMED"}


@pytest.mark.rule("WX-08")
@pytest.mark.parametrize(
    ("revoked", "state"), [("2025-12-31", "CONFIRMED"), ("2026-01-02", "REVOKED"), ("2026-02-01", "REVOKED")]
)
def test_the_platforms_own_opt_outs_have_a_date(site: Site, revoked: str, state: str) -> None:
    """With newer evidence a consent from before the opt-out is held, and one from after it goes."""
    site.seed(consent("ann1@example.com", "REVOKED", f"{revoked}T00:00:00Z"))
    site.sync(row(1), policy=NEWER)
    assert site.states() == {"ann1@example.com": state}


@pytest.mark.rule("WX-08")
def test_without_a_date_or_without_the_policy_an_opt_out_stays(site: Site) -> None:
    """`never` is the default."""
    site.seed(consent("ann1@example.com", "REVOKED", "2020-01-01T00:00:00Z"), consent("ann2@example.com", "REVOKED"))
    assert site.sync(row(1), row(2)).summary.rows.held == 2
    assert site.sync(row(2), policy=NEWER).summary.rows.held == 1


@pytest.mark.rule("WX-09")
@pytest.mark.parametrize(
    "settings",
    [
        {"bulk_original_index": "omit_zero"},
        {"bulk_original_index": "never"},
        {"bulk_error_shape": "object"},
        {"bulk_error_shape": "standard"},
        {"bulk_fault_scope": "call"},
        {"bulk_max_items": 3},
        {"unset_fields": "null"},
    ],
)
def test_bulk_answers_are_understood_in_every_shape(site: Site, settings: dict[str, Any]) -> None:
    """One faulty item fails by itself, whatever the vendor makes of the call and however it counts."""
    site.seed(**settings)
    site.sandbox.faults(
        [{"fault": "poison_row", "key": "ann3@example.com", "code": "INVALID", "message": "Row refused"}]
    )
    outcomes = site.outcomes(site.sync(*(row(number) for number in range(1, 8))))
    assert outcomes["3"]["outcome"] == "failed"
    assert {o["outcome"] for number, o in outcomes.items() if number != "3"} == {"created"}
    assert len(site.states()) == 6


@pytest.mark.rule("WX-09")
def test_a_call_that_is_refused_as_a_whole_is_sent_without_the_items_it_names(site: Site) -> None:
    """An address that is too long for the vendor costs one further request, not seven."""
    site.seed(max_email_length=20)
    long = row(3, email="somebody.with.a.long.name@example.com")
    outcomes = site.outcomes(site.sync(*(row(n) for n in range(1, 3)), long, *(row(n) for n in range(4, 8))))
    assert (outcomes["3"]["outcome"], outcomes["3"]["reason"]) == ("failed", "attribute_value_refused")
    assert "details.email" in outcomes["3"]["message"]
    assert sum(entry.operation == "bulkUpsert" for entry in site.sandbox.requests("wix")) == 2


@pytest.mark.rule("WX-09")
def test_requests_are_as_few_as_bulk_calls_allow(site: Site) -> None:
    """A thousand new consents are ten calls, eleven for two phases, and ten queries."""
    result = site.sync(*(row(number, "N" if number % 4 else "Y") for number in range(1, 1001)))
    operations = [entry.operation for entry in site.sandbox.requests("wix")]
    assert result.summary.rows.created == 1000
    assert (operations.count("bulkUpsert"), operations.count("query")) == (8 + 3, 1 + 10)


@pytest.mark.rule("WX-10")
def test_links_are_kept_with_the_outcome(site: Site) -> None:
    """Where the person confirms or unsubscribes, in outcomes.csv; none where the answer has none."""
    site.seed(consent("ann2@example.com", "NEVER_CONFIRMED"))
    result = site.sync(row(1, "P"), row(2), row(3, "N"))
    links = {identity: outcome["link"] for identity, outcome in site.outcomes(result).items()}
    assert "/_manage-consent/subscribe?token=" in links["1"]
    assert "/_manage-consent/unsubscribe?token=" in links["2"]
    assert links["3"] == ""
    again = run.report(result.summary.run_id, site.context())
    assert {i: o["link"] for i, o in site.outcomes(again).items()} == links


@pytest.mark.rule("WX-12")
def test_consents_are_read_back_over_pages(site: Site) -> None:
    """However the vendor cuts its pages, nobody who revoked is missed."""
    site.seed(*(consent(f"ann{number}@example.com", "REVOKED") for number in range(1, 90)), page_size_max=100)
    site.sandbox.settings("wix", page_size_default=7)
    result = site.sync(*(row(number) for number in range(1, 120)))
    assert (result.summary.rows.held, result.summary.rows.created) == (89, 30)


@pytest.mark.rule("WX-12")
def test_a_limit_for_a_minute_is_not_passed() -> None:
    """Two hundred at once, then as the first ones are a minute old; who needs fewer waits for nothing."""
    waits: list[float] = []

    class Noting(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout or 0)
            return False

    pacer = Pacer(Pace(per_minute=ADAPTER.limits.requests_per_minute), Noting())
    for _ in range(200):
        pacer.turn()
    assert waits == []
    for _ in range(3):
        pacer.turn()
    assert len(waits) == 3
    assert all(55 < seconds <= 62 for seconds in waits)


@pytest.mark.rule("WX-12")
def test_the_mapping_may_name_another_pace(site: Site) -> None:
    """`requests_per_second` stands for the vendor's limit: 250 updates do not wait for the next minute."""
    site.seed(*(consent(f"ann{number}@example.com", "NEVER_CONFIRMED") for number in range(1, 251)))
    assert site.sync(*(row(number) for number in range(1, 251))).summary.rows.updated == 250


def test_a_run_that_failed_in_part_is_corrected_by_its_rejects(site: Site) -> None:
    """A record of which one address failed is in rejects.csv; run again, only that address is sent."""
    site.sandbox.faults([{"fault": "poison_row", "key": PHONE, "code": "INVALID", "message": "Row refused"}])
    result = site.sync(row(1, phone=PHONE, sms="Y"))
    outcome = site.outcomes(result)["1"]
    assert (outcome["outcome"], outcome["message"]) == ("failed", "SMS: INVALID: Row refused; EMAIL: created")
    site.sandbox.faults([])
    site.sandbox.clear_requests()
    [rejected] = read_csv(site.path / "home" / "runs" / result.summary.run_id / "rejects.csv")
    assert site.sync(rejected).exit_code == 0
    assert [entry.keys for entry in site.writes()] == [(PHONE,)]


def test_explain_finds_a_record_by_each_of_its_addresses(site: Site) -> None:
    """By the identity column, the e-mail address and the phone number."""
    from pipeline.explaining import explain

    site.sync(row(1, phone=PHONE, sms="N"), row(2))
    for identity in ("1", "Ann1@example.com", PHONE):
        found = explain("latest", identity, site.context())
        assert [record["record"] for record in found.records] == [1]
        assert len(found.sent) == 2


def test_verify_compares_every_address(site: Site) -> None:
    """A record with two addresses is two comparisons, and nothing is written."""
    from pipeline.verifying import Audit, verify

    site.seed(consent("ann1@example.com"), consent(PHONE, "CONFIRMED"))
    request = site.request(row(1, phone=PHONE, sms="N"), row(2))
    found = verify(Audit(request.mapping, request.export), site.context())
    assert (found.match, found.differ, found.missing) == (1, 1, 1)
    assert found.differences == {"SMS": {"export OPT_OUT, destination OPT_IN": 1}}
    assert site.writes() == []


def test_groups_and_missing_addresses_are_errors_of_the_mapping(site: Site) -> None:
    """Wix knows no groups, and no consent without an address."""
    with pytest.raises(MappingErrors, match="Wix has no consent groups"):
        site.sync(row(1), consent={"groups": {"News": {"column": "ok", "values": {"OPT_IN": ["Y"]}}}})
    with pytest.raises(MappingErrors, match="`addresses` has no SMS"):
        site.sync(row(1), consent={"channels": {"SMS": SMS}}, addresses={"EMAIL": "email"})
    with pytest.raises(MappingErrors, match="map at least one of EMAIL and SMS"):
        site.sync(row(1), consent=None, addresses=None, policy={"write": ["attributes"]}, attributes={"a.b": "x"})


def test_a_suppressed_address_is_only_opted_out(site: Site) -> None:
    """The list holds addresses, which are the identities here."""
    (site.path / "list.txt").write_text("ann1@example.com\n(212) 555-0101\nann3@example.com\n", encoding="utf-8")
    result = site.sync(row(1, phone=PHONE, sms="Y"), row(2), row(3, "N"), policy={"suppression": "list.txt"})
    outcomes = site.outcomes(result)
    assert (outcomes["1"]["outcome"], outcomes["1"]["reason"]) == ("held", "suppressed")
    assert site.states() == {"ann2@example.com": "CONFIRMED", "ann3@example.com": "REVOKED"}


def test_an_address_that_was_listed_since_the_plan_is_held_alone(site: Site) -> None:
    """Each address of a record is an item of its own: the other one's consent goes."""
    listed = site.path / "list.txt"
    listed.write_text("# nobody yet\n", encoding="utf-8")
    request = site.request(row(1, phone=PHONE, sms="Y"), row(2), policy={"suppression": "list.txt"})
    planned = run.plan(request, site.context())
    listed.write_text("(212) 555-0101\n", encoding="utf-8")
    result = run.apply(planned.summary.run_id, site.context())
    assert site.states() == {"ann1@example.com": "CONFIRMED", "ann2@example.com": "CONFIRMED"}
    assert result.summary.withheld == {"suppressed": 1}


def test_an_opt_out_without_its_address_is_open(site: Site) -> None:
    """It is owed though it belongs to no item; the opt-out beside it is confirmed, and so is not."""
    result = site.sync(row(1, "N", sms="N"), row(2, "N", phone="12", sms="N"), row(3, sms="Y"))
    assert (result.summary.open_opt_outs.open, result.summary.open_opt_outs.age_unknown) == (2, 0)
    assert site.states()["ann1@example.com"] == "REVOKED"
