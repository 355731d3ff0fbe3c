"""Attribute values: what fits a type, and the form in which it is stored and read back."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from pipeline.sandbox.acoustic_connect.refusals import Code, RefusedError

if TYPE_CHECKING:
    from pydantic import JsonValue

    from pipeline.sandbox.acoustic_connect.audience import Attribute
    from pipeline.sandbox.acoustic_connect.settings import Settings

_EMAIL = re.compile(r"[^\s@,;<>()\"]+@[^\s@,;<>()\"]+\.[^\s@,;<>()\".]{2,}")
_PHONE = re.compile(r"\+?\d{7,15}")
_DATE = re.compile(r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d:\d\d)(\.\d{1,3})?Z| (\d\d:\d\d:\d\d)(\.\d{1,3})?)?")


def invalid(attribute: Attribute, value: JsonValue, category: str, why: str) -> RefusedError:
    """The observed refusal of a value; its message repeats the value, as the vendor's does."""
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    message = f"Field {attribute.name} has invalid value: {shown}. Category: {category}. Message: {why}"
    return RefusedError(Code.INVALID_ATTRIBUTE_VALUE, message, category)


def stored_value(attribute: Attribute, value: JsonValue, settings: Settings) -> JsonValue:
    """The form in which `value` is kept; None stays None. Raises RefusedError if it does not fit (AC-12)."""
    if attribute.behaviour:
        raise invalid(attribute, value, "BEHAVIOUR", "computed by the system")
    if value is None:
        return None
    match attribute.type:
        case "TEXT":
            return _text(attribute, value, settings)
        case "NUMBER":
            return _number(attribute, value)
        case "DATE":
            return _date(attribute, value)
        case "BOOLEAN" if not isinstance(value, bool):
            raise invalid(attribute, value, "BOOLEAN_FORMAT", "not true or false")
        case "ARRAY" if not isinstance(value, list):
            raise invalid(attribute, value, "ARRAY_FORMAT", "not a list")
        case "BOOLEAN" | "ARRAY" | "JSON":
            return value


def read_value(attribute: Attribute, value: JsonValue, settings: Settings) -> JsonValue:
    """The form in which a stored value is answered (A28)."""
    if attribute.type != "DATE" or settings.date_out_format == "iso_milliseconds" or not isinstance(value, str):
        return value
    return value[:10] if settings.date_out_format == "date" else value.replace("T", " ").removesuffix("Z")


def _text(attribute: Attribute, value: JsonValue, settings: Settings) -> str:
    if not isinstance(value, str):
        raise invalid(attribute, value, "TEXT_FORMAT", "not a text")
    if attribute.is_key and not value.strip():
        raise invalid(attribute, value, "TEXT_FORMAT", "a key cannot be empty")
    if not attribute.channels:
        return value
    address = value.strip()
    if "EMAIL" in attribute.channels:
        if not _EMAIL.fullmatch(address):
            raise invalid(attribute, value, "EMAIL_FORMAT", "not a usable email address")
        return address
    if not _PHONE.fullmatch(address):
        raise invalid(attribute, value, "PHONE_FORMAT", "not a usable phone number")
    return f"+{address.removeprefix('+')}" if settings.phone_plus == "add" else address


def _number(attribute: Attribute, value: JsonValue) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid(attribute, value, "NUMBER_FORMAT", "not a number")
    exponent = Decimal(str(value)).normalize().as_tuple().exponent
    if not isinstance(exponent, int):
        raise invalid(attribute, value, "NUMBER_FORMAT", "not a finite number")
    if attribute.decimalPrecision is not None and -exponent > attribute.decimalPrecision:
        raise invalid(attribute, value, "NUMBER_FORMAT", f"more than {attribute.decimalPrecision} decimals")
    return value


def _date(attribute: Attribute, value: JsonValue) -> str:
    found = _DATE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise invalid(attribute, value, "DATE_FORMAT", "not YYYY-MM-DDTHH:mm:ss.sssZ or YYYY-MM-DD")
    day, iso_time, iso_fraction, plain_time, plain_fraction = found.groups()
    time = iso_time or plain_time or "00:00:00"
    fraction = (iso_fraction or plain_fraction or ".").ljust(4, "0")
    try:
        datetime.strptime(f"{day} {time}", "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError as error:
        raise invalid(attribute, value, "DATE_FORMAT", "no such day or time") from error
    return f"{day}T{time}{fraction}Z"
