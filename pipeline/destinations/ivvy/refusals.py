"""What the vendor's errors mean: both failure channels, by `errorCode` and by `success: false` (IV-11, IV-13)."""

from __future__ import annotations

import re
from typing import Any, Final

from pydantic import ValidationError

from pipeline.destinations.interface import Kind, Verdict
from pipeline.destinations.ivvy import wire
from pipeline.model import Reason

HALTS: Final = frozenset({401, 403, 404, 405, 406, 462, 463, 501})
"""The key, its permissions, or a request that this product should not have made."""
TRANSIENT: Final = frozenset({460, 461, 500, 502, 503, 504})
THROTTLED: Final = 429
UNSUCCESSFUL: Final = "success: false"

REASONS: Final = {
    str(wire.NOT_FOUND): Reason.CONTACT_NOT_FOUND,
    str(wire.INVALID): Reason.ATTRIBUTE_VALUE_REFUSED,
    str(wire.MISSING): Reason.ATTRIBUTE_MISSING,
}
"""specificCode -> reason; another one is reported verbatim."""


NO_GROUP: Final = re.compile(r"^group (?P<id>\d+): ")
NO_FIELD: Final = re.compile(r"^'customFields' does not validate; Field (?P<id>\d+) does not exist")
"""Of what a refusal says only the name of the parameter is documented. Where the rest of it has other words, the fault
is one of the rows', until it is found in all of them."""


def doubtful(verdict: Verdict) -> bool:
    """Whether a refusal of one row may be one of every row."""
    known = verdict.code in REASONS or verdict.code == UNSUCCESSFUL
    return verdict.kind is Kind.REFUSED and (not known or verdict.message.startswith("'customFields'"))


def of_group(group: int, verdict: Verdict) -> Verdict:
    """The verdict on a change of a group's members: the group itself, where it is what does not validate (IV-04)."""
    if verdict.code != str(wire.INVALID) or not verdict.message.startswith("'group'"):
        return verdict
    return Verdict(Kind.HALT, verdict.code, f"group {group}: {verdict.message}")


def reason_of(code: str) -> Reason:
    """The reason of a verdict's code."""
    return REASONS.get(code, Reason.REFUSED)


def verdict_of(body: Any) -> Verdict:
    """Judges the body of an answer, or the response of one job of a batch. A list is a result."""
    if not isinstance(body, dict):
        return Verdict(Kind.OK) if isinstance(body, list) else Verdict(Kind.RETRY, message="no JSON in the answer")
    if body.get("success") is False:
        return Verdict(Kind.REFUSED, UNSUCCESSFUL, str(body.get("message") or "no message"))
    if "errorCode" not in body:
        return Verdict(Kind.OK)
    try:
        error = wire.Error.model_validate(body)
    except ValidationError:
        return Verdict(Kind.RETRY, message="an error of another shape")
    return _judged(error)


def _judged(error: wire.Error) -> Verdict:
    message = "; ".join((error.message, *error.additionalMessages))
    specific = str(error.specificCode or error.errorCode)
    if NO_FIELD.match(message):
        return Verdict(Kind.HALT, specific, message)
    if str(error.specificCode) in REASONS or error.specificCode == wire.BATCH_NOT_FOUND:
        return Verdict(Kind.REFUSED, specific, message)
    if error.errorCode in HALTS:
        return Verdict(Kind.HALT, str(error.errorCode), message)
    if error.errorCode == THROTTLED:
        return Verdict(Kind.THROTTLED, str(THROTTLED), message)
    if error.errorCode in TRANSIENT:
        return Verdict(Kind.RETRY, str(error.errorCode), message)
    return Verdict(Kind.REFUSED, specific, message)
