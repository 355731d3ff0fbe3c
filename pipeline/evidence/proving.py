"""Proves that chains of evidence are unbroken: reads every file, and compares their ends with the ledger's."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from pipeline import delta
from pipeline.errors import StorageError, UsageError
from pipeline.evidence.chain import heads_of
from pipeline.evidence.pseudonym import path_of
from pipeline.ledger.ledger import opened
from pipeline.stages.blocks import BLOCK, CHAIN, SEQUENCE, Break, Walk
from pipeline.store.joining import joined
from pipeline.store.place import place_of, places

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.context import Context
    from pipeline.evidence.heads import Heads
    from pipeline.store.place import Place

PATIENCE: Final = 10
"""How often a chain is read that grows meanwhile."""


@dataclass(frozen=True, slots=True)
class Proved:
    """A chain, and where it does not hold."""

    chain: str
    rows: int
    blocks: int
    head: str
    breaks: tuple[Break, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """All chains of a home."""

    chains: tuple[Proved, ...]

    @property
    def exit_code(self) -> int:
        """0 where every chain is unbroken, else 3."""
        return 3 if any(chain.breaks for chain in self.chains) else 0

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {"unbroken": self.exit_code == 0, "chains": [asdict(chain) for chain in self.chains]}

    def lines(self) -> Iterator[str]:
        """For people."""
        for chain in self.chains:
            state = "broken" if chain.breaks else "unbroken"
            yield f"{chain.chain}: {state}, {chain.rows:,} rows in {chain.blocks:,} blocks, head {chain.head}"
            for found in chain.breaks:
                yield f"  {found.kind}: {found.says}"


def prove(context: Context) -> Proof:
    """Raises UsageError where there is no evidence yet."""
    joined(context)
    home = context.home
    there = {path.name for path in places(home, "evidence")}
    if not there and not path_of(home).exists():
        raise UsageError(
            f"there is no evidence under {home / 'evidence'} yet: it begins with the first run that sends something"
        )
    with opened(context) as ledger:
        heads = heads_of(home, ledger)
        names = sorted(there | set(heads.names()))
        return Proof(tuple(_prove(place_of(home, "evidence", name), name, heads) for name in names))


def _prove(path: Place, name: str, heads: Heads) -> Proved:
    """A run may be writing: the ledger's end counts only if it is the same before and after."""
    for _ in range(PATIENCE):
        known = heads.of(name)
        walk = _walked(path)
        if heads.of(name) == known:
            break
    if known is not None or walk.rows:
        walk.compare(known.head if known else None, known.promised if known else None)
    return Proved(name, walk.rows, walk.blocks, walk.head.hash, tuple(walk.breaks))


def _walked(path: Place) -> Walk:
    walk = Walk()
    if delta.exists(path):
        try:
            for rows in _in_order(path, walk):
                walk.take(rows)
        except StorageError as error:
            walk.breaks.append(Break("unreadable", None, None, str(error)))
    walk.finish()
    return walk


def _in_order(path: Place, walk: Walk) -> Iterator[pl.DataFrame]:
    """The rows by sequence, a file at a time; files whose rows are among each other's are taken together."""
    held: list[pl.DataFrame] = []
    last = 0
    for file in _files(path, walk):
        rows = _rows(path, file, walk)
        if held and int(str(rows.get_column(SEQUENCE).min() or 0)) > last:
            yield pl.concat(held).sort(SEQUENCE, maintain_order=True)
            held = []
        held.append(rows)
        last = max(last, int(str(rows.get_column(SEQUENCE).max() or 0)))
    if held:
        yield pl.concat(held).sort(SEQUENCE, maintain_order=True)


def _files(path: Place, walk: Walk) -> list[str]:
    """The table's files by their first row; those that cannot be read are breaks, placed by what the log says."""
    with delta.using(path):
        actions = delta.table(path).get_add_actions(flatten=True)
        wanted = ["path", f"min.{SEQUENCE}", f"max.{SEQUENCE}", f"min.{BLOCK}"]
        listed = pl.DataFrame(actions)
    found = []
    for row in listed.select(c for c in wanted if c in listed.columns).iter_rows(named=True):
        file = row["path"]
        try:
            first = delta.scan_file(path, file).select(pl.col(SEQUENCE).min()).collect().item()
        except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
            block, start, end = (row.get(c) for c in (f"min.{BLOCK}", f"min.{SEQUENCE}", f"max.{SEQUENCE}"))
            says = f"a file with rows {start} to {end}, of block {block}, is missing or cannot be read"
            walk.breaks.append(Break("unreadable", block, start, says))
            continue
        found.append((first or 0, file))
    return [file for _, file in sorted(found)]


def _rows(path: Place, file: str, walk: Walk) -> pl.DataFrame:
    """The rows of a file. Other columns than a chain has, and rows in another order, are breaks."""
    with delta.using(path):
        rows = delta.scan_file(path, file).collect()
        if rows.columns != list(CHAIN):
            different = ", ".join(sorted(set(rows.columns) ^ set(CHAIN))) or "their order"
            walk.breaks.append(Break("changed", None, None, f"the columns were changed: {different}"))
        missing = [pl.lit(None, kind).alias(name) for name, kind in CHAIN.items() if name not in rows.columns]
        whole = rows.with_columns(missing).select(pl.col(name).cast(kind) for name, kind in CHAIN.items())
        # A number that was taken away is one that fits nowhere.
        whole = whole.with_columns(pl.col(SEQUENCE, BLOCK).fill_null(0))
    before = pl.col(SEQUENCE).shift(1, fill_value=0)
    walk.note(
        "order", whole.filter(pl.col(SEQUENCE) < before), "row {sequence} of block {block} stands after a later one"
    )
    return whole
