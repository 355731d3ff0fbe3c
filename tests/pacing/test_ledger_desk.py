"""The book in the ledger: shared by commands, in nobody's way, and told of when it cannot be written."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from pipeline.errors import StorageError
from pipeline.ledger.ledger import Ledger
from pipeline.pacing.allowance import Book, Pace
from pipeline.pacing.book import LedgerDesk, account_of, note_slowed, slowed_of
from pipeline.pacing.governor import Slowed
from pipeline.pacing.turns import Pacer
from pipeline.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def ledgers(tmp_path: Path) -> Iterator[tuple[Ledger, Ledger]]:
    """Two commands' ledgers of one home."""
    made = (Ledger.at(tmp_path / "home", None), Ledger.at(tmp_path / "home", None))
    yield made
    for ledger in made:
        ledger.close()


def test_two_commands_share_a_minute(ledgers: tuple[Ledger, Ledger]) -> None:
    """Of ten turns each of two takes what it needs; the eleventh is a minute later, whoever asks for it."""
    one, other = (Pacer(Pace(per_minute=10), threading.Event(), LedgerDesk(ledger, "a")) for ledger in ledgers)
    turns = [pacer.claim() for _ in range(5) for pacer in (one, other)]
    assert all(turn.at <= one.clock() for turn in turns)
    assert one.claim().at > one.clock() + 55
    assert other.claim().at > one.clock() + 55


def test_another_account_has_an_allowance_of_its_own(ledgers: tuple[Ledger, Ledger]) -> None:
    """What one account has used up is not missed by another."""
    for ledger, account in zip(ledgers, "ab", strict=True):
        pacer = Pacer(Pace(per_minute=1), threading.Event(), LedgerDesk(ledger, account))
        assert pacer.claim().at <= pacer.clock()


def test_a_hold_is_seen_by_all(ledgers: tuple[Ledger, Ledger]) -> None:
    """A command that has turns left of before the hold finds it with its next block; one that begins, at once."""
    one, other = (Pacer(Pace(per_second=2), threading.Event(), LedgerDesk(ledger, "a")) for ledger in ledgers)
    turn = one.claim()
    one.answered(turn, throttled=True)
    one.throttled(turn, 30.0, 0.5, 900)
    assert other.claim().at > other.clock() + 29
    late = Pacer(Pace(), threading.Event(), LedgerDesk(ledgers[1], "a"))
    assert late.claim().at > late.clock() + 29


def test_the_book_is_in_nobodys_way(ledgers: tuple[Ledger, Ledger]) -> None:
    """Threads that reserve turns and one that settles batches, of two commands: none waits for ever."""
    desks = [LedgerDesk(ledger, "a") for ledger in ledgers]

    def count(number: int) -> None:
        desks[number % 2].change(lambda book: (Book(book.written_at, book.next_at + 1), None))

    with ThreadPoolExecutor(4) as pool:
        written = pool.map(count, range(60))
        for number in range(20):
            ledgers[number % 2].turn("r", [], [(0, number)], NOW)
        list(written)
    assert desks[0].look().next_at == 60
    assert len(ledgers[0].batches("r")) == 20


def test_a_book_that_cannot_be_written_is_an_error_with_the_way_on(ledgers: tuple[Ledger, Ledger]) -> None:
    """Nobody guesses what others take: the run stops as for any other ledger that cannot be written."""
    pacer = Pacer(Pace(per_second=5), threading.Event(), LedgerDesk(ledgers[0], "a"))
    with ledgers[0].transaction() as connection:
        connection.execute(sa.text("DROP TABLE pacing"))
    with pytest.raises(StorageError, match="consent-sync resume"):
        pacer.turn()


def test_a_clock_that_begins_anew_blocks_nobody(ledgers: tuple[Ledger, Ledger]) -> None:
    """A book of before the machine's start is dated later than now: it counts as written now, no longer."""
    desk = LedgerDesk(ledgers[0], "a")
    ahead = desk.look().written_at + 1e7
    with ledgers[0].transaction() as connection:
        book = Book(ahead, next_at=ahead + 3, held_until=ahead + 5).text()
        connection.execute(sa.text("INSERT INTO pacing VALUES ('a', :book)"), {"book": book})
    pacer = Pacer(Pace(per_second=5), threading.Event(), desk)
    assert pacer.claim().at - pacer.clock() <= 5


def test_an_account_is_its_address_and_its_key() -> None:
    """The same key is the same account; nothing of the key is in its name."""

    def of(key: str, url: str = "https://x.example.com") -> str:
        given = {"acoustic_connect_url": url, "acoustic_connect_api_key": key}
        return account_of("acoustic_connect", Settings.model_validate(given))

    assert of("secret-one") == of("secret-one")
    assert len({of("secret-one"), of("secret-two"), of("secret-one", "https://y.example.com")}) == 3
    assert "secret" not in of("secret-one")


def test_a_run_that_was_slowed_down_more_than_once_adds_up(ledgers: tuple[Ledger, Ledger]) -> None:
    """Waits are added, of the marks the lowest counts; a run that never waited has no row."""
    ledger = ledgers[0]
    for slowed in (Slowed(1.5, None, 50), Slowed(2.0, 2, 100), Slowed()):
        note_slowed(ledger, "r", slowed, NOW)
    assert slowed_of(ledger, "r") == Slowed(3.5, 2, 50)
    assert slowed_of(ledger, "other") == Slowed()
