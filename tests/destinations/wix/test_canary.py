"""A canary in Wix: its items are of addresses."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pipeline import run

from .bench import row

if TYPE_CHECKING:
    from pipeline.carried_out import Result

    from .bench import Site

PHONES = {"phone": "+12125550101", "sms": "Y"}


def synced(site: Site, first: int, **changes: Any) -> Result:
    """Ten people, the first of whom has a phone number too."""
    rows = [row(1, **PHONES), *(row(n) for n in range(2, 11))]
    return run.sync(replace(site.request(*rows, **changes), canary=first), site.context())


def sizes(site: Site) -> list[int]:
    """How many consents each bulk call was about."""
    return [entry.rows for entry in site.sandbox.requests("wix") if entry.operation == "bulkUpsert"]


def test_a_canary_counts_addresses(site: Site) -> None:
    """Four e-mail addresses go first and are read; the rest follows, the phone number of the first person among it."""
    site.seed()
    result = synced(site, 4)
    assert (result.exit_code, result.summary.rows.created) == (0, 10)
    assert sizes(site) == [4, 6, 1]
    assert result.summary.document()["canary"] == {"asked": 4, "sent": 4, "read_back": 4, "differ": 0}
    assert len(site.states()) == 11


def test_a_canary_that_differs_stops_the_rest_of_its_batch_and_the_other_addresses(site: Site) -> None:
    """A site that says it took a consent and did not."""
    site.seed()
    details = {"type": "EMAIL", "email": "ann1@example.com"}
    taken = {"id": "1", "revision": "1", "state": "CONFIRMED", "details": details}
    body: Any = {"results": [{"originalIndex": 0, "marketingConsent": taken}], "metadata": {"totalSuccess": 1}}
    site.sandbox.faults([{"fault": "answer", "operation": "bulkUpsert", "nth": [1], "status": 200, "body": body}])
    result = synced(site, 1)
    assert (result.exit_code, sizes(site), site.states()) == (4, [1], {})
    assert "1 of 1 item " in str(result.error)
    assert "record 1 (a•••@e••••••.com): not there" in str(result.error)
    passed = run.apply(result.summary.run_id, site.context(), approve=result.summary.plan_hash)
    assert (passed.exit_code, sizes(site)) == (3, [1, 9, 1])
    assert "ann1@example.com" not in site.states()
    assert site.states()["+12125550101"] == "CONFIRMED"
