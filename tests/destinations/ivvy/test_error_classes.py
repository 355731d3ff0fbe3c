"""A configuration that iVvy refuses stops the run at once, with the mapping's line where the vendor names a part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from pipeline.destinations.interface import Kind, Reply, Verdict
from pipeline.destinations.ivvy.writing import Writing
from pipeline.errors import Refused
from pipeline.model import Column

from .bench import NEWS, contact, row

if TYPE_CHECKING:
    from .bench import Account

INVALID: dict[str, Any] = {"errorCode": 400, "specificCode": 23016}
CONSENT: dict[str, Any] = {"groups": {"Newsletter": NEWS}}


def answer(operation: str, body: dict[str, Any]) -> Any:
    """Every call of the action is refused."""
    return [{"fault": "answer", "operation": operation, "status": 400, "body": body}]


def writes(account: Account, operation: str) -> int:
    """How many calls of the action there were."""
    return sum(entry.operation == operation for entry in account.sandbox.requests("ivvy"))


def test_a_group_that_is_gone_costs_one_request(account: Account) -> None:
    """The first call that names it; nobody is said to be refused."""
    account.seed(*(contact(n) for n in range(1, 41)))
    action = "addContactsToSubscriptionGroup"
    said = {**INVALID, "message": "'group' does not validate", "additionalMessages": ["Nothing of that kind"]}
    account.sandbox.faults(answer(action, said))
    rows = [row(n, news="Y") for n in range(1, 41)]
    delivery = {"mode": "update", "batch_size": 10, "concurrency": 4, "requests_per_second": 100_000}
    result = account.sync(*rows, consent=CONSENT, attributes=None, delivery=delivery)
    assert (result.exit_code, str(result.summary.status), writes(account, action)) == (5, "stopped", 1)
    assert "m.yaml:1: the destination refuses the configuration (23016: group 310:" in str(result.error)


def test_a_custom_field_that_is_gone_stops_the_run(account: Account) -> None:
    """The refusal names it by its id, and the mapping by its name."""
    account.seed(*(contact(n) for n in range(1, 31)))
    reasons = ["Field 901 does not exist"]
    said = {**INVALID, "message": "'customFields' does not validate", "additionalMessages": reasons}
    account.sandbox.faults(answer("addOrUpdateContact", said))
    attributes = {"firstName": "first", "lastName": "last", "Note": "note"}
    delivery = {"mode": "update", "batch_size": 10, "concurrency": 4, "requests_per_second": 100_000}
    rows = [row(n, note="x") for n in range(1, 31)]
    result = account.sync(*rows, attributes=attributes, delivery=delivery, options={"bulk": "never"})
    assert (result.exit_code, str(result.summary.status)) == (5, "stopped")
    assert writes(account, "addOrUpdateContact") == 1
    assert "m.yaml:1: " in str(result.error)


def test_one_answer_of_a_batch_stops_the_run_too() -> None:
    """A job's refusal of the key is no job's own."""
    refused = Reply(Verdict(Kind.HALT, "403", "no"), {}, unclear=True)
    writing = Writing(Told([refused]), creates=False)  # type: ignore[arg-type]
    items = pl.DataFrame({Column.RECORD: [1], Column.WIRE: ['{"contact":{"id":1}}'], Column.HANDLE: ['{"id":1}']})
    with pytest.raises(Refused, match="refuses the credentials"):
        writing.deliver(items)


class Told:
    """Calls that are answered as a test says."""

    def __init__(self, replies: list[Reply]) -> None:
        self.replies = replies

    def many(self, _action: str, params: list[Any], *, repeatable: bool) -> list[Reply]:  # noqa: ARG002 - as the real one
        """One for each."""
        return self.replies[: len(params)]


def test_an_unknown_code_that_refuses_every_contact_is_the_configurations(account: Account) -> None:
    """Told verbatim, and before the second batch."""
    account.seed(*(contact(n) for n in range(1, 61)))
    body = {"errorCode": 400, "specificCode": 24999, "message": "Not on a Tuesday", "additionalMessages": []}
    account.sandbox.faults(answer("addOrUpdateContact", body))
    delivery = {"mode": "update", "batch_size": 20, "concurrency": 4, "requests_per_second": 100_000}
    rows = [row(n, ok="N") for n in range(1, 61)]
    result = account.sync(*rows, delivery=delivery, options={"bulk": "never"})
    assert (result.exit_code, str(result.summary.status)) == (5, "stopped")
    assert writes(account, "addOrUpdateContact") == 20
    assert "24999: Not on a Tuesday" in str(result.error)


def test_a_refused_key_costs_one_request(account: Account) -> None:
    """However many threads wait."""
    account.seed(*(contact(n) for n in range(1, 61)))
    body = {"errorCode": 401, "specificCode": 23002, "message": "no", "additionalMessages": []}
    account.sandbox.faults(answer("addOrUpdateContact", body))
    delivery = {"mode": "update", "batch_size": 10, "concurrency": 4, "requests_per_second": 100_000}
    rows = [row(n, ok="N") for n in range(1, 61)]
    result = account.sync(*rows, delivery=delivery, options={"bulk": "never"})
    assert (result.exit_code, writes(account, "addOrUpdateContact")) == (5, 1)
