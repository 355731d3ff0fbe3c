"""An item's wire JSON: what is said of a contact, and what is left out."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest

from pipeline.destinations.ivvy import encode
from pipeline.destinations.ivvy.options import Options
from pipeline.model import Column, Operation
from tests.jobs import NOW, records_of
from tests.properties.chain import world_of

from .bench import NAMED, NEWS, job_of

ADDED = {"updateIfExists": True, "externalId": "c1", "email": "Ann@example.com", "firstName": "Ann", "lastName": "Lake"}
ROW = {"id": "c1", "first": "Ann", "last": "Lake", "email": "Ann@example.com", "ok": "Y"}


def wire(row: dict[str, str], operation: Operation, *, options: Any = None, kin: Any = (), **changes: Any) -> Any:
    """The JSON of a row's item, as it would be decided for a contact that is there (`update`: 7, status 1) or new."""
    job = job_of(**changes)
    world = world_of(job, NOW)
    valid = world.plan(records_of(job, row)).folded
    stored = (
        None if operation is Operation.CREATE else json.dumps({"id": 7, "status": (options or {}).get("stored", 1)})
    )
    given = {key: value for key, value in (options or {}).items() if key != "stored"}
    handles = [json.dumps({"id": number, "status": 1}) for number in kin]
    frame = valid.with_columns(
        pl.lit(stored, pl.String).alias(Column.HANDLE),
        pl.lit(pl.Series([handles], dtype=pl.List(pl.String))).alias(Column.KIN),
        pl.lit(None, pl.String).alias(Column.BARRED),
    )
    names = [a.part for a in job.attributes if a.identifies and operation is Operation.UPDATE]
    frame = frame.with_columns(pl.lit(None, pl.String).alias(name) for name in names)
    return json.loads(frame.select(encode.item(job, operation, Options.model_validate(given))).item())


@pytest.mark.rule("IV-01")
@pytest.mark.rule("IV-02")
@pytest.mark.rule("IV-03")
def test_a_new_contact_is_added_or_found_by_its_names() -> None:
    """Both names, the address and the external id, and updateIfExists so that nobody is added twice."""
    assert wire(ROW, Operation.CREATE) == {"contact": {**ADDED, "status": 1}}


@pytest.mark.rule("IV-01")
def test_a_known_contact_is_updated_by_its_id() -> None:
    """Neither the external id nor updateIfExists goes along."""
    assert wire({"id": "c1", "ok": "N"}, Operation.UPDATE) == {"contact": {"id": 7, "status": 2}}


@pytest.mark.rule("IV-02")
def test_names_that_identify_are_not_written_to_a_known_contact() -> None:
    """They go with a new one only."""
    changes: Any = {"identity": NAMED, "addresses": None, "attributes": {"Note": "id"}}
    note = {"customFields": [{"fieldId": 901, "value": "c1"}]}
    assert wire(ROW, Operation.UPDATE, **changes) == {"contact": {"id": 7, "status": 1, **note}}
    names = {"firstName": "Ann", "lastName": "Lake", "email": "Ann@example.com"}
    assert wire(ROW, Operation.CREATE, **changes) == {"contact": {"updateIfExists": True, "status": 1, **names, **note}}


@pytest.mark.rule("IV-04")
def test_memberships_are_added_and_removed_never_replaced() -> None:
    """`groups` is in no contact; a group that the row says nothing of is not named."""
    groups = {"groups": {"Newsletter": NEWS, "311": {**NEWS, "column": "offers"}}}
    row = {"id": "c1", "news": "Y", "offers": "N"}
    assert wire(row, Operation.UPDATE, consent=groups) == {"add": [310], "remove": [311]}
    assert wire({"id": "c1", "news": "N"}, Operation.UPDATE, consent=groups) == {"remove": [310]}


