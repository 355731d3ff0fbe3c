"""What the state and the destination know against a status: the witnesses that are heard before it is raised."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from pipeline.job import kin_of, part_of, shown_at
from pipeline.model import Column, Status
from pipeline.stages.kin import held_by_kin, named_twice
from pipeline.stages.moved import moves
from pipeline.stages.precedence import ends, forbids, is_opt_out
from pipeline.stages.seen import SEEN, complete
from pipeline.stages.told import OUT, SAME, TOLD

if TYPE_CHECKING:
    from pipeline.job import Job, Target


def with_seen(frame: pl.DataFrame, seen: pl.DataFrame, asked: pl.Series, job: Job) -> pl.DataFrame:
    """Sets beside what the export says what the destination showed; those of `asked` that it did not show are new."""
    whole = complete(seen, job)
    addresses = {a.part for a in job.addresses if a in job.written_attributes or job.kin}
    exported = {a.part for a in job.attributes} - addresses
    both = {c for c in whole.columns if c.startswith(("consent:", "suppressed@"))} | addresses
    shown = whole.drop(exported).rename({c: c + SEEN for c in both})
    answers = pl.DataFrame({Column.IDENTITY: asked.unique()}).join(shown, on=Column.IDENTITY, how="left")
    answers = answers.with_columns(pl.col(Column.EXISTS).fill_null(value=False))
    joined = frame.join(answers, on=Column.IDENTITY, how="left", maintain_order="left")
    joined = joined.with_columns(_membership(part_of(key)).alias(part_of(key) + SEEN) for key in job.known_keys)
    return joined.pipe(held_by_kin, job).pipe(named_twice, job) if job.asks_first and not job.by_address else joined


def _membership(part: str) -> pl.Expr:
    """Who is not in a group has opted out of it where a membership was told before; else nothing is known."""
    shown = pl.col(part + SEEN)
    left = pl.when(pl.col(part + TOLD).is_not_null()).then(pl.lit(str(Status.OPT_OUT)))
    return pl.when(shown == Status.ABSENT).then(left).otherwise(shown)


def opted_out(target: Target, job: Job) -> pl.Expr:
    """Whether a witness knows what forbids, and this status would end it and does not provably outdate it.

    Where the platform's own opt-outs carry no time, nothing is provably newer than one; an opt-out that it shows
    because this product told it is as old as the state says. Those of other contacts with the same address are never
    outdated, and hold permissions only: a restriction of the contact's own takes nothing from them. A job that restores
    takes back what a run told of the target's own keys, which is no witness then.
    """
    status, nobody = pl.col(target.part), pl.lit(value=False)
    told_of = [key for key in target.overlaps if not (job.restores and key == target.key)]
    out = {key: ends(status, pl.col(part_of(key) + TOLD + OUT)) for key in told_of}
    outdated = {key: out[key] & _outdates(target, f"{part_of(key)}@at{TOLD}", job) for key in told_of}
    if "state" not in job.policy.witnesses:
        out, outdated = {}, {}
    by_state = [out[key] & ~outdated[key] for key in out]
    by_destination = []
    for key in target.shown_keys:
        told = [outdated[k] for k in outdated if key == k or key.startswith(f"{k}:") or k.startswith(f"{key}:")]
        since = shown_at(key) + SEEN
        # What the destination says of the time goes before what we told it: somebody may have opted out again.
        ours = pl.any_horizontal(*told, pl.lit(value=False)) & pl.col(since).is_null()
        forbidden = ends(status, pl.col(part_of(key) + SEEN)) & ~ours & ~_outdates(target, since, job)
        address = job.address_of(job.kin)
        stayed = pl.lit(value=True) if address is None else ~moves(address, job)
        told_already = pl.col(target.part + SAME) & stayed
        others = pl.col(kin_of(key) + SEEN)
        by_destination += [] if job.restores and target.owns(key) else [forbidden]
        by_destination.append(ends(status, others) & ~forbids(status) & ~told_already)
    return pl.any_horizontal(*by_state, *by_destination, nobody)


def opted_out_since(target: Target) -> pl.Expr:
    """Since when a contact is opted out that the export opts out: where it was before, its own time may be the later.

    Null where nobody knows. Any other status keeps its time.
    """
    at, shown = pl.col(target.at_column), part_of(target.key) + SEEN
    already = is_opt_out(pl.col(target.part)) & forbids(pl.col(shown)).fill_null(value=False)
    by_us = is_opt_out(pl.col(part_of(target.key) + TOLD + OUT))
    since = pl.col(shown_at(target.key) + SEEN)
    later = pl.when(since.is_not_null() & at.is_not_null()).then(pl.max_horizontal(at, since))
    return pl.when(already).then(pl.coalesce(later, pl.when(by_us & since.is_null()).then(at))).otherwise(at)


def _outdates(target: Target, since: str, job: Job) -> pl.Expr:
    """Whether the status has evidence that is newer than the time in the column `since`; null: nothing is."""
    if job.policy.resubscribe == "never":
        return pl.lit(value=False)
    newer = pl.col(target.at_column) > pl.col(since)
    return newer.fill_null(value=False) & pl.col(target.source).is_not_null()
