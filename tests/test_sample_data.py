"""The sample data are what their generator makes, and both mappings make of them what it says it planted."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import polars as pl
import pytest
from pydantic import SecretStr

from pipeline import run
from pipeline.context import Context, Request
from pipeline.run_folder import RunFolder
from pipeline.sandbox.server import Options, Sandbox
from pipeline.settings import Settings
from sample_data import generate
from sample_data.oddities import ODDITIES
from sample_data.stories import GROUP_IDS, NEWSLETTERS, Story

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.run import Result

MAPPINGS: Final = generate.FOLDER.parent / "mappings"
EXPORT: Final = generate.FOLDER / "contacts.csv"
SEED: Final = generate.FOLDER / "acoustic_connect.json"
MUTATIONS: Final = {"updateContacts", "createContacts", "deleteContacts"}


@dataclass(frozen=True, slots=True)
class Ran:
    """Two runs of one mapping over the sample data, and what the platform showed after the first."""

    mapping: str
    first: Result
    outcomes: pl.DataFrame
    platform: dict[str, dict[str, Any]]
    second: Result
    second_operations: list[str]


@pytest.fixture(scope="module", params=["channels", "groups"])
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A mapping carried out twice, from a new home and a newly filled sandbox."""
    home = tmp_path_factory.mktemp(request.param)
    asked = Request(MAPPINGS / f"acoustic_{request.param}.yaml", EXPORT)
    with Sandbox(Options(data=json.loads(SEED.read_bytes()))) as sandbox:
        context = _context(sandbox.environment, home)
        first = run.sync(asked, context)
        platform = _contacts(sandbox)
        sandbox.clear_requests()
        second = run.sync(asked, context)
        operations = [entry.operation for entry in sandbox.requests()]
    outcomes = pl.read_csv(RunFolder.open(home, first.summary.run_id).path / "outcomes.csv", infer_schema=False)
    return Ran(request.param, first, outcomes, platform, second, operations)


def _context(environment: dict[str, str], home: Path) -> Context:
    settings = Settings.model_validate(
        {
            "acoustic_connect_url": environment["ACOUSTIC_CONNECT_URL"],
            "acoustic_connect_api_key": SecretStr(environment["ACOUSTIC_CONNECT_API_KEY"]),
        }
    )
    return Context(settings, home)


