"""getContact, getContactList and getCompanyList."""

from __future__ import annotations

from typing import Any

import pytest

from .client import AGREED, DUNE, NEWS, OFFERS, REEF, TEXT, Client, invalid, person, reasons, seed, stored

ANN = {
    "id": 1,
    "firstName": "Ann",
    "lastName": "Lake",
    "email": "ann@example.com",
    "phone": "+61 491 570 006",
    "customFields": [
        {"fieldId": AGREED, "displayName": "Agreed", "value": "2025-05-01 00:00:00 UTC"},
        {"fieldId": TEXT, "displayName": "Nick", "value": "Annie"},
    ],
    "groups": [
        {"contactId": 1, "groupId": NEWS, "joinDate": "2025-05-01 10:00:00"},
        {"contactId": 1, "groupId": OFFERS, "joinDate": "2026-02-03 01:10:44"},
    ],
    "companies": [REEF],
    "companiesData": [{"id": REEF, "businessName": "Reef Events"}],
    "externalId": "crm-1",
    "modifiedDate": "2025-06-01 00:00:00 UTC",
    "isAnonymised": False,
    "privacyConsentData": {"source": 4, "dateTime": "2025-05-01 10:00:00 UTC"},
}
"""As getContactList shows her."""


def test_contact(client: Client) -> None:
    """getContact shows status and external URLs beside what the list shows."""
    assert client.contact(1) == {
        **ANN,
        "status": 1,
        "externalUrls": [{"ref": "consent", "url": "https://consent.example.org/1", "label": "Record"}],
        "eventInvitations": [],
        "eventRegistrations": [],
    }
    assert [client.status(contact_id) for contact_id in range(1, 6)] == [1, 2, 3, 4, 5]
    assert client.ask("getContact", id="1", useEventSortOrder=False)["id"] == 1


def test_contact_list(client: Client) -> None:
    """The list shows neither status nor external URLs, by id, with figures on the page."""
    answer = client.ask("getContactList")
    assert answer["meta"] == {"totalResults": 5, "start": 0, "perPage": 100, "count": 5}
    assert answer["results"][0] == ANN
    assert [contact["id"] for contact in answer["results"]] == [1, 2, 3, 4, 5]


def test_list_may_show_the_status(client: Client) -> None:
    """A switch, as nobody says."""
    client.settings(list_has_status=True)
    assert [contact["status"] for contact in client.ask("getContactList")["results"]] == [1, 2, 3, 4, 5]


def test_ids_may_be_texts(client: Client) -> None:
    """A contact's own id is read as a text of digits then, in both reads."""
    client.settings(ids_as="string")
    assert client.contact(1)["id"] == "1"
    assert client.found(externalId="crm-2") == ["2"]
    assert client.contact(1)["groups"][0]["contactId"] == 1


def test_pages(client: Client) -> None:
    """`start` counts records; behind the end there is an empty page that still tells the total."""
    pages = [client.ask("getContactList", perPage=2, start=start) for start in (0, 2, 4, 6)]
    assert [[contact["id"] for contact in page["results"]] for page in pages] == [[1, 2], [3, 4], [5], []]
    assert [page["meta"] for page in pages] == [
        {"totalResults": 5, "start": start, "perPage": 2, "count": count}
        for start, count in ((0, 2), (2, 2), (4, 1), (6, 0))
    ]


def test_page_size_is_capped(client: Client) -> None:
    """More than the cap has no effect; the answer tells the size in force."""
    client.settings(per_page_cap=3, per_page_default=2)
    assert client.ask("getContactList", perPage=500)["meta"] == {
        "totalResults": 5,
        "start": 0,
        "perPage": 3,
        "count": 3,
    }
    assert client.ask("getContactList")["meta"]["perPage"] == 2
    assert client.ask("getCompanyList", perPage=500)["meta"]["perPage"] == 3


