"""Translates the API's filter rules into SQL conditions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from pydantic import JsonValue

from pipeline.sandbox.acoustic_connect.audience import Attribute, Audience
from pipeline.sandbox.acoustic_connect.refusals import Code, RefusedError, bad_input
from pipeline.sandbox.acoustic_connect.store import Condition, column_of, comparable

Translation = Callable[[Attribute, JsonValue], Condition]


def condition_of(rules: Iterable[Mapping[str, JsonValue]] | None, audience: Audience) -> Condition:
    """All of the rules (A34). Raises RefusedError for an unknown attribute or an operator that is not emulated."""
    return _joined(" AND ", [_rule(rule, audience) for rule in rules or ()], otherwise="1")


def attribute_named(name: JsonValue, audience: Audience) -> Attribute:
    """Raises RefusedError if the audience has no such attribute (AC-12)."""
    attribute = audience.by_name.get(name) if isinstance(name, str) else None
    if attribute is None:
        raise RefusedError(Code.ATTRIBUTE_NOT_DEFINED, f"No defined Attribute with name: '{name}'")
    return attribute


def _rule(rule: Mapping[str, JsonValue], audience: Audience) -> Condition:
    parts = []
    for operator, operand in rule.items():
        if operator == "field" or (operand is None and operator not in {"eq", "neq"}):
            continue
        if operator in {"and", "or", "not"}:
            parts.append(_combination(operator, operand, audience))
        elif operator in _OPERATORS:
            parts.append(_OPERATORS[operator](attribute_named(rule.get("field"), audience), operand))
        else:
            raise bad_input(f"Filter operator not supported: {operator}")
    if not parts:
        raise bad_input("A filter rule needs an operator")
    return _joined(" AND ", parts, otherwise="1")


def _combination(operator: str, operand: JsonValue, audience: Audience) -> Condition:
    rules = operand if isinstance(operand, list) else [operand]
    conditions = [_rule(rule, audience) for rule in rules if isinstance(rule, Mapping)]
    if operator == "or":
        return _joined(" OR ", conditions, otherwise="0")
    joined = _joined(" AND ", conditions, otherwise="1")
    return _negated(joined) if operator == "not" else joined


def _joined(word: str, conditions: list[Condition], *, otherwise: str) -> Condition:
    if not conditions:
        return Condition(otherwise)
    parameters = tuple(parameter for condition in conditions for parameter in condition.parameters)
    return Condition(f"({word.join(condition.sql for condition in conditions)})", parameters)


def _scalar(operand: JsonValue) -> str | int | float | None:
    if isinstance(operand, list | dict):
        raise bad_input("A filter compares with a plain value")
    return operand


def _comparison(operator: str) -> Translation:
    def translate(attribute: Attribute, operand: JsonValue) -> Condition:
        sql = f"{column_of(attribute)} {operator} {comparable(attribute, '?')}"
        return Condition(f"coalesce({sql}, 0)" if operator not in {"=", "IS", "IS NOT"} else sql, (_scalar(operand),))

    return translate


def _equal(attribute: Attribute, operand: JsonValue) -> Condition:
    return _comparison("IS" if operand is None else "=")(attribute, operand)


def _among(attribute: Attribute, operand: JsonValue) -> Condition:
    values = operand if isinstance(operand, list) else [operand]
    # One JSON parameter and an index lookup for each of its values: quick for a thousand keys.
    wanted = f"SELECT {comparable(attribute, 'value')} FROM json_each(?)"  # noqa: S608 - built from constants
    return Condition(f"{column_of(attribute)} IN ({wanted})", (json.dumps(values),))


def _text(template: str) -> Translation:
    """`template` is a test of `{column}` against `{text}`, which stands for one parameter given once or twice."""

    def translate(attribute: Attribute, operand: JsonValue) -> Condition:
        sql = template.format(column=column_of(attribute), text=comparable(attribute, "?"))
        return Condition(f"coalesce({sql}, 0)", (_scalar(operand),) * template.count("{text}"))

    return translate


def _none_of(translate: Translation) -> Translation:
    def translated(attribute: Attribute, operand: JsonValue) -> Condition:
        return _negated(translate(attribute, operand))

    return translated


def _negated(condition: Condition) -> Condition:
    """A comparison with a missing value is unknown in SQL; its opposite fits here."""
    return Condition(f"NOT coalesce({condition.sql}, 0)", condition.parameters)


def _blank(attribute: Attribute, operand: JsonValue) -> Condition:
    return Condition(f"(coalesce({column_of(attribute)}, '') = '') IS {int(bool(operand))}")


def _between(attribute: Attribute, operand: JsonValue) -> Condition:
    limits = operand if isinstance(operand, Mapping) else {}
    low = _comparison(">=")(attribute, limits.get("from"))
    high = _comparison("<=")(attribute, limits.get("to"))
    return _joined(" AND ", [low, high], otherwise="1")


_CONTAINS = _text("instr({column}, {text}) > 0")
_STARTS = _text("substr({column}, 1, length({text})) = {text}")
_ENDS = _text("substr({column}, -length({text})) = {text}")
_OPERATORS: Final[dict[str, Translation]] = {
    "eq": _equal,
    "neq": _comparison("IS NOT"),
    "in": _among,
    "nin": _none_of(_among),
    "eqOneOf": _among,
    "neqOneOf": _none_of(_among),
    "blank": _blank,
    "contains": _CONTAINS,
    "ncontains": _none_of(_CONTAINS),
    "startsWith": _STARTS,
    "nstartsWith": _none_of(_STARTS),
    "endsWith": _ENDS,
    "nendsWith": _none_of(_ENDS),
    "lt": _comparison("<"),
    "lte": _comparison("<="),
    "gt": _comparison(">"),
    "gte": _comparison(">="),
    "after": _comparison(">"),
    "before": _comparison("<"),
    "between": _between,
}
