"""The ledger: intentions, settlements, and what a database that refuses looks like."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from pipeline.destinations.interface import Delivery, Exceptional
from pipeline.errors import SettingsError, StorageError
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.rows import Settlement
from pipeline.model import BatchState, Outcome, Reason
from pipeline.transport.sending import Attempt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ATTEMPT = Attempt(NOW, 0.1, 200, "ok", 1)


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Ledger]:
    """A ledger on either database."""
    url = request.getfixturevalue("postgresql") if request.param == "postgresql" else None
    made = Ledger.at(tmp_path / "home", url)
    yield made
    made.close()


def test_an_intention_is_kept_before_the_deed_and_settled_after(ledger: Ledger) -> None:
    """A turn settles some batches and marks others in flight in one go."""
    ledger.turn("r", [], [(0, 1), (0, 2)], NOW)
    said = Exceptional(7, Outcome.FAILED, Reason.REFUSED, "X: \u00e4 'quoted'")
    ledger.turn("r", [Settlement((0, 1), Delivery(5, 4, (said,)), [ATTEMPT], NOW)], [(1, 0)], NOW)
    batches = ledger.batches("r")
    assert {key: row.state for key, row in batches.items()} == {
        (0, 1): BatchState.SETTLED, (0, 2): BatchState.IN_FLIGHT, (1, 0): BatchState.IN_FLIGHT,
    }  # fmt: skip
    assert batches[0, 1].exceptional == (said,)
    assert (batches[0, 1].expected, batches[0, 1].reported, batches[0, 1].attempts) == (5, 4, 1)
    assert [request["batch"] for request in ledger.requests("r")] == [1]


def test_an_intention_may_be_told_twice(ledger: Ledger) -> None:
    """Resuming marks a batch in flight that is in flight already; a settled one stays settled."""
    ledger.turn("r", [], [(0, 1)], NOW)
    ledger.turn("r", [Settlement((0, 1), Delivery(), [], NOW)], [], NOW)
    ledger.turn("r", [], [(0, 1)], NOW)
    assert ledger.batches("r")[0, 1].state == BatchState.SETTLED


def test_only_an_unsettled_intention_is_withdrawn(ledger: Ledger) -> None:
    """What never left is forgotten; what was settled is not."""
    ledger.turn("r", [], [(0, 1), (0, 2)], NOW)
    ledger.turn("r", [Settlement((0, 1), Delivery(), [], NOW)], [], NOW)
    for key in ((0, 1), (0, 2), (0, 3)):
        ledger.withdraw("r", key)
    assert list(ledger.batches("r")) == [(0, 1)]


def test_requests_of_a_batch_that_stays_in_flight_count_as_its_attempts(ledger: Ledger) -> None:
    """No request is lost from the record because its batch could not be settled."""
    ledger.turn("r", [], [(0, 1)], NOW)
    ledger.log_requests("r", [ATTEMPT, replace(ATTEMPT, number=2)], [(0, 1)])
    ledger.turn("r", [Settlement((0, 1), Delivery(), [ATTEMPT], NOW)], [], NOW)
    assert ledger.batches("r")[0, 1].attempts == len(ledger.requests("r")) == 3


def test_a_batch_of_many_requests_is_one_attempt(ledger: Ledger) -> None:
    """Where each row has a request of its own, attempts tell how often it was tried, not how many rows there are."""
    requests = [ATTEMPT, ATTEMPT, replace(ATTEMPT, number=2)]
    ledger.turn("r", [], [(0, 2)], NOW)
    ledger.turn("r", [Settlement((0, 2), Delivery(), requests, NOW)], [], NOW)
    assert ledger.batches("r")[0, 2].attempts == 2


def test_a_batch_is_clear_only_when_no_record_is_unknown(ledger: Ledger) -> None:
    """Settled with an unknown record is not the end of a batch."""
    unknown = Exceptional(1, Outcome.UNKNOWN, Reason.NOT_CONFIRMED)
    ledger.turn("r", [], [(0, 1), (0, 2), (0, 3)], NOW)
    ledger.turn(
        "r", [Settlement((0, 1), Delivery(1, 0, (unknown,)), [], NOW), Settlement((0, 2), Delivery(), [], NOW)], [], NOW
    )
    assert {key[1]: row.clear for key, row in ledger.batches("r").items()} == {1: False, 2: True, 3: False}


def test_several_threads_open_a_fresh_ledger_at_once(tmp_path: Path) -> None:
    """Two commands that start together on a new home do not fail for each other."""
    failed: list[BaseException] = []

    def open_it() -> None:
        try:
            Ledger.at(tmp_path / "home", None).close()
        except StorageError as error:
            failed.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_a_fresh_ledger_that_somebody_is_about_to_write_to_is_waited_for(tmp_path: Path) -> None:
    """SQLite says at once that such a file cannot be switched to write-ahead."""
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("CREATE TABLE t (x)")
        other.execute("BEGIN IMMEDIATE")
        soon = threading.Timer(0.1, other.execute, ["COMMIT"])
        soon.start()
        Ledger.at(tmp_path, None).close()
        soon.join()


@pytest.mark.parametrize("url", ["nonsense", "nonsense://secret@h/x", "sqlite+nothing:///x"])
def test_a_database_that_cannot_be_is_a_settings_error(url: str) -> None:
    """A URL that SQLAlchemy does not know is told as such, without the URL."""
    with pytest.raises(SettingsError, match="CONSENT_SYNC_DATABASE_URL") as raised:
        Ledger(url)
    assert "secret" not in str(raised.value)


def test_a_file_that_is_no_ledger_is_a_storage_error(tmp_path: Path) -> None:
    """A damaged ledger is a message with the next step."""
    (tmp_path / "ledger.db").write_text("not a database, whatever its name says; " * 50)
    with pytest.raises(StorageError, match="resume"):
        Ledger.at(tmp_path, None)


def test_what_a_destination_says_at_length_is_cut(ledger: Ledger) -> None:
    """A message of a million characters for each record would fill ledger, outcomes and rejects."""
    ledger.turn("r", [], [(0, 1)], NOW)
    said = Exceptional(7, Outcome.FAILED, Reason.REFUSED, "X: " + "y" * 1_000_000)
    ledger.turn("r", [Settlement((0, 1), Delivery(1, 0, (said,)), [ATTEMPT], NOW)], [], NOW)
    [kept] = ledger.batches("r")[0, 1].exceptional
    assert kept == replace(said, message=said.message[:1000])
