"""One pace for all who send to a destination: threads by one Pacer, commands of a machine by one book of turns."""

from __future__ import annotations

import threading
import time
import uuid
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pipeline.pacing.allowance import AHEAD_SECONDS, Book, Pace, Reserved, Spent
from pipeline.pacing.desk import OwnDesk
from pipeline.pacing.throttling import Throttled
from pipeline.stopping import interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline.pacing.desk import Desk

GATE_SECONDS: Final = 0.05
REMEMBERED_SECONDS: Final = 61


@dataclass(frozen=True, slots=True)
class Turn:
    """Leave to send one request, `at` a time of the pacer's clock. `asks`: nobody knows yet; ask again then."""

    at: float
    block: str = ""
    hold: int = 0
    asks: bool = False
    looked_at: float = 0.0
    """When this pacer had last looked into the book."""


@dataclass(slots=True)
class _Block:
    """What became of the turns of a block."""

    taken: int = 0
    open: int = 0
    throttled: int = 0
    last_at: float = 0.0


@dataclass(slots=True)
class Pacer:
    """Hands out turns. While no limit is named or learned it asks nobody; then it reserves turns in small blocks.

    One throttled answer holds everybody; afterwards one request goes alone, until it is seen to be let through.
    """

    pace: Pace
    stop: threading.Event
    desk: Desk = field(default_factory=OwnDesk)
    clock: Callable[[], float] = time.monotonic
    waited_seconds: float = 0.0
    """How long somebody waited for a turn, all waits at one time counted once."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _slots: deque[float] = field(default_factory=deque)
    _blocks: dict[str, _Block] = field(default_factory=dict)
    _block: str = ""
    _reserved_at: float = 0.0
    _looked_at: float = 0.0
    _reserved_to: float = -1.0
    _went_at: float = 0.0
    _sent_at: float = 0.0
    _least_gap: float = 0.0
    _size: int = 1
    _most: int = 1
    _limited: bool = False
    _holds: int = 0
    _held_until: float = 0.0
    _alone: Turn | None = None
    """The request that tries whether a hold is over; `_careful`: nobody else goes until that is known."""
    _careful: bool = False
    _sent: deque[list[int]] = field(default_factory=deque)
    """[second, requests] while no limit is known."""
    _holder: str = field(default_factory=lambda: uuid.uuid4().hex)
    _waiting: int = 0
    _waits_since: float = 0.0

    def __post_init__(self) -> None:
        book = self.desk.look()
        self._limited = book.allowed(self.pace) is not None
        self._looked_at = self.clock()
        self._held_until = self._looked_at + book.held_until - book.written_at

    def turn(self) -> Turn:
        """Waits for this caller's turn. Raises Interrupted when the run is stopped first."""
        while True:
            turn = self.claim()
            self._wait(turn.at - self.clock())
            self._wait(self._sent_at + self._least_gap - self.clock() if turn.block else 0.0)
            if self.still(turn):
                return turn

    def claim(self) -> Turn:
        """The next turn, which may be yet to come; whoever is held meanwhile claims anew."""
        with self._lock:
            now = self.clock()
            if self._careful and self._alone is not None:
                return Turn(max(now, self._alone.at) + GATE_SECONDS, asks=True)
            turn = self._claimed(now)
            if self._careful:
                self._alone = turn
            return turn

    def still(self, turn: Turn) -> bool:
        """Whether a turn holds good: nobody was throttled since it was claimed."""
        with self._lock:
            good = not turn.asks and turn.hold == self._holds
            if good:
                self._went_at, self._sent_at = max(self._went_at, turn.at), self.clock()
            else:
                self._end(turn, sent=False)
            return good

    def answered(self, turn: Turn, *, throttled: bool = False) -> None:
        """The request of a turn is over, however it ended. What was throttled was not taken of the allowance."""
        with self._lock:
            now = self.clock()
            self._end(turn, throttled=throttled)
            if not throttled and turn.hold == self._holds:
                self._careful = False
            if not throttled and not turn.block:
                self._remember(int(now))

    def throttled(self, turn: Turn, wait_seconds: float | None, backoff_seconds: float, most_seconds: float) -> float:
        """Holds everybody after a 429, which `answered` was told of. Returns the seconds until somebody may try."""
        with self._lock:
            now = self.clock()
            waiting = sum(block.open for block in self._blocks.values())
            ago = max(0.0, now - turn.looked_at)
            said = Throttled(ago, wait_seconds, backoff_seconds, most_seconds, waiting)
            if turn.hold == self._holds:
                self._void()

            def entry(book: Book) -> tuple[Book, tuple[float, bool]]:
                told = book.settled(self._settling(now, book.written_at, so_far=True))
                told = told.released(self._reserved_to, book.written_at - (now - self._went_at), self.pace)
                told, seconds = told.throttled(said, self.pace)
                return told, (seconds, told.allowed(self.pace) is not None)

            seconds, self._limited = self.desk.change(entry)
            self._looked_at = now
            if now + seconds > self._held_until + GATE_SECONDS:
                self._void()  # another answer to the same 429 may ask for longer
            self._held_until = max(self._held_until, now + seconds)
            return max(seconds, self._held_until - now)

    def _void(self) -> None:
        """No turn that was claimed holds good, and whoever comes first tries alone."""
        self._holds += 1
        self._slots.clear()
        self._careful, self._alone = True, None

    def close(self) -> None:
        """Gives back what was reserved and not used."""
        with self._lock:
            self._slots.clear()
            now, self._block = self.clock(), ""

            def entry(book: Book) -> tuple[Book, None]:
                told = book.settled(self._settling(now, book.written_at))
                return told.released(self._reserved_to, book.written_at - (now - self._went_at), self.pace), None

            if self._blocks:
                self.desk.change(entry)

    def _claimed(self, now: float) -> Turn:
        while self._slots and self._slots[0] + AHEAD_SECONDS < now:
            self._slots.popleft()
            self._size = max(1, self._blocks[self._block].taken)
        if self._limited and not self._slots:
            self._reserve(now)
        if not self._limited:
            return Turn(max(now, self._held_until), hold=self._holds, looked_at=self._looked_at)
        block = self._blocks[self._block]
        block.taken, block.open = block.taken + 1, block.open + 1
        at = max(self._slots.popleft(), self._held_until)
        return Turn(at, self._block, self._holds, looked_at=self._looked_at)

    def _reserve(self, now: float) -> None:
        """The next block: larger where the last one did not last, by little, so that little is left over."""
        before = self._blocks.get(self._block)
        if before is not None and now - self._reserved_at < 0.75 * AHEAD_SECONDS:
            self._size = min(self._most, self._size + max(1, self._most // 50))
        name, wanted = uuid.uuid4().hex, self._size

        def entry(book: Book) -> tuple[Book, Reserved]:
            return book.settled(self._settling(now, book.written_at)).reserved(name, self.pace, wanted)

        got = self.desk.change(entry)
        self._looked_at, self._reserved_to, self._least_gap = now, got.next_at, got.least_gap
        self._held_until = max(self._held_until, now + got.held_until - got.now)
        self._limited = got.allowed is not None
        if self._limited:
            self._block, self._most, self._reserved_at = name, got.most, now
            self._blocks[name] = _Block()
            self._slots.extend(now + at - got.now for at in got.turns)

    def _settling(self, now: float, book_now: float, *, so_far: bool = False) -> Mapping[str, Spent]:
        """What came of blocks that are done with: no turn of theirs is left, and each request is answered.

        `so_far`: what is known of the others too.
        """
        if so_far and not self._limited:
            seconds = {f"{self._holder}:{second}": (now - second, count) for second, count in self._sent}
            return {name: Spent(book_now - max(0.0, ago), count) for name, (ago, count) in seconds.items()}
        found: dict[str, Spent] = {}
        for name, block in list(self._blocks.items()):
            done = not block.open and not (name == self._block and self._slots)
            if done or so_far:
                last = block.last_at if done else now
                found[name] = Spent(book_now - (now - last), block.taken - block.throttled)
            if done:
                del self._blocks[name]
        return found

    def _end(self, turn: Turn, *, sent: bool = True, throttled: bool = False) -> None:
        if turn is self._alone:
            self._alone = None
        block = self._blocks.get(turn.block)
        if block is not None:
            block.open -= 1
            block.taken -= not sent
            block.throttled += throttled
            block.last_at = self.clock()

    def _remember(self, second: int) -> None:
        if self._sent and self._sent[-1][0] == second:
            self._sent[-1][1] += 1
        else:
            self._sent.append([second, 1])
        while self._sent[0][0] < second - REMEMBERED_SECONDS:
            self._sent.popleft()

    def _wait(self, seconds: float) -> None:
        if seconds <= 0:
            return
        with self._lock:
            self._waiting += 1
            if self._waiting == 1:
                self._waits_since = self.clock()
        try:
            wait(self.stop, seconds)
        finally:
            with self._lock:
                self._waiting -= 1
                if not self._waiting:
                    self.waited_seconds += self.clock() - self._waits_since


def wait(stop: threading.Event, seconds: float) -> None:
    """Waits; raises Interrupted as soon as the run is stopped."""
    if stop.wait(max(0.0, seconds)):
        raise interrupted(stop)
