"""What each contact was last told, as a table on disk."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import write_deltalake
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import StorageError
from pipeline.model import Column
from pipeline.state import BUCKETS, State, bucket_of, buckets_of_shard, merge
from pipeline.state import SCHEMA as STATE_SCHEMA

JANUARY, MARCH = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)
ALL = tuple(range(BUCKETS))
SCHEMA = {
    "identity": pl.String(),
    "told_run": pl.String(),
    "told_at": pl.Datetime("us", "UTC"),
    "afresh": pl.Boolean(),
    "consent:EMAIL": pl.String(),
    "consent:EMAIL@at": pl.Datetime("us", "UTC"),
    "attribute:Name": pl.Int64(),
}


def telling(identity: str = "1", run: str = "run-1", **parts: Any) -> pl.DataFrame:
    """One row of what was told: `email`, `at`, `name`, `afresh`."""
    row = (identity, run, MARCH, parts.get("afresh", False), parts.get("email"), parts.get("at"), parts.get("name"))
    return pl.DataFrame([row], schema=SCHEMA, orient="row")


def gone(*identities: str) -> pl.Series:
    """Identities without a contact."""
    return pl.Series(identities, dtype=pl.String)


@pytest.fixture
def state(tmp_path: Path) -> State:
    """An empty state."""
    return State(tmp_path, "acoustic_connect", "ds/1")


def rows_of(state: State) -> dict[str, dict[str, Any]]:
    """Identity -> row."""
    return {row["identity"]: row for row in state.read(ALL).to_dicts()}


def test_nothing_was_told_at_first(state: State) -> None:
    """Reading before the first write gives an empty table."""
    assert state.read(ALL).is_empty()


def test_what_is_told_is_read_again(state: State) -> None:
    """A row comes back from its partition, with its types."""
    state.write(telling(email="OPT_IN", at=JANUARY, name=7), gone(), gone())
    [row] = state.read(ALL).to_dicts()
    assert row["bucket"] == pl.select(bucket_of(pl.lit("1"))).item()
    assert {name: row[name] for name in ("identity", "consent:EMAIL", "consent:EMAIL@at", "attribute:Name")} == {
        "identity": "1",
        "consent:EMAIL": "OPT_IN",
        "consent:EMAIL@at": JANUARY,
        "attribute:Name": 7,
    }
    assert state.read([b for b in ALL if b != row["bucket"]]).is_empty()


TIMES: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[Any, ...]]] = {
    "a null says nothing": ({"email": "OPT_IN", "at": JANUARY, "name": 7}, {}, ("OPT_IN", JANUARY, 7)),
    "a value is put over a value": ({"name": 7}, {"name": 8}, (None, None, 8)),
    "a status comes with its time": (
        {"email": "OPT_IN", "at": JANUARY},
        {"email": "OPT_OUT", "at": MARCH},
        ("OPT_OUT", MARCH, None),
    ),
    "another status with an older time": (
        {"email": "OPT_IN", "at": MARCH},
        {"email": "OPT_OUT", "at": JANUARY},
        ("OPT_OUT", JANUARY, None),
    ),
    "another status of unknown time": (
        {"email": "OPT_IN", "at": JANUARY},
        {"email": "OPT_OUT"},
        ("OPT_OUT", None, None),
    ),
    "the same status keeps the later time": (
        {"email": "OPT_OUT", "at": MARCH},
        {"email": "OPT_OUT", "at": JANUARY},
        ("OPT_OUT", MARCH, None),
    ),
    "the same status of unknown time may be the latest": (
        {"email": "OPT_OUT", "at": MARCH},
        {"email": "OPT_OUT"},
        ("OPT_OUT", None, None),
    ),
    "a time without a status says nothing": (
        {"email": "OPT_OUT", "at": MARCH},
        {"at": JANUARY, "name": 7},
        ("OPT_OUT", MARCH, 7),
    ),
    "a contact created again was told only this": (
        {"email": "OPT_IN", "at": MARCH, "name": 7},
        {"afresh": True, "name": 8},
        (None, None, 8),
    ),
}


@pytest.mark.parametrize(("before", "after", "expected"), TIMES.values(), ids=TIMES)
def test_what_is_told_goes_over_what_was_told(
    before: dict[str, Any], after: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    """Each part by itself; telling the same once more changes nothing."""
    told = merge(STATE_SCHEMA.to_frame(), _placed(telling(**before)), gone())
    for _ in range(2):
        told = merge(told, _placed(telling(run="run-2", **after)), gone())
        [row] = told.to_dicts()
        assert (row["consent:EMAIL"], row["consent:EMAIL@at"], row["attribute:Name"]) == expected
        assert row["told_run"] == "run-2"


def _placed(told: pl.DataFrame) -> pl.DataFrame:
    return told.with_columns(bucket_of(pl.col(Column.IDENTITY)).alias("bucket"))


def test_who_is_gone_was_told_nothing(state: State) -> None:
    """Other contacts of the same partitions stay."""
    identities = [str(number) for number in range(8)]
    state.write(pl.concat([telling(identity, email="OPT_IN") for identity in identities]), gone(), gone())
    state.write(telling("7", email="OPT_OUT"), gone("3", "nobody"), gone())
    found = rows_of(state)
    assert sorted(found, key=int) == [identity for identity in identities if identity != "3"]
    assert {i for i, row in found.items() if row["consent:EMAIL"] == "OPT_OUT"} == {"7"}


def test_nothing_to_write_is_no_version(state: State) -> None:
    """Without rows there is no table."""
    state.write(telling().clear(), gone(), gone())
    assert not Path(str(state.path)).exists()


def test_another_mapping_adds_its_parts(state: State) -> None:
    """New columns join; what the other mapping told stays, but for a contact that was created again."""
    state.write(pl.concat([telling("1", email="OPT_IN"), telling("2", email="OPT_IN")]), gone(), gone())
    other = pl.concat([telling("1"), telling("2", afresh=True)]).drop("consent:EMAIL", "consent:EMAIL@at")
    state.write(other.with_columns(pl.lit("OPT_OUT").alias("consent:SMS")), gone(), gone())
    found = rows_of(state)
    assert [found[i]["consent:EMAIL"] for i in ("1", "2")] == ["OPT_IN", None]
    assert [found[i]["consent:SMS"] for i in ("1", "2")] == ["OPT_OUT", "OPT_OUT"]


def test_an_attribute_may_be_named_like_a_time() -> None:
    """Only consents have a time beside them."""
    named = _placed(telling(name=7).rename({"attribute:Name": "attribute:Name@at"}))
    told = merge(merge(STATE_SCHEMA.to_frame(), named, gone()), named, gone())
    assert told.get_column("attribute:Name@at").to_list() == [7]


def test_accounts_do_not_share_a_table(tmp_path: Path) -> None:
    """Each destination and account has a folder, with a name that every file system takes."""
    paths = {State(tmp_path, "acoustic_connect", account).path for account in ("a", "b")}
    assert len(paths) == 2
    assert Path(str(State(tmp_path, "wix", "../../etc").path)).parent == tmp_path / "state"


@pytest.mark.parametrize("bytes_left", [None, 0, 100])
def test_a_broken_table_is_an_error(state: State, bytes_left: int | None) -> None:
    """A table with a file missing or cut off stops the run: without the state's witness nothing may be raised."""
    state.write(telling(email="OPT_OUT"), gone(), gone())
    for file in Path(str(state.path)).rglob("*.parquet"):
        content = file.read_bytes()
        file.unlink()
        if bytes_left is not None:
            file.write_bytes(content[:bytes_left])
    with pytest.raises(StorageError, match="state"):
        state.read(ALL)