@pytest.mark.rule("IV-13")
@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"perPage": 0}, invalid("perPage", "Value is less than 1")),
        ({"start": -1}, invalid("start", "Value is less than 0")),
        ({"perPage": "many"}, invalid("perPage", "Value is not a whole number")),
        ({"filter": []}, invalid("filter", "Value is not an object")),
        ({"filter": {"fromModifiedDate": "2026"}}, invalid("filter", "fromModifiedDate: Value is not a timestamp")),
        ({"filter": {"email": 5}}, invalid("filter", "email: Value is not a string")),
        ({"filter": {"status": "x"}}, invalid("filter", "Value is not a whole number")),
        ({"filter": {"shoeSize": 5}}, invalid("filter", "shoeSize: Unknown filter")),
        ({"filter": {"email__LIKE": "x"}}, invalid("filter", "email__LIKE: Unknown filter")),
        ({"filter": {"externalUrls": "x"}}, invalid("filter", "externalUrls: Unknown filter")),
    ],
)
def test_bad_page_or_filter(client: Client, params: dict[str, Any], expected: Any) -> None:
    """It is refused rather than passed over."""
    assert reasons(client.ask("getContactList", **params)) == expected


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({}, [1, 2, 3, 4, 5]),
        ({"externalId": "crm-2"}, [2]),
        ({"externalId": "CRM-2 "}, [2]),
        ({"externalId": "crm"}, []),
        ({"email": "Bob@example.com"}, [2]),
        ({"firstName": "ann"}, [1]),
        ({"lastName": "Lake", "status": 2}, [2]),
        ({"status": 5}, [5]),
        ({"status__NOT": 1}, [2, 3, 4, 5]),
        ({"status__LESSTHAN": 2}, [1, 2]),
        ({"status__GREATERTHAN": "4"}, [4, 5]),
        ({"id": 3}, [3]),
        ({"isAnonymised": True}, []),
        ({"isAnonymised": False, "id__LESSTHAN": 2}, [1, 2]),
        ({"firstName__CONTAINS": "E"}, [3, 5]),
        ({"firstName__NOTCONTAINS": "e"}, [1, 2, 4]),
        ({"email__BEGINS": "c"}, [3]),
        ({"email__ENDS": "N@example.com"}, [1, 4]),
        ({"firstName__NOT": "Ann"}, [2, 3, 4, 5]),
        ({"phone__EMPTY": False}, [1]),
        ({"phone__EMPTY": True}, [2, 3, 4, 5]),
        ({"smsStatus": "__ISNULL__"}, [1, 2, 3, 4, 5]),
        ({"externalId__NOT": "__ISNULL__"}, [1, 2, 3, 4, 5]),
        ({"companyId": REEF}, [1]),
        ({"companyId": DUNE}, []),
        ({"venueId": 1}, []),
        ({"venueGroupId": 1}, []),
        ({"modifiedDate": "2025-06-01 00:00:00 UTC"}, [1, 2, 3, 4, 5]),
    ],
)
def test_filters(client: Client, terms: dict[str, Any], expected: list[int]) -> None:
    """Every scalar field can be asked for, alone or with a modifier, without case; all terms must hold."""
    answer = client.ask("getContactList", filter=terms)
    assert [contact["id"] for contact in answer["results"]] == expected
    assert answer["meta"]["totalResults"] == len(expected)


def test_filter_for_null(client: Client) -> None:
    """A cleared externalId is null; it is not equal to anything, and not unequal to nothing."""
    client.write(id=4, externalId=None)
    assert client.found(externalId="__ISNULL__") == [4]
    assert client.found(externalId__NOT="crm-1") == [2, 3, 4, 5]
    assert client.found(externalId__EMPTY=True) == [4]
    assert client.found(externalId="crm-4") == []


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"fromModifiedDate": "2026-02-03 01:10:44"}, [2, 3]),
        ({"fromModifiedDate": "2026-02-03 01:10:45 UTC"}, [3]),
        ({"toModifiedDate": "2026-02-03 01:10:44"}, [1, 2, 4, 5]),
        ({"toModifiedDate": "2026-02-03 01:10:43"}, [1, 4, 5]),
        ({"fromModifiedDate": "2026-02-03 01:10:44", "toModifiedDate": "2026-02-03 01:10:44"}, [2]),
    ],
)
def test_times_of_change(client: Client, bounds: dict[str, str], expected: list[int]) -> None:
    """Both bounds are inclusive, to the second."""
    client.write(id=2, status=5)
    client.clock.now += 1
    client.write(id=3, status=5)
    assert client.found(**bounds) == expected


