"""Attaching the answers of a bulk call to its items."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.destinations.wix import wire
from pipeline.destinations.wix.bulk import by_item, judged
from pipeline.model import Outcome, Reason

ADDRESSES = ["a@example.com", "b@example.com", "c@example.com"]


def answer(place: int, *, index: bool = True, error: Any = None, state: str = "CONFIRMED") -> wire.Result:
    """The answer of one item."""
    details = {"type": "EMAIL", "email": ADDRESSES[place].upper()}
    shown = {"id": str(place), "revision": "1", "state": state, "details": details}
    said = {"error": error} if error else {"marketingConsent": shown}
    return wire.Result.model_validate(said | ({"originalIndex": place} if index else {}))


@pytest.mark.rule("WX-09")
@given(st.permutations([0, 1, 2]), st.lists(st.booleans(), min_size=3, max_size=3), st.integers(0, 3))
def test_order_repetition_and_loss_mislead_nobody(order: list[int], indexed: list[bool], kept: int) -> None:
    """By index, else by address: what is there is attached to its own item, and what is lost is absent."""
    results = [answer(place, index=indexed[place]) for place in order[:kept]]
    found = by_item(results + results[:1], ADDRESSES)
    assert {
        place: result.marketingConsent.details.identity for place, result in found.items() if result.marketingConsent
    } == {place: ADDRESSES[place] for place in order[:kept]}


@pytest.mark.rule("WX-09")
def test_an_error_without_index_is_the_first_items_only_if_nothing_else_is() -> None:
    """A missing 0 is how some serialisers write it; two of them, or one beside a told first item, are nobody's."""
    lost = answer(0, index=False, error="INVALID: no")
    assert set(by_item([lost, answer(1)], ADDRESSES)) == {0, 1}
    assert set(by_item([lost, answer(0), answer(1)], ADDRESSES)) == {0, 1}
    assert by_item([lost, answer(0)], ADDRESSES)[0].refusal is None
    assert set(by_item([lost, lost, answer(1)], ADDRESSES)) == {1}


@pytest.mark.rule("WX-09")
@pytest.mark.parametrize(
    "results",
    [
        [answer(1).model_copy(update={"originalIndex": 0})],
        [answer(0), answer(0, error="INVALID: no")],
        [answer(0).model_copy(update={"originalIndex": 7})],
        [answer(0).model_copy(update={"originalIndex": -1})],
    ],
    ids=["another's address", "two answers", "beyond the call", "before it"],
)
def test_an_answer_that_contradicts_itself_is_none(results: list[wire.Result]) -> None:
    """Its item is unknown until it is read back."""
    assert 0 not in by_item(results, ADDRESSES)


@pytest.mark.rule("WX-09")
@pytest.mark.parametrize("shift", [-1, 1])
@pytest.mark.parametrize("bad", [0, 1, 2])
def test_a_refusal_among_misplaced_answers_is_nobodys(shift: int, bad: int) -> None:
    """It names no address: where another index is wrong, its own may be, and it would fail somebody else."""
    given = [answer(place, error="INVALID: no") if place == bad else answer(place) for place in range(3)]
    moved = [result.model_copy(update={"originalIndex": place + shift}) for place, result in enumerate(given)]
    assert by_item(moved, ADDRESSES) == {}


@pytest.mark.rule("WX-06")
@pytest.mark.rule("WX-09")
def test_an_item_is_judged_by_what_it_became() -> None:
    """Applied, refused, kept in another state, or not told of."""
    confirmed = {"state": "CONFIRMED"}
    assert judged(1, confirmed, answer(0)) == (None, None)
    refused, _ = judged(1, confirmed, answer(0, error={"code": "INVALID_ARGUMENT", "description": "no"}))
    kept, _ = judged(1, {"state": "UNKNOWN_STATE"}, answer(0))
    nothing, _ = judged(1, confirmed, None)
    empty, _ = judged(1, confirmed, wire.Result.model_validate({"originalIndex": 0}))
    said = [(e.outcome, e.reason) for e in (refused, kept, nothing, empty) if e is not None]
    assert said == [
        (Outcome.FAILED, Reason.ATTRIBUTE_VALUE_REFUSED),
        (Outcome.FAILED, Reason.NOT_APPLIED),
        (None, Reason.NOT_CONFIRMED),
        (None, Reason.NOT_CONFIRMED),
    ]
