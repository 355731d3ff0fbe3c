"""The rules and codes of the API's errors, and the exceptions that carry them to the answer."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pydantic import JsonValue

    from pipeline.sandbox.wix.settings import Settings


class Rule(StrEnum):
    """What a field violates: those of the vendor's `violatedRule` that can happen here (58)."""

    FIELD_NOT_ALLOWED = "FIELD_NOT_ALLOWED"
    FORMAT = "FORMAT"
    INVALID_ENUM_VALUE = "INVALID_ENUM_VALUE"
    MAX = "MAX"
    MAX_LENGTH = "MAX_LENGTH"
    MAX_SIZE = "MAX_SIZE"
    MIN = "MIN"
    MIN_SIZE = "MIN_SIZE"
    ONE_OF_ALIGNMENT = "ONE_OF_ALIGNMENT"
    OTHER = "OTHER"
    REQUIRED_FIELD = "REQUIRED_FIELD"
    VALIDATION = "VALIDATION"


class Code(StrEnum):
    """Codes of application errors; those that are settings are not here (57)."""

    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    UNAUTHENTICATED = "UNAUTHENTICATED"


_OF_THE_SCHEMA = frozenset({Rule.FIELD_NOT_ALLOWED, Rule.INVALID_ENUM_VALUE, Rule.MAX_LENGTH, Rule.VALIDATION})


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong with one field."""

    field: str
    """Its dotted path; relative until the call is known."""
    description: str
    rule: Rule
    data: Mapping[str, JsonValue] | None = None
    rule_name: str | None = None
    """With OTHER only."""

    @property
    def of_the_schema(self) -> bool:
        """Whether the fault is one of shape, not of the consent's own rules (d)."""
        return self.rule in _OF_THE_SCHEMA

    def below(self, prefix: str) -> Violation:
        """The same violation, seen from further up."""
        return replace(self, field=f"{prefix}.{self.field}" if self.field else prefix)

    def as_json(self) -> dict[str, JsonValue]:
        """An entry of `fieldViolations`."""
        optional = {"ruleName": self.rule_name, "data": None if self.data is None else dict(self.data)}
        given: dict[str, JsonValue] = {name: value for name, value in optional.items() if value is not None}
        return {"field": self.field, "description": self.description, "violatedRule": self.rule, **given}


class RefusedError(Exception):
    """A request, or an item, that the API does not accept."""

    def __init__(self, status: int, code: str, message: str, data: Mapping[str, JsonValue] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.data = dict(data or {})

    @property
    def text(self) -> str:
        """The refusal of an item, in words."""
        return self.message

    @property
    def shown_code(self) -> str:
        """The code of an item's refusal."""
        return self.code

    def envelope(self) -> dict[str, JsonValue]:
        """The answer's body (54)."""
        error: JsonValue = {"code": self.code, "description": self.message, "data": self.data}
        return {"message": self.message, "details": {"applicationError": error}}


class InvalidError(RefusedError):
    """Fields that break rules; `code` is the first rule broken."""

    def __init__(self, violations: Iterable[Violation]) -> None:
        self.violations = tuple(violations)
        first = self.violations[0]
        super().__init__(400, first.rule, f'INVALID_ARGUMENT: "{first.field}" {first.description}')

    @property
    def only_missing(self) -> bool:
        """Whether nothing is wrong but that required fields are not there (56)."""
        return all(violation.rule is Rule.REQUIRED_FIELD for violation in self.violations)

    @property
    def text(self) -> str:
        """The violations of an item, in words."""
        return "; ".join(f"{violation.field} {violation.description}".lstrip() for violation in self.violations)

    @property
    def shown_code(self) -> str:
        """An item's error does not tell which rule was broken."""
        return Code.INVALID_ARGUMENT

    def envelope(self) -> dict[str, JsonValue]:
        """The answer's body (54)."""
        violations: list[JsonValue] = [violation.as_json() for violation in self.violations]
        return {"message": self.message, "details": {"validationError": {"fieldViolations": violations}}}


def invalid(field: str, description: str, rule: Rule, **data: JsonValue) -> InvalidError:
    """One violation by itself."""
    return InvalidError([Violation(field, description, rule, data or None)])


def missing(field: str) -> Violation:
    """A field that must be there."""
    return Violation(field, "must be present", Rule.REQUIRED_FIELD)


def not_found(settings: Settings, **data: JsonValue) -> RefusedError:
    """There is no such consent (v)."""
    return RefusedError(404, settings.not_found_code, "no such consent", data)


@contextmanager
def below(prefix: str) -> Iterator[None]:
    """Violations found inside are reported as of the fields below `prefix`."""
    try:
        yield
    except InvalidError as error:
        raise InvalidError([violation.below(prefix) for violation in error.violations]) from None
