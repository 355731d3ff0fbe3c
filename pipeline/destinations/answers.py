"""What the adapters have in common when they take an answer: what it must be, and what its HTTP status says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from pipeline.destinations.interface import Kind, Reply, Verdict
from pipeline.errors import Refused, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

Shape = TypeVar("Shape", bound=BaseModel)
T = TypeVar("T")


def required(reply: Reply) -> Any:
    """The body of the answer to a query. Raises Unreachable without a clear answer, Refused where it was refused."""
    if reply.unclear:
        raise Unreachable(
            f"the destination gives no usable answer to a query ({reply.verdict.code}); when it answers, run the "
            "same command again, or `consent-sync resume` for a run that has begun to send"
        )
    if reply.verdict.kind is not Kind.OK:
        # The message is left out: it may repeat what was asked for.
        raise Refused(
            f"the destination refused a query ({reply.verdict.code}); compare the mapping with the account by "
            "`consent-sync check --online`"
        )
    return reply.body


def shaped(value: Any, shape: Callable[[Any], T], name: str) -> T:
    """The part `name` of an answer in its documented shape. Raises Unreachable for another one."""
    try:
        return shape(value)
    except ValidationError:
        raise Unreachable(
            f"the destination answers `{name}` in a shape that its documentation does not have; compare `options` in "
            "the mapping with the account, then run the same command again"
        ) from None


def by_status(status: int, message: str) -> Verdict:
    """What an HTTP status says where the body says nothing: a gateway spoke, or the vendor has no more to say."""
    match status:
        case 401 | 403:
            return Verdict(Kind.HALT, str(status), message)
        case 429:
            return Verdict(Kind.THROTTLED, "429", message)
        case 413:
            return Verdict(Kind.REFUSED, "413", message)
        case _ if 400 <= status < 500 and status != 408:
            return Verdict(Kind.HALT, str(status), message)
        case _:
            return Verdict(Kind.RETRY, str(status), message)
