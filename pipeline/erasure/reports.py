"""Takes records out of the reports of a run whose plan was changed by hand, row by row.

Such a plan proves nothing, so its reports are not made from it again: what they say of the others stays.
"""

from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.model import Column
from pipeline.reporting import open_opt_outs
from pipeline.reporting.rejects import dialect
from pipeline.reporting.reporting import REPORT
from pipeline.stages.opt_outs import AT, SINCE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from pipeline.run_folder import RunFolder

_PERSONAL: Final = ("identity", "message", "link", Column.IDENTITY, AT, SINCE)
_NAMELESS: Final = "forgotten"


def erase(folder: RunFolder, records: frozenset[int], words: Collection[str]) -> None:
    """Empties the records' rows of outcomes and open opt-outs, drops those of rejects, and names no word any more."""
    listed = pl.Series(sorted(records), dtype=pl.Int64).implode()
    for name, number in (("outcomes.parquet", "record"), (open_opt_outs.FILE, Column.RECORD)):
        path = folder.path / name
        if path.exists():
            rows = pl.read_parquet(path)
            folder.write_parquet(path, rows.with_columns(_emptied(rows, pl.col(number).is_in(listed))))
    if (folder.path / "outcomes.csv").exists():
        rows = pl.read_csv(folder.path / "outcomes.csv", infer_schema=False)
        mine = pl.col("record").cast(pl.Int64, strict=False).is_in(listed)
        folder.write_csv("outcomes.csv", rows.with_columns(_emptied(rows, mine)))
    for path in (folder.path / "rejects.csv", folder.path / "withheld.csv"):
        if path.exists():
            _drop(folder, path, listed)
    for path in (folder.path / REPORT, folder.path / "summary.json"):
        if path.exists():
            folder.write_text(path.name, _unnamed(path.read_text(encoding="utf-8"), words))


def _emptied(rows: pl.DataFrame, mine: pl.Expr) -> Iterator[pl.Expr]:
    for name in rows.columns:
        if name in _PERSONAL:
            yield pl.when(~mine.fill_null(value=False)).then(pl.col(name)).alias(name)


def _drop(folder: RunFolder, path: Path, listed: pl.Expr | pl.Series) -> None:
    delimiter, encoding = dialect(folder)
    text = path.read_bytes().decode(encoding, errors="replace")
    rows = pl.read_csv(text.encode(), infer_schema=False, separator=delimiter)
    mine = pl.col("_record").cast(pl.Int64, strict=False).is_in(listed)
    folder.write_csv(path.name, rows.filter(~mine.fill_null(value=False)), delimiter, encoding)


def _unnamed(text: str, words: Collection[str]) -> str:
    """The text with the words replaced, as they are and as HTML or JSON write them."""
    forms = {form for word in words for form in (word, html.escape(word), json.dumps(word)[1:-1])}
    named = "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))
    return re.sub(rf"(?<!\w)(?:{named})(?!\w)", _NAMELESS, text, flags=re.IGNORECASE) if forms else text
