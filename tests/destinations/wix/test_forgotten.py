"""Where the address is the identity: what is told of it, and what remains when it is forgotten."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
import pytest

from pipeline.erasure import forgetting
from pipeline.evidence import telling
from pipeline.evidence.proving import prove

if TYPE_CHECKING:
    from .bench import Site

from tests.delivery.world import stopped_before

from .bench import row

PHONE = {"phone": "212 555 0187", "sms": "Y"}


def holding(site: Site, *words: str) -> set[str]:
    """The files of the home that hold one of the words."""
    found = set()
    for path in (site.path / "home").rglob("*"):
        if path.suffix == ".parquet":
            text = str(pl.read_parquet(path, hive_partitioning=False).to_dicts())
        else:
            text = path.read_bytes().decode("utf-8", errors="replace") if path.is_file() else ""
        if any(word in text for word in words):
            found.add(path.name)
    return found


def test_each_address_of_a_record_is_told_by_its_channel(site: Site) -> None:
    """Two consents of one record are two rows about two subjects."""
    site.sync(row(1, **PHONE))
    [chain] = prove(site.context()).chains
    assert (chain.rows, chain.breaks) == (2, ())
    [told] = telling.history("ann1@example.com", site.context()).told
    assert (told["channel"], told["target"], told["record"], told["operation"]) == ("EMAIL", "EMAIL", 1, "create")
    [told] = telling.history("+12125550187", site.context()).told
    assert told["channel"] == "SMS"


def test_a_record_is_forgotten_with_all_its_addresses(site: Site) -> None:
    """By the identity that people know it by, or by the address alone."""
    site.sync(row(1, **PHONE), row(2))
    found = forgetting.forget("1", site.context())
    assert (found.records, found.addresses) == (1, 2)
    assert holding(site, "ann1@example.com", "+12125550187") == set()
    assert holding(site, "ann2@example.com") != set()
    [chain] = prove(site.context()).chains
    assert (chain.rows, chain.breaks) == (3, ())


def test_a_forgotten_address_may_only_be_opted_out_and_never_made_anew(site: Site) -> None:
    """Nor may any other address that comes in a record of the same person."""
    site.sync(row(1), row(2))
    forgetting.forget("1", site.context())
    result = site.sync(row(1, **PHONE), row(2, "N"))
    assert site.outcomes(result)["1"]["reason"] == "forgotten"
    assert set(site.states()) == {"ann1@example.com", "ann2@example.com"}
    site.sync(row(1, "N"))
    assert site.states()["ann1@example.com"] == "REVOKED"
    site.seed()
    result = site.sync(row(1, "N", at="2026-02-02"))
    assert site.outcomes(result)["1"]["outcome"] == "held"
    assert site.states() == {}


def test_an_address_takes_the_others_of_its_record_along(site: Site) -> None:
    """In whatever case it is written: none of them is in the state any more, nor confirmed under another identity."""
    site.sync(row(1, **PHONE), row(2))
    found = forgetting.forget("ANN1@example.com", site.context())
    assert (found.records, found.addresses) == (1, 2)
    assert holding(site, "ann1@example.com", "+12125550187", "212 555 0187") == set()
    assert holding(site, "ann2@example.com") != set()
    result = site.sync({**row(7, at="2026-05-05", email="ann1@example.com"), **PHONE})
    assert site.outcomes(result)["7"]["withheld"] == "EMAIL: forgotten; SMS: forgotten"


@pytest.mark.parametrize("step", ["clear a table", "write the reports again", "clear the ledger of mentions"])
@pytest.mark.parametrize("named", ["1", "ann1@example.com"])
def test_an_erasure_that_was_stopped_takes_the_other_addresses_along_when_run_again(
    site: Site, step: str, named: str
) -> None:
    """Though the run that told of them is cleared by then."""
    site.sync(row(1, **PHONE), row(2))
    with pytest.raises(KeyboardInterrupt):
        forgetting.forget(named, replace(site.context(), perform=stopped_before(step)))
    assert holding(site, "+12125550187") != set()
    forgetting.forget(named, site.context())
    assert holding(site, "ann1@example.com", "+12125550187", "212 555 0187") == set()
    assert holding(site, "ann2@example.com") != set()


@pytest.mark.parametrize("named", ["AA-77", "ann1@example.com"])
@pytest.mark.parametrize("file", ["items", "opt_outs", "addresses", "records"])
def test_a_plan_that_was_cleared_in_part_is_cleared_to_the_end(site: Site, file: str, named: str) -> None:
    """Whichever of its files was the next, and whatever the person was named by."""
    site.sync(row(1, **(PHONE | {"sms": "N", "id": "AA-77"})), row(2))
    with pytest.raises(KeyboardInterrupt):
        forgetting.forget(named, replace(site.context(), perform=stopped_before(f"clear plan/{file}-")))
    forgetting.forget(named, site.context())
    assert holding(site, "AA-77", "ann1@example.com", "+12125550187", "212 555 0187") == set()
    assert holding(site, "ann2@example.com") != set()
