"""What is stored, in the shapes that the read actions answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import JsonValue

    from pipeline.sandbox.ivvy.account import Account, Company, CustomField, Group
    from pipeline.sandbox.ivvy.contact import Contact
    from pipeline.sandbox.ivvy.settings import Settings


def contact_document(contact: Contact, account: Account, settings: Settings) -> dict[str, JsonValue]:
    """The answer of getContact (section 1.7)."""
    return {
        **listed_contact(contact, account, settings),
        "status": contact.status,
        **({"smsStatus": contact.sms_status} if settings.sms_status == "accept" else {}),
        "eventInvitations": [],
        "eventRegistrations": [],
        "externalUrls": list(contact.external_urls.values()),
    }


def listed_contact(contact: Contact, account: Account, settings: Settings) -> dict[str, JsonValue]:
    """An entry of getContactList, with the fields that are documented for it (G30)."""
    return {
        "id": str(contact.id) if settings.ids_as == "string" else contact.id,
        "firstName": contact.first_name,
        "lastName": contact.last_name,
        "email": contact.email,
        "phone": contact.phone,
        **({"status": contact.status} if settings.list_has_status else {}),
        "customFields": _custom_fields(contact, account),
        "groups": _memberships(contact),
        "companies": list(contact.companies),
        "companiesData": _companies(contact, account),
        "externalId": contact.external_id,
        "modifiedDate": f"{contact.modified_date} UTC",
        "isAnonymised": contact.is_anonymised,
        "privacyConsentData": contact.privacy_consent,
    }


def group_document(group: Group, members: int) -> dict[str, JsonValue]:
    """An entry of getSubscriptionGroupList."""
    return {"id": group.id, "groupName": group.groupName, "memberCount": members, "tagColour": group.tagColour}


def custom_field_document(field: CustomField) -> dict[str, JsonValue]:
    """An entry of getCustomFieldDefinition."""
    return field.model_dump(mode="json")


def company_document(company: Company) -> dict[str, JsonValue]:
    """An entry of getCompanyList."""
    return {**company.model_dump(mode="json"), "modifiedDate": f"{company.modifiedDate} UTC", "customFields": []}


def _custom_fields(contact: Contact, account: Account) -> JsonValue:
    """The fields that have a value, in the account's order."""
    fields = sorted(account.custom_fields, key=lambda field: (field.sortOrder, field.fieldId))
    values = contact.custom_fields
    return [
        {"fieldId": field.fieldId, "displayName": field.displayName, "value": values[field.fieldId]}
        for field in fields
        if field.fieldId in values
    ]


def _memberships(contact: Contact) -> JsonValue:
    """Times of joining come without ` UTC`, as the vendor's sample has it."""
    return [
        {"contactId": contact.id, "groupId": group_id, "joinDate": joined}
        for group_id, joined in contact.groups.items()
    ]


def _companies(contact: Contact, account: Account) -> JsonValue:
    companies = (account.companies_by_id[company_id] for company_id in contact.companies)
    return [{"id": company.id, "businessName": company.businessName} for company in companies]
