"""createContacts, updateContacts and deleteContacts, one row at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import JsonValue

from pipeline.sandbox.acoustic_connect.batch import Context, Row, refuse_poison
from pipeline.sandbox.acoustic_connect.coercion import objects
from pipeline.sandbox.acoustic_connect.consent import Situation, settle, store_consent
from pipeline.sandbox.acoustic_connect.consent_input import ConsentReader
from pipeline.sandbox.acoustic_connect.contact import Contact
from pipeline.sandbox.acoustic_connect.filters import attribute_named
from pipeline.sandbox.acoustic_connect.identity import identity_of_selector, identity_of_values
from pipeline.sandbox.acoustic_connect.refusals import Code, RefusedError, bad_input
from pipeline.sandbox.acoustic_connect.values import invalid, stored_value

if TYPE_CHECKING:
    from pipeline.sandbox.acoustic_connect.audience import Attribute, Audience

Values = dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Mutations:
    """The rules of the three mutations over one audience."""

    context: Context
    audience: Audience

    def create(self, row: Row) -> tuple[Contact, bool]:
        """The contact stored, and whether it existed before (A8, A9)."""
        values = self._values(row.get("attributes"))
        refuse_poison(self.context, identity_of_values(values, self.audience))
        if not any(values.get(attribute.name) is not None for attribute in self.audience.addressables):
            code = self.context.settings.addressable_required_code
            raise RefusedError(code, "A contact needs at least one addressable attribute")
        before = self._existing(values)
        if before is not None and self.context.settings.create_existing == "error":
            raise self._already_exists()
        if before is not None and self.audience.key and before.attributes.get(self.audience.key.name) is not None:
            values.pop(self.audience.key.name, None)
        contact = self._changed(before or Contact(), values, row.get("consent"), creating=True)
        self.context.save(contact, before)
        return contact, before is not None

    def update(self, row: Row) -> int:
        """How many contacts count as modified (A19)."""
        found = self._selected(row)
        to = row["to"]
        if not isinstance(to, Mapping):
            raise bad_input("`to` is not an object")
        values = self._values(to.get("attributes"))
        changed = [self._changed(before, values, to.get("consent"), creating=False) for before in found]
        count = 0
        for before, contact in zip(found, changed, strict=True):
            differs = not contact.says_the_same_as(before)
            if differs:
                self.context.save(contact, before)
            count += differs or self.context.settings.count_noop
        return count

    def delete(self, row: Row) -> int:
        """How many contacts were deleted; none found is no error."""
        refuse_poison(self.context, identity_of_selector(row))
        found = self._by_key(row["key"]) if "key" in row else self._by_addressable(row.get("addressable"))
        for contact in found:
            self.context.store.delete(contact, self.context.delay_seconds)
        return len(found)

    def _values(self, inputs: JsonValue) -> Values:
        values: Values = {}
        for entry in objects(inputs):
            attribute = attribute_named(entry.get("name"), self.audience)
            values[attribute.name] = stored_value(attribute, entry.get("value"), self.context.settings)
        return values

    def _existing(self, values: Values) -> Contact | None:
        settings = self.context.settings
        if settings.create_existing == "duplicate":
            return None
        key = self.audience.key
        value = values.get(key.name) if key else None
        if key and isinstance(value, str):
            for contact in self.context.store.find(key, value):
                return contact
        for contact in self._sharing_an_address(values):
            if value is None or key is None or contact.attributes.get(key.name) is None:
                return contact
            if settings.address_conflict == "update":
                return contact
            if settings.address_conflict == "error":
                raise self._already_exists()
        return None

    def _sharing_an_address(self, values: Values) -> Iterable[Contact]:
        for attribute in self.audience.addressables:
            address = values.get(attribute.name)
            if isinstance(address, str):
                yield from self.context.store.find(attribute, address)

    def _already_exists(self) -> RefusedError:
        return RefusedError(self.context.settings.already_exists_code, "Contact already exists")

    def _selected(self, row: Row) -> list[Contact]:
        key, addressable = row.get("key"), row.get("addressable")
        if (key is None) == (addressable is None):
            raise bad_input("A contact is found by either key or addressable")
        refuse_poison(self.context, identity_of_selector(row))
        settings = self.context.settings
        if key is not None:
            found = self._by_key(key)
            if not found:
                raise RefusedError(Code.CONTACT_NOT_FOUND_BY_KEY, f"Contact not found by key: {key}")
            return found
        if self.audience.key is not None and settings.addressable_with_key_audience == "refuse":
            raise bad_input("This audience has a key attribute: contacts are updated by key")
        found = self._by_addressable(addressable)
        if not found:
            raise RefusedError(settings.not_found_by_addressable_code, "Contact not found by addressable")
        if len(found) > 1 and settings.ambiguous == "error":
            raise RefusedError(settings.ambiguous_code, f"{len(found)} contacts match the addressable")
        return found

    def _by_key(self, key: JsonValue) -> list[Contact]:
        if self.audience.key is None or not isinstance(key, str):
            return []
        return self.context.store.find(self.audience.key, key)

    def _by_addressable(self, selectors: JsonValue) -> list[Contact]:
        """The contacts that match every selector."""
        pairs = [(self._addressable_attribute(s.get("field")), str(s.get("eq"))) for s in objects(selectors)]
        if not pairs:
            raise bad_input("`addressable` is empty")
        matches = [{contact.number: contact for contact in self.context.store.find(*pair)} for pair in pairs]
        return [contact for number, contact in matches[0].items() if all(number in others for others in matches)]

    def _addressable_attribute(self, name: JsonValue) -> Attribute:
        attribute = attribute_named(name, self.audience)
        if not attribute.channels:
            raise bad_input(f"Attribute {attribute.name} is no address")
        return attribute

    def _changed(self, before: Contact, values: Values, consent: JsonValue, *, creating: bool) -> Contact:
        """A changed copy of the contact; nothing is stored yet."""
        contact = before.copy()
        self._refuse_key_change(contact, values)
        contact.attributes = {n: v for n, v in (contact.attributes | values).items() if v is not None}
        addressed = {c for a in self.audience.addressables if a.name in contact.attributes for c in a.channels}
        settings = self.context.settings
        situation = Situation(self.audience, settings, creating, frozenset(addressed))
        request = ConsentReader(settings.api_generation, creating).read(consent)
        store_consent(contact, settle(request, situation), situation, existed=before.number is not None)
        return contact

    def _refuse_key_change(self, contact: Contact, values: Values) -> None:
        """A24: a key may be set once where there is none, and is never taken from another contact."""
        key = self.audience.key
        if key is None or key.name not in values:
            return
        new, old = values[key.name], contact.attributes.get(key.name)
        if old is not None and new != old:
            raise invalid(key, new, "KEY", "the key of a contact does not change")
        duplicates = self.context.settings.create_existing == "duplicate"
        if old is None and isinstance(new, str) and not duplicates and self.context.store.find(key, new):
            raise invalid(key, new, "KEY", "another contact has this key")
