"""Who was forgotten: keyed hashes in HOME/evidence/forgotten, or on the home's store, one a line.

Planning asks here about every record.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import polars as pl

from pipeline.evidence.pseudonym import key_of
from pipeline.model import Column
from pipeline.run_folder import FILE_MODE, storing
from pipeline.stages import forgotten
from pipeline.store.place import FORGOTTEN, store_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from pipeline.job import Job
    from pipeline.stages.validate import Validated


class Forgotten:
    """The list of one home. Raises StorageError where the key of its hashes is lost."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.path = home / FORGOTTEN
        self._store = store_of(home)

    def hold(self, validated: Validated, job: Job) -> tuple[Validated, pl.Series]:
        """Withholds all but opt-outs of whoever was forgotten, and says which records these are."""
        traces = self.traces()
        if not traces:
            return validated, pl.Series(Column.RECORD, [], pl.Int64)
        return forgotten.hold(validated, traces, key_of(self.home), job)

    def about(self, records: Iterable[pl.DataFrame], job: Job) -> pl.Series:
        """Which records are about whoever was forgotten. Each frame has the identity and the addresses of some."""
        nobody, traces = pl.Series(Column.RECORD, [], pl.Int64), self.traces()
        if not traces:
            return nobody
        columns = [Column.RECORD, Column.IDENTITY, *(a.part for a in job.addresses)]
        whole = pl.concat([frame.select(columns) for frame in records], how="vertical_relaxed")
        return forgotten.about(whole, traces, key_of(self.home), job).unique()

    def traces(self) -> frozenset[str]:
        """The hashes."""
        if self._store is not None:
            return frozenset((self._store.read(FORGOTTEN) or b"").decode("ascii").split())
        if not self.path.exists():
            return frozenset()
        with storing(self.path):
            return frozenset(self.path.read_text(encoding="ascii").split())

    def knows(self, text: str) -> bool:
        """Whether the identity or address was forgotten."""
        traces = self.traces()
        return bool(traces & self._traces_of([text])) if traces else False

    def named(self, texts: pl.Series) -> pl.Series:
        """Which of the texts are identities or addresses of whoever was forgotten."""
        listed = pl.Series(sorted(self.traces()), dtype=pl.String).implode()
        traced = forgotten.trace(pl.col("text"), key_of(self.home)).is_in(listed).fill_null(value=False)
        return texts.cast(pl.String).rename("text").to_frame().select(traced).to_series()

    def strangers(self, people: pl.DataFrame) -> pl.DataFrame:
        """The rows of people who were not forgotten: nothing leads from the evidence to the others again."""
        traces = self.traces()
        if not traces:
            return people
        key, listed = key_of(self.home), pl.Series(sorted(traces), dtype=pl.String).implode()
        texts = (forgotten.trace(pl.col(c), key).is_in(listed).fill_null(value=False) for c in ("identity", "address"))
        return people.filter(~pl.any_horizontal(texts))

    def add(self, texts: Collection[str]) -> None:
        """Adds identities and addresses. The list is whole or as it was."""
        lines = sorted(self.traces() | self._traces_of(texts))
        if self._store is not None:
            self._store.put(FORGOTTEN, "".join(f"{line}\n" for line in lines).encode("ascii"))
            return
        with storing(self.path):
            temporary = self.path.with_suffix(".tmp")
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.writelines(f"{line}\n" for line in lines)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path)

    def _traces_of(self, texts: Collection[str]) -> frozenset[str]:
        frame = pl.DataFrame({"text": list(texts)}, schema={"text": pl.String})
        hashes = frame.select(forgotten.trace(pl.col("text"), key_of(self.home, made=True)))
        return frozenset(hashes.to_series().to_list())