@given(st.sampled_from([1, 2, 4, 8, 16]), st.text())
def test_every_bucket_is_in_one_shard(shards: int, identity: str) -> None:
    """The partitions of all shards are all partitions, and an identity's is that of the shard it is hashed to."""
    assert sorted(bucket for shard in range(shards) for bucket in buckets_of_shard(shard, shards)) == list(ALL)
    bucket = pl.select(bucket_of(pl.lit(identity))).item()
    assert bucket in buckets_of_shard(bucket % shards, shards)


def test_buckets_are_the_same_in_every_version() -> None:
    """State outlives the program: a contact's partition is that of XXH64, whatever polars hashes with."""
    known = {"": 0xEF46DB3751D8E999, "a": 0xD24EC4F1A98C6E5B, "abc": 0x44BC2CF5AD770999}
    found = pl.DataFrame({Column.IDENTITY: list(known)}).select(bucket_of(pl.col(Column.IDENTITY)))
    assert found.to_series().to_list() == [number % BUCKETS for number in known.values()]


def test_what_contradicts_an_overlapping_target_is_forgotten(state: State) -> None:
    """After a group was opted in, nobody knows what became of its channel's opt-out; what agrees is kept."""
    state.write(telling(email="OPT_OUT", at=JANUARY), gone(), gone())
    group = telling(run="run-2").rename({"consent:EMAIL": "consent:group:g", "consent:EMAIL@at": "consent:group:g@at"})
    for told, kept in (("OPT_OUT", "OPT_OUT"), ("OPT_IN", None)):
        state.write(group.with_columns(pl.lit(told).alias("consent:group:g")), gone(), gone())
        assert rows_of(state)["1"]["consent:EMAIL"] == kept


