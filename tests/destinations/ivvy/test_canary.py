"""A canary in iVvy: contacts are read one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pipeline import run

from .bench import contact, row

if TYPE_CHECKING:
    from pipeline.carried_out import Result

    from .bench import Account


def synced(account: Account, first: int, **changes: Any) -> Result:
    """Six known people who opt in or out, and two new ones."""
    rows = [row(n, ok="N" if n <= 2 else "Y") for n in range(1, 9)]
    return run.sync(replace(account.request(*rows, **changes), canary=first), account.context())


@pytest.mark.parametrize("bulk", ["never", "always"])
@pytest.mark.parametrize("first", [1, 3, 8])
def test_a_canary_that_agrees_is_followed_by_the_rest(account: Account, first: int, bulk: str) -> None:
    """Opt-outs and new contacts alike, by single calls and by batches."""
    account.seed(*(contact(n) for n in range(1, 7)))
    result = synced(account, first, options={"bulk": bulk})
    assert (result.exit_code, result.summary.rows.created, result.summary.rows.updated) == (0, 2, 6)
    assert result.summary.document()["canary"] == {"asked": first, "sent": first, "read_back": first, "differ": 0}
    assert sorted(each["externalId"] for each in account.contacts().values()) == [f"c{n}" for n in range(1, 9)]


def test_a_canary_that_differs_stops_the_rest(account: Account) -> None:
    """An account that says it took a status and did not."""
    account.seed(*(contact(n) for n in range(1, 7)))
    body: Any = {"id": 1, "success": True}
    account.sandbox.faults(
        [{"fault": "answer", "operation": "addOrUpdateContact", "nth": [1], "status": 200, "body": body}]
    )
    result = synced(account, 1, options={"bulk": "never"})
    assert (result.exit_code, account.statuses()) == (4, dict.fromkeys(range(1, 7), 1))
    assert "record 1 (c•): EMAIL: OPT_OUT planned, OPT_IN found" in str(result.error)
    again = account.resume(result)
    assert (again.exit_code, account.statuses()) == (4, dict.fromkeys(range(1, 7), 1))
