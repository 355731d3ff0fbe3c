"""What the rows of a request are called: `externalId`, sent or stored; else the id, else the e-mail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import JsonValue

    from pipeline.sandbox.ivvy.contact import Contact
    from pipeline.sandbox.ivvy.parameters import Params
    from pipeline.sandbox.ivvy.store import Store

_OF_ONE: Final = frozenset({"addOrUpdateContact", "getContact"})
_OF_GROUPS: Final = frozenset({"addContactsToSubscriptionGroup", "removeContactsFromSubscriptionGroup"})


@dataclass(frozen=True, slots=True)
class NamedRow:
    """One row of a request."""

    key: str
    """As the request log shows it; empty for a row that names no contact."""
    aliases: frozenset[str] = frozenset()
    """All names that a fault rule may use for it, those of the stored contact among them."""


def rows_of(namespace: str, action: str, params: Params, store: Store) -> list[NamedRow]:
    """The rows that a request is about, in the order sent; a batch has one for each job. Nothing is checked."""
    if (namespace, action) != ("batch", "run"):
        return _rows_of_action(namespace, action, params, store)
    jobs = params.get("jobs")
    return [_row_of_job(job, store) for job in jobs] if isinstance(jobs, list) else []


def all_names(params: Params, stored: Contact | None) -> frozenset[str]:
    """The names in the parameters of a write, and those of the stored contact."""
    return frozenset(_names_in(params)).union(() if stored is None else names_of(stored))


def names_of(contact: Contact) -> Iterator[str]:
    """The names of a stored contact."""
    yield str(contact.id)
    yield _address(contact.email)
    if contact.external_id is not None:
        yield contact.external_id


def _rows_of_action(namespace: str, action: str, params: Params, store: Store) -> list[NamedRow]:
    if namespace != "contact":
        return []
    if action in _OF_ONE:
        return [_row(params, store)]
    if action in _OF_GROUPS:
        ids = params.get("contacts")
        return [_row({"id": entry}, store) for entry in ids] if isinstance(ids, list) else []
    wanted = params.get("filter")
    names = _names_in(wanted) if action == "getContactList" and isinstance(wanted, dict) else []
    return [NamedRow(names[0], frozenset(names))] if names else []


def _row_of_job(job: JsonValue, store: Store) -> NamedRow:
    fields = job if isinstance(job, dict) else {}
    params = fields.get("params")
    namespace, action = str(fields.get("namespace")), str(fields.get("action"))
    rows = _rows_of_action(namespace, action, params if isinstance(params, dict) else {}, store)
    return NamedRow(",".join(row.key for row in rows), frozenset[str]().union(*(row.aliases for row in rows)))


def _row(params: Params, store: Store) -> NamedRow:
    stored = _addressed(params, store)
    names = _names_in(params)
    if not params.get("externalId") and stored is not None and stored.external_id:
        names.insert(0, stored.external_id)
    return NamedRow(names[0] if names else "", all_names(params, stored))


def _addressed(params: Params, store: Store) -> Contact | None:
    contact_id = _name(params.get("id"))
    if contact_id:
        usable = contact_id.isascii() and contact_id.isdigit() and len(contact_id) <= 18
        return store.find(int(contact_id)) if usable else None
    triple = [_name(params.get(name)) for name in ("firstName", "lastName", "email")]
    return next(iter(store.find_by_triple(*triple)), None) if all(triple) else None


def _names_in(params: Params) -> list[str]:
    """What parameters say of a contact's identity, the most telling first."""
    external_id, contact_id, email = (_name(params.get(name)) for name in ("externalId", "id", "email"))
    return [name for name in (external_id, contact_id, _address(email)) if name]


def _address(email: str) -> str:
    return email.strip().lower()


def _name(value: JsonValue) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
