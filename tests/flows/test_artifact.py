"""The page that Prefect shows."""

from __future__ import annotations

import re

import pytest

from flows.artifact import key_of, markdown
from pipeline.carried_out import Result
from pipeline.errors import GuardTripped
from pipeline.model import RunStatus
from pipeline.reporting.samples import Sample
from pipeline.reporting.summary import Requests, Rows, Summary

SUMMARY = Summary(
    run_id="R-1",
    destination="acoustic_connect",
    status=RunStatus.PARTIAL,
    plan_hash="0" * 64,
    balanced=True,
    rows=Rows(read=5000, updated=4990, failed=10),
    withheld={"email_invalid": 2},
    requests=Requests(sent=51, retried=1),
    transitions={"EMAIL": {"OPT_IN->OPT_OUT": 12}},
    samples={"EMAIL": {"OPT_IN->OPT_OUT": [Sample(record=7, identity="C•••••")]}},
    reasons={"contact_not_found": 10},
    run_dir="home/runs/R-1",
    report="home/runs/R-1/report.html",
)


@pytest.mark.parametrize(
    "line",
    [
        "| updated | 4,990 |",
        "| read | 5,000 |",
        "| EMAIL | OPT_IN | OPT_OUT | 12 | record 7 (C•••••) |",
        "| contact_not_found | 10 | 0 | Use `mode: upsert` to create it, or correct the identity. |",
        "| email_invalid | 0 | 2 | Correct the address at its source. |",
        "| requests | 51 sent, 1 of them retries |",
        "| report | `home/runs/R-1/report.html` |",
    ],
)
def test_the_page_has_the_figures_and_what_to_do(line: str) -> None:
    """Outcomes, transitions, reasons with advice, requests and where the files are."""
    assert line in markdown(Result(SUMMARY)).splitlines()


def test_a_plan_says_that_it_is_one() -> None:
    """Its outcomes are what would happen, and the next step is named."""
    page = markdown(
        Result(SUMMARY.model_copy(update={"status": RunStatus.PLANNED, "next": ["consent-sync apply R-1"]}))
    )
    assert "nothing was sent" in page
    assert "`consent-sync apply R-1`" in page


def test_what_stopped_the_run_comes_first() -> None:
    """The error's sentence stands above the tables."""
    page = markdown(Result(SUMMARY, GuardTripped("stopped by its guards")))
    assert page.index("> stopped by its guards") < page.index("## Outcomes")


def test_the_key_is_one_that_prefect_takes() -> None:
    """Lower-case letters, digits and dashes, the same for every run of a destination."""
    assert re.fullmatch("[a-z0-9-]+", key_of(SUMMARY))
