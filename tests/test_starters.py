"""Starter mappings: each fits its invented export, does with it what was counted by hand, and opts nobody in unasked.

Counts and reasons below were read off the exports and the seeds, record by record. Records are numbered from 1.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl
import pytest
from ruamel.yaml import YAML

from pipeline import run
from pipeline.checking import check
from pipeline.context import Context, Request
from pipeline.run_folder import RunFolder
from pipeline.sandbox.server import Options, Sandbox
from pipeline.settings import Settings
from tests.delivery.world import DATA_SET, FAST

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipeline.carried_out import Result
    from pipeline.checking import Checked
    from pipeline.sandbox.journal import Entry

ROOT: Final = Path(__file__).parents[1]
MAPPINGS: Final = ROOT / "mappings" / "starters"
EXPORTS: Final = ROOT / "sample_data" / "starters"
SUPPRESSED: Final = "klaviyo_suppressed.csv"
"""Stands beside a mapping, and is no export."""

PAIRS: Final = {
    "mailchimp_subscribed_to_wix": "mailchimp_subscribed.csv",
    "mailchimp_unsubscribed_to_wix": "mailchimp_unsubscribed.csv",
    "mailchimp_cleaned_to_ivvy": "mailchimp_cleaned.csv",
    "shopify_to_wix": "shopify_customers.csv",
    "shopify_to_acoustic_connect": "shopify_customers.csv",
    "hubspot_to_acoustic_connect": "hubspot_contacts.csv",
    "hubspot_types_to_acoustic_connect": "hubspot_contacts.csv",
    "klaviyo_to_wix": "klaviyo_profiles.csv",
    "salesforce_contacts_to_ivvy": "salesforce_contacts.csv",
    "salesforce_leads_to_acoustic_connect": "salesforce_leads.csv",
}
"""Every starter mapping and the export that it is for."""

PERMITTED: Final = {"OPT_IN", "CONFIRMED", 1}
OPTED_OUT: Final = {"OPT_OUT", "REVOKED", 2}
"""The platforms' words."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a platform has before, and what comes of an export there."""

    seed: Mapping[str, Any]
    rows: Mapping[str, int]
    """Outcome -> records."""
    transitions: Mapping[str, Mapping[str, int]]
    undelivered: Mapping[int, str]
    """Record -> outcome and reason, of all that are held, rejected or failed."""
    withheld: Mapping[str, int]
    opted_in: set[str] = field(default_factory=set)
    """Who may be contacted after the run and might not before: each says yes in the export."""
    ends: Mapping[str, Any] = field(default_factory=dict)
    """The platform's word after the run, where it is worth a look; None: it says nothing."""
    dated: int = 0
    """Consents that are sent with a time."""
    noted: tuple[str, ...] = ()
    """What `check` finds in the export."""


def _wix(states: Mapping[str, str]) -> dict[str, Any]:
    """Consents of Wix by e-mail address or phone number."""
    kinds = {True: ("EMAIL", "email"), False: ("PHONE", "phone")}
    consents = []
    for address, state in states.items():
        kind, field_name = kinds["@" in address]
        consents.append({"details": {"type": kind, field_name: address}, "state": state})
    return {"wix": {"consents": consents}}


def _ivvy(*contacts: tuple[str, str, str, int, str | None]) -> dict[str, Any]:
    """Contacts of iVvy: first name, last name, address, status, external id."""
    names = ("firstName", "lastName", "email", "status", "externalId")
    return {"ivvy": {"contacts": [dict(zip(names, contact, strict=True)) for contact in contacts]}}


