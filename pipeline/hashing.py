"""Hashes that are the same on every machine and in every version, unlike polars' own."""

from __future__ import annotations

from typing import Final, cast

import polars as pl
import polars_hash as plh

_HMAC_BLOCK: Final = 64
_INNER, _OUTER = 0x36, 0x5C


def xxhash64(text: pl.Expr) -> pl.Expr:
    """XXH64 as an unsigned 64-bit number; null stays null."""
    return _expression(text).nchash.xxhash64()


def sha256(text: pl.Expr) -> pl.Expr:
    """SHA-256 in lower-case hex; null stays null."""
    return _expression(text).chash.sha2_256()


def hmac_sha256(text: pl.Expr, key: bytes) -> pl.Expr:
    """HMAC-SHA256 (RFC 2104) of the text as UTF-8, in lower-case hex; null stays null. `key`: at most 64 bytes."""
    padded = key.ljust(_HMAC_BLOCK, b"\0")
    inner, outer = (pl.lit(bytes(byte ^ pad for byte in padded)) for pad in (_INNER, _OUTER))
    digest = sha256(inner + text.cast(pl.Binary)).str.decode("hex")
    return sha256(outer + digest)


def _expression(text: pl.Expr) -> plh.HExpr:
    """Importing polars_hash registers its expressions on every pl.Expr; its class only tells type checkers so."""
    return cast(plh.HExpr, text)  # noqa: TC006 - the name keeps the import, which is what registers
