"""Reverting at Wix: each address by itself, guarded by its revision; a consent that is there cannot be unmade."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline import run
from pipeline.erasure import forgetting

from .bench import consent, row

if TYPE_CHECKING:
    from pipeline.carried_out import Result

    from .bench import Site

PHONE = "+12125550101"
MAIL = "ann1@example.com"


def planned_revert(site: Site, result: Result) -> Result:
    """`revert`."""
    return run.revert(result.summary.run_id, site.context())


def approved(site: Site, planned: Result) -> Result:
    """`apply` with the plan's hash."""
    return run.apply(planned.summary.run_id, site.context(), approve=planned.summary.plan_hash)


@pytest.mark.rule("WX-01")
def test_a_record_with_two_addresses_goes_back_as_one(site: Site) -> None:
    """Both consents are as they were, and the record has one outcome under its own number."""
    site.seed(consent(MAIL), consent(PHONE, "REVOKED"), consent("ann2@example.com", "PENDING"))
    done = site.sync(row(2, "N"), row(1, "N", phone="212 555 0101", sms="N"))
    before_revert = site.states()
    planned = planned_revert(site, done)
    assert (planned.exit_code, site.states()) == (4, before_revert)
    result = approved(site, planned)
    assert site.states() == {MAIL: "CONFIRMED", PHONE: "REVOKED", "ann2@example.com": "PENDING"}
    assert (result.summary.rows.read, result.summary.rows.updated, result.summary.balanced) == (2, 2, True)
    assert site.outcomes(result)["1"]["record"] == "2"
    said = site.consents()[MAIL]["lastConfirmationActivity"]
    assert (said["source"], said["description"]) == ("OTHER", f"revert of {done.summary.run_id}")


def test_a_new_consent_stays_and_the_rest_of_its_record_goes_back(site: Site) -> None:
    """Wix knows no consent that is not there: what the run made says so as a withheld part."""
    site.seed(consent(MAIL, "PENDING"))
    done = site.sync(row(1, "Y", phone="212 555 0101", sms="Y"))
    result = approved(site, planned_revert(site, done))
    assert site.states() == {MAIL: "PENDING", PHONE: "CONFIRMED"}
    outcome = site.outcomes(result)["1"]
    assert (outcome["outcome"], outcome["withheld"]) == ("updated", "SMS: before_unknown")
    assert result.exit_code == 3


@pytest.mark.rule("WX-08")
def test_who_withdraws_again_at_the_platform_stays_out(site: Site) -> None:
    """A withdrawal that is dated after the run is the person's own, though the status is what the run left."""
    site.seed(consent(MAIL), consent("ann2@example.com"))
    done = site.sync(row(1, "N"), row(2, "N"))
    site.seed(consent(MAIL, "REVOKED", "2026-03-01T00:00:00Z"), consent("ann2@example.com", "REVOKED"))
    planned = planned_revert(site, done)
    site.seed(consent(MAIL, "REVOKED"), consent("ann2@example.com", "REVOKED", "2999-01-01T00:00:00Z"))
    result = approved(site, planned)
    assert set(site.states().values()) == {"REVOKED"}
    outcomes = site.outcomes(result)
    assert (outcomes["1"]["reason"], outcomes["2"]["outcome"]) == ("changed_since", "held")


def test_a_forgotten_address_is_not_confirmed_again(site: Site) -> None:
    """Nor is the other address of a record of the person."""
    site.seed(consent(MAIL), consent(PHONE), consent("ann2@example.com"))
    site.sync(row(1))
    forgetting.forget(MAIL, site.context())
    done = site.sync(row(1, "N", phone="212 555 0101", sms="N"), row(2, "N"))
    result = approved(site, planned_revert(site, done))
    assert site.states() == {MAIL: "REVOKED", PHONE: "REVOKED", "ann2@example.com": "CONFIRMED"}
    assert site.outcomes(result)["1"]["reason"] == "forgotten"
