"""Items and their answers to rows of evidence."""

from __future__ import annotations

import hmac
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.hashing import hmac_sha256
from pipeline.model import Column
from pipeline.stages.blocks import CHAIN, HASH, Head, Walk, row_hash, seal
from pipeline.stages.evidence import HIDDEN, ONCE, TOLD, Origin, evidence, people
from tests.jobs import NOW, job_of, records_of
from tests.properties.chain import world_of

KEY = bytes(range(32))
ORIGIN = Origin("run-1", "x.csv", "e" * 64, "m" * 64, "ann", KEY)
ROW = {"id": "M-77", "email": "ann@example.com", "email_ok": "Y", "email_at": "2024-01-01", "first_name": "Zoe"}


def told(outcome: str = "updated", reason: str | None = None, message: str = "", **cells: str) -> pl.DataFrame:
    """The rows of evidence of ROW with that answer."""
    job = job_of(delivery={"mode": "upsert"})
    plan = world_of(job, NOW).plan(records_of(job, ROW | cells))
    settled = plan.items.with_columns(
        pl.lit(outcome).alias(Column.OUTCOME),
        pl.lit(reason, pl.String).alias(Column.REASON),
        pl.lit(message).alias(Column.MESSAGE),
    )
    return evidence(plan.items, settled, job, ORIGIN, NOW)


@given(st.lists(st.none() | st.text(), min_size=1))
def test_the_keyed_hash_is_hmac_sha256(texts: list[str | None]) -> None:
    """Anybody with the key can make it with other means."""
    found = pl.Series(texts, dtype=pl.String).to_frame("t").select(hmac_sha256(pl.col("t"), KEY)).to_series()
    expected = [None if t is None else hmac.new(KEY, t.encode(), "sha256").hexdigest() for t in texts]
    assert found.to_list() == expected


def test_a_row_for_each_target_that_was_told() -> None:
    """A target of which nothing was sent has none."""
    [row] = told().to_dicts()
    assert (row["target"], row["before"], row["status"], row["outcome"]) == ("EMAIL", "UNSET", "OPT_IN", "updated")
    assert row["subject"] == hmac.new(KEY, b"M-77", "sha256").hexdigest()
    assert told(sms_ok="N", mobile="2125550187").get_column("target").to_list() == ["EMAIL", "SMS"]


def test_what_was_not_sent_is_not_told() -> None:
    """An item whose turn never came has no answer; one that was sent and not confirmed has."""
    assert told("unknown", "not_sent").is_empty()
    assert told("unknown", "not_confirmed").height == 1


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("no", "no"),
        ("X_Y: Ann@Example.com is wrong", f"X_Y: {HIDDEN} is wrong"),
        ("M-77 is unknown", f"{HIDDEN} is unknown"),
        ("m-77 is unknown", HIDDEN),
        ("Zoe may not", f"{HIDDEN} may not"),
        ("+1 (212) 555-0187 is no number", f"{HIDDEN} is no number"),
        ("code 20240101 of 3", "code 20240101 of 3"),
    ],
)
def test_a_message_says_what_is_wrong_and_not_with_whom(message: str, kept: str) -> None:
    """Addresses, the identity and what was sent are taken out; in another spelling, the whole message."""
    assert told("failed", "refused_by_destination", message).get_column("message").to_list() == [kept]


def test_people_have_an_address_each_or_none() -> None:
    """A row for each address that was sent; one without for those of whom none was."""
    job = job_of(delivery={"mode": "upsert"})
    both = ROW | {"mobile": "2125550187", "sms_ok": "Y"}
    plan = world_of(job, NOW).plan(records_of(job, both, {"id": "M-78", "email_ok": "N"}))
    settled = plan.items.with_columns(pl.lit(None, pl.String).alias(Column.REASON))
    silent = plan.items.with_columns(
        pl.when(pl.col(Column.RECORD) > 1).then(pl.col(a.part)).alias(a.part) for a in job.addresses
    )
    assert people(plan.items, settled, job, KEY).select("channel", "address").rows() == [
        ("EMAIL", "ann@example.com"), ("SMS", "+12125550187"),
    ]  # fmt: skip
    assert people(silent, settled, job, KEY).select("identity", "channel", "address").rows() == [("M-77", None, None)]


cells = st.none() | st.text(max_size=8)


@given(st.lists(st.tuples(cells, cells, cells), min_size=2, max_size=2, unique=True))
def test_no_two_rows_have_one_hash(rows: list[tuple[Any, Any, Any]]) -> None:
    """A text that looks like the end of one column and the beginning of the next is still another one."""
    named = [dict(zip(("source", "outcome", "reason"), row, strict=True)) for row in rows]
    frame = pl.DataFrame([dict.fromkeys(TOLD) | row for row in named], schema=TOLD)
    both = frame.with_columns(pl.lit(1, pl.Int64).alias("sequence"), pl.lit(1, pl.Int64).alias("block"))
    assert both.select(row_hash()).to_series().n_unique() == 2


def test_the_hash_of_a_row_stays_what_it_is() -> None:
    """A chain of last year must hold under every later version."""
    [row] = seal(told(), Head())[0].to_dicts()
    assert row[HASH] == "2da316ed8a88275eb798bb03e3ee73666cdeeedb700e58e50ca06188463bf23b"
    assert row["block_hash"] == "ca929d234e370560088c941999dc7d132a4a976d6dc9ffdcca80eb61b3bb450b"


@given(st.lists(st.integers(min_value=1, max_value=4), max_size=5), st.integers(min_value=1, max_value=7))
def test_a_chain_holds_however_it_is_read(heights: list[int], at_once: int) -> None:
    """In pieces of any size, within blocks or across them."""
    head, blocks = Head(), [pl.DataFrame(schema=CHAIN)]
    for height in heights:
        sealed, head = seal(pl.concat([told()] * height), head)
        blocks.append(sealed)
    walk = Walk()
    for piece in pl.concat(blocks).iter_slices(at_once):
        walk.take(piece)
    walk.finish()
    assert (walk.breaks, walk.head) == ([], head)


def test_what_makes_two_answers_one_is_in_a_row() -> None:
    """The columns by which an answer is recorded once are columns of a row."""
    assert set(ONCE) <= set(TOLD)
