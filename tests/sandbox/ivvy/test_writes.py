"""addOrUpdateContact: which contact it is about, and the plain fields."""

from __future__ import annotations

from typing import Any

import pytest

from .client import DUNE, REEF, Client, invalid, last_entry, missing, person, reasons, seed, stored


@pytest.mark.rule("IV-01")
def test_add(client: Client) -> None:
    """Without an id a contact is added; the answer of a single call is the new id alone."""
    answer = client.write(**person("Gil", phone="+61 491 570 156", externalId="crm-77", status=5))
    assert answer == {"id": 6}
    contact = client.contact(6)
    assert {name: contact[name] for name in ("firstName", "lastName", "email", "phone", "externalId", "status")} == {
        "firstName": "Gil",
        "lastName": "Hill",
        "email": "gil@example.org",
        "phone": "+61 491 570 156",
        "externalId": "crm-77",
        "status": 5,
    }
    assert contact["modifiedDate"] == "2026-02-03 01:10:44 UTC"


@pytest.mark.rule("IV-01")
@pytest.mark.parametrize("contact_id", [1, "1"])
def test_update_changes_what_it_speaks_of(client: Client, contact_id: Any) -> None:
    """With an id, a number or a text of digits, that contact is changed and all else in it left alone."""
    before = client.contact(1)
    assert client.write(id=contact_id, lastName="Shore") == {"id": 1}
    after = client.contact(1)
    assert after == {**before, "lastName": "Shore", "modifiedDate": "2026-02-03 01:10:44 UTC"}


@pytest.mark.rule("IV-01")
@pytest.mark.parametrize(
    ("switch", "status", "answer"),
    [
        ("error_400", 400, {"errorCode": 400, "message": "Unable to find contact", "specificCode": 24096}),
        ("error_404", 404, {"errorCode": 404, "message": "Unable to find contact", "specificCode": 24096}),
        ("success_false", 200, {"success": False, "message": "Unable to find contact"}),
    ],
)
def test_unknown_id(client: Client, switch: str, status: int, answer: dict[str, Any]) -> None:
    """It is an error or a failure, and nothing is added."""
    client.settings(unknown_id=switch)
    response = client.post("contact", "addOrUpdateContact", id=99, **person("Gil"))
    assert (response.status_code, response.json()) == (status, answer)
    assert len(client.contacts()) == 5


@pytest.mark.parametrize("contact_id", [None, True, 1.5, "x", "1 ", 10**20, [1]])
def test_id_must_be_a_whole_number(client: Client, contact_id: Any) -> None:
    """Null is not the same as no id: it does not add a contact."""
    answer = client.write(id=contact_id, **person("Gil"))
    assert reasons(answer) == invalid("id", "Value is not a whole number")


@pytest.mark.rule("IV-02")
@pytest.mark.parametrize("parameter", ["firstName", "lastName", "email"])
@pytest.mark.parametrize("blank", [{}, {"value": None}, {"value": ""}])
def test_required_without_id(client: Client, parameter: str, blank: dict[str, Any]) -> None:
    """Names and e-mail are needed to add, and to find by them."""
    params = person("Gil")
    del params[parameter]
    params |= {parameter: blank["value"]} if blank else {}
    for more in ({}, {"updateIfExists": True}):
        assert reasons(client.write(**params, **more)) == missing(parameter)


@pytest.mark.rule("IV-02")
@pytest.mark.parametrize("email", ["gil", "gil@", "@example.org", "gil@example", "a b@example.org", "a@b@example.org"])
def test_email_must_be_valid(client: Client, email: str) -> None:
    """On add and on update."""
    expected = invalid("email", "Value is not a valid email address")
    assert reasons(client.write(**person("Gil") | {"email": email})) == expected
    assert reasons(client.write(id=1, email=email)) == expected


@pytest.mark.rule("IV-02")
@pytest.mark.parametrize("parameter", ["firstName", "lastName", "email", "phone"])
def test_texts_must_be_texts(client: Client, parameter: str) -> None:
    """A number is not turned into one."""
    assert reasons(client.write(id=1, **{parameter: 5})) == invalid(parameter, "Value is not a string")


@pytest.mark.parametrize("parameter", ["firstName", "lastName"])
def test_names_cannot_be_emptied(client: Client, parameter: str) -> None:
    """An update may leave a name out and not blank it."""
    assert reasons(client.write(id=1, **{parameter: "  "})) == invalid(parameter, "Value is empty")


@pytest.mark.rule("IV-03")
def test_update_if_exists(client: Client) -> None:
    """The contact with those names and that e-mail is updated; another one is added."""
    triple = {"firstName": "Ann", "lastName": "Lake", "email": "ann@example.com"}
    assert client.write(**triple, updateIfExists=True, phone="+61 491 570 157") == {"id": 1}
    assert client.contact(1)["phone"] == "+61 491 570 157"
    for changed in ({"firstName": "Anna"}, {"lastName": "Sea"}, {"email": "anna@example.com"}):
        assert client.write(**{**triple, **changed}, updateIfExists=True)["id"] > 5
    assert len(client.contacts()) == 8


