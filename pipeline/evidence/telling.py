"""The `evidence` command for a contact: everything that was told of it, to every destination and account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from pipeline import delta
from pipeline.errors import UsageError
from pipeline.evidence.chain import Chain, People
from pipeline.model import Column
from pipeline.stages.blocks import BLOCK, CHAIN, HASH, SEQUENCE
from pipeline.store.joining import joined
from pipeline.store.place import places, store_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.context import Context

_TIMES = ("recorded_at", "consented_at")


@dataclass(frozen=True, slots=True)
class History:
    """The rows of evidence about a contact, the oldest first."""

    told: list[dict[str, Any]]

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {"told": self.told}

    def lines(self) -> Iterator[str]:
        """For people."""
        for row in self.told:
            channel = f" ({row['channel']})" if row["channel"] else ""
            yield (
                f"{row['recorded_at']}  {row['destination']} {row['account']}  {row['target']}: "
                f"{row['before']} -> {row['status']}  {row['outcome']}{_because(row)}"
            )
            yield f"  consented {row['consented_at'] or 'at an unknown time'}, source: {row['source'] or 'unknown'}"
            yield f"  export {row['export']} (sha256 {row['export_sha256']}), record {row['record']}{channel}"
            yield f"  mapping sha256 {row['mapping_sha256']}, run {row['run']}, by {row['operator']}"
            yield f"  contact {row['subject'][:12]}, row {row[SEQUENCE]} of block {row[BLOCK]}, hash {row[HASH]}"


def history(identity: str, context: Context) -> History:
    """Raises UsageError where nothing is known. An address finds every contact that it was sent for."""
    joined(context)
    found = [CHAIN.to_frame()]
    for path in places(context.home, "evidence"):
        if not delta.exists(path):
            continue
        people = People(context.home, path.name).read()
        subjects = people.filter(names(people, identity)).get_column("subject").unique()
        if not subjects.is_empty():
            found.append(Chain(context.home, path.name).about(subjects.to_list()))
    rows = pl.concat(found).sort("recorded_at", SEQUENCE, maintain_order=True)
    if rows.is_empty():
        where = store_of(context.home) or context.home
        raise UsageError(
            f"nothing is known of this identity in the evidence under {where}/evidence; write it as in the export"
        )
    told = rows.with_columns(pl.col(name).dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ") for name in _TIMES)
    return History(told.to_dicts())


def names(people: pl.DataFrame, text: str) -> pl.Expr:
    """Which rows are about whom the text names: by the identity as it is, or without case where nobody has it so.

    An address names whoever has it, in any case.
    """
    wanted = text.strip()
    exact = pl.col(Column.IDENTITY) == wanted
    if people.filter(exact).is_empty():
        exact = pl.col(Column.IDENTITY).str.to_lowercase() == wanted.lower()
    return exact | (pl.col("address") == wanted.lower()).fill_null(value=False)


def _because(row: dict[str, Any]) -> str:
    said = ": ".join(part for part in (row["reason"], row["message"]) if part)
    return f" ({said})" if said else ""
