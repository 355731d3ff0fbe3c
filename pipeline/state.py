"""What each contact was last told, per destination and account: a Delta table, partitioned by a hash of the identity.

One row per identity. Columns: `bucket`, `identity`, `told_run`, `told_at`; per consent target `consent:KEY` (status)
and `consent:KEY@at`; per attribute `attribute:NAME`, a fingerprint instead of the value. A null `told_run` says that
something was sent since and not confirmed: the row still witnesses an opt-out, and counts for nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import polars as pl

from pipeline import delta, lock
from pipeline.errors import StorageError
from pipeline.hashing import xxhash64
from pipeline.model import Column, Status
from pipeline.stages.precedence import is_opt_out
from pipeline.store.place import place_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

BUCKETS: Final = 64
"""A power of two: as many shards as an export is divided into at most."""
DIVISION: Final = f"{BUCKETS} partitions"
"""The table's name: by it a table is known that an earlier build has divided otherwise."""
HISTORY_DAYS: Final = 30
"""As long as a Delta table keeps its log: so long back its versions can be read."""
BUCKET: Final = "bucket"
TOLD_RUN: Final = "told_run"
TOLD_AT: Final = "told_at"
SCHEMA: Final = pl.Schema(
    [(BUCKET, pl.Int32()), (Column.IDENTITY, pl.String()), (TOLD_RUN, pl.String()), (TOLD_AT, pl.Datetime("us", "UTC"))]
)


def bucket_of(identity: pl.Expr) -> pl.Expr:
    """The partition of an identity: stable between versions and machines, unlike polars' own hash."""
    return (xxhash64(identity) % BUCKETS).cast(pl.Int32)


def buckets_of_shard(shard: int, shards: int) -> tuple[int, ...]:
    """The partitions of a shard; `shards` divides BUCKETS."""
    return tuple(bucket for bucket in range(BUCKETS) if bucket % shards == shard)


class State:
    """The state of one destination and account. Raises StorageError where the table cannot be used."""

    def __init__(self, home: Path, destination: str, account: str) -> None:
        self.path = place_of(home, "state", lock.name_of(destination, account))

    def read(self, buckets: Sequence[int], as_of: datetime | None = None) -> pl.DataFrame:
        """All rows of the partitions; empty where nothing was told yet. `as_of`: as they were at a time, not long ago.

        Raises StorageError for a time before the first row, or so long ago that its files are gone.
        """
        if not delta.exists(self.path):
            return SCHEMA.to_frame()
        with delta.using(self.path):
            name, rows = delta.named(self.path, as_of)
            if name != DIVISION:
                rows = rows.with_columns(bucket_of(pl.col(Column.IDENTITY)).alias(BUCKET))
            return rows.filter(pl.col(BUCKET).is_in(list(buckets))).collect()

    def _divide_again(self) -> None:
        """Puts a table that was divided otherwise into the partitions of now; its history goes."""
        delta.replace(self.path, self.read(range(BUCKETS)), [BUCKET])
        delta.call(self.path, DIVISION)

    def tidy(self) -> None:
        """Lets go of what was believed before HISTORY_DAYS."""
        if delta.exists(self.path):
            delta.tidy(self.path, HISTORY_DAYS)

    def write(self, told: pl.DataFrame, gone: pl.Series, doubtful: pl.Series) -> None:
        """Puts what contacts were told over what they were told before; a null says nothing.

        `told`: identity, told_run, told_at, `afresh` (a new contact), and part columns. Of `gone` and new contacts only
        opt-outs are remembered; `doubtful` ones lose their `told_run`.
        """
        from deltalake import write_deltalake
        from deltalake.exceptions import DeltaError

        told = told.with_columns(bucket_of(pl.col(Column.IDENTITY)).alias(BUCKET))
        others = pl.DataFrame({Column.IDENTITY: pl.concat([gone.cast(pl.String), doubtful.cast(pl.String)])})
        buckets = pl.concat([told.get_column(BUCKET), others.select(bucket_of(pl.col(Column.IDENTITY))).to_series()])
        touched = sorted(buckets.unique().to_list())
        if not touched:
            return
        if delta.exists(self.path) and delta.name_of(self.path) != DIVISION:
            self._divide_again()
        before = self.read(touched)
        shaken = pl.col(Column.IDENTITY).is_in(doubtful.cast(pl.String).to_list())
        before = before.with_columns(pl.when(~shaken).then(pl.col(TOLD_RUN)).alias(TOLD_RUN))
        merged = merge(before, told, gone)
        written: dict[str, Any] = {"partition_by": [BUCKET], "writer_properties": delta.packed([Column.IDENTITY])}
        written["storage_options"] = delta.options(self.path)
        try:
            delta.make_room(self.path)
            if not delta.exists(self.path):
                write_deltalake(str(self.path), merged, mode="append", name=DIVISION, **written)
                return
            numbers = ", ".join(map(str, touched))
            write_deltalake(
                str(self.path),
                merged,
                **written,
                mode="overwrite",
                predicate=f"{BUCKET} IN ({numbers})",
                schema_mode="merge",
            )
        except (DeltaError, OSError) as error:
            said = delta.said(self.path, error)
            raise StorageError(
                f"the state under {self.path} cannot be written: {said}; run `consent-sync resume` when it can: "
                "what was sent is in the ledger"
            ) from error


