"""The chain of evidence: each append is a block, whose hash covers its rows and the block before it.

A row's hash is over all its columns; a block's over the hash of the block before and its rows' hashes in their order.
Nothing can be changed, removed, inserted or re-ordered without a hash or a number that no longer fits.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.hashing import sha256
from pipeline.stages.evidence import TOLD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

SEQUENCE: Final = "sequence"
BLOCK: Final = "block"
HASH: Final = "hash"
BLOCK_HASH: Final = "block_hash"
_HASHED: Final = pl.Schema([(SEQUENCE, pl.Int64()), (BLOCK, pl.Int64()), *TOLD.items()])
CHAIN: Final = pl.Schema([*_HASHED.items(), (HASH, pl.String()), (BLOCK_HASH, pl.String())])
"""A row of the chain. `sequence` counts rows and `block` appends, from 1 and without gaps."""
SHOWN: Final = 20
"""Breaks of one kind that are listed one by one."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ends."""

    rows: int = 0
    blocks: int = 0
    hash: str = "0" * 64


@dataclass(frozen=True, slots=True)
class Break:
    """Where a chain does not hold, and how. `kind`: changed, missing, inserted, order, block, end or unreadable."""

    kind: str
    block: int | None
    sequence: int | None
    says: str


def seal(rows: pl.DataFrame, head: Head) -> tuple[pl.DataFrame, Head]:
    """The rows as the block that follows `head`, and the head after it."""
    sequence = pl.int_range(head.rows + 1, head.rows + 1 + pl.len(), dtype=pl.Int64).alias(SEQUENCE)
    numbered = rows.with_columns(sequence, pl.lit(head.blocks + 1, pl.Int64).alias(BLOCK))
    hashed = numbered.with_columns(row_hash(Alike.of(numbered)).alias(HASH))
    digest = _begun(head.hash)
    digest.update(_joined(hashed.get_column(HASH)))
    after = Head(head.rows + rows.height, head.blocks + 1, digest.hexdigest())
    return hashed.with_columns(pl.lit(after.hash).alias(BLOCK_HASH)).select(list(CHAIN)), after


@dataclass(frozen=True, slots=True)
class Alike:
    """What is known of the columns of some rows, so that it is not found out, or written, once a row."""

    written: Mapping[str, str] = field(default_factory=dict)
    """Columns that have one value in all rows, and how it is written."""
    whole: frozenset[str] = frozenset()
    """Columns without a null."""

    @classmethod
    def of(cls, rows: pl.DataFrame) -> Alike:
        """Most columns of a block have one value, or no null."""
        columns = pl.col(list(_HASHED))
        same = rows.select(columns.eq_missing(columns.first()).all()).row(0, named=True)
        nulls = rows.select(columns.null_count()).row(0, named=True)
        first = rows.head(1).select(_written(pl.col(n), kind).alias(n) for n, kind in _HASHED.items() if same[n])
        return cls(
            first.row(0, named=True) if first.width else {}, frozenset(name for name in _HASHED if not nulls[name])
        )


def row_hash(alike: Alike | None = None) -> pl.Expr:
    """SHA-256 over all columns of a row: each with its length before it, so that no two rows read alike."""
    known = alike or Alike()
    pieces: list[pl.Expr | str] = []
    for name, kind in _HASHED.items():
        pieces.append("," if pieces else "")
        if name in known.written:
            pieces.append(known.written[name])
        elif name in known.whole:
            text = _text(pl.col(name), kind)
            pieces += [text.str.len_bytes().cast(pl.String), ":", text]
        else:
            pieces.append(_written(pl.col(name), kind))
    return sha256(pl.concat_str(list(_literals(pieces))))


def _literals(pieces: Iterable[pl.Expr | str]) -> Iterator[pl.Expr]:
    """Texts that follow each other as one."""
    for is_text, some in groupby(pieces, key=lambda piece: isinstance(piece, str)):
        if is_text:
            yield pl.lit("".join(str(text) for text in some))
        else:
            yield from (piece for piece in some if isinstance(piece, pl.Expr))


def _written(column: pl.Expr, kind: pl.DataType) -> pl.Expr:
    text = _text(column, kind)
    return pl.when(text.is_null()).then(pl.lit("-")).otherwise(pl.format("{}:{}", text.str.len_bytes(), text))


def _text(column: pl.Expr, kind: pl.DataType) -> pl.Expr:
    value = column.dt.epoch("us") if isinstance(kind, pl.Datetime) else column
    return value.cast(pl.String)


def _begun(before: str) -> hashlib._Hash:
    return hashlib.sha256(before.encode())


def _joined(hashes: pl.Series) -> bytes:
    return str(hashes.str.join("").item()).encode()


@dataclass(slots=True)
class _Open:
    """The block that is being read."""

    number: int
    hash: str
    digest: hashlib._Hash | None
    """None: the block before it is missing, so nobody can say what its hash should be."""


