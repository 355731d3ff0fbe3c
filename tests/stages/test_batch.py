"""Changes to items: opt-outs first, in batches that fit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pipeline.model import Column
from tests.jobs import NOW, job_of, records_of
from tests.properties.chain import LIMITS, Person, world_of

if TYPE_CHECKING:
    import polars as pl

ADDRESSES = {"email": "ann@example.com", "mobile": "212 555 0123"}


def items_of(
    *rows: dict[str, str], limits: Any = LIMITS, people: tuple[str, ...] = (), **delivery: Any
) -> pl.DataFrame:
    """The items of some rows, all to be created but those of `people`."""
    job = job_of(delivery={"mode": "upsert", **delivery})
    numbered = [{"id": f"C-{n}", **ADDRESSES, **row} for n, row in enumerate(rows, 1)]
    return world_of(job, NOW, {i: Person() for i in people}).plan(records_of(job, *numbered), limits=limits).items


def test_items_that_opt_out_of_anything_go_first() -> None:
    """Phase 0 holds what does nothing but opt out, phase 1 an opt-out beside an opt-in, phase 2 the rest."""
    items = items_of({"email_ok": "Y"}, {"email_ok": "Y", "sms_ok": "N"}, {}, {"email_ok": "N"})
    assert items.select(Column.RECORD, Column.PHASE, Column.BATCH).rows() == [
        (4, 0, 0),
        (2, 1, 1),
        (1, 2, 2),
        (3, 2, 2),
    ]


def test_a_batch_is_of_one_operation() -> None:
    """New and known contacts travel apart, since they are different mutations."""
    items = items_of({"email_ok": "Y"}, {"email_ok": "Y"}, {"email_ok": "Y"}, people=("C-2",))
    assert items.select(Column.RECORD, Column.OPERATION, Column.BATCH).rows() == [
        (1, "create", 0), (3, "create", 0), (2, "update", 1)
    ]  # fmt: skip


def test_a_batch_has_at_most_the_rows_that_mapping_and_vendor_allow() -> None:
    """The smaller of `batch_size` and the vendor's limit cuts."""
    rows = [{"email_ok": "Y"}] * 5
    two = replace(LIMITS, rows_per_request=2)
    assert items_of(*rows, batch_size=3).get_column(Column.BATCH).to_list() == [0, 0, 0, 1, 1]
    assert items_of(*rows, batch_size=3, limits=two).get_column(Column.BATCH).to_list() == [0, 0, 1, 1, 2]


def test_a_batch_fits_the_bytes_that_the_vendor_allows() -> None:
    """Long rows are cut into more batches; a single row always goes."""
    rows = [{"first_name": "n" * 400}] * 4
    small = replace(LIMITS, bytes_per_request=2400)
    assert items_of(*rows, limits=small).get_column(Column.BATCH).n_unique() > 1
    tiny = replace(LIMITS, bytes_per_request=10)
    assert items_of(*rows, limits=tiny).get_column(Column.BATCH).to_list() == [0, 1, 2, 3]


def test_nothing_to_send_is_no_item() -> None:
    """An empty plan has the same columns."""
    assert items_of(people=("C-1",)).columns == items_of({}).columns
