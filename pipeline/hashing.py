"""Hashes that are the same on every machine and in every version, unlike polars' own."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import polars_hash as plh

if TYPE_CHECKING:
    import polars as pl


def xxhash64(text: pl.Expr) -> pl.Expr:
    """XXH64 as an unsigned 64-bit number; null stays null."""
    return _expression(text).nchash.xxhash64()


def sha256(text: pl.Expr) -> pl.Expr:
    """SHA-256 in lower-case hex; null stays null."""
    return _expression(text).chash.sha2_256()


def _expression(text: pl.Expr) -> plh.HExpr:
    """Importing polars_hash registers its expressions on every pl.Expr; its class only tells type checkers so."""
    return cast(plh.HExpr, text)  # noqa: TC006 - the name keeps the import, which is what registers
