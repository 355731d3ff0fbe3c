"""Which consents of a query are on one page, and the cursors to the next and the previous one (48, 52, af, ag)."""

from __future__ import annotations

import base64
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cmp_to_key
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from pipeline.sandbox.wix.filters import value_of
from pipeline.sandbox.wix.refusals import InvalidError, Rule, invalid
from pipeline.sandbox.wix.values import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pipeline.sandbox.wix.filters import Condition
    from pipeline.sandbox.wix.marketing_consent import MarketingConsent
    from pipeline.sandbox.wix.store import View

Order = Literal["ASC", "DESC"]
Term = tuple[Literal["id", "createdDate", "updatedDate"], Order]
"""The dates are documented as sortable; `id` is the default order (48, 50, af)."""
BY_ID: tuple[Term, ...] = (("id", "ASC"),)


class Cursor(BaseModel):
    """A query and where in its results to go on; it holds all that is needed, so that none is ever forgotten."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    filter: JsonValue = None
    sort: tuple[Term, ...] = BY_ID
    """Ends with `id`, so that no two consents are equal."""
    limit: int = Field(ge=1)
    position: tuple[str, ...] | None = None
    """The sorted fields of the consent to go on from; None: from the start, never in a text handed out."""
    backwards: bool = False
    issued_at: float = 0

    def text(self) -> str:
        """As it is handed out."""
        return base64.urlsafe_b64encode(self.model_dump_json(exclude_defaults=True).encode()).decode()

    @property
    def values(self) -> tuple[Any, ...]:
        """The position, comparable with consents."""
        pairs = zip(self.sort, self.position or (), strict=True)
        return tuple(value if field == "id" else moment(value) for (field, _), value in pairs)


def cursor_of(text: str) -> Cursor:
    """Raises InvalidError for anything but a cursor."""
    try:
        cursor = Cursor.model_validate_json(base64.b64decode(text, altchars=b"-_", validate=True))
        position = cursor.values
    except ValueError as error:  # no base64, no JSON, not the fields of a cursor, or no position for each term
        raise bad_cursor() from error
    if None in position:
        raise bad_cursor()
    return cursor


def bad_cursor() -> InvalidError:
    """Not a cursor, or one that has expired."""
    return invalid("query.cursorPaging.cursor", "is not valid", Rule.VALIDATION)


@dataclass(frozen=True, slots=True)
class Page:
    """Some consents, in order."""

    consents: list[MarketingConsent]
    next: str | None
    prev: str | None


def page_of(cursor: Cursor, condition: Condition, view: View, now: float) -> Page:
    """The page that a cursor asks for; one consent more is looked for, to know whether there is another page."""
    found = list(islice(_from_position(cursor, condition, view), cursor.limit + 1))
    more = len(found) > cursor.limit
    found = found[: cursor.limit]
    if cursor.backwards:
        found.reverse()
    forward, back = (True, more) if cursor.backwards else (more, cursor.position is not None)

    def reached(consent: MarketingConsent, *, backwards: bool) -> str:
        position = tuple(_shown(consent, field) for field, _ in cursor.sort)
        change = {"position": position, "backwards": backwards, "issued_at": now}
        return cursor.model_copy(update=change).text()

    return Page(
        found,
        reached(found[-1], backwards=False) if found and forward else None,
        reached(found[0], backwards=True) if found and back else None,
    )


def _from_position(cursor: Cursor, condition: Condition, view: View) -> Iterator[MarketingConsent]:
    if condition.handles is None and cursor.sort == BY_ID:
        # The order that is always kept: a page costs what it shows, however many consents there are.
        beyond = cursor.position[0] if cursor.position else None
        return filter(condition.fits, view.in_order(beyond=beyond, backwards=cursor.backwards))
    candidates = view.everything() if condition.handles is None else view.reached(condition.handles)
    ordered = _sorted(filter(condition.fits, candidates), cursor)
    if cursor.position is None:
        return iter(ordered)
    bisect = bisect_left if cursor.backwards else bisect_right
    at = bisect(ordered, _comparable(cursor)(cursor.values), key=_key(cursor))
    return reversed(ordered[:at]) if cursor.backwards else iter(ordered[at:])


def _sorted(consents: Iterable[MarketingConsent], cursor: Cursor) -> list[MarketingConsent]:
    ordered = list(consents)
    for field, order in reversed(cursor.sort):
        ordered.sort(key=lambda consent, field=field: value_of(consent, field), reverse=order == "DESC")  # type: ignore[misc]
    return ordered


def _key(cursor: Cursor) -> Callable[[MarketingConsent], Any]:
    comparable = _comparable(cursor)
    return lambda consent: comparable(tuple(value_of(consent, field) for field, _ in cursor.sort))


def _comparable(cursor: Cursor) -> Callable[[tuple[Any, ...]], Any]:
    def compare(left: tuple[Any, ...], right: tuple[Any, ...]) -> int:
        for (_, order), one, other in zip(cursor.sort, left, right, strict=True):
            if one != other:
                return (1 if one > other else -1) * (1 if order == "ASC" else -1)
        return 0

    return cmp_to_key(compare)


def _shown(consent: MarketingConsent, field: str) -> str:
    return {"id": consent.id, "createdDate": consent.created, "updatedDate": consent.updated}[field]
