"""Which records of earlier runs need not be tried again: those that the export says everything of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.model import Column, Status
from pipeline.stages.fold import address_text, broken_of, fold
from pipeline.stages.map import map_records
from pipeline.stages.precedence import forbids
from pipeline.stages.retries import Earlier, behind_the_export
from pipeline.stages.split import by_address
from pipeline.stages.validate import validate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from pipeline.job import Job

STANDS: Final = "stands"
"""The export's record that stands for an earlier one."""
_OWN: Final = "@own"


def covered(source: pl.DataFrame, earlier: Earlier, job: Job, now: datetime) -> pl.DataFrame:
    """The numbers of retries that the export stands for, and of its record that does.

    `source`: the export's records of the identities in question, and the retries. An identity's retries are covered
    together or not at all: folding them in must change nothing. A retry that the export has cell by cell is covered.
    """
    cells = [column for column in source.columns if column not in (Column.RECORD, Column.LINE)]
    own, retries = source.filter(~earlier.retried), source.filter(earlier.retried)
    again = own.select(*cells, pl.col(Column.RECORD).alias(STANDS)).unique(cells, keep="last", maintain_order=True)
    same = retries.join(again, on=cells, how="inner", nulls_equal=True).select(Column.RECORD, STANDS)
    rest = retries.join(same, on=Column.RECORD, how="anti")
    if rest.is_empty() or own.is_empty():
        return same
    return pl.concat([same, _absorbed(pl.concat([own, rest]), earlier, job, now)])


def _absorbed(source: pl.DataFrame, earlier: Earlier, job: Job, now: datetime) -> pl.DataFrame:
    valid = _valid(source, job, now)
    marked = valid.join(earlier.records, on=Column.RECORD, how="left", maintain_order="left")
    counting = behind_the_export(marked, earlier, job).select(valid.columns)
    alone = fold(valid.filter(~earlier.retried), job).identities
    together = fold(counting, job, earlier.exported).identities
    both = together.join(alone, on=Column.IDENTITY, how="inner", suffix=_OWN)
    parts = [*(target.part for target in job.targets), *(attribute.part for attribute in job.attributes)]
    proofs = [(t.part, proof) for t in job.targets for proof in (t.at_column, t.source, broken_of(t))]
    same = pl.all_horizontal(
        *(_unchanged(part) for part in parts),
        *(pl.col(part).is_null() | _unchanged(proof) for part, proof in proofs),
        pl.lit(value=True),
    )
    stands = both.filter(same).select(Column.IDENTITY, pl.col(Column.RECORD + _OWN).alias(STANDS))
    retries = valid.filter(earlier.retried).join(stands, on=Column.IDENTITY, how="left", maintain_order="left")
    for lost in _unheard(retries, alone, job):
        retries = retries.with_columns(pl.when(~lost).then(STANDS).alias(STANDS))
    # Where consent belongs to addresses, a record is covered if each of its addresses is.
    whole = retries.group_by(Column.RECORD).agg(pl.col(STANDS).max(), pl.col(STANDS).is_null().any().alias("_open"))
    return whole.filter(~pl.col("_open")).select(Column.RECORD, STANDS)


def _unchanged(part: str) -> pl.Expr:
    return pl.col(part).eq_missing(pl.col(part + _OWN))


def _unheard(retries: pl.DataFrame, alone: pl.DataFrame, job: Job) -> Iterator[pl.Expr]:
    """Whether a retry forbids something at an address that contacts share, and the export does not for that address."""
    address = job.address_of(job.kin)
    if address is None:
        return
    for target in (t for t in job.targets if t.channel == job.kin):
        own = alone.filter(forbids(pl.col(target.part)))
        said = own.select(Column.IDENTITY, address_text(pl.col(address.part)).alias("_at"), target.at_column)
        kept = retries.select(Column.RECORD, Column.IDENTITY, address.part, target.at_column)
        joined = kept.join(said, on=Column.IDENTITY, how="left", maintain_order="left", suffix=_OWN)
        mine, theirs = pl.col(target.at_column), pl.col(target.at_column + _OWN)
        here = address_text(pl.col(address.part)).eq_missing(pl.col("_at")) & pl.col("_at").is_not_null()
        heard = here & (theirs.is_null() | (theirs >= mine).fill_null(value=False))
        loud = joined.filter(~heard.fill_null(value=False)).get_column(Column.RECORD)
        status = pl.col(target.part)
        doubt = (status == Status.UNLISTED).fill_null(value=False)
        yield (forbids(status) | doubt) & pl.col(Column.RECORD).is_in(loud.implode())


def forbidding(source: pl.DataFrame, job: Job, now: datetime) -> pl.Series:
    """The numbers of records of identities that they opt out of something, or restrict: these never expire."""
    valid = _valid(source, job, now)
    said = fold(valid, job).identities
    out = pl.any_horizontal(*(forbids(pl.col(t.part)) for t in job.targets), pl.lit(value=False))
    people = said.filter(out).select(Column.IDENTITY)
    return valid.join(people, on=Column.IDENTITY, how="semi").get_column(Column.RECORD).unique()


def _valid(source: pl.DataFrame, job: Job, now: datetime) -> pl.DataFrame:
    validated = validate(map_records(source, job, now), job)
    return by_address(validated, job).valid if job.by_address else validated.valid