@pytest.mark.rule("IV-03")
@pytest.mark.parametrize(("match", "expected"), [("folded", 1), ("exact", 6)])
def test_how_the_triple_is_matched(client: Client, match: str, expected: int) -> None:
    """Trimmed and without case, or exactly."""
    client.settings(triple_match=match)
    params = {"firstName": " ANN", "lastName": "lake", "email": "Ann@Example.com"}
    assert client.write(**params, updateIfExists=True) == {"id": expected}


@pytest.mark.rule("IV-03")
def test_accents_matter(client: Client) -> None:
    """Anne with an accent is another person."""
    client.write(firstName="Zoë", lastName="Hill", email="zoe@example.org")
    assert client.write(firstName="Zoe", lastName="Hill", email="zoe@example.org", updateIfExists=True) == {"id": 7}


@pytest.mark.rule("IV-03")
def test_several_matches(client: Client) -> None:
    """The contact with the lowest id is updated."""
    twins = [stored(at, firstName="Tom", email="tom@example.com") for at in (9, 8)]
    client.sandbox.load(seed(*twins))
    answer = client.write(firstName="Tom", lastName="Lake", email="tom@example.com", updateIfExists=True, phone="1")
    assert answer == {"id": 8}


@pytest.mark.rule("IV-03")
def test_id_goes_before_the_triple(client: Client) -> None:
    """With an id, updateIfExists has no say."""
    params = {"firstName": "Bob", "lastName": "Lake", "email": "bob@example.com"}
    assert client.write(id=1, **params, updateIfExists=True) == {"id": 1}
    assert reasons(client.write(id=1, updateIfExists="yes")) == invalid("updateIfExists", "Value is not true or false")


@pytest.mark.rule("IV-03")
@pytest.mark.rule("IV-11")
@pytest.mark.parametrize("more", [{}, {"updateIfExists": False}])
def test_add_of_a_stored_triple(client: Client, more: dict[str, Any]) -> None:
    """A failure under HTTP 200, a second contact, or an error, as the switch says."""
    params = {"firstName": "Ann", "lastName": "Lake", "email": "ann@example.com", **more}
    response = client.post("contact", "addOrUpdateContact", **params)
    assert (response.status_code, response.json()) == (200, {"success": False, "message": "The contact already exists"})
    assert len(client.contacts()) == 5
    client.settings(duplicate_add="error", specific_codes={"duplicate": 24000})
    assert reasons(client.write(**params)) == (24000, "The contact already exists", [])
    client.settings(duplicate_add="duplicate")
    assert client.write(**params) == {"id": 6}


@pytest.mark.rule("IV-03")
def test_one_address_for_a_family(client: Client) -> None:
    """The e-mail alone identifies nobody."""
    assert client.write(firstName="Al", lastName="Lake", email="ann@example.com") == {"id": 6}
    assert client.found(email="ann@example.com") == [1, 6]


@pytest.mark.rule("IV-10")
def test_external_id(client: Client) -> None:
    """It is set, is not unique, and is cleared by null or an empty text; absent it stays."""
    client.write(id=1, phone="1")
    assert client.contact(1)["externalId"] == "crm-1"
    assert client.write(id=1, externalId="crm-2") == {"id": 1}
    assert client.found(externalId="crm-2") == [1, 2]
    client.write(id=1, externalId=None)
    client.write(id=2, externalId="")
    assert client.contact(1)["externalId"] is client.contact(2)["externalId"] is None
    assert reasons(client.write(id=1, externalId=7)) == invalid("externalId", "Value is not a string")


@pytest.mark.rule("IV-10")
def test_external_id_is_no_key_of_a_write(client: Client) -> None:
    """A write that names only the externalId does not find the contact."""
    assert client.write(externalId="crm-1", status=2)["message"] == "'firstName' is required"


@pytest.mark.rule("IV-11")
def test_external_id_may_be_unique(client: Client) -> None:
    """Then another contact's is a failure under HTTP 200; its own is none."""
    client.settings(external_id_unique=True)
    failure = {"success": False, "message": "Another contact has this externalId"}
    assert client.write(id=1, externalId="crm-2") == failure
    assert client.write(**person("Gil", externalId="crm-1")) == failure
    assert client.write(id=1, externalId="crm-1", phone="2") == {"id": 1}
    assert client.write(id=1, externalId="CRM-2") == {"id": 1}


