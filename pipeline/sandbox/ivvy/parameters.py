"""Reads the parameters of an action; what does not fit is refused as the vendor documents it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pydantic import JsonValue

from pipeline.sandbox.ivvy.refusals import invalid, missing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from pipeline.sandbox.ivvy.settings import Settings

Params = dict[str, JsonValue]
Item = TypeVar("Item")
_MOST_DIGITS = 18  # what fits 64 bits


def refuse_unknown(params: Params, known: Collection[str], settings: Settings) -> None:
    """Refuse a parameter that the action does not have, if the settings say so (G20)."""
    if settings.unknown_keys == "reject":
        for name in params:
            if name not in known:
                raise invalid(name, "Unknown parameter")


def required(params: Params, name: str) -> JsonValue:
    """A parameter that must be given; null and an empty text do not count as given."""
    value = params.get(name)
    if value is None or value == "":
        raise missing(name)
    return value


def integer(value: JsonValue, name: str) -> int:
    """A whole number; the vendor writes ids as texts of digits too."""
    if isinstance(value, int) and not isinstance(value, bool) and len(str(abs(value))) <= _MOST_DIGITS:
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS:
        return int(value)
    raise invalid(name, "Value is not a whole number")


def boolean(value: JsonValue, name: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise invalid(name, "Value is not true or false")
    return value


def text(value: JsonValue, name: str, settings: Settings) -> str:
    """A text, no longer than the settings allow (G16)."""
    if not isinstance(value, str):
        raise invalid(name, "Value is not a string")
    longest = settings.max_lengths.get(name)
    if longest is not None and len(value) > longest:
        raise invalid(name, f"Value is longer than {longest} characters")
    return value


def items(value: JsonValue, name: str, item: Callable[[JsonValue, str], Item]) -> list[Item]:
    """A list, each entry read by `item`."""
    if not isinstance(value, list):
        raise invalid(name, "Value is not an array")
    return [item(entry, name) for entry in value]


def mapping(value: JsonValue, name: str) -> Params:
    """An object."""
    if not isinstance(value, dict):
        raise invalid(name, "Value is not an object")
    return value
