"""JSON text built by polars expressions, row by row; what is null is left out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence


def member(name: str, value: pl.Expr) -> pl.Expr:
    """`"name":value`, null where the value is null."""
    return pl.concat_str(pl.lit(f"{json.dumps(name, ensure_ascii=False)}:"), value)


def array(elements: Sequence[pl.Expr]) -> pl.Expr:
    """The elements that are not null, in brackets; null where all are."""
    return _some(elements, "[", "]")


def obj(*members: pl.Expr) -> pl.Expr:
    """The members that are not null, in braces; empty braces where all are."""
    return pl.concat_str(pl.lit("{"), pl.concat_str(*members, separator=",", ignore_nulls=True), pl.lit("}"))


def some_obj(members: Sequence[pl.Expr]) -> pl.Expr:
    """The members that are not null, in braces; null where all are."""
    return _some(members, "{", "}")


def _some(parts: Sequence[pl.Expr], opens: str, closes: str) -> pl.Expr:
    if not parts:
        return pl.lit(None, pl.String)
    some = pl.any_horizontal(part.is_not_null() for part in parts)
    joined = pl.concat_str(*parts, separator=",", ignore_nulls=True)
    return pl.when(some).then(pl.concat_str(pl.lit(opens), joined, pl.lit(closes)))