def test_null_filter_is_none(client: Client) -> None:
    """As if it were left out."""
    assert client.ask("getContactList", filter=None)["meta"]["totalResults"] == 5


def test_only_documented_filters(client: Client) -> None:
    """A switch takes all other filters away; a second one has them passed over, which finds too much."""
    client.settings(filters="documented")
    assert client.found(externalId="crm-2") == client.found(firstName="Bob") == [2]
    assert client.found(companyId=REEF) == [1]
    answer = client.ask("getContactList", filter={"email": "bob@example.com"})
    assert reasons(answer) == invalid("filter", "email: Unknown filter")
    client.settings(unknown_filter="ignore")
    assert client.found(email="bob@example.com") == [1, 2, 3, 4, 5]
    assert client.found(email="bob@example.com", externalId="crm-3") == [3]


def test_reads_may_lag(client: Client) -> None:
    """Both reads show what was before for as long as the switch says; writes see the truth all along."""
    client.settings(read_lag_ms=2000)
    client.write(id=1, status=2)
    client.clock.now += 1
    client.write(id=1, phone="1")
    client.write(**person("Gil", externalId="crm-6"))
    assert (client.status(1), client.contact(1)["phone"]) == (1, "+61 491 570 006")
    assert client.found(externalId="crm-6") == []
    assert client.contact(6)["specificCode"] == 24096
    assert client.write(**person("Gil"))["success"] is False
    client.clock.now += 1.9
    assert client.status(1) == 1
    client.clock.now += 0.1
    assert (client.status(1), client.contact(1)["phone"]) == (2, "1")
    assert client.found(externalId="crm-6") == [6]


def test_companies(client: Client) -> None:
    """A page of companies with the documented fields."""
    answer = client.ask("getCompanyList", perPage=1)
    assert answer["meta"] == {"totalResults": 2, "start": 0, "perPage": 1, "count": 1}
    [reef] = answer["results"]
    assert {name: reef[name] for name in ("id", "businessName", "externalId", "modifiedDate", "isAgent")} == {
        "id": REEF,
        "businessName": "Reef Events",
        "externalId": None,
        "modifiedDate": "2026-01-10 00:00:00 UTC",
        "isAgent": False,
    }


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({"fromModifiedDate": "2026-01-20 00:00:00"}, [DUNE]),
        ({"toModifiedDate": "2026-01-10 00:00:00"}, [REEF]),
        ({"fromModifiedDate": "2026-01-10 00:00:00", "toModifiedDate": "2026-01-20 00:00:00"}, [REEF, DUNE]),
        ({"venueId": 1}, []),
        ({"venueGroupId": 1}, []),
    ],
)
def test_company_filters(client: Client, terms: dict[str, Any], expected: list[int]) -> None:
    """By time of change, inclusive; no company has a venue."""
    answer = client.ask("getCompanyList", filter=terms)
    assert [company["id"] for company in answer["results"]] == expected


def test_bad_company_filters(client: Client) -> None:
    """The same refusals as for contacts, and the same switch."""
    assert reasons(client.ask("getCompanyList", filter={"fromModifiedDate": "x"}))[0] == 23016
    assert reasons(client.ask("getCompanyList", filter={"businessName": "x"}))[0] == 23016
    client.settings(unknown_filter="ignore")
    assert client.ask("getCompanyList", filter={"businessName": "x"})["meta"]["totalResults"] == 2


def test_text_is_kept_as_it_was_sent(client: Client) -> None:
    """Any script, quotes and line ends come back unchanged and can be found."""
    name = 'Żółć "O\'Neil" 名前\n'
    client.write(id=1, firstName=name)
    assert client.contact(1)["firstName"] == name
    assert client.found(firstName__CONTAINS="'neil\" 名") == [1]
    client.sandbox.load(seed(stored(8, firstName=name)))
    assert client.found(firstName=name) == [1, 8]
