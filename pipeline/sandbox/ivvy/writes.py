"""addOrUpdateContact: which contact it is about, and what becomes of it (section 1.6)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from pipeline.sandbox.ivvy.consent import privacy_consent_after, sms_status_after, status_after
from pipeline.sandbox.ivvy.contact import Contact
from pipeline.sandbox.ivvy.custom_fields import custom_fields_after
from pipeline.sandbox.ivvy.external_urls import external_urls_after
from pipeline.sandbox.ivvy.identity import all_names
from pipeline.sandbox.ivvy.parameters import boolean, integer, items, mapping, refuse_unknown, required, text
from pipeline.sandbox.ivvy.refusals import Code, RefusedError, UnsuccessfulError, invalid
from pipeline.sandbox.ivvy.values import is_email, is_phone

if TYPE_CHECKING:
    from pydantic import JsonValue

    from pipeline.sandbox.ivvy.context import Context
    from pipeline.sandbox.ivvy.parameters import Params

_TRIPLE: Final = ("firstName", "lastName", "email")
_KNOWN: Final = frozenset(
    {"id", "externalId", "phone", "groups", "customFields", "companies", "status", "smsStatus", "updateIfExists"}
    | {"externalUrls", "privacyConsent", *_TRIPLE}
)


def add_or_update_contact(context: Context, params: Params) -> JsonValue:
    """Add a contact, or change what the parameters speak of; nothing is stored if anything is refused."""
    refuse_unknown(params, _KNOWN, context.settings)
    write = _Write(context, params)
    before = write.existing()
    context.refuse_poison(all_names(params, before))
    if before is not None and before.is_anonymised:
        raise UnsuccessfulError("The contact is anonymised")
    contact = write.changed(before)
    if not (params.get("updateIfExists") is True or "id" in params):
        write.refuse_duplicate()
    stored = context.save(contact, before)
    return _success(stored, context)


@dataclass(frozen=True, slots=True)
class _Write:
    context: Context
    params: Params

    def existing(self) -> Contact | None:
        """The contact to update; None to add one."""
        if "updateIfExists" in self.params:
            boolean(self.params["updateIfExists"], "updateIfExists")
        if "id" in self.params:
            return self._by_id(integer(self.params["id"], "id"))
        for name in _TRIPLE:
            required(self.params, name)
        return next(iter(self._namesakes()), None) if self.params.get("updateIfExists") else None

    def changed(self, before: Contact | None) -> Contact:
        """The contact as the parameters leave it."""
        context, params, settings = self.context, self.params, self.context.settings
        old = before or Contact()
        return replace(
            old,
            external_id=self._external_id(old),
            first_name=self._name("firstName", old.first_name),
            last_name=self._name("lastName", old.last_name),
            email=self._email(old.email),
            phone=self._phone(old.phone),
            groups=self._groups(old.groups),
            custom_fields=custom_fields_after(
                params, None if before is None else before.custom_fields, context.account, settings
            ),
            companies=self._companies(old.companies),
            status=status_after(params, before, settings),
            sms_status=sms_status_after(params, before, settings),
            external_urls=external_urls_after(params, old.external_urls, settings),
            privacy_consent=privacy_consent_after(params, before, context.stamp),
        )

    def refuse_duplicate(self) -> None:
        """An add without updateIfExists meets its triple (G8)."""
        settings = self.context.settings
        if settings.duplicate_add == "duplicate" or not self._namesakes():
            return
        if settings.duplicate_add == "error":
            raise settings.refusal("duplicate", 400, "The contact already exists")
        raise UnsuccessfulError("The contact already exists")

    def _by_id(self, contact_id: int) -> Contact:
        found = self.context.store.find(contact_id)
        if found is not None:
            return found
        match self.context.settings.unknown_id:
            case "success_false":
                raise UnsuccessfulError("Unable to find contact")
            case answer:
                status = 404 if answer == "error_404" else 400
                raise RefusedError(status, Code.CONTACT_NOT_FOUND, "Unable to find contact")

    def _namesakes(self) -> list[Contact]:
        """The contacts with this triple (G9); several by the lowest id first."""
        triple = tuple(text(self.params[name], name, self.context.settings) for name in _TRIPLE)
        found = self.context.store.find_by_triple(*triple)
        if self.context.settings.triple_match == "folded":
            return found
        return [contact for contact in found if (contact.first_name, contact.last_name, contact.email) == triple]

    def _external_id(self, old: Contact) -> str | None:
        if "externalId" not in self.params:
            return old.external_id
        value = self.params["externalId"]
        external_id = None if value is None else text(value, "externalId", self.context.settings) or None
        if external_id is not None and self.context.settings.external_id_unique:
            found = self.context.store.find_by_external_id(external_id)
            if any(other.external_id == external_id and other.id != old.id for other in found):
                raise UnsuccessfulError("Another contact has this externalId")
        return external_id

    def _name(self, parameter: str, old: str) -> str:
        if parameter not in self.params:
            return old
        value = text(self.params[parameter], parameter, self.context.settings)
        if not value.strip():
            raise invalid(parameter, "Value is empty")
        return value

    def _email(self, old: str) -> str:
        if "email" not in self.params:
            return old
        value = text(self.params["email"], "email", self.context.settings)
        if not is_email(value):
            raise invalid("email", "Value is not a valid email address")
        return value

    def _phone(self, old: str) -> str:
        if "phone" not in self.params:
            return old
        value = self.params["phone"]
        phone = "" if value is None else text(value, "phone", self.context.settings)
        if phone and self.context.settings.phone_rule == "number" and not is_phone(phone):
            raise invalid("phone", "Value is not a valid phone number")
        return phone

    def _groups(self, old: dict[int, str]) -> dict[int, str]:
        """The list replaces the membership (G11); who stays keeps the time of joining."""
        if "groups" not in self.params:
            return old
        chosen = [integer(entry.get("groupId"), "groups") for entry in items(self.params["groups"], "groups", mapping)]
        for group_id in chosen:
            if group_id not in self.context.account.groups_by_id:
                raise invalid("groups", f"Group {group_id} does not exist")
        return {group_id: old.get(group_id, self.context.stamp) for group_id in chosen}

    def _companies(self, old: tuple[int, ...]) -> tuple[int, ...]:
        if "companies" not in self.params:
            return old
        chosen = items(self.params["companies"], "companies", integer)
        for company_id in chosen:
            if company_id not in self.context.account.companies_by_id:
                raise invalid("companies", f"Company {company_id} does not exist")
        return tuple(dict.fromkeys(chosen))


def _success(contact: Contact, context: Context) -> JsonValue:
    """The two shapes that the vendor's samples show."""
    shape = context.settings.success_shape
    with_success = context.in_batch if shape == "documented" else shape == "success_and_id"
    return {"success": True, "id": contact.id} if with_success else {"id": contact.id}
