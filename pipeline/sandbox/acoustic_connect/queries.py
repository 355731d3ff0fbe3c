"""Answers of `contacts` and `dataSets` as plain dicts, for GraphQL to pick from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.sandbox.acoustic_connect.coercion import listed, objects
from pipeline.sandbox.acoustic_connect.filters import attribute_named, condition_of
from pipeline.sandbox.acoustic_connect.pages import PageRequest, cursor_at
from pipeline.sandbox.acoustic_connect.refusals import bad_input
from pipeline.sandbox.acoustic_connect.store import column_of
from pipeline.sandbox.acoustic_connect.values import read_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

    from pipeline.sandbox.acoustic_connect.audience import Attribute, Audience
    from pipeline.sandbox.acoustic_connect.batch import Context
    from pipeline.sandbox.acoustic_connect.contact import Contact

Answer = dict[str, Any]
_BEGINNING = "1970-01-01T00:00:00.000Z"


def contacts_page(context: Context, arguments: Mapping[str, Any]) -> Answer:
    """One page of the contacts that fit the filter (AC-16)."""
    audience, store = context.audience, context.store
    if audience is None:
        return _connection([], offset=0, more=False, total=lambda _info: 0)
    context.audience_called(arguments.get("dataSetId"))
    condition = condition_of(arguments.get("filter"), audience)
    order = [_order_term(field, audience) for field in arguments.get("orderBy") or ()]
    request = PageRequest(*(arguments.get(name) for name in ("first", "after", "last", "before")))
    offset, length = request.bounds(context.settings, lambda: store.count(condition))
    found = store.select(condition, order, offset, length + 1)
    nodes = [contact_node(contact, context, audience) for contact in found[:length]]
    return _connection(nodes, offset, more=len(found) > length, total=lambda _info: store.count(condition))


def contact_node(contact: Contact, context: Context, audience: Audience) -> Answer:
    """A contact as it is read: stored values only, sorted by name; a group shows only its channels."""
    addresses = {c: contact.attributes.get(a.name) for a in audience.addressables for c in a.channels}
    reach = {
        channel: {"doNotSend": contact.channels.get(channel) == "OPT_OUT", "address": address}
        for channel, address in addresses.items()
    }
    return {
        "dataSetId": audience.dataSetId,
        "tracking": tracking(contact.created_at or _BEGINNING, contact.modified_at or _BEGINNING),
        "attributes": [
            {"name": a.name, "type": a.type, "value": read_value(a, contact.attributes[a.name], context.settings)}
            for a in audience.attributes_by_name
            if a.name in contact.attributes
        ],
        "audience": audience,
        "consent": {
            "channels": _statuses(contact.channels, audience),
            "consentGroups": [
                {"id": group_id, "channels": _statuses(statuses, audience)}
                for group_id, statuses in contact.groups.items()
            ],
            "email": reach.get("EMAIL"),
            "sms": reach.get("SMS"),
            "whatsApp": reach.get("WHATSAPP"),
        },
    }


def data_sets(context: Context, rules: JsonValue) -> Answer:
    """The audience, if one is loaded and fits; reference sets are not emulated (AC-13)."""
    audience = context.audience
    if audience is None or not all(_fits(audience, rule) for rule in objects(rules)):
        return _connection([], offset=0, more=False, total=lambda _info: 0)
    node = {
        "dataSetId": audience.dataSetId,
        "name": audience.name,
        "type": "AUDIENCE",
        "audience": audience,
        "tracking": tracking(_BEGINNING, _BEGINNING),
        "attributes": [attribute_node(attribute) for attribute in audience.attributes],
        "consentGroups": [{"id": group.id, "name": group.name} for group in audience.consentGroups],
    }
    return _connection([node], offset=0, more=False, total=lambda _info: 1)


def tracking(created_at: str, modified_at: str) -> Answer:
    """The `AudienceTracking` object; everything was done by the sandbox."""
    return {
        "createdBy": "sandbox", "createdAt": created_at, "lastModifiedBy": "sandbox", "lastModifiedAt": modified_at,
    }  # fmt: skip


def attribute_node(attribute: Attribute) -> Answer:
    """The `DataSetAttribute` object."""
    identity = None
    if attribute.is_key or attribute.channels:
        identity = {"key": attribute.is_key or None, "channels": list(attribute.channels) or None}
    return {
        "name": attribute.name,
        "type": attribute.type,
        "category": attribute.category,
        "decimalPrecision": attribute.decimalPrecision,
        "tracking": tracking(_BEGINNING, _BEGINNING),
        "identifyAs": identity,
    }


def _connection(nodes: list[Answer], offset: int, *, more: bool, total: Any) -> Answer:
    page_info = {
        "hasNextPage": more,
        "hasPreviousPage": offset > 0,
        "startCursor": cursor_at(offset) if nodes else None,
        "endCursor": cursor_at(offset + len(nodes) - 1) if nodes else None,
        "count": len(nodes),
    }
    return {
        "nodes": nodes,
        "edges": lambda _info: [{"node": node, "cursor": cursor_at(offset + at)} for at, node in enumerate(nodes)],
        "pageInfo": page_info,
        "totalCount": total,
    }


def _order_term(field: Mapping[str, Any], audience: Audience) -> str:
    column = column_of(attribute_named(field["field"], audience))
    return f"{column} DESC" if field.get("sort") == "DESC" else column


def _statuses(statuses: Mapping[str, str], audience: Audience) -> list[Answer]:
    return [{"channel": channel, "status": statuses[channel]} for channel in audience.channels if channel in statuses]


def _fits(audience: Audience, rule: Mapping[str, JsonValue]) -> bool:
    values = {"type": "AUDIENCE", "name": audience.name, "dataSetId": audience.dataSetId}
    value = values.get(str(rule.get("field")))
    if value is None:
        raise bad_input(f"Data sets have no field: {rule.get('field')}")
    for operator, operand in rule.items():
        match operator:
            case "field":
                continue
            case "eq" | "in" | "eqOneOf":
                fits = value in listed(operand)
            case "neq" | "nin" | "neqOneOf":
                fits = value not in listed(operand)
            case "contains":
                fits = str(operand) in value
            case _:
                raise bad_input(f"Filter operator not supported: {operator}")
        if not fits:
            return False
    return True