def merge(before: pl.DataFrame, told: pl.DataFrame, gone: pl.Series) -> pl.DataFrame:
    """The rows of the touched partitions after a run. `afresh` contacts are new: nobody told them anything before."""
    if before.is_empty():
        return pl.concat([before, told.drop("afresh")], how="diagonal")
    left = pl.col(Column.IDENTITY).is_in(
        [*gone.to_list(), *told.filter("afresh").get_column(Column.IDENTITY).to_list()]
    )
    kept = _without_contacts(before, left)
    parts = [c for c in told.columns if c.startswith(("consent:", "attribute:"))]
    old = kept.select(Column.IDENTITY, *(pl.col(c).alias(f"{c}@old") for c in parts if c in kept.columns))
    renewed = told.join(old, on=Column.IDENTITY, how="left").with_columns(
        _put_over(c).alias(c) for c in parts if f"{c}@old" in old.columns
    )
    renewed = renewed.drop("afresh", *(c for c in renewed.columns if c.endswith("@old")))
    others = kept.columns
    untouched = kept.join(told.select(Column.IDENTITY), on=Column.IDENTITY, how="anti")
    elsewhere = [c for c in others if c not in renewed.columns]
    if elsewhere:
        renewed = renewed.join(kept.select(Column.IDENTITY, *elsewhere), on=Column.IDENTITY, how="left")
    return pl.concat([untouched, _without_contradictions(renewed, told)], how="diagonal")


def _without_contradictions(rows: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """Nobody knows what became of an opt-out where an overlapping target was opted in since, or the other way round."""
    statuses = [c for c in rows.columns if c.startswith("consent:") and not c.endswith("@at")]
    new = [c for c in statuses if c in told.columns]
    doubts = {
        c: pl.any_horizontal(
            pl.col(f"{n}@now").is_not_null() & (is_opt_out(pl.col(n)) != _forbids(pl.col(c))) & pl.col(c).is_not_null()
            for n in new
            if _overlap(n, c)
        )
        for c in statuses
        if any(_overlap(n, c) for n in new)
    }
    if not doubts:
        return rows
    now = told.select(Column.IDENTITY, *(pl.col(c).alias(f"{c}@now") for c in new))
    joined = rows.join(now, on=Column.IDENTITY, how="left", maintain_order="left")
    said = {c: pl.col(f"{c}@now").is_not_null() if c in new else pl.lit(value=False) for c in doubts}
    cleared = [pl.when(said[c] | ~doubt).then(pl.col(c)).alias(c) for c, doubt in doubts.items()]
    return joined.with_columns(cleared).select(rows.columns)


def _forbids(status: pl.Expr) -> pl.Expr:
    return is_opt_out(status) | status.eq_missing(pl.lit(str(Status.WAS_OPT_OUT)))


def _overlap(one: str, other: str) -> bool:
    """Whether two status columns speak of a common channel: a channel, a group, or a channel of that group."""
    kinds = [column.removeprefix("consent:").split(":") for column in sorted((one, other), key=len)]
    if one == other or "group" not in (kinds[0][0], kinds[1][0]):
        return False
    channels = [kind[-1] if kind[0] != "group" or len(kind) == 3 else None for kind in kinds]
    same_group = kinds[0][0] != "group" or kinds[1][0] != "group" or kinds[0][1] == kinds[1][1]
    return same_group and (None in channels or channels[0] == channels[1])


def _without_contacts(rows: pl.DataFrame, left: pl.Expr) -> pl.DataFrame:
    """Forgets what was told to contacts that are gone, but not that they had opted out."""
    statuses = [c for c in rows.columns if c.startswith("consent:") and not c.endswith("@at")]
    values = [c for c in rows.columns if c.startswith("attribute:")]
    opted_out = [str(Status.OPT_OUT), str(Status.WAS_OPT_OUT)]
    was_out = {c: pl.when(pl.col(c).is_in(opted_out)).then(pl.lit(str(Status.WAS_OPT_OUT))) for c in statuses}
    forgotten = rows.with_columns(
        *(pl.when(left).then(out).otherwise(pl.col(c)).alias(c) for c, out in was_out.items()),
        *(pl.when(~left).then(pl.col(c)).alias(c) for c in values),
    )
    remembered = pl.any_horizontal(*(pl.col(c).is_not_null() for c in statuses), pl.lit(value=False))
    return forgotten.filter(~left | remembered)


def _put_over(column: str) -> pl.Expr:
    """What is told over what was told before. A null says nothing; a time goes with its status, and a status that was
    told again keeps the later of two times, so that a stale record does not make an opt-out older than it is.
    """
    told, old = pl.col(column), pl.col(f"{column}@old")
    if not (column.startswith("consent:") and column.endswith("@at")):
        return pl.coalesce(told, old)
    status = column.removesuffix("@at")
    again = pl.col(status) == pl.col(f"{status}@old")
    later = pl.when(again & (old > told)).then(old).otherwise(told)
    return pl.when(pl.col(status).is_null()).then(old).otherwise(later)
