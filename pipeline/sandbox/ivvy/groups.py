"""addContactsToSubscriptionGroup and removeContactsFromSubscriptionGroup: one outcome for each contact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pipeline.sandbox.ivvy.contact import Contact
from pipeline.sandbox.ivvy.identity import names_of
from pipeline.sandbox.ivvy.parameters import integer, items, refuse_unknown, required
from pipeline.sandbox.ivvy.refusals import invalid

if TYPE_CHECKING:
    from pydantic import JsonValue

    from pipeline.sandbox.ivvy.context import Context
    from pipeline.sandbox.ivvy.parameters import Params

_KNOWN: Final = frozenset({"contacts", "group"})
Change = Callable[[Contact, int], dict[int, str]]


def add_contacts_to_subscription_group(context: Context, params: Params) -> JsonValue:
    """Adds the contacts; other memberships are left alone, and email status too (G12)."""
    return _changed_members(context, params, lambda contact, group: {group: context.stamp, **contact.groups})


def remove_contacts_from_subscription_group(context: Context, params: Params) -> JsonValue:
    """Removes the contacts; other memberships are left alone, and email status too (G12)."""

    def without(contact: Contact, group: int) -> dict[int, str]:
        return {group_id: joined for group_id, joined in contact.groups.items() if group_id != group}

    return _changed_members(context, params, without)


def _changed_members(context: Context, params: Params, change: Change) -> JsonValue:
    refuse_unknown(params, _KNOWN, context.settings)
    ids = items(required(params, "contacts"), "contacts", integer)
    group = integer(required(params, "group"), "group")
    if group not in context.account.groups_by_id:
        raise invalid("group", f"Group {group} does not exist")
    return [{"contactId": contact_id, "status": _change_one(context, contact_id, group, change)} for contact_id in ids]


def _change_one(context: Context, contact_id: int, group: int, change: Change) -> bool:
    """Whether the contact is now as it should be; not for one that is unknown, anonymised or poisoned."""
    contact = context.store.find(contact_id)
    if contact is None or contact.is_anonymised or context.poison_of(names_of(contact)):
        return False
    groups = change(contact, group)
    context.save(replace(contact, groups=groups), contact)
    return groups.keys() != contact.groups.keys() or context.settings.group_noop_status
