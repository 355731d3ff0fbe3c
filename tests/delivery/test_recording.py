"""What a run told is recorded shard by shard, while other shards are still delivered."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline import memory
from pipeline.errors import StorageError
from pipeline.model import Outcome
from pipeline.planning import dividing
from pipeline.state import BUCKETS, State
from tests.delivery.world import DATA_SET_ID, contacts_of, key_of, rows_of

if TYPE_CHECKING:
    from tests.delivery.world import World

pytest_plugins = ["tests.delivery.fixtures"]

COUNT = 40
LOOKS = 6_000


@pytest.fixture
def divided(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Contacts of an export that is divided into shards."""
    world.seed(contacts_of(COUNT))
    monkeypatch.setattr(dividing, "GATHERED", 10)
    monkeypatch.setattr(memory, "PLANNED_BYTES_PER_BYTE", 5 * 10**5)
    return world


def state_of(world: World) -> State:
    """What is known of the account's contacts."""
    return State(world.home, "acoustic_connect", DATA_SET_ID)


def test_a_shard_is_recorded_while_others_are_delivered(divided: World) -> None:
    """Before the last batch is heard of, the state has contacts of the shards that were finished before it."""
    known: list[int] = []

    def progress(step: str, done: int, total: int | None) -> None:
        if step != "deliver" or done != total:
            return
        for _ in range(LOOKS):
            if known and known[-1]:
                return
            known.append(state_of(divided).read(range(BUCKETS)).height)
            threading.Event().wait(0.01)

    result = divided.sync(divided.mapping(batch_size=5), divided.export(rows_of(COUNT)), progress=progress)
    assert result.summary.rows.updated == COUNT
    assert 0 < known[-1] < COUNT
    assert state_of(divided).read(range(BUCKETS)).height == COUNT


def test_what_cannot_be_recorded_meanwhile_is_recorded_by_the_next_run(divided: World) -> None:
    """All is delivered all the same, the command says what it cannot write, and the next one sends nothing again."""
    mapping, export = divided.mapping(batch_size=5), divided.export(rows_of(COUNT))
    blocked = Path(str(state_of(divided).path))
    blocked.parent.mkdir(parents=True)
    blocked.write_text("not a table")
    with pytest.raises(StorageError):
        divided.sync(mapping, export)
    assert divided.applied() == dict.fromkeys(map(key_of, range(1, COUNT + 1)), 1)
    blocked.unlink()
    again = divided.sync(mapping, export)
    assert {row["outcome"] for row in divided.outcomes(again).values()} == {Outcome.UNCHANGED}
    assert divided.applied() == dict.fromkeys(map(key_of, range(1, COUNT + 1)), 1)


def test_a_shard_of_which_something_is_unknown_is_recorded_when_it_is_known(divided: World) -> None:
    """A batch that stays unclear keeps its shard open; in the end each contact has one row, or is in doubt."""
    unclear = {"fault": "answer", "status": 200, "body": {"data": {"updateContacts": {"modifiedCount": 0}}}}
    divided.faults([unclear | {"key": key_of(7)}])
    mapping: Path = divided.mapping(batch_size=5, settle=0)
    result = divided.sync(mapping, divided.export(rows_of(COUNT)))
    told = state_of(divided).read(range(BUCKETS))
    assert told.get_column("identity").n_unique() == told.height
    doubtful = {key for key, row in divided.outcomes(result).items() if row["outcome"] != Outcome.UPDATED}
    assert key_of(7) in doubtful
    assert set(told.drop_nulls("told_run").get_column("identity")) == set(divided.outcomes(result)) - doubtful
