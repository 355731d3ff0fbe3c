"""A configuration that Wix refuses stops the run at once; refused items cost no request of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .bench import row

if TYPE_CHECKING:
    from .bench import Site

DELIVERY = {"batch_size": 10, "concurrency": 4, "requests_per_second": 100_000}


def calls(site: Site) -> int:
    """How many bulk calls there were."""
    return sum(entry.operation == "bulkUpsert" for entry in site.sandbox.requests("wix"))


def test_a_refused_key_costs_one_request(site: Site) -> None:
    """However many threads wait."""
    site.seed()
    body: Any = {"message": "no", "details": {}}
    site.sandbox.faults([{"fault": "answer", "operation": "bulkUpsert", "status": 403, "body": body}])
    result = site.sync(*(row(n) for n in range(1, 61)), delivery=DELIVERY)
    assert (result.exit_code, str(result.summary.status), calls(site)) == (5, "stopped", 1)


def test_a_refusal_without_names_of_every_call_is_the_configurations(site: Site) -> None:
    """Whatever is sent is refused alike: it is not halved for every batch."""
    site.seed()
    body: Any = {"message": "not here", "details": {}}
    site.sandbox.faults([{"fault": "answer", "operation": "bulkUpsert", "status": 400, "body": body}])
    result = site.sync(*(row(n) for n in range(1, 201)), delivery=DELIVERY | {"batch_size": 100})
    assert (result.exit_code, str(result.summary.status)) == (5, "stopped")
    assert calls(site) <= 50
    assert "400: not here" in str(result.error)


def test_an_unknown_code_of_every_item_is_the_configurations(site: Site) -> None:
    """One call is enough to see it."""
    site.seed()
    results = [{"originalIndex": n, "error": "NEW_RULE: not on a Tuesday"} for n in range(20)]
    body: Any = {"results": results, "metadata": {"totalSuccess": 0}}
    site.sandbox.faults([{"fault": "answer", "operation": "bulkUpsert", "status": 200, "body": body}])
    result = site.sync(*(row(n) for n in range(1, 61)), delivery=DELIVERY | {"batch_size": 20})
    assert (result.exit_code, str(result.summary.status), calls(site)) == (5, "stopped", 1)
    assert "NEW_RULE: not on a Tuesday" in str(result.error)


@pytest.mark.parametrize("bad", [(7,), (3, 50, 99), tuple(range(10, 20))])
@pytest.mark.parametrize(("scope", "further"), [("item", 0), ("call", 1)])
def test_items_that_an_answer_names_cost_one_request_at_most(
    site: Site, bad: tuple[int, ...], scope: str, further: int
) -> None:
    """None where each item has its answer; one, for the others, where the call is refused and names them."""
    site.seed(bulk_fault_scope=scope)
    rows = [row(n) for n in range(1, 101)]
    site.sandbox.faults(
        [{"fault": "poison_row", "key": f"ann{n}@example.com", "code": "X", "message": "no"} for n in bad]
        if scope == "item"
        else []
    )
    if scope == "call":
        violations = [{"field": f"info[{n - 1}].state", "violatedRule": "FORMAT", "description": "no"} for n in bad]
        said: Any = {"message": "no", "details": {"validationError": {"fieldViolations": violations}}}
        site.sandbox.faults([{"fault": "answer", "operation": "bulkUpsert", "nth": [1], "status": 400, "body": said}])
    result = site.sync(*rows, delivery=DELIVERY | {"batch_size": 100})
    assert (result.summary.rows.failed, result.summary.rows.created) == (len(bad), 100 - len(bad))
    assert calls(site) == 1 + further
