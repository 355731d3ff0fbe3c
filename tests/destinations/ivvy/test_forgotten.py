"""A forgotten contact that shares its address: its opt-out still holds the others and reaches them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import run
from pipeline.context import Context
from pipeline.erasure import forgetting
from pipeline.settings import Settings

from .bench import contact, row

if TYPE_CHECKING:
    from .bench import Account

SHARED = {"email": "both@example.com"}


def forget(account: Account, identity: str) -> None:
    """Forgets a contact of the account's home."""
    forgetting.forget(identity, Context(settings=Settings(), home=account.path / "home"))


def test_an_opt_out_of_the_forgotten_is_for_whoever_shares_the_address(account: Account) -> None:
    """Its own names and address are not written; the permission of the other is held."""
    account.seed(contact(1, 1, **SHARED), contact(2, 1, **SHARED))
    account.sync(row(1, first="Anna", **SHARED))
    forget(account, "c1")
    result = account.sync(row(1, "N", first="Annabel", **SHARED), row(2, "Y", **SHARED))
    assert account.contacts()[1]["firstName"] == "Anna"
    assert set(account.statuses().values()) == {2}
    found = account.outcomes(result)
    assert (found["c1"]["outcome"], found["c2"]["outcome"]) == ("updated", "held")


def test_an_opt_out_of_another_reaches_the_forgotten(account: Account) -> None:
    """Its own permission has no say, however new."""
    account.seed(contact(1, 1, **SHARED), contact(2, 1, **SHARED))
    account.sync(row(1, **SHARED))
    forget(account, "c1")
    newer = {"at": "2026-03-03", **SHARED}
    result = account.sync(row(1, "Y", **newer), row(2, "N", **SHARED))
    assert set(account.statuses().values()) == {2}
    assert account.outcomes(result)["c1"]["reason"] == "forgotten"


def test_the_forgotten_are_not_added_again(account: Account) -> None:
    """Under the old name or under another one."""
    account.seed(contact(1))
    account.sync(row(1))
    forget(account, "c1")
    account.seed()
    result = account.sync(row(1), row(7, email="ann1@example.com"), row(3))
    assert {key: found["outcome"] for key, found in account.outcomes(result).items()} == {
        "c1": "held", "c7": "held", "c3": "created",
    }  # fmt: skip
    assert len(account.contacts()) == 1


def test_a_revert_lets_nobody_be_contacted_at_an_address_of_the_forgotten(account: Account) -> None:
    """Though the contact itself is deleted, and another has the address; the rest of the run goes back."""
    account.seed(contact(1, 1, **SHARED))
    account.sync(row(1, **SHARED))
    forget(account, "c1")
    account.seed(contact(2, 1, **SHARED), contact(3, 1), resubscribe="allow")
    done = account.sync(row(2, "N", **SHARED), row(3, "N"))
    assert account.statuses() == {2: 2, 3: 2}
    planned = run.revert(done.summary.run_id, account.context())
    result = run.apply(planned.summary.run_id, account.context(), approve=planned.summary.plan_hash)
    assert account.statuses() == {2: 2, 3: 1}
    assert account.outcomes(result)["c2"]["reason"] == "forgotten"
