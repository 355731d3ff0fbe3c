"""Reverting at iVvy: memberships are left again, and an opt-out of an address that several share stays."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline import run
from pipeline.context import Context
from pipeline.errors import GuardTripped
from pipeline.settings import Settings
from tests.delivery.world import FAST

from .bench import NEWS, contact, row

if TYPE_CHECKING:
    from pipeline.carried_out import Result

    from .bench import Account

ALLOWED = {"resubscribe": "allow", "no_marketing_to_subscribed": "allow", "bounced_to_subscribed": "allow"}


def reverted(account: Account, result: Result) -> Result:
    """`revert`, then `apply` with the plan's hash."""
    known = {name.lower(): value for name, value in account.sandbox.environment.items()}
    home = Path(result.summary.run_dir).parents[1]
    context = Context(settings=Settings.model_validate(known), home=home, patience=FAST)
    planned = run.revert(result.summary.run_id, context)
    return run.apply(planned.summary.run_id, context, approve=planned.summary.plan_hash)


@pytest.mark.rule("IV-04")
def test_a_membership_that_began_ends_and_one_that_ended_begins_again(account: Account) -> None:
    """Who was in no group before leaves it; other memberships stay as they are."""
    account.seed(contact(1, groups=[{"groupId": 311}]), contact(2, groups=[{"groupId": 310}]))
    before = {n: account.groups(n) for n in (1, 2)}
    groups = {"groups": {"310": NEWS}}
    done = account.sync(row(1, news="Y"), row(2, news="N"), consent=groups)
    assert {n: account.groups(n) for n in (1, 2)} == {1: [310, 311], 2: []}
    result = reverted(account, done)
    assert (result.exit_code, result.summary.rows.updated) == (0, 2), account.outcomes(result)
    assert {n: account.groups(n) for n in (1, 2)} == before


def test_a_membership_begins_again_only_with_an_approval(account: Account) -> None:
    """Whether the state still knows that the contact left the group or not."""
    account.seed(contact(1, groups=[{"groupId": 310}]))
    done = account.sync(row(1, news="N"), consent={"groups": {"310": NEWS}})
    shutil.rmtree(account.path / "home" / "state")
    planned = run.revert(done.summary.run_id, account.context())
    assert planned.summary.guards_tripped == ["reverted_opt_outs"]
    with pytest.raises(GuardTripped):
        run.apply(planned.summary.run_id, account.context())
    assert account.groups(1) == []


@pytest.mark.rule("IV-07")
def test_a_restriction_is_given_back(account: Account) -> None:
    """What was subscribed, bounced or without marketing before is so again."""
    account.seed(contact(1, 1), contact(2, 3), contact(3, 5), **ALLOWED)
    done = account.sync(row(1, "M"), row(2, "N"), row(3, "N"))
    assert account.statuses() == {1: 5, 2: 2, 3: 2}
    result = reverted(account, done)
    assert account.statuses() == {1: 1, 2: 3, 3: 5}, account.outcomes(result)


def test_whoever_was_opted_out_with_somebody_keeps_both_out(account: Account) -> None:
    """There is no record of those who only share the address, so nobody can say what they should go back to."""
    account.seed(contact(1), contact(2, email="ann1@example.com"), contact(3), **ALLOWED)
    done = account.sync(row(1, "N"), row(3, "N"))
    assert account.statuses() == {1: 2, 2: 2, 3: 2}
    result = reverted(account, done)
    assert account.statuses() == {1: 2, 2: 2, 3: 1}
    assert account.outcomes(result)["c1"]["reason"] == "opted_out_elsewhere"


def test_an_opt_out_that_is_given_back_is_for_the_address_too(account: Account) -> None:
    """Somebody who began to share the address since is opted out with it."""
    account.seed(contact(1), **ALLOWED)
    policy = {"resubscribe": "with_newer_evidence"}
    account.sync(row(1, "N", at="2026-01-01"), policy=policy)
    done = account.sync(row(1, "Y", at="2026-02-01"), policy=policy)
    assert account.statuses() == {1: 1}, account.outcomes(done)
    account.sandbox.load({"ivvy": {"contacts": [contact(2, email="ann1@example.com")]}})
    result = reverted(account, done)
    assert account.statuses() == {1: 2, 2: 2}
    assert "1 other contacts with the same address are opted out too" in account.outcomes(result)["c1"]["message"]
