"""Which status outranks which, as polars expressions: the one place where the order of consent is decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from pipeline.model import RESTRICTIONS, STRICTNESS, Column, Status

if TYPE_CHECKING:
    from pipeline.job import Target


def strictness(status: pl.Expr) -> pl.Expr:
    """How strict a status is; a destination's own words rank with what is in doubt; null stays null."""
    ranks = {str(word): rank for word, rank in STRICTNESS.items()}
    rank = status.replace_strict(ranks, default=STRICTNESS[Status.UNLISTED], return_dtype=pl.Int8)
    return pl.when(status.is_not_null()).then(rank)


def is_opt_out(status: pl.Expr) -> pl.Expr:
    """True for an opt-out, false for all else and for null."""
    return status.eq_missing(pl.lit(Status.OPT_OUT))


def permits(status: pl.Expr) -> pl.Expr:
    """True for a permission, false for all else and for null."""
    return status.is_in([str(Status.OPT_IN), str(Status.OPT_IN_UNVERIFIED)]).fill_null(value=False)


def raises(status: pl.Expr) -> pl.Expr:
    """True where the status, written over an opt-out, would end it: opt-in, unverified opt-in, and clearing."""
    return status.is_not_null() & ~is_opt_out(status)


def forbids(status: pl.Expr) -> pl.Expr:
    """True for an opt-out and for a destination's words for contacts that must not be contacted (IV-07, IV-08)."""
    return status.is_in([str(Status.OPT_OUT), *RESTRICTIONS]).fill_null(value=False)


def ends(status: pl.Expr, stored: pl.Expr) -> pl.Expr:
    """True where the status, written over what is stored, would let somebody be contacted who must not be.

    One restriction may take the place of another, but not that of an opt-out: it may be lifted more easily.
    """
    lifts = forbids(stored) & ~forbids(status)
    return raises(status) & (is_opt_out(stored) | lifts)


def winners(records: pl.DataFrame, target: Target, *, by_time: bool) -> pl.DataFrame:
    """Identity, status, time and source of each identity's winning intent; who has none is absent.

    By time the latest known intent stands against all that have no time, and the strictest of these wins; otherwise the
    strictest of all. A later restriction does not end an opt-out, as it does not at the destination. Ties go to the
    later time, then to what is given over what is not, then by the words themselves: neither the rows' order nor the
    records' numbers decide.
    """
    status, at = pl.col(target.part), pl.col(target.at_column)
    # Not an aggregation: polars 2.1 reads beyond its buffers where a filter that aggregates meets `sort_by`.
    given = records.select(Column.IDENTITY, target.part, target.at_column, target.source).filter(status.is_not_null())
    if by_time:
        latest = pl.when(status != Status.UNLISTED).then(at).max().over(Column.IDENTITY)
        lifted = pl.when((status != Status.UNLISTED) & ~forbids(status)).then(at).max().over(Column.IDENTITY)
        # An opt-out that no later record lifts or repeats is as late as the latest.
        since = pl.when(is_opt_out(status)).then(lifted).otherwise(latest)
        given = given.filter(at.is_null() | (at >= since).fill_null(value=True))
    return given.sort(strictness(status), at, status, target.source, descending=True, nulls_last=True).unique(
        Column.IDENTITY, keep="first", maintain_order=True
    )
