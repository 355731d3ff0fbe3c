"""The actions by namespace, called alone or as a job of a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from pydantic import JsonValue

from pipeline.sandbox.ivvy.context import Context
from pipeline.sandbox.ivvy.groups import (
    add_contacts_to_subscription_group,
    remove_contacts_from_subscription_group,
)
from pipeline.sandbox.ivvy.parameters import Params
from pipeline.sandbox.ivvy.queries import (
    get_company_list,
    get_contact,
    get_contact_list,
    get_custom_field_definition,
    get_subscription_group_list,
    ping,
)
from pipeline.sandbox.ivvy.writes import add_or_update_contact

if TYPE_CHECKING:
    from pipeline.sandbox.ivvy.batches import Job

Action = Callable[[Context, Params], JsonValue]
Namespaces = Mapping[str, Mapping[str, Action]]

OF_A_BATCH: Final[Namespaces] = {
    "contact": {
        "addOrUpdateContact": add_or_update_contact,
        "getContact": get_contact,
        "getContactList": get_contact_list,
        "getSubscriptionGroupList": get_subscription_group_list,
        "addContactsToSubscriptionGroup": add_contacts_to_subscription_group,
        "removeContactsFromSubscriptionGroup": remove_contacts_from_subscription_group,
        "getCustomFieldDefinition": get_custom_field_definition,
        "getCompanyList": get_company_list,
    },
    "test": {"ping": ping},
}
"""All but those on batches themselves: what a batch may hold."""
WRITES: Final = frozenset(
    {"addOrUpdateContact", "addContactsToSubscriptionGroup", "removeContactsFromSubscriptionGroup"}
    | {"batch.run", "batch.restart"}
)
"""The operations that write."""


def perform(context: Context, job: Job, namespaces: Namespaces = OF_A_BATCH) -> JsonValue:
    """Carry out one action. Raises RefusedError or UnsuccessfulError, and has then written nothing."""
    actions = namespaces.get(job.namespace)
    if actions is None:
        raise context.settings.refusal("unknown_namespace", 404, "Not Found")
    action = actions.get(job.action)
    if action is None:
        raise context.settings.refusal("unknown_action", 501, "Not Implemented")
    if {job.namespace, f"{job.namespace}.{job.action}"} & set(context.settings.forbidden):
        raise context.settings.refusal("forbidden", 403, "Not Allowed")
    return action(context, job.params)
