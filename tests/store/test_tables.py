"""Tables on a store: what the product asks of Delta Lake there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest
from deltalake import write_deltalake

from pipeline import delta
from pipeline.errors import StorageError
from pipeline.store.bucket import Store
from pipeline.store.place import Stored

if TYPE_CHECKING:
    from .hosts import Bucket


def rows(*numbers: int) -> pl.DataFrame:
    """Rows of a table."""
    return pl.DataFrame({"number": numbers, "name": [f"name-{number}" for number in numbers]})


@pytest.fixture
def place(bucket: Bucket) -> Stored:
    """Where a table may be."""
    return Stored(Store(bucket.url), "state/some-table")


def read(place: Stored) -> list[int]:
    """The numbers that are there."""
    with delta.using(place):
        return sorted(delta.scan(place).collect().get_column("number"))


def test_a_commit_never_replaces_one_that_somebody_else_made_meanwhile(place: Stored) -> None:
    """It is put only where nothing is: a writer who knows an older version adds to what is there."""
    delta.append(place, rows(1))
    stale = delta.table(place)
    delta.append(place, rows(2))
    write_deltalake(stale, rows(3), mode="append")
    assert read(place) == [1, 2, 3]


def test_what_is_replaced_is_in_no_object_any_more(place: Stored, bucket: Bucket) -> None:
    """Neither in a version, nor in the log, which holds the least and the greatest value."""
    assert not delta.exists(place)
    delta.append(place, rows(1, 2, 3))
    delta.append(place, rows(4))
    delta.replace(place, rows(2))
    assert (read(place), delta.exists(place)) == ([2], True)
    assert not [key for key, text in bucket.texts() if any(f"name-{number}" in text for number in (1, 3, 4))]


def test_a_table_that_was_tampered_with_is_an_error_with_the_next_step(place: Stored, bucket: Bucket) -> None:
    """Without anything of a request or of the library in it."""
    delta.append(place, rows(1))
    [data] = [name for name in delta.files(place) if name.endswith(".parquet")]
    bucket.files.delete_file(f"{bucket.name}/team/{place.key}/{data}")
    with pytest.raises(StorageError, match=r"the table under s3://.*/state/some-table cannot be used") as raised:
        read(place)
    assert "\x1b" not in str(raised.value)