def _acoustic(*contacts: tuple[str, str, dict[str, str]], groups: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Contacts of Acoustic Connect: key, number, channels; `groups`: key -> status of e-mail in the newsletters."""
    spent = {"name": "Total Spent", "type": "NUMBER"}
    last_name = {"name": "Last Name", "type": "TEXT"}
    data_set = {**DATA_SET, "attributes": [*DATA_SET["attributes"], last_name, spent]}
    seeds = []
    for key, phone, channels in contacts:
        attributes = {"Contact key": key, "Email": key if "@" in key else f"{key}@example.com"}
        attributes |= {"Cell Phone": phone} if phone else {}
        status = (groups or {}).get(key)
        of_groups = {"g-news": {"EMAIL": status}} if status else {}
        seeds.append({"attributes": attributes, "consent": {"channels": channels, "consentGroups": of_groups}})
    return {"acoustic_connect": {"data_set": data_set, "contacts": seeds}}


IN: Final = {"EMAIL": "OPT_IN"}
OUT: Final = {"EMAIL": "OPT_OUT"}
UNVERIFIED: Final = {"EMAIL": "OPT_IN_UNVERIFIED"}
UNSET: Final[dict[str, str]] = {}

SHOPIFY_NOTED: Final = (
    "1 record is malformed and would be rejected",
    "column 'Accepts Email Marketing': 1 cells are 'maybe', which `values` does not list",
)
HUBSPOT_KEYS: Final = ("15101", "15105", "15106", "15109", "15110", "15114", "15116")

EXPECTED: Final = {
    "mailchimp_subscribed_to_wix": Expected(
        seed=_wix({
            "ben.carter@example.com": "CONFIRMED", "cleo.diaz@example.org": "REVOKED",
            "ivy.jones@example.com": "PENDING", "mia.novak@example.com": "NEVER_CONFIRMED",
        }),
        rows={"created": 8, "updated": 3, "superseded": 1, "held": 1, "rejected": 3},
        transitions={
            "EMAIL": {
                "UNSET->OPT_IN": 8, "OPT_IN->OPT_IN": 1, "OPT_IN_UNVERIFIED->OPT_IN": 1, "NEVER_CONFIRMED->OPT_IN": 1,
            }
        },
        undelivered={
            3: "held resubscribe_without_evidence",
            6: "rejected email_invalid",
            7: "rejected address_missing",
            15: "rejected malformed_record",
        },
        withheld={"resubscribe_without_evidence": 1, "email_invalid": 2, "address_missing": 1},
        opted_in={
            "ada.byron@example.com", "dan.evans@example.com", "erin.fox@example.com", "hugo.ito@example.com",
            "ivy.jones@example.com", "jack.kim@example.com", "kara.lund@example.org", "leo.moss@example.com",
            "mia.novak@example.com", "nora.o'brien@example.com",
        },
        dated=8,  # all but 4 (imported), 10 (not written so) and 11 (in the future)
        noted=("1 record is malformed and would be rejected",),
    ),
    "mailchimp_unsubscribed_to_wix": Expected(
        seed=_wix({
            "opal.pratt@example.com": "CONFIRMED", "rosa.stein@example.org": "REVOKED",
            "vic.webb@example.com": "PENDING", "zoe.abbot@example.org": "NEVER_CONFIRMED",
        }),
        rows={"created": 6, "updated": 4, "superseded": 1, "rejected": 3},
        transitions={
            "EMAIL": {
                "UNSET->OPT_OUT": 6, "OPT_IN->OPT_OUT": 1, "OPT_OUT->OPT_OUT": 1, "OPT_IN_UNVERIFIED->OPT_OUT": 1,
                "NEVER_CONFIRMED->OPT_OUT": 1,
            }
        },
        undelivered={
            6: "rejected email_invalid", 11: "rejected address_missing", 13: "rejected malformed_record",
        },
        withheld={"email_invalid": 2, "address_missing": 1},
        dated=8,  # all but 5 (blank) and 12 (no such day)
        noted=("1 record is malformed and would be rejected",),
    ),
    "mailchimp_cleaned_to_ivvy": Expected(
        seed=_ivvy(
            ("Carl", "Dean", "carl.dean@example.com", 1, None),
            ("Dora", "Engel", "dora.engel@example.com", 2, None),
            ("Egon", "Faber", "egon.faber@example.org", 5, None),
            ("Fay", "Greer", "fay.greer@example.com", 3, None),
            ("Jo", "Kerr", "jo.kerr@example.com", 1, None),
            ("Kit", "Lang", "kit.lang@example.com", 1, None),
            ("Lou", "Marsh", "marsh@example.org", 1, None),
            ("Max", "Marsh", "marsh@example.org", 1, None),
            ("Olga", "Pohl", "olga.pohl@example.com", 1, None),
        ),
        rows={"updated": 7, "superseded": 1, "held": 1, "rejected": 2, "failed": 3},
        transitions={"EMAIL": {"OPT_IN->BOUNCED": 5, "NO_MARKETING->BOUNCED": 1, "BOUNCED->BOUNCED": 1}},
        undelivered={
            2: "held resubscribe_without_evidence",
            5: "failed contact_not_found",
            6: "rejected identity_missing",
            7: "rejected identity_missing",
            12: "failed contact_not_found",
            13: "failed contact_not_found",
        },
        # Of 2; of 12's address, and its consent for want of one.
        withheld={"resubscribe_without_evidence": 1, "email_invalid": 1, "address_missing": 1},
        ends={"Carl Dean": 3, "Dora Engel": 2, "Egon Faber": 3, "Lou Marsh": 3, "Max Marsh": 1},
        dated=6,  # all but 14 (blank)
    ),
    "shopify_to_wix": Expected(
        seed=_wix({
            "bo.crane@example.com": "CONFIRMED", "cy.doyle@example.org": "REVOKED",
            "kay.lowe@example.com": "CONFIRMED", "oz.park@example.com": "PENDING", "+12125550111": "CONFIRMED",
        }),
        rows={"created": 11, "updated": 3, "superseded": 1, "unchanged": 1, "rejected": 2},
        transitions={
            "EMAIL": {
                "UNSET->OPT_IN": 5, "UNSET->OPT_OUT": 2, "OPT_IN->OPT_OUT": 1, "OPT_IN->OPT_IN": 1,
                "OPT_IN_UNVERIFIED->OPT_OUT": 1,
            },
            "SMS": {"UNSET->OPT_IN": 5, "UNSET->OPT_OUT": 2, "OPT_IN->OPT_OUT": 1},
        },
        undelivered={14: "rejected address_missing", 17: "rejected malformed_record"},
        # Of 3; of 9; of 8's address and consent; of 6's and 15's number and consent; consent without an address: of 2,
        # 5, 7, 12, and twice of 14.
        withheld={
            "resubscribe_without_evidence": 1, "unknown_consent_value": 1, "email_invalid": 2, "phone_not_e164": 4,
            "address_missing": 6,
        },
        opted_in={
            "amy.brook@example.com", "fu.gao@example.com", "gus.holt@example.com", "nia.olsen@example.com",
            "pia.quist@example.org", "+14155550102", "+12125550103", "+13125550104", "+12065550106", "+16175550108",
        },
        ends={"+12125550101": "REVOKED", "jim.kerr@example.com": "REVOKED", "ida.jung@example.com": None},
        noted=SHOPIFY_NOTED,
    ),
    "shopify_to_acoustic_connect": Expected(
        seed=_acoustic(
            ("amy.brook@example.com", "", UNSET),
            ("bo.crane@example.com", "", IN),
            ("cy.doyle@example.org", "", OUT),
            ("di.egan@example.com", "", IN),
            ("fu.gao@example.com", "", UNSET),
            ("gus.holt@example.com", "", UNSET),
            ("ida.jung@example.com", "", UNSET),
            ("jim.kerr@example.com", "", IN),
            ("kay.lowe@example.com", "", IN),
            ("lee.moon@example.com", "", UNSET),
            ("oz.park@example.com", "+12125550111", {**UNVERIFIED, "SMS": "OPT_IN"}),
            ("pia.quist@example.org", "", UNSET),
        ),
        rows={"updated": 12, "superseded": 1, "rejected": 3, "failed": 2},
        transitions={
            "EMAIL": {
                "UNSET->OPT_IN": 4, "OPT_IN->OPT_OUT": 3, "OPT_IN->OPT_IN": 1, "OPT_IN_UNVERIFIED->OPT_OUT": 1,
            },
            "SMS": {"UNSET->OPT_IN": 4, "UNSET->OPT_OUT": 2, "OPT_IN->OPT_OUT": 1},
        },
        undelivered={
            5: "rejected identity_missing",
            8: "failed contact_not_found",
            14: "rejected identity_missing",
            15: "failed contact_not_found",
            17: "rejected malformed_record",
        },
        # Of 3; of 9; of 8's address and consent; of 6's and 15's number and consent; consent for texts without a
        # number: of 2, 7, 12.
        withheld={
            "resubscribe_without_evidence": 1, "unknown_consent_value": 1, "email_invalid": 2, "phone_not_e164": 4,
            "address_not_set": 3,
        },
        opted_in={
            "amy.brook@example.com EMAIL", "amy.brook@example.com SMS", "cy.doyle@example.org SMS",
            "di.egan@example.com SMS", "fu.gao@example.com EMAIL", "gus.holt@example.com EMAIL",
            "jim.kerr@example.com SMS", "pia.quist@example.org EMAIL",
        },
        ends={"jim.kerr@example.com EMAIL": "OPT_OUT", "ida.jung@example.com EMAIL": None},
        noted=SHOPIFY_NOTED,
    ),
    "hubspot_to_acoustic_connect": Expected(
        seed=_acoustic(
            *((key, "", UNSET) for key in HUBSPOT_KEYS),
            ("15102", "", IN),
            ("15103", "", OUT),
            ("15104", "", IN),
            ("15111", "", IN),
            ("15115", "", UNVERIFIED),
        ),
        rows={"updated": 11, "superseded": 1, "unchanged": 1, "rejected": 2, "failed": 1},
        transitions={"EMAIL": {"OPT_IN->OPT_OUT": 2, "UNSET->OPT_OUT": 1, "OPT_IN_UNVERIFIED->OPT_OUT": 1}},
        undelivered={
            7: "rejected identity_missing", 8: "rejected mangled_number", 13: "failed contact_not_found",
        },
        withheld={"email_invalid": 2, "unknown_consent_value": 1, "phone_not_e164": 1},
        ends={"15101 EMAIL": None, "15104 EMAIL": "OPT_IN", "15109 EMAIL": None, "15114 EMAIL": None},
        noted=("column 'Unsubscribed from all email': 1 cells are 'see notes', which `values` does not list",),
    ),
    "hubspot_types_to_acoustic_connect": Expected(
        seed=_acoustic(
            *((key, "", UNSET) for key in (*HUBSPOT_KEYS, "15102", "15103", "15104", "15111", "15115")),
            groups={"15102": "OPT_IN", "15104": "OPT_IN", "15111": "OPT_IN", "15103": "OPT_OUT"},
        ),
        rows={"updated": 5, "superseded": 1, "unchanged": 7, "rejected": 2, "failed": 1},
        transitions={"Newsletters/EMAIL": {"OPT_IN->OPT_OUT": 3, "UNSET->OPT_OUT": 2}},
        undelivered={
            7: "rejected identity_missing", 8: "rejected mangled_number", 13: "failed contact_not_found",
        },
        withheld={},
        ends={"15104 g-news EMAIL": "OPT_OUT", "15101 g-news EMAIL": None},
    ),
    "klaviyo_to_wix": Expected(
        seed=_wix({
            "bob.birch@example.com": "CONFIRMED", "don.doyle@example.com": "REVOKED",
            "ivy.isle@example.com": "UNKNOWN_STATE", "mae.marsh@example.com": "CONFIRMED",
            "ned.nash@example.com": "REVOKED",
        }),
        rows={"created": 9, "updated": 3, "superseded": 2, "held": 4},
        transitions={
            "EMAIL": {
                "UNSET->OPT_IN": 3, "UNSET->OPT_OUT": 3, "UNSET->NEVER_CONFIRMED": 1, "OPT_IN->OPT_OUT": 1,
                "UNKNOWN_STATE->OPT_IN": 1, "OPT_IN->NEVER_CONFIRMED": 1,
            },
            "SMS": {"UNSET->OPT_IN": 3, "UNSET->OPT_OUT": 1},
        },
        undelivered={
            4: "held resubscribe_without_evidence",
            5: "held suppressed",
            8: "held unknown_consent_value",
            16: "held resubscribe_without_evidence",
        },
        withheld={
            "resubscribe_without_evidence": 2, "suppressed": 1, "unknown_consent_value": 1, "email_invalid": 2,
            "address_missing": 2,
        },
        opted_in={
            "ann.arbor@example.com", "gil.grove@example.org", "lee.lane@example.com", "ivy.isle@example.com",
            "+12125550131", "+14155550133", "+13125550134",
        },
        ends={
            "eve.ebert@example.com": None, "kim.knox@example.com": "REVOKED",
            "cat.cedar@example.com": "NEVER_CONFIRMED",
        },
        dated=10,  # e-mail of 1, 2, 6, 7, 12, 14 and texts of 1, 7, 10, 18
        noted=("column 'Email Marketing Consent': 1 cells are 'TRUE', which `values` does not list",),
    ),
    "salesforce_contacts_to_ivvy": Expected(
        seed=_ivvy(
            ("Alma", "Abel", "alma.abel@example.com", 1, "003Ux00000A1b2CIAR"),
            ("Clara", "Cole", "clara.cole@example.org", 2, "003Ux00000A1b2EIAR"),
            ("Edda", "Ekes", "edda.ekes@example.com", 1, None),
            ("Hilda", "Hess", "hilda.hess@example.com", 5, "003Ux00000A1b2JIAR"),
            ("Ilse", "Iverson", "family@example.org", 1, "003Ux00000A1b2KIAR"),
            ("Igor", "Iverson", "family@example.org", 1, None),
            ("Jens", "Jahn", "jens.jahn@example.com", 1, "003Ux00000A1b2LIAR"),
            ("Kurt", "Kern", "kurt.kern@example.com", 1, "003Ux00000A1b2MIAR"),
            ("Lars", "Lund", "lars.lund@example.com", 1, "003Ux00000A1b2NIAR"),
            ("Mona", "Moll", "mona.moll@example.com", 2, "003Ux00000A1b2OIAR"),
        ),
        rows={"created": 2, "updated": 8, "superseded": 1, "rejected": 5},
        # Two of the export, one who becomes one, and Igor Iverson, who shares an address with one of them.
        transitions={"EMAIL": {"OPT_IN->OPT_OUT": 4, "UNSET->OPT_OUT": 1, "NO_MARKETING->OPT_OUT": 1}},
        undelivered={
            6: "rejected identity_missing",
            7: "rejected attribute_missing",
            8: "rejected email_invalid",
            15: "rejected contact_ambiguous",
            16: "rejected malformed_record",
        },
        # Of 8's address and consent; of 11; of 14's number; of 15's names and address.
        withheld={"email_invalid": 2, "unknown_consent_value": 1, "phone_not_e164": 1, "contact_ambiguous": 3},
        # A new contact of whom nothing is said gets No Marketing; an opt-out is for everybody who shares the address.
        ends={"Boris Bell": 5, "Igor Iverson": 2, "Edda Ekes": 1, "Jens Jahn": 1},
        noted=(
            "1 record is malformed and would be rejected",
            "column 'HasOptedOutOfEmail': 1 cells are 'Y', which `values` does not list",
        ),
    ),
    "salesforce_leads_to_acoustic_connect": Expected(
        seed=_acoustic(
            *((f"00QUx000001Ab{end}", "", UNSET) for end in ("Cd", "Ch", "Ci", "Cj", "Ck", "Cm", "Co")),
            ("00QUx000001AbCD", "", IN),
            ("00QUx000001AbCe", "+12125550150", {**IN, "SMS": "OPT_IN"}),
            ("00QUx000001AbCf", "", IN),
            ("00QUx000001AbCg", "", OUT),
            ("00QUx000001AbCl", "", UNVERIFIED),
        ),
        rows={"updated": 11, "superseded": 1, "rejected": 3, "failed": 2},
        transitions={
            "EMAIL": {"OPT_IN->OPT_OUT": 2, "OPT_IN_UNVERIFIED->OPT_OUT": 1, "UNSET->OPT_OUT": 1},
            "SMS": {"OPT_IN->OPT_OUT": 1, "UNSET->OPT_OUT": 1},
        },
        undelivered={
            6: "failed contact_not_found",
            7: "rejected identity_missing",
            14: "failed contact_not_found",
            16: "rejected malformed_record",
            17: "rejected malformed_record",
        },
        withheld={"address_not_set": 1, "unknown_consent_value": 1, "email_invalid": 1},
        ends={"00QUx000001AbCd EMAIL": None, "00QUx000001AbCD EMAIL": "OPT_OUT", "00QUx000001AbCe EMAIL": "OPT_IN"},
        noted=(
            "2 records are malformed and would be rejected",
            "column 'Email Opt Out': 1 cells are 'x', which `values` does not list",
        ),
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ran:
    """A starter checked, planned, and carried out twice."""

    name: str
    checked: Checked
    planned: Result
    first: Result
    second: Result
    outcomes: pl.DataFrame
    items: pl.DataFrame
    """What the first run sent."""
    before: dict[str, Any]
    after: dict[str, Any]
    requests: dict[str, list[Entry]]
    """What the platform was asked by the plan and by the second run."""

    @property
    def expected(self) -> Expected:
        return EXPECTED[self.name]


@pytest.fixture(scope="module", params=PAIRS)
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One starter in a new home, against a sandbox with its seed."""
    name: str = request.param
    folder = tmp_path_factory.mktemp(name)
    asked = Request(_quickly(MAPPINGS / f"{name}.yaml", folder), EXPORTS / PAIRS[name])
    with Sandbox(Options(data=EXPECTED[name].seed)) as sandbox:
        settings = Settings.model_validate({n.lower(): value for n, value in sandbox.environment.items()})
        context = Context(settings, folder / "home", patience=FAST)
        checked = check(asked.mapping, asked.export, online=context)
        before = _statuses(sandbox)
        planned = run.plan(asked, context)
        requests = {"plan": sandbox.requests()}
        first = run.sync(asked, context)
        after = _statuses(sandbox)
        sandbox.clear_requests()
        second = run.sync(asked, context)
        requests["second"] = sandbox.requests()
    done = RunFolder.open(context.home, first.summary.run_id)
    outcomes = pl.read_csv(done.path / "outcomes.csv", infer_schema=False)
    items = pl.read_parquet(done.plan_file("items", 0))
    return Ran(name, checked, planned, first, second, outcomes, items, before, after, requests)


def _quickly(mapping: Path, folder: Path) -> Path:
    """A copy of a mapping that does not wait for the vendors' pace and batches, with what stands beside it."""
    document = YAML(typ="safe", pure=True).load(mapping)
    document.setdefault("delivery", {})["requests_per_second"] = 1000
    if document["destination"] == "ivvy":
        document.setdefault("options", {})["poll_seconds"] = 0
    if "suppression" in document.get("policy", {}):
        shutil.copy(EXPORTS / SUPPRESSED, folder / document["policy"]["suppression"])
    copy = folder / mapping.name
    copy.write_text(json.dumps(document), encoding="utf-8")
    return copy


def _statuses(sandbox: Sandbox) -> dict[str, Any]:
    """Whose consent for what -> the platform's word."""
    dump: Any = sandbox.dump()
    found: dict[str, Any] = {}
    for consent in dump["wix"]["consents"]:
        found[consent["details"].get("email") or consent["details"]["phone"]] = consent["state"]
    for contact in dump["ivvy"]["contacts"]:
        found[f"{contact['firstName']} {contact['lastName']}"] = contact["status"]
    for contact in dump["acoustic_connect"]["contacts"]:
        key, consent = contact["attributes"]["Contact key"], contact["consent"]
        found |= {f"{key} {channel}": status for channel, status in consent["channels"].items()}
        for group, channels in consent["consentGroups"].items():
            found |= {f"{key} {group} {channel}": status for channel, status in channels.items()}
    return found


def _writes(entries: Iterable[Entry]) -> list[str]:
    """The operations that write; a batch of iVvy's does so where one of its jobs did."""
    return [
        e.operation for e in entries if e.write_applied or (e.write_applied is False and e.operation != "batch.run")
    ]


def test_every_starter_and_every_export_is_in_the_table() -> None:
    """A new starter is tested as soon as it exists, and no export lies about unused."""
    assert {path.stem for path in MAPPINGS.glob("*.yaml")} == PAIRS.keys() == EXPECTED.keys()
    assert {path.name for path in EXPORTS.iterdir()} == {*PAIRS.values(), SUPPRESSED}


@pytest.mark.parametrize("name", PAIRS)
def test_a_starter_says_what_it_is_for(name: str) -> None:
    """It begins with its schema for editors, then with what the export is and what must be adapted; no pace is set."""
    lines = (MAPPINGS / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# yaml-language-server: $schema=../mapping.schema.json"
    assert all(line.startswith("# ") for line in lines[1:4])
    assert any(line.startswith("# Adapt: ") for line in lines)
    assert not any("requests_per_second" in line for line in lines)


@pytest.mark.parametrize("name", sorted({*PAIRS.values(), SUPPRESSED}))
def test_nobody_in_the_exports_exists(name: str) -> None:
    """Addresses are of domains kept for examples, and numbers of those kept for fiction."""
    text = (EXPORTS / name).read_bytes().decode("latin-1")
    domains = {domain.lower() for domain in re.findall(r"@([\w-]+(?:\.[\w-]+)+)", text)}
    assert domains <= {"example.com", "example.org"}
    numbers = re.findall(r"(?<![\w.'-])'?(?:\+1)?[ (]*\d{3}[) .-]*555[ .-]*\d{4}(?!\d)", text)
    assert all(re.search(r"[2-9]\d\d\D*555\D*01\d\d$", number) for number in numbers)


def test_a_starter_fits_its_export_and_its_audience(ran: Ran) -> None:
    """`check` finds every column mapped or ignored, every name there, and notes only what is planted."""
    assert tuple(ran.checked.warnings) == ran.expected.noted
    listed = sum(said.startswith("suppression list") for said in ran.checked.looked_at)
    assert (len(ran.checked.looked_at) - listed, listed) == (4, ran.name == "klaviyo_to_wix")


def test_planning_writes_nothing_and_foretells_the_run(ran: Ran) -> None:
    """The plan has the outcomes and transitions that the run then has."""
    assert ran.requests["plan"]
    assert _writes(ran.requests["plan"]) == []
    assert ran.planned.summary.rows == ran.first.summary.rows
    assert ran.planned.summary.transitions == ran.first.summary.transitions


def test_a_starter_does_what_was_counted_by_hand(ran: Ran) -> None:
    """Outcomes, transitions and withheld parts are those read off the export; the run is balanced."""
    summary = ran.first.summary
    counts = summary.rows.model_dump()
    assert counts.pop("read") == sum(ran.expected.rows.values())
    assert {outcome: count for outcome, count in counts.items() if count} == ran.expected.rows
    assert summary.transitions == ran.expected.transitions
    assert summary.withheld == ran.expected.withheld
    assert summary.balanced
    assert summary.guards_tripped == []


def test_what_is_not_delivered_says_why(ran: Ran) -> None:
    """The records that are held, rejected or failed are the ones that were planted so, each for its reason."""
    undelivered = ran.outcomes.filter(pl.col("outcome").is_in(["held", "rejected", "failed", "unknown"]))
    rows = undelivered.select("record", "outcome", "reason").iter_rows()
    assert {int(record): f"{outcome} {reason}" for record, outcome, reason in rows} == ran.expected.undelivered


def test_nobody_is_opted_in_unasked(ran: Ran) -> None:
    """Who may be contacted only since the run said yes in the export, and no opt-out of the platform has ended."""
    permitted = {who for who, status in ran.after.items() if status in PERMITTED}
    assert permitted - {who for who, status in ran.before.items() if status in PERMITTED} == ran.expected.opted_in
    opted_out = {who: status for who, status in ran.before.items() if status in OPTED_OUT}
    assert {who: ran.after[who] for who in opted_out} == opted_out
    assert {who: ran.after.get(who) for who in ran.expected.ends} == ran.expected.ends


def test_consents_are_sent_with_their_evidence(ran: Ran) -> None:
    """Each says how it was given or withdrawn, and those of which the export knows it, when."""
    parts = [column for column in ran.items.columns if column.startswith("consent:") and "@" not in column]
    sent = {part: ran.items.filter(pl.col(part).is_not_null()) for part in parts}
    opted_out = ran.items.filter(pl.col(parts[0]) == "OPT_OUT")
    kin = opted_out.get_column("kin").explode().drop_nulls().n_unique() if "kin" in ran.items.columns else 0
    steps = sum(sum(of.values()) for of in ran.expected.transitions.values())
    assert sum(map(len, sent.values())) == steps - kin
    assert [part for part, rows in sent.items() if rows.get_column(f"{part}@source").has_nulls()] == []
    assert sum(rows.get_column(f"{part}@at").count() for part, rows in sent.items()) == ran.expected.dated


def test_a_second_run_sends_nothing(ran: Ran) -> None:
    """The same export again writes nothing to the platform."""
    assert ran.requests["second"]
    assert _writes(ran.requests["second"]) == []
    assert ran.second.summary.rows.created == ran.second.summary.rows.updated == 0
    assert ran.second.summary.balanced
