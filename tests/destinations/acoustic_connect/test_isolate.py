"""A refused batch is settled to the row (AC-15)."""

from __future__ import annotations

from math import ceil, log2
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.model import Operation, Outcome, Reason
from tests.delivery.world import contacts_of, key_of

from .bench import bench

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.delivery.world import World

pytest_plugins = ["tests.delivery.fixtures"]

SILENT = "Row refused"


def poison(number: int, code: str = "SOMETHING_NEW", message: str = SILENT) -> dict[str, Any]:
    """The sandbox refuses this contact, whatever is sent for it."""
    return {"fault": "poison_row", "key": key_of(number), "code": code, "message": message}


def positions(count: int) -> Sequence[int]:
    """First, last and some in between."""
    return sorted({1, 2, count // 2 + 1, count - 1, count} & set(range(1, count + 1)))


@pytest.mark.rule("AC-15")
@pytest.mark.parametrize("error_report", ["first", "all"])
@pytest.mark.parametrize("batch_mode", ["atomic", "partial_applied"])
@pytest.mark.parametrize("operation", list(Operation))
def test_one_bad_row_costs_a_logarithm_of_requests_and_no_other_row(
    world: World, operation: Operation, batch_mode: str, error_report: str
) -> None:
    """A row whose refusal names nobody is found with ceil(log2 n)+2 requests; all others take effect once."""
    with bench(world) as b:
        for count in (1, 2, 5, 13, 100):
            for bad in positions(count):
                updating = operation is Operation.UPDATE
                world.seed(
                    contacts_of(count) if updating else (),
                    batch_mode=batch_mode, error_report=error_report, create_existing="duplicate",
                )  # fmt: skip
                world.faults([poison(bad)])
                world.sandbox.clear_requests()
                delivery = b.deliver(b.items(range(1, count + 1), operation))
                further = len(world.sandbox.requests()) - 1
                assert further <= ceil(log2(count)) + (2 if updating else 3), (count, bad)
                # Rows that a refused request had applied are handed back to be read.
                failed = [e for e in delivery.exceptional if e.outcome is not None]
                assert [(e.record, e.outcome, e.reason, e.message) for e in failed] == [
                    (bad, Outcome.FAILED, Reason.REFUSED, f"SOMETHING_NEW: {SILENT}")
                ]
                others = {key_of(n): [n] for n in range(1, count + 1) if n != bad}
                assert {key: points for key, points in b.points().items() if key != key_of(bad)} == others


@pytest.mark.rule("AC-15")
@pytest.mark.parametrize("error_report", ["first", "all"])
@pytest.mark.parametrize("bad", [(1,), (4, 5), (1, 7, 13), tuple(range(1, 14))])
def test_many_bad_rows_are_each_found(world: World, bad: tuple[int, ...], error_report: str) -> None:
    """However many rows are refused, each ends with its own refusal and every other row is applied."""
    world.seed(contacts_of(13), error_report=error_report)
    world.faults([poison(n, message=f"Row {n} refused") for n in bad])
    with bench(world) as b:
        delivery = b.deliver(b.items(range(1, 14)))
        assert {e.record: e.message for e in delivery.exceptional} == {
            n: f"SOMETHING_NEW: Row {n} refused" for n in bad
        }
        assert {key: value for key, [value] in b.points().items() if value is not None} == {
            key_of(n): n for n in range(1, 14) if n not in bad
        }


@pytest.mark.rule("AC-15")
def test_a_row_that_the_message_names_costs_one_request(world: World) -> None:
    """A refused value is looked for in the batch, so that nothing is halved."""
    world.seed(contacts_of(32))
    refused = "Field Points has invalid value: 20. Category: NUMBER_FORMAT. Message: too many"
    world.faults([poison(20, "INVALID_ATTRIBUTE_VALUE", refused)])
    with bench(world) as b:
        delivery = b.deliver(b.items(range(1, 33)))
        assert [(e.record, e.reason, e.message) for e in delivery.exceptional] == [
            (20, Reason.ATTRIBUTE_VALUE_REFUSED, f"INVALID_ATTRIBUTE_VALUE: {refused}")
        ]
        assert [entry.rows for entry in world.mutations()] == [32, 31]


@pytest.mark.rule("AC-15")
def test_unknown_contacts_are_found_by_one_look_up(world: World) -> None:
    """The first unknown contact costs a request, the others of the batch one look-up together."""
    world.seed(contacts_of(10))
    with bench(world) as b:
        delivery = b.deliver(b.items(range(1, 31)))
        assert sorted(e.record for e in delivery.exceptional) == list(range(11, 31))
        assert {e.reason for e in delivery.exceptional} == {Reason.CONTACT_NOT_FOUND}
        assert [entry.operation for entry in world.sandbox.requests()] == [
            "updateContacts", "updateContacts", "contacts", "updateContacts",
        ]  # fmt: skip
        assert all(value is not None for [value] in b.points().values())


@pytest.mark.rule("AC-15")
def test_keys_that_differ_in_case_are_different_contacts(world: World) -> None:
    """A contact is not blamed for the missing one whose key is spelt almost the same."""
    seed = contacts_of(2)
    seed[0]["attributes"]["Contact key"] = "c-0002"
    seed[1]["attributes"]["Contact key"] = "X-0001"
    world.seed(seed)
    with bench(world) as b:
        items = b.items([1, 2])
        items = items.with_columns(
            items.get_column("identity").replace({"C-0001": "c-0002"}).alias("identity"),
            items.get_column("wire").str.replace("C-0001", "c-0002"),
        )
        delivery = b.deliver(items)
        assert [(e.record, e.reason) for e in delivery.exceptional] == [(2, Reason.CONTACT_NOT_FOUND)]


@pytest.mark.rule("AC-15")
@pytest.mark.parametrize("change", [{"batch_too_large_code": "TOO_MANY", "max_batch": 7}, {"max_body_bytes": 1500}])
def test_a_batch_that_is_too_large_is_halved_until_it_fits(world: World, change: dict[str, Any]) -> None:
    """A limit that the vendor does not document costs requests and loses no row."""
    world.seed(contacts_of(32))
    with bench(world) as b:
        world.sandbox.settings(**change)
        delivery = b.deliver(b.items(range(1, 33)))
        assert not delivery.exceptional
        assert (delivery.expected, delivery.reported) == (32, 32)
        assert b.points() == {key_of(n): [n] for n in range(1, 33)}
