"""Resolves folded records against what was last delivered, what the destination shows and who may not be contacted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from pipeline.job import part_of, reach_of, row_key
from pipeline.model import POLICY_REASONS, SEND, Column, Operation, Outcome, Reason, Status
from pipeline.stages import opt_outs, suppress
from pipeline.stages.fold import broken_of
from pipeline.stages.kin import without_own_voice
from pipeline.stages.moved import why_not_moved
from pipeline.stages.precedence import is_opt_out, raises
from pipeline.stages.retries import contradicted
from pipeline.stages.seen import SEEN
from pipeline.stages.told import SAME, TOLD, unaddressed
from pipeline.stages.withheld import with_withheld
from pipeline.stages.witnesses import opted_out, opted_out_since, with_seen
from pipeline.values import JSON_NULL

if TYPE_CHECKING:
    from pipeline.job import Attribute, Job, Target


@dataclass(frozen=True, slots=True)
class Resolved:
    """`changes`: one row per identity to send, with parts, `@before`, operation; `decided`: one per identity."""

    changes: pl.DataFrame
    decided: pl.DataFrame
    by_list: dict[int, int]
    """Number of a suppression list -> how many contacts something is withheld from because of it."""
    opt_outs: pl.DataFrame
    """One row per identity and target whose opt-out the destination was not told before."""


def decide(frame: pl.DataFrame, seen: pl.DataFrame, asked: pl.Series, job: Job) -> Resolved:
    """Decides every identity. `seen`: what the destination showed of those `asked`; the others of them are new.

    A `suppressed@CHANNEL@LIST` column, where present, says whose address may only be opted out.
    """
    frame = with_seen(frame, seen, asked, job)
    judged = frame.with_columns(
        pl.coalesce(pl.col(t.reason), _policy(t, job, frame.columns), contradicted(t, frame.columns)).alias(t.reason)
        for t in job.targets
    )
    operation = pl.when(pl.col(Column.EXISTS).eq_missing(pl.lit(value=False))).then(pl.lit(Operation.CREATE))
    judged = judged.with_columns(operation.otherwise(pl.lit(Operation.UPDATE)).cast(pl.String).alias(Column.OPERATION))
    judged = judged.with_columns(
        *(_missing_address(t, job).alias(t.reason) for t in job.targets),
        *(_withheld(a, job, frame.columns).alias(a.reason) for a in job.written_attributes),
    ).pipe(without_own_voice, job)
    sent = judged.with_columns(
        *(_sent_status(t).alias(t.part) for t in job.targets),
        *(opted_out_since(t).alias(t.since) for t in job.targets),
        *(_sent_value(a, job).alias(a.part) for a in job.attributes),
        *(opt_outs.owed(t).alias(opt_outs.owed_of(t)) for t in job.targets),
        pl.any_horizontal(*_told_parts(job), pl.lit(value=False)).alias("_some_told"),
        pl.any_horizontal(*_known_statuses(job), pl.lit(value=False)).alias(Column.KNOWN),
    ).pipe(with_withheld, job)
    decided = _verdicts(sent, job)
    befores = [_before(t).alias(t.before) for t in job.targets]
    changes = decided.filter(pl.col(Column.DECISION) == SEND).with_columns(befores)
    own = [*row_key(job), Column.LINE, Column.IDENTITY]
    sends = [Column.OPERATION, Column.EXISTS, *((Column.HANDLE, Column.KIN, Column.BARRED) if job.asks_first else ())]
    parts = [a.part for a in job.attributes]
    parts += [c for t in job.targets for c in (t.part, t.at_column, t.since, t.source, t.before)]
    says = [Column.DECISION, Column.REASON, Column.MESSAGE, Column.WITHHELD, Column.KNOWN]
    by_list, owed = suppress.by_list(judged, job), opt_outs.of_identities(decided, job)
    return Resolved(changes.select(*own, *sends, *parts), decided.select(*own, *says), by_list, owed)


def _policy(target: Target, job: Job, columns: list[str]) -> pl.Expr:
    """Why a target is withheld by policy, the first that applies; null: it goes."""
    status = pl.col(target.part)
    rules = [(Reason.UNKNOWN_CONSENT_VALUE, status.eq_missing(pl.lit(Status.UNLISTED)))]
    address = job.address_of(target.channel)
    lost = pl.lit(None, pl.String)
    if address is not None and target.channel is not None and address in job.written_attributes:
        lost = pl.when(status.is_not_null() & pl.col(address.part).is_null()).then(pl.col(broken_of(target)))
    if suppressed := suppress.marks(columns, target):
        listed = pl.any_horizontal(pl.col(c).fill_null(value=False) for c in suppressed)
        rules.append((Reason.SUPPRESSED, raises(status) & listed))
    required = [str(s) for s in job.policy.require_evidence]
    unproven = pl.col(target.at_column).is_null() | pl.col(target.source).is_null()
    rules.append((Reason.EVIDENCE_MISSING, status.is_in(required) & unproven))
    forbidden = Reason.OPTED_OUT_ELSEWHERE if job.restores else Reason.RESUBSCRIBE_WITHOUT_EVIDENCE
    rules.append((forbidden, opted_out(target, job)))
    # Of several contacts all are opted out; who is in which group, nobody can say.
    told = [str(Reason.CONTACT_NAMED_TWICE), *([str(Reason.CONTACT_AMBIGUOUS)] if target.group_id is None else ())]
    barred = pl.when(status.is_not_null() & ~(pl.col(Column.BARRED).is_in(told) & is_opt_out(status)))
    reasons = [pl.when(wrong).then(pl.lit(str(reason))) for reason, wrong in rules]
    return pl.coalesce(barred.then(pl.col(Column.BARRED)), *reasons, lost)


def _missing_address(target: Target, job: Job) -> pl.Expr:
    """Consent needs the address that it is for: a permission brings it to a new contact (AC-10), a known one has it."""
    channels = [target.channel] if target.channel is not None else list(job.channel_fields)
    addresses = [pl.col(a.part).is_null() for a in job.addresses if set(a.channels) & set(channels)]
    is_new = pl.col(Column.OPERATION) == Operation.CREATE
    given = pl.col(target.part).is_not_null() & pl.col(target.reason).is_null()
    missing = given & is_new & ~is_opt_out(pl.col(target.part)) & pl.all_horizontal(*addresses, pl.lit(value=True))
    stored = pl.any_horizontal(*(pl.col(reach_of(c)) for c in channels if c in job.channel_fields), pl.lit(value=False))
    asked = pl.col(Column.EXISTS).eq_missing(pl.lit(value=True))
    not_set = given & asked & ~stored.fill_null(value=False) & unaddressed(target, job)
    return pl.coalesce(
        pl.col(target.reason),
        pl.when(missing).then(pl.lit(str(Reason.ADDRESS_MISSING))),
        pl.when(not_set).then(pl.lit(str(Reason.ADDRESS_NOT_SET))),
    )


def _withheld(attribute: Attribute, job: Job, columns: list[str]) -> pl.Expr:
    given = pl.col(attribute.part).is_not_null() & ~pl.col(attribute.part + SAME)
    barred = pl.when(given).then(pl.col(Column.BARRED))
    moved = [why_not_moved(attribute, job, columns)] if attribute.channels else []
    return pl.coalesce(barred, *moved, pl.col(attribute.reason))


def _sent_status(target: Target) -> pl.Expr:
    """The status if it goes: not withheld, not told already, something to clear (AC-06: a new contact has nothing)."""
    is_new = pl.col(Column.OPERATION) == Operation.CREATE
    cleared = pl.col(target.part) == Status.CLEAR
    pointless = pl.when(is_new).then(cleared).otherwise(pl.col(target.part + SAME) | _clear_already(target))
    return pl.when(pl.col(target.reason).is_null() & ~pointless).then(pl.col(target.part))


def _clear_already(target: Target) -> pl.Expr:
    shown_none = pl.col(Column.EXISTS).eq_missing(pl.lit(value=True)) & pl.col(part_of(target.key) + SEEN).is_null()
    return (pl.col(target.part) == Status.CLEAR).fill_null(value=False) & shown_none


def _sent_value(attribute: Attribute, job: Job) -> pl.Expr:
    value, is_new = pl.col(attribute.part), pl.col(Column.OPERATION) == Operation.CREATE
    on_create = (value != JSON_NULL) if attribute in job.sent_attributes(Operation.CREATE) else pl.lit(value=False)
    on_update = ~pl.col(attribute.part + SAME) if attribute in job.written_attributes else pl.lit(value=False)
    goes = pl.when(is_new).then(on_create).otherwise(on_update)
    by_policy = pl.col(attribute.reason).is_in([str(r) for r in POLICY_REASONS]).fill_null(value=False)
    return pl.when(goes & pl.col(Column.BARRED).is_null() & ~by_policy).then(value)


def _told_parts(job: Job) -> list[pl.Expr]:
    targets = [(pl.col(t.part + SAME) | _clear_already(t)) & pl.col(t.reason).is_null() for t in job.targets]
    return targets + [pl.col(a.part + SAME) for a in job.written_attributes]


def _known_statuses(job: Job) -> list[pl.Expr]:
    parts = [part_of(target.key) for target in job.targets]
    return [pl.col(part + suffix).is_not_null() for part in parts for suffix in (TOLD, SEEN)]


def _verdicts(sent: pl.DataFrame, job: Job) -> pl.DataFrame:
    """Adds decision, reason and message: what becomes of the identity as a whole."""
    parts = [*(t.part for t in job.targets), *(a.part for a in job.attributes)]
    something = pl.any_horizontal(*(pl.col(part).is_not_null() for part in parts), pl.lit(value=False))
    addressed = pl.any_horizontal(*(pl.col(a.part).is_not_null() for a in job.addresses), pl.lit(value=False))
    is_new = pl.col(Column.OPERATION) == Operation.CREATE
    reasons = pl.col(Column.WITHHELD).list.eval(pl.element().struct.field("reason"))
    by_policy = reasons.list.eval(pl.element().is_in([str(r) for r in POLICY_REASONS])).list.all()
    first = reasons.list.first()
    mode = job.delivery.mode
    cases: list[tuple[pl.Expr, str, pl.Expr]] = []
    if mode == "update":
        cases.append((is_new, Outcome.FAILED, pl.lit(str(Reason.CONTACT_NOT_FOUND))))
    if mode == "create":
        exists = pl.col(Column.EXISTS).eq_missing(pl.lit(value=True))
        cases.append((exists & something, Outcome.REJECTED, pl.lit(str(Reason.CONTACT_EXISTS))))
    cases += [
        (is_new & something & ~addressed, Outcome.REJECTED, _why_unaddressed(job)),
        (is_new & something & _incomplete(job), Outcome.REJECTED, pl.lit(str(Reason.ATTRIBUTE_MISSING))),
        (is_new & something & _implied(job), Outcome.HELD, _why_silent(job)),
        (something, SEND, pl.lit(None, pl.String)),
        (pl.col("_some_told"), Outcome.UNCHANGED, pl.lit(str(Reason.ALREADY_TOLD))),
        (first.is_not_null() & by_policy, Outcome.HELD, first),
        (first.is_not_null(), Outcome.REJECTED, first),
        (pl.lit(value=True), Outcome.UNCHANGED, pl.lit(str(Reason.NOTHING_TO_SEND))),
    ]
    return sent.with_columns(
        pl.coalesce(pl.when(c).then(pl.lit(str(d))) for c, d, _ in cases).alias(Column.DECISION),
        _first_of([(c, r) for c, _, r in cases]).alias(Column.REASON),
        _said(job).alias(Column.MESSAGE),
    )


def _said(job: Job) -> pl.Expr:
    """Whoever else is opted out with a contact is said with it: there is no record of theirs."""
    if job.kin is None:
        return pl.lit("")
    mine = [is_opt_out(pl.col(t.part)) for t in job.targets if t.channel == job.kin]
    out = pl.any_horizontal(*mine, pl.lit(value=False))
    others = pl.col(Column.KIN).list.len()
    said = pl.format("{} other contacts with the same address are opted out too", others)
    return pl.when(out & (others > 0)).then(said).otherwise(pl.lit(""))


def _incomplete(job: Job) -> pl.Expr:
    """Whether a new contact lacks what the destination does not take it without."""
    return pl.any_horizontal(*(pl.col(a.part).is_null() for a in job.attributes if a.is_required), pl.lit(value=False))


def _implied(job: Job) -> pl.Expr:
    """Whether nothing is said of a channel that the destination would opt a new contact in to, or asks consent for."""
    if job.by_address:
        return pl.all_horizontal(*(pl.col(t.part).is_null() for t in job.targets), pl.lit(value=True))
    implied = []
    for address in job.addresses:
        for channel in sorted(job.implicit_opt_in.intersection(address.channels)):
            said = [pl.col(t.part).is_not_null() for t in job.targets if job.speaks_of(t, channel)]
            implied.append(pl.col(address.part).is_not_null() & ~pl.any_horizontal(*said, pl.lit(value=False)))
    return pl.any_horizontal(*implied, pl.lit(value=False))


def _why_unaddressed(job: Job) -> pl.Expr:
    """An address that was given and is broken is not missing."""
    return pl.coalesce(*(pl.col(a.reason) for a in job.addresses), pl.lit(str(Reason.ADDRESS_MISSING)))


def _why_silent(job: Job) -> pl.Expr:
    """Consent that was said and is withheld by policy is not missing."""
    policy = [str(reason) for reason in POLICY_REASONS]
    withheld = [pl.when(pl.col(t.reason).is_in(policy)).then(pl.col(t.reason)) for t in job.targets]
    return pl.coalesce(*withheld, pl.lit(str(Reason.CONSENT_MISSING)))


def _first_of(cases: list[tuple[pl.Expr, pl.Expr]]) -> pl.Expr:
    """The value of the first case that holds, even where that value is null."""
    chosen = pl.lit(None, pl.String)
    for condition, value in reversed(cases):
        chosen = pl.when(condition).then(value).otherwise(chosen)
    return chosen


def _before(target: Target) -> pl.Expr:
    """FROM of the transition: as read, else as last told, else UNSET."""
    own = part_of(target.key)
    asked = pl.col(Column.EXISTS).is_not_null()
    known = pl.when(asked).then(pl.col(own + SEEN)).otherwise(pl.col(own + TOLD))
    sent = pl.col(target.part).is_not_null()
    return pl.when(sent).then(known.fill_null(pl.lit(str(Status.UNSET))))
