"""GraphQL resolvers; what is not listed here is read from the answer by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from pipeline.sandbox.acoustic_connect.batch import Context, Row, run_batch
from pipeline.sandbox.acoustic_connect.contact import Contact, contact_id
from pipeline.sandbox.acoustic_connect.filters import condition_of
from pipeline.sandbox.acoustic_connect.mutations import Mutations
from pipeline.sandbox.acoustic_connect.queries import Answer, attribute_node, contacts_page, data_sets
from pipeline.sandbox.acoustic_connect.refusals import RefusedError, bad_input

if TYPE_CHECKING:
    from graphql import GraphQLResolveInfo

    from pipeline.sandbox.acoustic_connect.audience import Audience

Resolver = Callable[..., Any]


def _contacts(_root: None, info: GraphQLResolveInfo, **arguments: Any) -> Answer:
    if arguments.get("type") == "REFERENCE_SET":
        raise bad_input("Reference sets are not emulated")
    return contacts_page(_context(info), arguments)


def _data_sets(_root: None, info: GraphQLResolveInfo, **arguments: Any) -> Answer:
    return data_sets(_context(info), arguments.get("filter"))


def _create_contacts(_root: None, info: GraphQLResolveInfo, **arguments: Any) -> Answer:
    context = _context(info)
    audience = context.audience_called(arguments.get("dataSetId"))
    mutations = Mutations(context, audience)
    stored = run_batch(context, arguments["contactsInput"], mutations.create)
    return {"items": [_created_item(contact, audience, existed=existed) for contact, existed in stored]}


def _update_contacts(_root: None, info: GraphQLResolveInfo, **arguments: Any) -> Answer:
    context = _context(info)
    mutations = Mutations(context, context.audience_called(arguments.get("dataSetId")))
    return {"modifiedCount": sum(run_batch(context, arguments.get("updateContactInputs") or [], mutations.update))}


def _delete_contacts(_root: None, info: GraphQLResolveInfo, **arguments: Any) -> Answer:
    context, where = _context(info), arguments["where"]
    mutations = Mutations(context, context.audience_called(where.get("dataSetId")))
    keys, addressables = where.get("keyList"), where.get("addressableList")
    if (keys is None) == (addressables is None):
        raise bad_input("Contacts are deleted by either keyList or addressableList")
    rows: list[Row] = [{"key": key} for key in keys or ()]
    rows += [{"addressable": selectors} for selectors in addressables or ()]
    return {"deletedCount": sum(run_batch(context, rows, mutations.delete))}


def _create_import_job(_root: None, _info: GraphQLResolveInfo, **_arguments: Any) -> Answer:
    raise RefusedError("NOT_EMULATED", "The sandbox imports no files")


def _attributes(node: Answer, _info: GraphQLResolveInfo, **arguments: Any) -> list[Answer]:
    """Of a contact or of a data set: all, or those selected; the answer's order is its own."""
    names, channel = arguments.get("selectByName"), arguments.get("selectByChannel")
    attributes: list[Answer] = node["attributes"]
    if names is not None:
        attributes = [attribute for attribute in attributes if attribute["name"] in names]
    if channel is not None:
        addresses = _addresses(node["audience"], channel)
        attributes = [attribute for attribute in attributes if attribute["name"] in addresses]
    return attributes


def _addresses(audience: Audience, channels: str | list[str]) -> set[str]:
    wanted = {channels} if isinstance(channels, str) else set(channels)
    return {attribute.name for attribute in audience.addressables if wanted.intersection(attribute.channels)}


def _selected(name: str, key: str, argument: str) -> Resolver:
    """A resolver for the list `name`, cut down to the entries whose `key` the argument lists."""

    def resolve(node: Mapping[str, Any], _info: GraphQLResolveInfo, **arguments: Any) -> list[Answer]:
        entries: list[Answer] = node[name]
        wanted = arguments.get(argument)
        return entries if wanted is None else [entry for entry in entries if entry[key] in wanted]

    return resolve


def _size(_node: Answer, info: GraphQLResolveInfo, **arguments: Any) -> int:
    context = _context(info)
    audience = context.audience_called(None)
    return context.store.count(condition_of(arguments.get("filter"), audience))


def _created_item(contact: Contact, audience: Audience, *, existed: bool) -> Answer:
    identifying = ([audience.key] if audience.key else []) + list(audience.addressables)
    attribute = next(attribute for attribute in identifying if attribute.name in contact.attributes)
    return {
        "contactId": contact_id(audience.dataSetId, contact.number or 0),
        "contactKey": contact.attributes.get(audience.key.name) if audience.key else None,
        "message": "Contact updated" if existed else "Contact created",
        "identifyingField": {
            "value": contact.attributes[attribute.name],
            "attributeData": attribute_node(attribute),
        },
    }


def _context(info: GraphQLResolveInfo) -> Context:
    context: Context = info.context
    return context


_CHANNELS = _selected("channels", "channel", "selectByChannel")
RESOLVERS: Final[dict[str, dict[str, Resolver]]] = {
    "Query": {"contacts": _contacts, "dataSets": _data_sets},
    "Mutation": {
        "createContacts": _create_contacts,
        "updateContacts": _update_contacts,
        "deleteContacts": _delete_contacts,
        "createImportJob": _create_import_job,
    },
    "Contact": {"attributes": _attributes},
    "Consent": {"channels": _CHANNELS, "consentGroups": _selected("consentGroups", "id", "selectById")},
    "ConsentGroup": {"channels": _CHANNELS},
    "DataSet": {
        "attributes": _attributes,
        "consentGroups": _selected("consentGroups", "id", "selectById"),
        "size": _size,
    },
}
