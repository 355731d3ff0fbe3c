"""Batches: their jobs, how far they have come, and where they are kept."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

from pydantic import BaseModel, Field, JsonValue

from pipeline.sandbox.vendor import Poison

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

TABLE = """
CREATE TABLE IF NOT EXISTS ivvy_batch (
    number INTEGER PRIMARY KEY AUTOINCREMENT, async_id TEXT NOT NULL UNIQUE, due_at REAL, finished_at REAL,
    document TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS ivvy_batch_by_time ON ivvy_batch (due_at);
CREATE INDEX IF NOT EXISTS ivvy_batch_by_end ON ivvy_batch (finished_at);
"""


class Job(BaseModel):
    """One call."""

    namespace: str
    action: str
    params: dict[str, JsonValue] = Field(default_factory=dict)


class Batch(BaseModel):
    """A run. Times are seconds since 1970 of the world's clock."""

    async_id: str = Field(default_factory=lambda: uuid4().hex)
    jobs: list[Job]
    order: list[int]
    """Positions of the jobs as they are carried out."""
    responses: dict[int, JsonValue] = Field(default_factory=dict)
    """By position, of the jobs that have been carried out."""
    began_at: float
    """When the present stretch begins: after the run, or at the last restart."""
    done_before: int = 0
    """Jobs carried out before this stretch."""
    seconds: float
    """How long all jobs take."""
    stall_after: int | None = None
    finished_at: float | None = None
    poison: dict[str, Poison] = Field(default_factory=dict)
    """Rows that the fault schedule wants refused, from the run."""
    lag_seconds: float = 0
    """For how long it wants what is written to be read as it was before, from the run."""

    @property
    def stalled(self) -> bool:
        """Whether nothing will happen without a restart."""
        return self.stall_after is not None and self.finished_at is None and len(self.responses) >= self.stall_after

    @property
    def progress(self) -> float:
        """Percent."""
        return round(100 * len(self.responses) / len(self.jobs), 2)

    def moments(self) -> Iterator[float]:
        """When each of the jobs that are left is to be carried out, up to where the batch stalls."""
        stop = len(self.jobs) if self.stall_after is None else min(self.stall_after, len(self.jobs))
        for step in range(len(self.responses), stop):
            yield self.began_at + self.seconds * (step + 1 - self.done_before) / len(self.jobs)

    def answered(self, position: int, response: JsonValue, moment: float) -> None:
        """Note that a job was carried out."""
        self.responses[position] = response
        if len(self.responses) == len(self.jobs):
            self.finished_at = moment

    def restart(self, now: float) -> bool:
        """Go on, if the batch was stalled."""
        if not self.stalled:
            return False
        self.stall_after = None
        self.began_at = now
        self.done_before = len(self.responses)
        return True


def ordered(count: int, order: Literal["in_order", "shuffled"]) -> list[int]:
    """Positions in order, or in another one that is the same for the same count."""
    positions = list(range(count))
    if order == "in_order":
        return positions
    mixed = random.Random(count).sample(positions, count)  # noqa: S311 - repeatable on purpose
    return mixed if mixed != positions else positions[::-1]


class Batches:
    """The stored batches; the store that owns the connection keeps other threads out."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.executescript(TABLE)

    def put(self, batch: Batch) -> None:
        """Insert or overwrite."""
        row = (batch.async_id, next(batch.moments(), None), batch.finished_at, batch.model_dump_json())
        sql = "INSERT INTO ivvy_batch (async_id, due_at, finished_at, document) VALUES (?, ?, ?, ?)"
        update = "due_at = excluded.due_at, finished_at = excluded.finished_at, document = excluded.document"
        self._connection.execute(f"{sql} ON CONFLICT (async_id) DO UPDATE SET {update}", row)

    def find(self, async_id: str) -> Batch | None:
        """The batch of that id."""
        sql = "SELECT document FROM ivvy_batch WHERE async_id = ?"
        row = self._connection.execute(sql, (async_id,)).fetchone()
        return None if row is None else Batch.model_validate_json(row[0])

    def due(self, now: float) -> list[Batch]:
        """Batches with a job whose time has come, oldest first."""
        sql = "SELECT document FROM ivvy_batch WHERE due_at <= ? ORDER BY number"
        return [Batch.model_validate_json(row[0]) for row in self._connection.execute(sql, (now,)).fetchall()]

    def forget(self, finished_by: float) -> None:
        """Drop the batches that had ended by then."""
        self._connection.execute("DELETE FROM ivvy_batch WHERE finished_at <= ?", (finished_by,))

    def clear(self) -> None:
        """Drop all."""
        self._connection.execute("DELETE FROM ivvy_batch")
