"""The export's own rows of chosen records, so that what was not delivered can be corrected and run again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline import mapping_file
from pipeline.model import UNDELIVERED, Column, Outcome
from pipeline.reporting.outcome_files import compact

if TYPE_CHECKING:
    from pipeline.carried_out import Run
    from pipeline.run_folder import RunFolder

REJECT_COLUMNS: Final = ("_record", "_outcome", "_reason", "_message")
"""Columns that rejects.csv adds; a corrected file is run again with them."""
MALFORMED: Final = "malformed.parquet"


def dialect(folder: RunFolder) -> tuple[str, str]:
    """(delimiter, encoding) of the mapping's source, so that the same mapping reads the file again."""
    source = mapping_file.load(folder.path / "mapping.yaml").mapping.source
    return source.delimiter or ("\t" if source.format == "tsv" else ","), source.encoding


def source_rows(folder: RunFolder, shards: int, records: pl.Series) -> pl.DataFrame:
    """The export's columns of the records, with their numbers; of malformed ones all are blank.

    Which field of a malformed record belongs to which column would be a guess: its raw text is in the message, and a
    row that nobody has corrected is rejected again for its missing identity.
    """
    wanted = pl.DataFrame({Column.RECORD: records})
    header = folder.header()
    frames = [pl.DataFrame(schema={Column.RECORD: pl.Int64} | dict.fromkeys(header, pl.String))]
    for shard in range(shards):
        files = sorted(folder.source(shard).glob("*.parquet"))
        if files:
            rows = pl.scan_parquet(files).drop(Column.LINE).join(wanted.lazy(), on=Column.RECORD, how="semi").collect()
            frames.append(compact(rows.select(Column.RECORD, *header)))
    malformed = folder.path / "source" / MALFORMED
    if malformed.exists():
        apart = pl.read_parquet(malformed).rename({"record": Column.RECORD}).join(wanted, on=Column.RECORD, how="semi")
        blank = [pl.lit("").alias(column) for column in header]
        frames.append(apart.select(Column.RECORD, *blank))
    return pl.concat(frames)


def flat(withheld: pl.Expr) -> pl.Expr:
    """`SMS: phone_not_e164; Cell Phone: phone_not_e164`."""
    entry = pl.format("{}: {}", pl.element().struct.field("part"), pl.element().struct.field("reason"))
    return withheld.list.eval(entry).list.join("; ")


def write(run: Run, outcomes: pl.DataFrame) -> None:
    """rejects.csv: what was not delivered, and what was folded into it. withheld.csv: what was delivered in part."""
    reasons = {"_outcome": "outcome", "_reason": "reason", "_message": "message"}
    undelivered = outcomes.filter(pl.col("outcome").is_in([str(o) for o in UNDELIVERED]))
    folded = outcomes.filter(pl.col("outcome") == Outcome.SUPERSEDED).join(
        undelivered.select(pl.col("record").alias("winner")), on="winner", how="semi"
    )
    partly = outcomes.filter(
        pl.col("outcome").is_in([str(Outcome.CREATED), str(Outcome.UPDATED), str(Outcome.UNCHANGED)])
        & (pl.col("withheld").list.len() > 0)
    ).with_columns(flat(pl.col("withheld")).alias("reason"))
    rejected = pl.concat([undelivered, folded])
    looked_for = pl.concat([frame.get_column("record") for frame in (rejected, partly)])
    rows = source_rows(run.folder, run.manifest.shards, looked_for)
    for name, chosen in {"rejects.csv": rejected, "withheld.csv": partly}.items():
        added = chosen.select(
            pl.col("record").alias(Column.RECORD),
            pl.col("record").alias("_record"),
            *(pl.col(column).alias(new) for new, column in reasons.items()),
        )
        whole = rows.join(added, on=Column.RECORD, how="inner").sort(Column.RECORD)
        own = [column for column in whole.columns if column not in (Column.RECORD, Column.LINE, *REJECT_COLUMNS)]
        blanks = pl.col(pl.String).replace("", None)
        run.folder.write_csv(name, whole.select(*own, *REJECT_COLUMNS).with_columns(blanks), *dialect(run.folder))
