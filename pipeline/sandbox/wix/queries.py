"""Get, get-by and query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import JsonValue, TypeAdapter, ValidationError

from pipeline.sandbox.wix.consent_input import Reading
from pipeline.sandbox.wix.filters import condition_of
from pipeline.sandbox.wix.pages import BY_ID, Cursor, Page, Term, bad_cursor, cursor_of, page_of
from pipeline.sandbox.wix.refusals import InvalidError, Rule, invalid, missing, not_found
from pipeline.sandbox.wix.values import camel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.sandbox.wix.context import Context
    from pipeline.sandbox.wix.marketing_consent import MarketingConsent
    from pipeline.sandbox.wix.settings import Settings

_LIMIT: Final = "query.cursorPaging.limit"
_TERM: Final = TypeAdapter[Term](Term)


def consent_with_id(context: Context, consent_id: str) -> MarketingConsent:
    """As it is now. Raises RefusedError if there is none (v)."""
    found = context.store.get(consent_id)
    if found is None:
        raise not_found(context.settings, id=consent_id)
    return found


def consent_for_address(context: Context, parameters: Mapping[str, str]) -> MarketingConsent:
    """As of `get_by_lag_ms` ago. Raises RefusedError if there is none (v)."""
    reading = Reading(context.settings)
    details = reading.address(parameters)
    reading.checked()
    assert details is not None  # noqa: S101 - checked
    view = context.store.as_of(context.settings.get_by_lag_ms / 1000)
    for consent in view.reached([details.key]):
        if consent.details.key == details.key:
            return consent
    raise not_found(context.settings, **parameters)


def consents_page(context: Context, query: JsonValue) -> Page:
    """One page of the consents that fit the filter, as of `query_lag_ms` ago."""
    settings = context.settings
    if query is None:
        raise InvalidError([missing("query")])
    reading = Reading(settings)
    fields = reading.object(query, "query", {"filter", "sort", "cursorPaging"})
    paging = reading.object(fields.get("cursorPaging", {}), "query.cursorPaging", {"limit", "cursor"})
    text = reading.text(paging.get("cursor"), "query.cursorPaging.cursor")
    reading.checked()
    limit = _limit(paging.get("limit"), settings)
    if text:
        cursor = _followed(text, fields, context)
        cursor = cursor if limit is None else cursor.model_copy(update={"limit": limit})
    else:
        size = limit or settings.page_size_default
        cursor = Cursor(filter=fields.get("filter"), sort=_sort(fields.get("sort")), limit=size)
    view = context.store.as_of(settings.query_lag_ms / 1000)
    return page_of(cursor, condition_of(cursor.filter, settings), view, context.seconds)


def _limit(value: JsonValue, settings: Settings) -> int | None:
    """How many consents are asked for; None for the usual number (af)."""
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid(_LIMIT, "is not an integer", Rule.VALIDATION)
    if value < 0:
        raise invalid(_LIMIT, "must be at least 0", Rule.MIN, threshold=0)
    most = settings.page_size_max
    if value > most:
        raise invalid(_LIMIT, f"must be at most {most}", Rule.MAX, threshold=most)
    return value or None


def _followed(text: str, fields: Mapping[str, JsonValue], context: Context) -> Cursor:
    """The cursor of a further page (52, ag)."""
    settings = context.settings
    beside = [f"query.{name}" for name in ("filter", "sort") if fields.get(name)]
    if beside and settings.cursor_alone:
        raise invalid(beside[0], "does not go with a cursor", Rule.FIELD_NOT_ALLOWED)
    cursor = cursor_of(text)
    if settings.cursor_seconds is not None and cursor.issued_at + settings.cursor_seconds < context.seconds:
        raise bad_cursor()
    return cursor


def _sort(value: JsonValue) -> tuple[Term, ...]:
    """The order asked for, and `id` to tell apart what is equal in it."""
    if value is None:
        return BY_ID
    if not isinstance(value, list):
        raise invalid("query.sort", "is not a list", Rule.VALIDATION)
    terms = [_term(f"query.sort[{position}]", entry) for position, entry in enumerate(value)]
    return tuple(terms) if "id" in dict(terms) else (*terms, *BY_ID)


def _term(path: str, entry: JsonValue) -> Term:
    fields = {camel(name): inner for name, inner in entry.items()} if isinstance(entry, dict) else {}
    name, order = fields.get("fieldName"), fields.get("order") or "ASC"
    try:
        return _TERM.validate_python((camel(name) if isinstance(name, str) else name, order))
    except ValidationError as error:
        raise invalid(path, "is not a field that sorts, with ASC or DESC", Rule.VALIDATION) from error
