"""Contacts that failed at iVvy are tried again: an opt-out is for the address, whoever shares it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .bench import contact, row

if TYPE_CHECKING:
    from .bench import Account

UPDATE: dict[str, Any] = {"delivery": {"mode": "update", "requests_per_second": 100_000}}
SHARED = "home@example.com"


def test_an_opt_out_that_failed_holds_the_permissions_of_whoever_shares_the_address(account: Account) -> None:
    """The contact is not there; those who are, and are to be subscribed at its address, are not."""
    account.seed(contact(1, 3, email=SHARED))
    account.sync(row(2, "N", email=SHARED, at=""), **UPDATE)
    result = account.sync(row(1, "Y", email=SHARED), **UPDATE)
    assert result.summary.quarantine.retried == 1
    assert account.statuses() == {1: 3}


def test_the_export_stands_for_an_opt_out_at_a_shared_address_only_if_it_is_for_that_address(account: Account) -> None:
    """The contact has moved: its opt-out is repeated for the new address, and still holds at the old one."""
    account.seed(contact(1, 3, email=SHARED))
    account.sync(row(2, "N", email=SHARED, at=""), **UPDATE)
    moved = row(2, "N", email="new@example.com", at="2026-01-01")
    result = account.sync(moved, row(1, "Y", email=SHARED), **UPDATE)
    assert (result.summary.quarantine.retried, result.summary.quarantine.superseded) == (1, 0)
    assert account.statuses() == {1: 3}


def test_the_same_export_again_stands_for_what_failed(account: Account) -> None:
    """A record that is there cell by cell is not read in again."""
    account.seed(contact(1, 3, email=SHARED))
    rows = (row(2, "N", email=SHARED, at=""), row(1, "Y", email=SHARED))
    account.sync(*rows, **UPDATE)
    result = account.sync(*rows, row(3, "N"), **UPDATE)
    assert (result.summary.rows.read, result.summary.quarantine.retried) == (3, 0)


def test_a_contact_that_failed_is_updated_once_it_is_there(account: Account) -> None:
    """With its opt-out, and with those who share its address."""
    account.seed(contact(1, 1, email=SHARED))
    account.sync(row(2, "N", email=SHARED, at=""), **UPDATE)
    account.seed(contact(1, 1, email=SHARED), contact(2, 1, email=SHARED))
    account.sync(row(3, "N"), **UPDATE)
    assert account.statuses() == {1: 2, 2: 2}
