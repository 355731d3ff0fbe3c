"""Generated exports, mappings and pasts: everything that an export does to a mapping, in few distinct values."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import polars as pl
from hypothesis import strategies as st

from pipeline.job import part_of
from pipeline.model import Column
from pipeline.state import SCHEMA, bucket_of
from tests.jobs import EMAIL_AND_SMS, NEWS, NOW, PROMO, job_of, target
from tests.properties.chain import Person

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hypothesis.strategies import SearchStrategy

    from pipeline.job import Job

Row = dict[str, str]
Past = dict[str, dict[str, tuple[str, datetime | None]]]
"""identity -> target key -> (status, time)"""

PEOPLE: Final = ("C-1", "C-2", "C-3", "C-4", "C-5", "C-6", "C-7", "C-8")
IDENTITIES: Final = st.sampled_from([*PEOPLE, *PEOPLE, " C-1 ", "", "4.4E+11"])
CONSENTS: Final = st.sampled_from(["", "Y", "N", " y ", "P", "C", "maybe", "Y", "Y"])
"""Permissions more often than not: they are what something may stand in the way of."""
TIMES: Final = st.sampled_from(
    ["", "2024-01-01", "2024-02-01T10:00:00+02:00", "2024-03-01 10:00", "2031-01-01", "soon"]
)
SOURCES: Final = st.sampled_from(["", "form", "form"])
EMAILS: Final = st.sampled_from(["", "ann@example.com", "Ann@Example.ORG", "ann@", "bob@example.com"])
MOBILES: Final = st.sampled_from(["", "212 555 0123", "+1 212 555 0124", "12", "2.13E+09"])
STATUSES: Final = st.sampled_from(["OPT_OUT", "OPT_OUT", "OPT_IN", "OPT_IN_UNVERIFIED"])
TOLD_TIMES: Final = st.sampled_from([None, datetime(2023, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, 8, tzinfo=UTC)])
"""Before all times of an export, and at the same time as one of them."""

GROUPS: Final = {"groups": {"Newsletters": target("news"), "Promotions": {"channels": {"EMAIL": target("promo")}}}}
CONSENT_COLUMNS: Final = {"channels": ("email", "sms"), "groups": ("news", "promo")}
KEYS: Final = {
    "channels": ("EMAIL", "SMS"),
    "groups": (f"group:{NEWS}", f"group:{NEWS}:EMAIL", f"group:{NEWS}:SMS", f"group:{PROMO}:EMAIL", "EMAIL", "SMS"),
}


def exports(
    kind: str = "channels",
    consents: SearchStrategy[str] = CONSENTS,
    identities: SearchStrategy[str] = IDENTITIES,
    most: int = 24,
) -> SearchStrategy[list[Row]]:
    """Up to `most` records of a few identities, which some of them share."""
    cells: dict[str, SearchStrategy[str]] = {
        "id": identities,
        "email": EMAILS,
        "mobile": MOBILES,
        "first_name": st.sampled_from(["", "Ann", "Bob"]),
        "dob": st.sampled_from(["", "1990-05-17", "17 May"]),
    }
    for name in CONSENT_COLUMNS[kind]:
        cells |= {f"{name}_ok": consents, f"{name}_at": TIMES, f"{name}_src": SOURCES}
    return st.lists(st.fixed_dictionaries(cells), max_size=most)


def policies() -> SearchStrategy[dict[str, Any]]:
    """Every policy that decides about consent."""
    everybody = ["export", "state", "destination"]
    witnesses = [["export"], ["export", "state"], ["export", "destination"], everybody, everybody, everybody]
    return st.fixed_dictionaries(
        {
            "unknown_value": st.sampled_from(["hold", "reject"]),
            "duplicates": st.sampled_from(["latest", "strictest"]),
            "resubscribe": st.sampled_from(["never", "with_newer_evidence", "with_newer_evidence"]),
            "require_evidence": st.sampled_from([[], ["OPT_IN"], ["OPT_IN", "OPT_OUT"]]),
            "witnesses": st.sampled_from(witnesses),
        }
    )


MODES: Final = st.sampled_from(["update", "create", "upsert"])


@st.composite
def jobs(draw: st.DrawFn, kind: str = "channels", modes: SearchStrategy[str] = MODES) -> Job:
    """A bound mapping of any policy and mode."""
    return job_of(
        consent=EMAIL_AND_SMS if kind == "channels" else GROUPS,
        attributes={
            "First Name": {"column": "first_name", "blank": draw(st.sampled_from(["keep", "clear"]))},
            "Birthday": "dob",
        },
        policy=draw(policies()),
        delivery={"mode": draw(modes)},
    )


def returns(kind: str = "channels") -> SearchStrategy[list[Row]]:
    """One record of each identity, which opts in again with some evidence."""
    cells: dict[str, SearchStrategy[str]] = {name: st.just("") for name in ("email", "mobile", "first_name", "dob")}
    for name in CONSENT_COLUMNS[kind]:
        at = st.sampled_from(["2024-01-01", "2024-02-01T10:00:00+02:00", "2024-03-01", ""])
        cells |= {f"{name}_ok": st.sampled_from(["Y", "P", "C"]), f"{name}_at": at, f"{name}_src": SOURCES}
    return st.tuples(*(st.fixed_dictionaries({"id": st.just(i), **cells}) for i in PEOPLE)).map(list)


def opt_outs(kind: str = "channels") -> SearchStrategy[Past]:
    """One opt-out of each identity, told before."""
    at = st.sampled_from([datetime(2024, 1, 15, tzinfo=UTC), datetime(2024, 2, 1, 8, tzinfo=UTC), None])
    of_contact = st.dictionaries(st.sampled_from(KEYS[kind]), st.tuples(st.just("OPT_OUT"), at), min_size=1, max_size=2)
    return st.fixed_dictionaries(dict.fromkeys(PEOPLE, of_contact))


def pasts(kind: str = "channels") -> SearchStrategy[Past]:
    """What some of the contacts were told before."""
    of_contact = st.dictionaries(st.sampled_from(KEYS[kind]), st.tuples(STATUSES, TOLD_TIMES), max_size=2)
    return st.dictionaries(st.sampled_from(PEOPLE), of_contact, max_size=8)


@st.composite
def people(draw: st.DrawFn, identities: Sequence[str] = PEOPLE, *, addressed: bool = False) -> dict[str, Person]:
    """Contacts of the destination. `addressed`: all of the identities, with both addresses."""
    found = {}
    for identity in identities if addressed else draw(st.lists(st.sampled_from(identities), unique=True, max_size=6)):
        channels = draw(st.dictionaries(st.sampled_from(["EMAIL", "SMS"]), STATUSES))
        groups = draw(st.dictionaries(st.sampled_from([NEWS, PROMO]), st.dictionaries(st.just("EMAIL"), STATUSES)))
        attributes = {"Email": "stored@example.com", "Cell Phone": "+12125550199"}
        if not addressed and draw(st.booleans()):
            del attributes["Cell Phone"]
        found[identity] = Person(attributes, channels, groups)
    return found


def state_of(past: Mapping[str, Mapping[str, tuple[str, datetime | None]]], kind: str = "channels") -> pl.DataFrame:
    """The state's rows of a past."""
    schema = dict(SCHEMA)
    for key in KEYS[kind]:
        schema |= {part_of(key): pl.String(), f"{part_of(key)}@at": pl.Datetime("us", "UTC")}
    rows = []
    for identity, told in past.items():
        row: dict[str, Any] = {Column.IDENTITY: identity, "told_run": "run-0", "told_at": NOW}
        for key, (status, at) in told.items():
            row |= {part_of(key): status, f"{part_of(key)}@at": at}
        rows.append(row)
    return pl.DataFrame(rows, schema=schema).with_columns(bucket_of(pl.col(Column.IDENTITY)).alias("bucket"))
