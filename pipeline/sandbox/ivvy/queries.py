"""The actions that read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.sandbox.ivvy.documents import (
    company_document,
    contact_document,
    custom_field_document,
    group_document,
    listed_contact,
)
from pipeline.sandbox.ivvy.filters import condition_of
from pipeline.sandbox.ivvy.pages import page_of
from pipeline.sandbox.ivvy.parameters import boolean, integer, mapping, refuse_unknown, required
from pipeline.sandbox.ivvy.refusals import Code, RefusedError, invalid
from pipeline.sandbox.ivvy.store import Condition
from pipeline.sandbox.ivvy.values import plain_timestamp

if TYPE_CHECKING:
    from pydantic import JsonValue

    from pipeline.sandbox.ivvy.account import Company
    from pipeline.sandbox.ivvy.context import Context
    from pipeline.sandbox.ivvy.parameters import Params

_PAGED: Final = frozenset({"perPage", "start", "filter"})


def ping(context: Context, _params: Params) -> JsonValue:
    """The time by the server's clock."""
    return {"ack": f"{context.stamp} UTC"}


def get_contact(context: Context, params: Params) -> JsonValue:
    """One contact, with its status."""
    refuse_unknown(params, {"id", "useEventSortOrder"}, context.settings)
    contact_id = integer(required(params, "id"), "id")
    if "useEventSortOrder" in params:
        boolean(params["useEventSortOrder"], "useEventSortOrder")
    for contact in context.store.select(Condition("id = ?", (contact_id,)), 0, 1, context.now):
        return contact_document(contact, context.account, context.settings)
    raise RefusedError(context.settings.not_found_status, Code.CONTACT_NOT_FOUND, "Unable to find contact")


def get_contact_list(context: Context, params: Params) -> JsonValue:
    """A page of contacts, by id (G28)."""
    settings = context.settings
    refuse_unknown(params, _PAGED, settings)
    page = page_of(params, settings)
    condition = condition_of(params.get("filter"), settings)
    contacts = context.store.select(condition, page.start, page.size, context.now)
    total = context.store.count(condition, context.now)
    return page.answer(total, [listed_contact(contact, context.account, settings) for contact in contacts])


def get_subscription_group_list(context: Context, params: Params) -> JsonValue:
    """All groups; not paged."""
    refuse_unknown(params, (), context.settings)
    members = context.store.member_counts()
    return [group_document(group, members.get(group.id, 0)) for group in context.account.groups]


def get_custom_field_definition(context: Context, params: Params) -> JsonValue:
    """All custom fields of contacts; not paged."""
    refuse_unknown(params, (), context.settings)
    return [custom_field_document(field) for field in context.account.custom_fields]


def get_company_list(context: Context, params: Params) -> JsonValue:
    """A page of companies, in the order in which they were loaded."""
    settings = context.settings
    refuse_unknown(params, _PAGED, settings)
    page = page_of(params, settings)
    chosen = list(context.account.companies)
    for term, wanted in mapping(params.get("filter") or {}, "filter").items():
        chosen = _companies_that_fit(chosen, term, wanted, context)
    results = chosen[page.start : page.start + page.size]
    return page.answer(len(chosen), [company_document(company) for company in results])


def _companies_that_fit(companies: list[Company], term: str, wanted: JsonValue, context: Context) -> list[Company]:
    if term in {"fromModifiedDate", "toModifiedDate"}:
        bound = plain_timestamp(wanted)
        if bound is None:
            raise invalid("filter", f"{term}: Value is not a timestamp")
        if term == "fromModifiedDate":
            return [company for company in companies if company.modifiedDate >= bound]
        return [company for company in companies if company.modifiedDate <= bound]
    if term in {"venueId", "venueGroupId"}:
        integer(wanted, "filter")
        return []
    if context.settings.unknown_filter == "reject":
        raise invalid("filter", f"{term}: Unknown filter")
    return companies
