"""Which status outranks which, as polars expressions: the one place where the order of consent is decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from pipeline.model import STRICTNESS, Column, Status

if TYPE_CHECKING:
    from collections.abc import Iterable


def strictness(status: pl.Expr) -> pl.Expr:
    """How strict a status is; a destination's own words rank with what is in doubt; null stays null."""
    ranks = {str(word): rank for word, rank in STRICTNESS.items()}
    return status.replace_strict(ranks, default=STRICTNESS[Status.UNLISTED], return_dtype=pl.Int8)


def is_opt_out(status: pl.Expr) -> pl.Expr:
    """True for an opt-out, false for all else and for null."""
    return status.eq_missing(pl.lit(Status.OPT_OUT))


def raises(status: pl.Expr) -> pl.Expr:
    """True where the status, written over an opt-out, would end it: opt-in, unverified opt-in, and clearing."""
    return status.is_not_null() & ~is_opt_out(status)


def winning(status: str, at: str, fields: Iterable[str], *, by_time: bool) -> pl.Expr:
    """Within a group: the struct of `fields` of the row whose intent wins; null where no row has one.

    By time the latest known intent stands against all that have no time, and the strictest of these wins; otherwise the
    strictest of all. Ties go to the later time, then to the later record, so that no answer depends on the rows' order.
    """
    given = pl.col(status).is_not_null()
    if by_time:
        latest = pl.col(at).filter(given).max()
        given &= pl.col(at).is_null() | (pl.col(at) == latest)
    keys = [strictness(pl.col(status)).filter(given), pl.col(at).filter(given), pl.col(Column.RECORD).filter(given)]
    row = pl.struct(*fields).filter(given)
    return row.sort_by(*keys, descending=True, nulls_last=True).first()
