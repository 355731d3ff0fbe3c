"""The items of a bulk upsert: in order, each by itself, and what harms the call as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.sandbox.wix.consent_input import ConsentInput, Reading
from pipeline.sandbox.wix.marketing_consent import MarketingConsent
from pipeline.sandbox.wix.refusals import InvalidError, RefusedError, Rule, invalid, missing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import JsonValue

    from pipeline.sandbox.wix.mutations import Mutations
    from pipeline.sandbox.wix.settings import Settings

Read = ConsentInput | InvalidError
Result = MarketingConsent | RefusedError


def upsert_all(mutations: Mutations, info: JsonValue) -> list[Result]:
    """What became of each item, in their order (e). Raises InvalidError where the call is refused as a whole (a, d)."""
    settings = mutations.context.settings
    readings = [_read(item, settings) for item in _items(info, settings)]
    if settings.bulk_fault_scope == "call":
        readings = [_tried(mutations, reading) for reading in readings]
    _refuse_call(readings, settings)
    return [_carried_out(mutations, reading) for reading in readings]


def _items(info: JsonValue, settings: Settings) -> Sequence[JsonValue]:
    if info is None:
        raise InvalidError([missing("info")])
    if not isinstance(info, list):
        raise invalid("info", "is not a list", Rule.VALIDATION)
    if not info:
        raise invalid("info", "size must be at least 1", Rule.MIN_SIZE, threshold=1)
    most = settings.bulk_max_items
    if len(info) > most:
        raise invalid("info", f"size must be at most {most}", Rule.MAX_SIZE, threshold=most)
    return info


def _read(item: JsonValue, settings: Settings) -> Read:
    try:
        return Reading(settings).consent(item)
    except InvalidError as error:
        return error


def _tried(mutations: Mutations, reading: Read) -> Read:
    """The same reading, or what the consent's own rules have against it before any item is carried out."""
    if isinstance(reading, ConsentInput):
        try:
            mutations.upserted(reading)
        except InvalidError as error:
            return error
    return reading


def _refuse_call(readings: Sequence[Read], settings: Settings) -> None:
    scope = settings.bulk_fault_scope
    if scope == "item":
        return
    violations = [
        violation.below(f"info[{position}]")
        for position, reading in enumerate(readings)
        if isinstance(reading, InvalidError)
        for violation in reading.violations
        if scope == "call" or violation.of_the_schema
    ]
    if violations:
        raise InvalidError(violations)


def _carried_out(mutations: Mutations, reading: Read) -> Result:
    if isinstance(reading, InvalidError):
        return reading
    try:
        return mutations.upsert(reading)
    except RefusedError as refusal:
        return refusal