@pytest.mark.rule("IV-10")
def test_phone(client: Client) -> None:
    """It is stored as sent, and cleared by null or an empty text; a switch refuses what is no number."""
    client.write(id=1, phone="ask Ann")
    assert client.contact(1)["phone"] == "ask Ann"
    client.settings(phone_rule="number")
    assert reasons(client.write(id=1, phone="ask Bob")) == invalid("phone", "Value is not a valid phone number")
    assert client.write(id=1, phone="+61 (491) 570-006") == {"id": 1}
    for blank in (None, ""):
        client.write(id=1, phone="+61491570006")
        client.write(id=1, phone=blank)
        assert client.contact(1)["phone"] == ""


@pytest.mark.rule("IV-06")
def test_companies(client: Client) -> None:
    """The list replaces the contact's companies, repeats collapse, an empty list clears, absent leaves them."""
    client.write(id=1, phone="1")
    assert client.contact(1)["companies"] == [REEF]
    client.write(id=1, companies=[DUNE, DUNE, str(REEF)])
    contact = client.contact(1)
    assert contact["companies"] == [DUNE, REEF]
    assert contact["companiesData"] == [
        {"id": DUNE, "businessName": "Dune Travel"},
        {"id": REEF, "businessName": "Reef Events"},
    ]
    client.write(id=1, companies=[])
    assert client.contact(1)["companies"] == []


@pytest.mark.rule("IV-06")
@pytest.mark.parametrize(
    ("companies", "reason"),
    [
        ([REEF, 5], "Company 5 does not exist"),
        (["x"], "Value is not a whole number"),
        (REEF, "Value is not an array"),
        (None, "Value is not an array"),
    ],
)
def test_companies_must_exist(client: Client, companies: Any, reason: str) -> None:
    """Each is checked, and with one bad one nothing is written."""
    assert reasons(client.write(id=1, phone="new", companies=companies)) == invalid("companies", reason)
    assert client.contact(1)["phone"] != "new"
    assert client.contact(1)["companies"] == [REEF]


@pytest.mark.rule("IV-11")
@pytest.mark.parametrize(
    ("shape", "single", "in_batch"),
    [
        ("documented", {"id": 1}, {"success": True, "id": 1}),
        ("id_only", {"id": 1}, {"id": 1}),
        ("success_and_id", {"success": True, "id": 1}, {"success": True, "id": 1}),
    ],
)
def test_shapes_of_success(client: Client, shape: str, single: dict[str, Any], in_batch: dict[str, Any]) -> None:
    """The vendor's samples show `success` and leave it out."""
    client.settings(success_shape=shape)
    assert client.write(id=1, phone="1") == single
    async_id = client.run({"namespace": "contact", "action": "addOrUpdateContact", "params": {"id": 1, "phone": "2"}})
    assert client.responses(async_id) == [in_batch]


@pytest.mark.rule("IV-11")
def test_anonymised_contacts_cannot_be_written(client: Client) -> None:
    """A failure under HTTP 200; the contact can still be read."""
    client.sandbox.load(seed(stored(7, isAnonymised=True)))
    assert client.write(id=7, status=2) == {"success": False, "message": "The contact is anonymised"}
    assert client.contact(7)["isAnonymised"] is True
    assert client.status(7) == 1


def test_lengths(client: Client) -> None:
    """Any length, or as the switch says by parameter."""
    long = "x" * 300
    assert client.write(id=1, firstName=long) == {"id": 1}
    client.settings(max_lengths={"firstName": 255, "externalId": 3})
    assert reasons(client.write(id=1, firstName=long)) == invalid("firstName", "Value is longer than 255 characters")
    assert reasons(client.write(id=1, externalId="crm-1")) == invalid("externalId", "Value is longer than 3 characters")
    assert client.write(id=1, lastName=long) == {"id": 1}


def test_a_write_that_changes_nothing(client: Client) -> None:
    """It succeeds and leaves modifiedDate, unless the switch says otherwise; the log tells it from a real one."""
    before = client.contact(1)
    assert client.write(id=1, firstName="Ann") == {"id": 1}
    assert last_entry(client).write_applied is False
    assert client.contact(1) == before
    client.settings(noop_touches=True)
    client.write(id=1, firstName="Ann")
    assert last_entry(client).write_applied is True
    assert client.contact(1) == {**before, "modifiedDate": "2026-02-03 01:10:44 UTC"}


@pytest.mark.parametrize("changes", [{"status": 2}, {"groups": []}, {"privacyConsent": False}, {"externalUrls": None}])
def test_every_real_change_is_dated(client: Client, changes: dict[str, Any]) -> None:
    """Status and groups too."""
    client.write(id=1, **changes)
    assert client.contact(1)["modifiedDate"] == "2026-02-03 01:10:44 UTC"


def test_nothing_is_written_if_anything_is_refused(client: Client) -> None:
    """A write is all or nothing."""
    before = client.contacts()
    client.write(id=1, firstName="Anna", status=2, groups=[], customFields=[{"fieldId": 1, "value": "x"}])
    client.write(**person("Gil", externalUrls=[{"ref": ""}]))
    assert client.contacts() == before
