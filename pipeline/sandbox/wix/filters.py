"""Reads the query language's filters (50, 51) into conditions over consents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pipeline.sandbox.wix.marketing_consent import MarketingConsent
from pipeline.sandbox.wix.refusals import InvalidError, Rule, invalid
from pipeline.sandbox.wix.store import Handle
from pipeline.sandbox.wix.values import address_key, camel, moment

if TYPE_CHECKING:
    from pydantic import JsonValue

    from pipeline.sandbox.wix.settings import Settings

Test = Callable[[MarketingConsent], bool]
_ALIKE: Final = ("$eq", "$ne", "$in")
_ORDERED: Final = ("$eq", "$ne", "$gt", "$lt", "$gte", "$lte")
_OPERATORS: Final[dict[str, tuple[str, ...]]] = {
    "id": (*_ALIKE, "$exists"),
    "createdDate": _ORDERED,
    "updatedDate": _ORDERED,
    "details.email": (*_ALIKE, "$exists", "$startsWith"),
    "details.phone": (*_ALIKE, "$exists", "$startsWith"),
    "state": _ALIKE,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """Which consents fit."""

    fits: Test
    handles: frozenset[Handle] | None = None
    """All that fit are found by these; None: every consent must be looked at."""


def condition_of(filter_: JsonValue, settings: Settings) -> Condition:
    """All of the fields of a filter. Raises InvalidError for a field or an operator that is not supported (af)."""
    if filter_ is None:
        return Condition(lambda _consent: True)
    if not isinstance(filter_, Mapping):
        raise _unsupported("", "is not an object")
    return _all_of([_condition(name, operand, settings) for name, operand in filter_.items()])


def value_of(consent: MarketingConsent, field: str) -> Any:
    """A field as it is compared and sorted; None where the consent has not got it."""
    match field:
        case "id":
            return consent.id
        case "state":
            return consent.state
        case "createdDate":
            return moment(consent.created)
        case "updatedDate":
            return moment(consent.updated)
        case _:
            return consent.details.address if field == f"details.{consent.details.type.lower()}" else None


def _condition(name: str, operand: JsonValue, settings: Settings) -> Condition:
    if name in {"$and", "$or", "$not"}:
        return _combination(name, operand, settings)
    field = camel(name)
    if field not in _OPERATORS:
        raise _unsupported(name, "cannot be filtered by")
    operands = operand if isinstance(operand, Mapping) else {"$eq": operand}
    return _all_of([_comparison(field, operator, value, settings) for operator, value in operands.items()])


def _combination(name: str, operand: JsonValue, settings: Settings) -> Condition:
    filters = operand if isinstance(operand, list) else [operand]
    conditions = [condition_of(entry, settings) for entry in filters]
    if name == "$or":
        return _any_of(conditions)
    together = _all_of(conditions)
    return Condition(lambda consent: not together.fits(consent)) if name == "$not" else together


def _all_of(conditions: list[Condition]) -> Condition:
    narrow = [condition.handles for condition in conditions if condition.handles is not None]
    tests = [condition.fits for condition in conditions]
    return Condition(lambda consent: all(fits(consent) for fits in tests), min(narrow, key=len, default=None))


def _any_of(conditions: list[Condition]) -> Condition:
    narrow = [condition.handles for condition in conditions if condition.handles is not None]
    tests = [condition.fits for condition in conditions]
    handles = frozenset[Handle]().union(*narrow) if len(narrow) == len(conditions) else None
    return Condition(lambda consent: any(fits(consent) for fits in tests), handles)


def _comparison(field: str, operator: str, operand: JsonValue, settings: Settings) -> Condition:
    if operator not in _OPERATORS[field]:
        raise _unsupported(field, f"does not support {operator}")
    if operator == "$exists":
        if not isinstance(operand, bool):
            raise _unsupported(field, "$exists needs true or false")
        return Condition(lambda consent: (value_of(consent, field) is not None) == operand)
    if operator == "$startsWith":
        start = _text(field, operand).lower()
        return Condition(
            lambda consent: (value := value_of(consent, field)) is not None and value.lower().startswith(start)
        )
    folded = partial(_folded, field, settings)
    if operator == "$in":
        if not isinstance(operand, list):
            raise _unsupported(field, "$in needs a list")
        wanted = {_operand(field, entry, settings) for entry in operand}
        return Condition(lambda consent: folded(consent) in wanted, _handles(field, operand))
    value = _operand(field, operand, settings)
    if operator == "$eq":
        return Condition(lambda consent: folded(consent) == value, _handles(field, [operand]))
    compare = _COMPARE[operator]
    return Condition(lambda consent: compare(folded(consent), value))


_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "$ne": lambda value, operand: value != operand,
    "$gt": lambda value, operand: value > operand,
    "$lt": lambda value, operand: value < operand,
    "$gte": lambda value, operand: value >= operand,
    "$lte": lambda value, operand: value <= operand,
}


def _folded(field: str, settings: Settings, consent: MarketingConsent) -> Any:
    """A consent's value as equality sees it."""
    value = value_of(consent, field)
    folds = field == "details.email" and value is not None and settings.query_email_case == "ignore"
    return address_key("EMAIL", value) if folds else value


def _operand(field: str, operand: JsonValue, settings: Settings) -> Any:
    text = _text(field, operand)
    if field in {"createdDate", "updatedDate"}:
        time = moment(text)
        if time is None:
            raise _unsupported(field, "is compared with a date and time")
        return time
    return address_key("EMAIL", text) if field == "details.email" and settings.query_email_case == "ignore" else text


def _handles(field: str, operands: Iterable[JsonValue]) -> frozenset[Handle] | None:
    kind = {"id": "id", "details.email": "EMAIL", "details.phone": "PHONE"}.get(field)
    return None if kind is None else frozenset((kind, address_key(kind, str(operand))) for operand in operands)


def _text(field: str, operand: JsonValue) -> str:
    if not isinstance(operand, str):
        raise _unsupported(field, "is compared with a text")
    return operand


def _unsupported(field: str, why: str) -> InvalidError:
    return invalid(f"query.filter.{field}".rstrip("."), why, Rule.VALIDATION)
