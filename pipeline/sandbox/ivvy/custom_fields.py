"""Values of custom fields: what fits a field's type, and the form in which it is stored (G14, G15)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.sandbox.ivvy.account import FieldType
from pipeline.sandbox.ivvy.parameters import integer, items, mapping
from pipeline.sandbox.ivvy.refusals import RefusedError, invalid, missing
from pipeline.sandbox.ivvy.values import date_or_timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import JsonValue

    from pipeline.sandbox.ivvy.account import Account, CustomField
    from pipeline.sandbox.ivvy.parameters import Params
    from pipeline.sandbox.ivvy.settings import Settings

    Values = dict[int, JsonValue]

NAME = "customFields"
_ADDRESS = ("line1", "line2", "line3", "line4", "city", "postalCode", "countryCode", "stateCode", "stateName")


def custom_fields_after(params: Params, stored: Values | None, account: Account, settings: Settings) -> Values:
    """The values that a write leads to; fields it does not list are kept. None stands for an added contact."""
    values = dict(stored or {})
    if NAME in params:
        for entry in items(params[NAME], NAME, mapping):
            field = _writable_field(entry, account)
            value = _stored_value(field, entry.get("value"))
            values.pop(field.fieldId, None)
            if value is not None:
                values[field.fieldId] = value
    if settings.required_fields_enforced:
        for field in account.custom_fields:
            had_it = stored is None or field.fieldId in stored
            if field.isRequired and field.isActive and had_it and field.fieldId not in values:
                raise missing(field.displayName)
    return values


def _writable_field(entry: Params, account: Account) -> CustomField:
    if "fieldId" not in entry:
        raise invalid(NAME, "An entry has no fieldId")
    field = account.fields_by_id.get(integer(entry["fieldId"], NAME))
    if field is None or not field.isActive:
        raise invalid(NAME, f"Field {entry['fieldId']} does not exist")
    if field.fieldType in {FieldType.FILE, FieldType.STATIC_TEXT}:
        raise _misfit(field, "field cannot be written")
    return field


def _stored_value(field: CustomField, value: JsonValue) -> JsonValue:
    """The form in which a value is kept; None where it clears the field."""
    return None if value in (None, "", []) else _READERS.get(field.fieldType, _text)(field, value)


def _text(field: CustomField, value: JsonValue) -> str:
    if not isinstance(value, str):
        raise _misfit(field, "value is not a string")
    return value


def _options(field: CustomField, value: JsonValue) -> JsonValue:
    if not isinstance(value, list):
        raise _misfit(field, "value is not an array")
    return list(dict.fromkeys(_option(field, entry) for entry in value))


def _date(field: CustomField, value: JsonValue) -> str:
    plain = date_or_timestamp(value)
    if plain is None:
        raise _misfit(field, "value is not a date or a timestamp")
    return f"{plain} UTC"


def _option(field: CustomField, value: JsonValue) -> str:
    if not isinstance(value, str) or value not in (field.selectValues or {}):
        raise _misfit(field, "value is not an allowed option")
    return value


def _address(field: CustomField, value: JsonValue) -> JsonValue:
    if not isinstance(value, dict) or not set(value).issubset(_ADDRESS):
        raise _misfit(field, "value is not an address")
    if not all(part is None or isinstance(part, str) for part in value.values()):
        raise _misfit(field, "a part of the address is not a string")
    return value


def _whole_number(field: CustomField, value: JsonValue) -> int:
    try:
        if isinstance(value, str) and value.startswith("-"):
            return -integer(value[1:], NAME)
        return integer(value, NAME)
    except RefusedError as error:
        raise _misfit(field, "value is not a whole number") from error


def _misfit(field: CustomField, why: str) -> RefusedError:
    return invalid(NAME, f"{field.displayName}: {why}")


_READERS: Final[Mapping[FieldType, Callable[[CustomField, JsonValue], JsonValue]]] = {
    FieldType.SINGLE_SELECT: _option,
    FieldType.MULTIPLE_SELECT: _options,
    FieldType.ADDRESS: _address,
    FieldType.DATE: _date,
    FieldType.WHOLE_NUMBER: _whole_number,
}
"""All other types hold text."""
