"""An opt-out is for the address: whoever shares it, in the export or at the destination."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import polars as pl
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.model import RESTRICTIONS, Column, Reason
from pipeline.reporting.summary import Tally
from tests.destinations.ivvy.bench import STATUS, job_of
from tests.jobs import records_of
from tests.properties.families import account_of

if TYPE_CHECKING:
    from pipeline.job import Job

Row = dict[str, str]
PEOPLE: Final = ("c1", "c2", "c3", "c4")
EMAILS: Final = ("ann@example.com", "bob@example.com")
SUBSCRIBED, UNSUBSCRIBED = 1, 2


def _spelled(identity: str, how: str) -> str:
    """The address of somebody: the first two share one, and so do the others; left out now and then."""
    email = EMAILS[0] if identity in PEOPLE[:2] else EMAILS[1]
    return {"": "", "upper": email.upper(), "lower": email}[how]


def _name(identity: str) -> str:
    """Everybody keeps a first name, which some share."""
    return "Ann" if identity in ("c1", "c2") else "Bob"


def _at_home(number: int, contact: dict[str, Any]) -> dict[str, Any]:
    """A contact of the export has its name there already, and lives at its address or moves there."""
    owner = contact["externalId"]
    own = {"firstName": _name(owner)} if owner else {}
    return {"id": number, **contact, **own}


rows = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.sampled_from([*PEOPLE, ""]),
            "spelled": st.sampled_from(["", "upper", "lower"]),
            "last": st.sampled_from(["Lake", ""]),
            "ok": st.sampled_from(["Y", "Y", "N", "B", "M", "", "maybe"]),
            "at": st.sampled_from(["", "2024-01-01", "2024-02-01", "2024-03-01"]),
            "src": st.just("form"),
        }
    ),
    max_size=10,
).map(lambda found: [row | {"email": _spelled(row["id"], row["spelled"]), "first": _name(row["id"])} for row in found])
contacts = st.lists(
    st.fixed_dictionaries(
        {
            "email": st.sampled_from([*EMAILS, "Bob@example.com"]),
            "status": st.sampled_from([1, 1, 1, 2, 3, 4, 5]),
            "externalId": st.sampled_from([*PEOPLE, None]),
            "firstName": st.sampled_from(["Ann", "Bob", "Cid"]),
            "lastName": st.just("Lake"),
        }
    ),
    max_size=6,
).map(lambda found: [_at_home(number, contact) for number, contact in enumerate(found, 1)])
jobs = st.sampled_from(["never", "with_newer_evidence"]).map(
    lambda resubscribe: job_of(policy={"resubscribe": resubscribe}, consent={"channels": {"EMAIL": STATUS}})
)


def _newest_permission(of: list[Row]) -> datetime | None:
    times = [datetime.fromisoformat(row["at"]) for row in of if row["ok"] == "Y" and row["at"]]
    return max(times, default=None)


def _forbids(row: Row, permission: datetime | None) -> bool:
    """Whether a record's opt-out is not provably older than every permission for the address."""
    return row["ok"] == "N" and not (row["at"] and permission and datetime.fromisoformat(row["at"]) < permission)


def _couple(identity: str, number: int, ok: str) -> tuple[Row, dict[str, Any]]:
    """A record without address, of a contact that is subscribed at an address."""
    row = {"id": identity, "spelled": "", "last": "Lake", "ok": ok, "at": "", "src": "form"}
    contact = {"email": EMAILS[0], "status": SUBSCRIBED, "externalId": identity, "lastName": "Lake"}
    return row | {"email": "", "first": "Ann"}, _at_home(number, contact)


ONE_PERMITS = _couple("c1", 1, "Y")
ONE_FORBIDS = _couple("c2", 2, "N")
NEVER = job_of(policy={"resubscribe": "never"}, consent={"channels": {"EMAIL": STATUS}})


@given(rows, contacts, jobs)
@example([ONE_PERMITS[0], ONE_FORBIDS[0]], [ONE_PERMITS[1], ONE_FORBIDS[1]], NEVER)
def test_nobody_at_an_address_is_contacted_after_its_opt_out(export: list[Row], known: list[Any], job: Job) -> None:
    """Where a record opts an address out, and nobody permits later, everybody there is out or was never in."""
    world, account = account_of(job, known)
    outcomes = world.sync(records_of(job, *export)).to_dicts()
    sent = {row[Column.RECORD] for row in outcomes if row[Column.OUTCOME] in ("created", "updated")}
    applied = {row[Column.RECORD] for row in outcomes if row[Column.RECORD] in sent or row[Column.WINNER] in sent}
    for email in EMAILS:
        of = [
            (number, row) for number, row in enumerate(export, 1) if row["id"] and _spelled(row["id"], "lower") == email
        ]
        permission = _newest_permission([row for _, row in of])
        # Who could not be sent at all (without identity, name or any address) opts nobody out.
        reached = {row["id"] for _, row in of if row["email"]} | {contact["externalId"] for contact in known}
        if any(_forbids(row, permission) and number in applied and row["id"] in reached for number, row in of):
            assert SUBSCRIBED not in account.statuses_of(email), email


@given(rows, contacts, jobs)
def test_nobody_restricted_is_subscribed_by_a_first_run(export: list[Row], known: list[Any], job: Job) -> None:
    """What the platform recorded has no date, so nothing is provably newer; for new contacts at the address too."""
    world, account = account_of(job, known)
    world.sync(records_of(job, *export))
    assert len(RESTRICTIONS) == 4
    for contact in known:
        if contact["status"] != SUBSCRIBED:
            assert account.contacts[contact["id"]]["status"] != SUBSCRIBED, contact
    out = {contact["email"].lower() for contact in known if contact["status"] == UNSUBSCRIBED}
    new = [c for number, c in account.contacts.items() if number > len(known)]
    assert [c for c in new if c["status"] == SUBSCRIBED and c["email"].lower() in out] == []


@given(rows, contacts, jobs)
def test_every_record_has_one_outcome_and_a_second_run_sends_nothing(
    export: list[Row], known: list[Any], job: Job
) -> None:
    """However contacts are found, shared, ambiguous or missing."""
    world, _ = account_of(job, known)
    plan = world.plan(records_of(job, *export))
    tally = Tally(len(export))
    tally.add(world.carry_out(plan), plan.items, job)
    assert tally.balanced
    held = plan.decided.filter(
        pl.col(Column.WITHHELD).list.eval(pl.element().struct.field("reason") == Reason.ADDRESS_OPTED_OUT).list.any()
    )
    # Who was opted out with others meanwhile may move to an address that somebody has opted out.
    second = world.plan(records_of(job, *export))
    assert set(second.items.get_column(Column.IDENTITY)) <= set(held.get_column(Column.IDENTITY))
    world.carry_out(second)
    assert world.plan(records_of(job, *export)).items.is_empty()


@given(rows, contacts, jobs, st.randoms(use_true_random=False))
def test_shuffling_changes_no_status(export: list[Row], known: list[Any], job: Job, random: Any) -> None:
    """Who is contacted at an address does not depend on the order of records that have times of their own."""
    found = []
    dated = [row | {"at": f"2024-04-{day:02}"} for day, row in enumerate(export, 1)]
    for order in (dated, random.sample(dated, len(dated))):
        world, account = account_of(job, known)
        world.sync(records_of(job, *order))
        found.append({email: sorted(account.statuses_of(email)) for email in EMAILS})
    assert found[0] == found[1]