def _contacts(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    dump: Any = sandbox.dump()
    return {contact["attributes"]["Contact key"]: contact for contact in dump["acoustic_connect"]["contacts"]}


def test_the_files_are_what_the_generator_makes() -> None:
    """Export, seed and the README's table are reproduced byte for byte."""
    planted = generate.planted()
    readme = generate.FOLDER / "README.md"

    assert EXPORT.read_bytes() == generate.contacts_csv(planted)
    assert SEED.read_bytes() == generate.seed_json(planted)
    assert readme.read_bytes().decode() == generate.readme(readme.read_bytes().decode(), planted)


def test_every_oddity_is_planted_as_often_as_the_table_says() -> None:
    """No story is lost between the table and the export, which has exactly 5,000 records."""
    planted = generate.planted()
    stories = Counter(story.oddity for story in planted.stories)

    assert {oddity.name: stories[oddity.name] for oddity in ODDITIES} == {o.name: o.stories for o in ODDITIES}
    assert len(planted.rows) == generate.RECORDS == 5000


def test_nobody_shares_an_address() -> None:
    """Every contact of the export and of the platform has an e-mail address and a number of its own."""
    planted = generate.planted()
    people = [story.person for story in (*planted.stories, *planted.strangers)]

    assert len({person.email for person in people}) == len(people)
    assert len({person.phone for person in people}) == len(people)
    assert len({person.key for person in people}) == len(people)


def test_addresses_are_kept_for_examples() -> None:
    """No address of the platform can belong to anybody."""
    seed = json.loads(SEED.read_bytes())["acoustic_connect"]
    attributes = [contact["attributes"] for contact in seed["contacts"]]

    domains = {a["Email"].rpartition("@")[2] for a in attributes}
    assert domains == {"example.com", "example.org", "example.net"}
    phones = pl.Series([a["Cell Phone"] for a in attributes if "Cell Phone" in a])
    reserved = r"^(\+1[2-9]\d\d55501\d\d|\+442079460\d{3}|\+441614960\d{3}|\+6125550\d{4})$"
    assert phones.str.contains(reserved).all()


def test_every_record_ends_as_planted(ran: Ran) -> None:
    """Outcome, reason and withheld parts of each of the 5,000 records."""
    rows = generate.planted().rows
    columns = [ran.outcomes.get_column(name).fill_null("") for name in ("outcome", "reason", "withheld")]
    found = list(zip(*columns, strict=True))
    expected = [(e.outcome, e.reason, e.withheld) for e in generate.planted().expected(ran.mapping)]

    wrong = [
        (number, row.story.oddity, found[number - 1], expected[number - 1])
        for number, row in enumerate(rows, start=1)
        if found[number - 1] != expected[number - 1]
    ]
    assert wrong == []
    assert len(found) == len(expected)


def test_folded_records_name_the_record_that_carries_them(ran: Ran) -> None:
    """The winner of a superseded record is the other record of the same contact, which is not superseded itself."""
    rows = generate.planted().rows
    folded = ran.outcomes.filter(pl.col("outcome") == "superseded").select("record", "winner").rows()

    for record, winner in folded:
        assert rows[int(winner) - 1].story is rows[int(record) - 1].story
        assert ran.outcomes.item(int(winner) - 1, "outcome") == "updated"


def test_the_summary_adds_up_as_planted(ran: Ran) -> None:
    """Counts by outcome, by reason and withheld part; the run is balanced, no guard trips, the exit code is 3."""
    summary = ran.first.summary
    expected = generate.planted().expected(ran.mapping)
    undelivered = [e.reason for e in expected if e.outcome in {"held", "rejected", "failed", "unknown"}]
    withheld = [entry.partition(": ")[2] for e in expected for entry in e.withheld.split("; ") if entry]

    rows = summary.rows.model_dump()
    assert rows.pop("read") == 5000
    assert {k: v for k, v in rows.items() if v} == Counter(e.outcome for e in expected)
    assert summary.reasons == Counter(undelivered)
    assert summary.withheld == Counter(withheld)
    assert summary.balanced
    assert summary.guards_tripped == []
    assert ran.first.exit_code == 3


def test_as_many_opt_out_as_were_planted(ran: Ran) -> None:
    """The transitions from OPT_IN to OPT_OUT are the planted contacts that have the one and must end with the other."""
    keys = ("EMAIL", "SMS") if ran.mapping == "channels" else (NEWSLETTERS,)
    ends = [(story, key) for story in generate.planted().stories for key in keys if story.then.get(key) == "OPT_OUT"]
    expected = Counter(key for story, key in ends if _stored(story, key) == {"OPT_IN"})

    steps = ran.first.summary.transitions
    assert {key: steps[key].get("OPT_IN->OPT_OUT", 0) for key in keys} == expected


def test_the_platform_shows_what_was_planted(ran: Ran) -> None:
    """Statuses and attributes of the contacts whose end is known: opt-outs win, opt-outs stay, numbers are E.164."""
    wrong = [
        (story.oddity, key, _shown(ran, story, key), value)
        for story in generate.planted().stories
        for key, value in story.then.items()
        if _speaks_of(ran.mapping, key) and _shown(ran, story, key) != value
    ]
    assert wrong == []


def _stored(story: Story, key: str) -> set[str]:
    """The statuses that the platform has of a channel or of a group's channels."""
    if key in story.stored.channels:
        return {story.stored.channels[key]}
    return set(story.stored.groups.get(key, {}).values())


def _speaks_of(mapping: str, key: str) -> bool:
    """Whether the mapping writes it at all: channels and groups exclude each other."""
    return {"EMAIL": "channels", "SMS": "channels", NEWSLETTERS: "groups"}.get(key, mapping) == mapping


def _shown(ran: Ran, story: Story, key: str) -> Any:
    contact = ran.platform[story.records[0].cells["contact_id"].strip()]
    match key:
        case "EMAIL" | "SMS":
            return contact["consent"]["channels"].get(key)
        case _ if key == NEWSLETTERS:
            return contact["consent"]["consentGroups"].get(GROUP_IDS[key], {}).get("EMAIL")
    return contact["attributes"].get(key)


def test_contacts_that_the_export_does_not_know_are_left_alone(ran: Ran) -> None:
    """What only the platform has is the same after the run."""
    for story in generate.planted().strangers:
        contact = ran.platform[story.person.key]
        assert contact["attributes"] == story.stored.attributes
        assert contact["consent"]["channels"] == story.stored.channels


def test_a_second_run_sends_no_mutation(ran: Ran) -> None:
    """The same export again: what was told is unchanged, and nothing else has changed."""
    first, second = ran.first.summary.rows, ran.second.summary.rows

    assert ran.second_operations
    assert not MUTATIONS & set(ran.second_operations)
    assert second.unchanged == first.updated + first.unchanged
    assert second.updated == 0
    assert ran.second.summary.balanced
    assert ran.second.exit_code == 3
