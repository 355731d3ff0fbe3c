"""What an error of the vendor means, and which rows of a bulk call it names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from pipeline.destinations.wix import wire
from pipeline.model import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

CONFLICT: Final = "409"
NOT_FOUND: Final = "404"
REASONS: Final[Mapping[str, Reason]] = {
    NOT_FOUND: Reason.CONTACT_NOT_FOUND,
    "NOT_FOUND": Reason.CONTACT_NOT_FOUND,
    "INVALID_ARGUMENT": Reason.ATTRIBUTE_VALUE_REFUSED,
    "400": Reason.ATTRIBUTE_VALUE_REFUSED,
}
"""HTTP status, or the code before the colon of an item's error -> reason; another one is reported verbatim."""

_ITEM: Final = re.compile(r"^info\[(?P<index>\d+)\]")


def reason_of(said: str) -> Reason:
    """The reason of an item's error, `CODE: text`, or of a code; the codes are no promise of the vendor's."""
    return REASONS.get(said.partition(":")[0].strip(), Reason.REFUSED)


def error_in(body: Any) -> wire.Error:
    """The error of an answer; an empty one where it has another shape."""
    try:
        return wire.Error.model_validate(body)
    except ValidationError:
        return wire.Error()


def named_items(body: Any) -> dict[int, str]:
    """Position -> what is wrong, of the items that a refusal of a whole call names."""
    validation = error_in(body).details.validationError
    found: dict[int, list[str]] = {}
    for violation in validation.fieldViolations if validation else ():
        item = _ITEM.match(violation.field)
        if item is not None:
            field = violation.field.partition(".")[2] or violation.field
            said = f"{field}: {violation.violatedRule} {violation.description}".strip()
            found.setdefault(int(item["index"]), []).append(said)
    return {index: "; ".join(said) for index, said in found.items()}
