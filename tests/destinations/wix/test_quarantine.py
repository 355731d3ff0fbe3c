"""Consents that failed at Wix are tried again by the next run, address by address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .bench import row

if TYPE_CHECKING:
    from .bench import Site

PHONE = "+12125550101"
UPDATE: dict[str, Any] = {"delivery": {"mode": "update", "requests_per_second": 100_000}}


def test_a_record_of_two_addresses_is_tried_again_as_a_whole(site: Site) -> None:
    """Its e-mail consent was told, and its phone number failed, so it waits, though its outcome is `updated`."""
    site.seed({"details": {"type": "EMAIL", "email": "ann1@example.com"}, "state": "CONFIRMED"})
    first = site.sync(row(1, "N", phone=PHONE, sms="N"), row(2, "N"), **UPDATE)
    assert (first.summary.rows.updated, first.summary.rows.failed, first.summary.quarantine.waiting) == (1, 1, 2)
    second = site.sync(row(3, "Y"))
    assert (second.summary.rows.read, second.summary.quarantine.retried) == (3, 2)
    assert site.states() == {
        "ann1@example.com": "REVOKED", PHONE: "REVOKED", "ann2@example.com": "REVOKED", "ann3@example.com": "CONFIRMED",
    }  # fmt: skip


def test_an_opt_out_that_failed_stays_where_the_export_is_silent_about_the_address(site: Site) -> None:
    """The export has the address with another consent: the old record is folded into it."""
    site.sync(row(1, "N", at=""), **UPDATE)
    result = site.sync(row(1, "Y", at=""))
    assert (result.summary.rows.read, result.summary.rows.superseded) == (2, 1)
    assert site.states() == {"ann1@example.com": "REVOKED"}


def test_what_was_folded_into_an_address_that_failed_is_tried_again_too(site: Site) -> None:
    """The record with the opt-out was delivered for its other address, and still waits for this one."""
    rows = (row(1, "N", phone=PHONE, sms="N", at=""), row(1, "Y", phone="", at="2026-01-03"))
    site.seed({"details": {"type": "PHONE", "phone": PHONE}, "state": "CONFIRMED"})
    first = site.sync(*rows, **UPDATE)
    assert {each["outcome"] for each in site.outcomes(first).values()} <= {"updated", "failed", "superseded"}
    assert first.summary.quarantine.waiting == 2
    result = site.sync(row(9, "Y"))
    assert result.summary.quarantine.retried == 2
    assert site.states()["ann1@example.com"] == "REVOKED"


def test_the_same_export_again_stands_for_its_addresses(site: Site) -> None:
    """Nothing is read in twice."""
    rows = (row(1, "N", phone=PHONE, sms="N"), row(2, "Y"))
    site.sync(*rows, **UPDATE)
    result = site.sync(*rows, row(3, "Y"))
    assert (result.summary.rows.read, result.summary.quarantine.superseded) == (3, 2)