def test_what_was_believed_at_a_time_can_be_read(state: State) -> None:
    """An earlier version is found by its time; before the first there is none."""
    state.write(telling(email="OPT_IN"), gone(), gone())
    between = datetime.now(UTC)
    state.write(telling(email="OPT_OUT", run="run-2"), gone(), gone())
    state.tidy()
    [then], [now] = state.read(ALL, as_of=between).to_dicts(), state.read(ALL).to_dicts()
    assert (then["consent:EMAIL"], now["consent:EMAIL"]) == ("OPT_IN", "OPT_OUT")


def test_what_no_version_of_the_last_days_has_is_let_go_of(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    """History is kept for a time; the table itself stays whole."""
    monkeypatch.setattr("pipeline.state.HISTORY_DAYS", 0)
    state.write(telling(email="OPT_IN"), gone(), gone())
    state.write(telling(email="OPT_OUT", run="run-2"), gone(), gone())
    assert len(list(Path(str(state.path)).rglob("*.parquet"))) == 2
    state.tidy()
    assert len(list(Path(str(state.path)).rglob("*.parquet"))) == 1
    assert rows_of(state)["1"]["consent:EMAIL"] == "OPT_OUT"


def test_only_partitions_of_contacts_that_were_told_something_are_written(state: State) -> None:
    """The others keep their files, so a night costs what has changed."""
    state.write(pl.concat([telling(str(number), email="OPT_IN") for number in range(30)]), gone(), gone())
    before = {path.name for path in Path(str(state.path)).rglob("*.parquet")}
    state.write(telling("3", email="OPT_OUT", run="run-2"), gone(), gone())
    assert len({path.name for path in Path(str(state.path)).rglob("*.parquet")} - before) == 1
    assert len(state.read(ALL)) == 30


def test_a_table_that_was_divided_otherwise_is_read_whole_and_divided_again(state: State) -> None:
    """What is in fewer partitions is found by each shard, and is no second row beside a new one."""
    told = pl.concat([telling(str(number), email="OPT_OUT") for number in range(200)]).drop("afresh")
    fewer = told.with_columns((bucket_of(pl.col(Column.IDENTITY)) % 16).alias("bucket"))
    write_deltalake(str(state.path), fewer, partition_by=["bucket"])
    shards = [set(state.read(buckets_of_shard(shard, BUCKETS)).get_column("identity")) for shard in range(BUCKETS)]
    assert (sum(map(len, shards)), set().union(*shards)) == (200, set(map(str, range(200))))
    state.write(telling("7", email="OPT_IN", run="run-2"), gone(), gone())
    assert len(state.read(ALL)) == 200
    assert rows_of(state)["7"]["told_run"] == "run-2"
    stored = pl.read_delta(str(state.path))
    assert stored.get_column("bucket").to_list() == stored.select(bucket_of(pl.col("identity"))).to_series().to_list()


def test_a_table_that_was_killed_before_its_first_commit_is_none(state: State) -> None:
    """Files without a commit say nothing: nobody was told anything, and what is told then is read again."""
    log = Path(str(state.path)) / "_delta_log"
    log.mkdir(parents=True)
    (log / "_commit_0.json.tmp").write_text("{}")
    assert state.read(ALL).is_empty()
    state.write(telling(email="OPT_OUT"), gone(), gone())
    assert rows_of(state)["1"]["consent:EMAIL"] == "OPT_OUT"
