"""The `filter` object of getContactList as a condition (section 1.5, G28, G29)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from pipeline.sandbox.ivvy.parameters import boolean, integer, mapping
from pipeline.sandbox.ivvy.refusals import invalid
from pipeline.sandbox.ivvy.store import Condition
from pipeline.sandbox.ivvy.values import folded, plain_timestamp

if TYPE_CHECKING:
    from pydantic import JsonValue

    from pipeline.sandbox.ivvy.settings import Settings

Kind = Literal["text", "integer", "boolean", "timestamp"]

IS_NULL: Final = "__ISNULL__"
_FIELDS: Final[dict[str, tuple[str, Kind]]] = {
    "id": ("id", "integer"),
    "firstName": ("fold(first_name)", "text"),
    "lastName": ("fold(last_name)", "text"),
    "email": ("email_key", "text"),
    "phone": ("fold(phone)", "text"),
    "externalId": ("external_key", "text"),
    "status": ("status", "integer"),
    "smsStatus": ("sms_status", "integer"),
    "modifiedDate": ("modified_date", "timestamp"),
    "isAnonymised": ("is_anonymised", "boolean"),
}
"""Column and kind of each scalar field; texts are stored, or compared, in their folded form."""
_DOCUMENTED: Final = frozenset({"firstName", "externalId"})
_COMPARISONS: Final = {"": "=", "NOT": "IS NOT", "LESSTHAN": "<=", "GREATERTHAN": ">="}
_PARTS: Final = {
    "CONTAINS": "instr({}, ?) > 0",
    "NOTCONTAINS": "instr({}, ?) = 0",
    "BEGINS": "substr({}, 1, length(?)) = ?",
    "ENDS": "substr({}, -length(?)) = ?",
}
_BOUNDS: Final = {"fromModifiedDate": ">=", "toModifiedDate": "<="}
_VENUES: Final = frozenset({"venueId", "venueGroupId"})


def condition_of(value: JsonValue, settings: Settings) -> Condition:
    """The condition that all the filters together make; those for a venue let no contact through, as it has none."""
    condition = Condition()
    for term, wanted in (mapping(value, "filter") if value is not None else {}).items():
        found = _named(term, wanted) or _by_field(term, wanted, settings)
        if found is not None:
            condition = condition & found
        elif settings.unknown_filter == "reject":
            raise invalid("filter", f"{term}: Unknown filter")
    return condition


def _named(term: str, wanted: JsonValue) -> Condition | None:
    """The filters that getContactList documents by name; the bounds are inclusive."""
    if term in _BOUNDS:
        return Condition(f"modified_date {_BOUNDS[term]} ?", (_value(term, "timestamp", wanted),))
    if term in _VENUES:
        integer(wanted, "filter")
        return Condition("0")
    if term == "companyId":
        company = integer(wanted, "filter")
        return Condition("EXISTS (SELECT 1 FROM json_each(companies) WHERE value = ?)", (company,))
    return None


def _by_field(term: str, wanted: JsonValue, settings: Settings) -> Condition | None:
    """`field` or `field__MODIFIER`; None for a field or modifier that does not work."""
    name, _, modifier = term.partition("__")
    if name not in _FIELDS or (settings.filters == "documented" and name not in _DOCUMENTED):
        return None
    column, kind = _FIELDS[name]
    if wanted == IS_NULL and modifier in {"", "NOT"}:
        return Condition(f"{column} IS {'NOT ' if modifier else ''}NULL")
    shown = f"coalesce({column}, '')"
    if modifier in _COMPARISONS:
        return Condition(f"{column} {_COMPARISONS[modifier]} ?", (_value(term, kind, wanted),))
    if modifier in _PARTS:
        test = _PARTS[modifier].format(shown)
        return Condition(test, (_value(term, "text", wanted),) * test.count("?"))
    if modifier == "EMPTY":
        return Condition(f"{shown} {'=' if boolean(wanted, 'filter') else '<>'} ''")
    return None


def _value(term: str, kind: Kind, wanted: JsonValue) -> str | int:
    match kind:
        case "integer":
            return integer(wanted, "filter")
        case "boolean":
            return boolean(wanted, "filter")
        case "timestamp":
            plain = plain_timestamp(wanted)
            if plain is None:
                raise invalid("filter", f"{term}: Value is not a timestamp")
            return plain
        case "text":
            if not isinstance(wanted, str):
                raise invalid("filter", f"{term}: Value is not a string")
            return folded(wanted)
