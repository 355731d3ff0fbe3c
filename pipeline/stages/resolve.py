"""Resolves folded records against what was last delivered, what the destination shows and who may not be contacted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.job import part_of, reach_of
from pipeline.model import POLICY_REASONS, SEND, Column, Operation, Outcome, Reason, Status
from pipeline.stages.fold import broken_of
from pipeline.stages.precedence import is_opt_out, raises
from pipeline.stages.told import OUT, SAME, TOLD, unaddressed
from pipeline.stages.withheld import with_withheld
from pipeline.values import JSON_NULL

if TYPE_CHECKING:
    from pipeline.job import Attribute, Job, Target

SEEN: Final = "@seen"


@dataclass(frozen=True, slots=True)
class Resolved:
    """`changes`: one row per identity to send, with parts, `@before`, operation; `decided`: one per identity."""

    changes: pl.DataFrame
    decided: pl.DataFrame


def decide(frame: pl.DataFrame, seen: pl.DataFrame, asked: pl.Series, job: Job) -> Resolved:
    """Decides every identity. `seen`: what the destination showed of those `asked`; the others of them are new.

    A `suppressed@CHANNEL` column, where present, says whose address may only be opted out.
    """
    frame = _with_seen(frame, seen, asked, job)
    judged = frame.with_columns(
        pl.coalesce(pl.col(t.reason), _policy(t, job, frame.columns)).alias(t.reason) for t in job.targets
    )
    operation = pl.when(pl.col(Column.EXISTS).eq_missing(pl.lit(value=False))).then(pl.lit(Operation.CREATE))
    judged = judged.with_columns(operation.otherwise(pl.lit(Operation.UPDATE)).cast(pl.String).alias(Column.OPERATION))
    judged = judged.with_columns(_missing_address(t, job).alias(t.reason) for t in job.targets)
    sent = judged.with_columns(
        *(_sent_status(t).alias(t.part) for t in job.targets),
        *(_sent_value(a, job).alias(a.part) for a in job.attributes),
        pl.any_horizontal(*_told_parts(job), pl.lit(value=False)).alias("_some_told"),
        pl.any_horizontal(*_known_statuses(job), pl.lit(value=False)).alias(Column.KNOWN),
    ).pipe(with_withheld, job)
    decided = _verdicts(sent, job)
    befores = [_before(t).alias(t.before) for t in job.targets]
    changes = decided.filter(pl.col(Column.DECISION) == SEND).with_columns(befores)
    kept = [Column.RECORD, Column.LINE, Column.IDENTITY, Column.OPERATION]
    parts = [a.part for a in job.attributes]
    parts += [c for t in job.targets for c in (t.part, t.at_column, t.source, t.before)]
    return Resolved(
        changes.select(*kept, *parts),
        decided.select(
            Column.RECORD,
            Column.LINE,
            Column.IDENTITY,
            Column.DECISION,
            Column.REASON,
            Column.MESSAGE,
            Column.WITHHELD,
            Column.KNOWN,
        ),
    )


def _with_seen(frame: pl.DataFrame, seen: pl.DataFrame, asked: pl.Series, job: Job) -> pl.DataFrame:
    keys = [part_of(key) for key in job.known_keys]
    shown = seen.select(
        pl.col(Column.IDENTITY),
        pl.lit(value=True).alias(Column.EXISTS),
        *(pl.col(k).alias(k + SEEN) for k in keys),
        *(pl.col(reach_of(channel)) for channel in job.channel_fields),
        *(pl.col(column).alias(column + SEEN) for column in seen.columns if column.startswith("suppressed@")),
    )
    answers = pl.DataFrame({Column.IDENTITY: asked.unique()}).join(shown, on=Column.IDENTITY, how="left")
    answers = answers.with_columns(pl.col(Column.EXISTS).fill_null(value=False))
    return frame.join(answers, on=Column.IDENTITY, how="left", maintain_order="left")


def _policy(target: Target, job: Job, columns: list[str]) -> pl.Expr:
    """Why a target is withheld by policy, the first that applies; null: it goes."""
    status = pl.col(target.part)
    rules = [(Reason.UNKNOWN_CONSENT_VALUE, status.eq_missing(pl.lit(Status.UNLISTED)))]
    address = job.address_of(target.channel)
    lost = pl.lit(None, pl.String)
    if address is not None and target.channel is not None and address in job.written_attributes:
        lost = pl.when(status.is_not_null() & pl.col(address.part).is_null()).then(pl.col(broken_of(target)))
    suppressed = [c for c in columns if c.startswith("suppressed@") and target.channel in (None, c.split("@")[1])]
    if suppressed:
        rules.append(
            (
                Reason.SUPPRESSED,
                raises(status) & pl.any_horizontal(pl.col(c).fill_null(value=False) for c in suppressed),
            )
        )
    required = [str(s) for s in job.policy.require_evidence]
    unproven = pl.col(target.at_column).is_null() | pl.col(target.source).is_null()
    rules.append((Reason.EVIDENCE_MISSING, status.is_in(required) & unproven))
    rules.append((Reason.RESUBSCRIBE_WITHOUT_EVIDENCE, raises(status) & _opted_out(target, job)))
    return pl.coalesce(*(pl.when(wrong).then(pl.lit(str(reason))) for reason, wrong in rules), lost)


def _opted_out(target: Target, job: Job) -> pl.Expr:
    """Whether a witness knows an opt-out that this permission would end and does not provably outdate.

    The platform's own opt-outs carry no time, so nothing is provably newer than one; an opt-out that it shows because
    this product told it is as old as the state says.
    """
    out = {key: pl.col(part_of(key) + TOLD + OUT) for key in target.overlaps}
    outdated = {key: out[key] & _outdates(target, key, job) for key in target.overlaps}
    nobody = pl.lit(value=False)
    if "state" not in job.policy.witnesses:
        out, outdated = {}, {}
    by_state = [out[key] & ~outdated[key] for key in out]
    by_destination = []
    for key in target.shown_keys:
        told = [outdated[k] for k in outdated if key == k or key.startswith(f"{k}:") or k.startswith(f"{key}:")]
        by_destination.append(is_opt_out(pl.col(part_of(key) + SEEN)) & ~pl.any_horizontal(*told, nobody))
    return pl.any_horizontal(*by_state, *by_destination, nobody)


def _outdates(target: Target, key: str, job: Job) -> pl.Expr:
    """Whether the permission has evidence that is newer than what was told under the key."""
    if job.policy.resubscribe == "never":
        return pl.lit(value=False)
    newer = pl.col(target.at_column) > pl.col(f"{part_of(key)}@at{TOLD}")
    sourced = pl.col(target.source).is_not_null() if target.evidence else pl.lit(value=True)
    return newer.fill_null(value=False) & sourced


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
    return pl.when(pl.when(is_new).then(on_create).otherwise(on_update)).then(value)


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
        (is_new & something & ~addressed, Outcome.REJECTED, pl.lit(str(Reason.ADDRESS_MISSING))),
        (is_new & something & _implied(job), Outcome.HELD, pl.lit(str(Reason.CONSENT_MISSING))),
        (something, SEND, pl.lit(None, pl.String)),
        (pl.col("_some_told"), Outcome.UNCHANGED, pl.lit(str(Reason.ALREADY_TOLD))),
        (first.is_not_null() & by_policy, Outcome.HELD, first),
        (first.is_not_null(), Outcome.REJECTED, first),
        (pl.lit(value=True), Outcome.UNCHANGED, pl.lit(str(Reason.NOTHING_TO_SEND))),
    ]
    return sent.with_columns(
        pl.coalesce(pl.when(c).then(pl.lit(str(d))) for c, d, _ in cases).alias(Column.DECISION),
        _first_of([(c, r) for c, _, r in cases]).alias(Column.REASON),
        pl.lit("").alias(Column.MESSAGE),
    )


def _implied(job: Job) -> pl.Expr:
    """Whether a new contact would be opted in by the destination itself to a channel that nothing is said of."""
    implied = []
    for address in job.addresses:
        for channel in sorted(job.implicit_opt_in.intersection(address.channels)):
            said = [pl.col(t.part).is_not_null() for t in job.targets if t.channel in (channel, None)]
            implied.append(pl.col(address.part).is_not_null() & ~pl.any_horizontal(*said, pl.lit(value=False)))
    return pl.any_horizontal(*implied, pl.lit(value=False))


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