VALUES: dict[str, tuple[Any, str, Any]] = {
    "text": ("Note", "x", {"customFields": [{"fieldId": 901, "value": "x"}]}),
    "several of a list, by label and by word": (
        "Topics",
        "News; offers",
        {"customFields": [{"fieldId": 902, "value": ["news", "offers"]}]},
    ),
    "a date": ("Since", "2026-02-03", {"customFields": [{"fieldId": 903, "value": "2026-02-03 00:00:00 UTC"}]}),
    "a whole number": ("Visits", "012", {"customFields": [{"fieldId": 904, "value": 12}]}),
    "one of a list": ("Tier", "gold", {"customFields": [{"fieldId": 905, "value": "g"}]}),
    "companies": ("companies", "77; 78", {"companies": [77, 78]}),
    "privacy consent": ("privacyConsent", "yes", {"privacyConsent": True}),
    "one external URL": (
        "externalUrl:ref-1",
        "https://example.org/a?b=c",
        {"externalUrls": [{"ref": "ref-1", "url": "https://example.org/a?b=c", "label": "Record"}]},
    ),
    "all external URLs": (
        "externalUrls",
        "a=https://example.org/1; b=https://example.org/2",
        {"externalUrls": [{"ref": "a", "url": "https://example.org/1"}, {"ref": "b", "url": "https://example.org/2"}]},
    ),
}
CLEARED: dict[str, Any] = {
    "text": {"customFields": [{"fieldId": 901, "value": ""}]},
    "companies": {"companies": []},
    "one external URL": {"externalUrls": [{"ref": "ref-1", "url": None, "label": "Record"}]},
    "all external URLs": {"externalUrls": None},
}
LABELS = {"external_url_labels": {"ref-1": "Record"}}


@pytest.mark.rule("IV-05")
@pytest.mark.rule("IV-06")
@pytest.mark.rule("IV-09")
@pytest.mark.rule("IV-10")
@pytest.mark.parametrize(("name", "cell", "expected"), VALUES.values(), ids=VALUES)
def test_values_are_written_as_their_type_wants_it(name: str, cell: str, expected: Any) -> None:
    """Custom fields by id, lists by the words that are stored, dates with their zone, URLs by reference."""
    attributes = {name: {"column": "value"}}
    sent = wire({"id": "c1", "value": cell}, Operation.UPDATE, options=LABELS, attributes=attributes, addresses=None)
    assert sent == {"contact": {"id": 7, **expected}}


@pytest.mark.rule("IV-09")
@pytest.mark.parametrize("kind", CLEARED)
def test_clearing_and_leaving_are_different_things(kind: str) -> None:
    """With `blank: clear` a blank cell clears by the vendor's own way; with `keep` the member is absent."""
    name = VALUES[kind][0]
    for blank, expected in (("clear", {"contact": {"id": 7, **CLEARED[kind]}}), ("keep", {})):
        attributes = {name: {"column": "value", "blank": blank}}
        sent = wire({"id": "c1"}, Operation.UPDATE, options=LABELS, attributes=attributes, addresses=None)
        assert sent == expected, blank


@pytest.mark.rule("IV-07")
@pytest.mark.parametrize(("stored", "status"), [(1, None), (2, 2), (3, 3), (5, 5), (4, None)])
def test_a_new_address_goes_with_the_stored_restriction(stored: int, status: int | None) -> None:
    """The platform may lift it when the address changes; a permission is not repeated, 4 is never written."""
    sent = wire({"id": "c1", "email": "new@example.com"}, Operation.UPDATE, options={"stored": stored}, attributes=None)
    expected = {"id": 7, "email": "new@example.com"} | ({"status": status} if status else {})
    assert sent == {"contact": expected}


def test_kin_are_opted_out_and_never_anything_else() -> None:
    """Their ids go with an opt-out only."""
    assert wire({"id": "c1", "ok": "N"}, Operation.UPDATE, kin=(8, 9))["kin"] == [8, 9]
    assert "kin" not in wire({"id": "c1", "ok": "Y"}, Operation.UPDATE, kin=(8, 9))
    assert "kin" not in wire({"id": "c1", "ok": "B"}, Operation.UPDATE, kin=(8, 9))


@pytest.mark.parametrize("text", ['say "hi"', "back\\slash", "Ærøskøbing 漢字", "tab\there", "a,b}{"])
def test_any_text_survives_the_wire(text: str) -> None:
    """Quotes, backslashes, control characters and every script arrive as they are."""
    attributes = {"Note": {"column": "value"}}
    sent = wire({"id": "c1", "value": text}, Operation.UPDATE, attributes=attributes, addresses=None)
    assert sent["contact"]["customFields"] == [{"fieldId": 901, "value": text}]