@dataclass(slots=True)
class Walk:
    """Goes along a chain, piece by piece in the order of sequence, and notes where it does not hold."""

    head: Head = field(default_factory=Head)
    breaks: list[Break] = field(default_factory=list)
    rows: int = 0
    blocks: int = 0
    _open: _Open | None = None

    def take(self, rows: pl.DataFrame) -> None:
        """Looks at the next rows, which are sorted by sequence."""
        if rows.is_empty():
            return
        self._require_rows(rows)
        self._require_sequence(rows)
        self.rows += rows.height
        start = 0
        for number, height in rows.select(pl.col(BLOCK).rle()).unnest(BLOCK).select("value", "len").iter_rows():
            self._take_block(int(number), rows.slice(start, height))
            start += height

    def finish(self) -> None:
        """Closes the last block."""
        if self._open is None:
            return
        block, self._open = self._open, None
        if block.digest is not None and block.digest.hexdigest() != block.hash:
            says = f"block {block.number} has not the rows that it was sealed with, or does not follow the one before"
            self.breaks.append(Break("block", block.number, None, says))
        self.head = Head(self.head.rows, block.number, block.hash)

    def compare(self, head: Head | None, promised: Head | None) -> None:
        """Compares the end with the ledger's, after the last rows. `promised`: the block that was being written.

        A crash between the two leaves either end; nothing else does.
        """
        if self.head in (head, promised):
            return
        if head is None:
            self._end("the ledger does not know this chain, so nobody can say whether its end was cut off")
        elif (self.head.rows, self.head.blocks) < (head.rows, head.blocks):
            self._end(
                f"the end is cut off after block {self.head.blocks}, row {self.head.rows}: the ledger knows "
                f"{head.blocks} blocks and {head.rows} rows"
            )
        elif self.head.rows > head.rows:
            self._end(f"what follows block {head.blocks}, row {head.rows} is not of the ledger: it was inserted")
        else:
            self._end(f"the last block {self.head.blocks} is not the one that the ledger knows")

    def _end(self, says: str) -> None:
        self.breaks.append(Break("end", self.head.blocks, self.head.rows, says))

    def _require_rows(self, rows: pl.DataFrame) -> None:
        wrong = rows.filter(row_hash().ne_missing(pl.col(HASH))).select(BLOCK, SEQUENCE)
        self.note("changed", wrong, "row {sequence} of block {block} was changed")

    def _require_sequence(self, rows: pl.DataFrame) -> None:
        before = pl.col(SEQUENCE).shift(1, fill_value=self.head.rows)
        steps = rows.select(BLOCK, SEQUENCE, before.alias("before"))
        gaps = steps.filter(pl.col(SEQUENCE) > pl.col("before") + 1)
        gaps = gaps.select(BLOCK, pl.col("before").alias("last") + 1, pl.col(SEQUENCE).alias("next") - 1)
        gaps = gaps.with_columns(pl.col("last").alias(SEQUENCE))
        self.note("missing", gaps, "rows {last} to {next} are missing before the rest of block {block}")
        twice = steps.filter(pl.col(SEQUENCE) <= pl.col("before"))
        self.note("inserted", twice, "row {sequence} of block {block} is there more than once, or was inserted")
        self.head = Head(max(self.head.rows, int(str(rows.get_column(SEQUENCE).max()))), self.head.blocks)

    def _take_block(self, number: int, rows: pl.DataFrame) -> None:
        hashes = rows.get_column(BLOCK_HASH).fill_null("-")
        if self._open is None or self._open.number != number:
            self.finish()
            last, before = self.blocks, self.head.hash
            follows = number == last + 1
            if not follows:
                kind, which = ("missing", f"{last + 1} to {number - 1} are") if number > last else ("order", number)
                says = f"blocks {which} missing" if number > last else f"block {number} stands after block {last}"
                self.breaks.append(Break(kind, last + 1 if number > last else number, None, says))
            self.blocks = max(number, last)
            self._open = _Open(number, str(hashes.first()), _begun(before) if follows else None)
        if (hashes != self._open.hash).any():
            self.breaks.append(Break("block", number, None, f"block {number} has several hashes"))
        if self._open.digest is not None:
            self._open.digest.update(_joined(rows.get_column(HASH).fill_null("-")))

    def note(self, kind: str, found: pl.DataFrame, says: str) -> None:
        """Adds a break for each row that was found, up to SHOWN of them, and one that counts the rest."""
        for row in found.head(SHOWN).iter_rows(named=True):
            self.breaks.append(Break(kind, row[BLOCK], row[SEQUENCE], says.format(**row)))
        if found.height > SHOWN:
            rest = found.height - SHOWN
            self.breaks.append(Break(kind, None, None, f"and {rest} more rows that are {kind}"))
