"""What a run came to, in numbers: the JSON document of `--json` and summary.json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from pipeline.delivery.canary_figures import CanaryFigures
from pipeline.figures import counted, duration
from pipeline.model import SEND, UNDELIVERED, Column, Operation, Outcome, RunStatus, Status
from pipeline.planning.forecast import Forecast
from pipeline.planning.guard_figure import GuardFigure
from pipeline.quarantine.figures import Quarantined
from pipeline.reporting.open_opt_outs import OpenOptOuts
from pipeline.reporting.problem import Problem
from pipeline.reporting.samples import Resubscriptions, Sample
from pipeline.stages.precedence import forbids, is_opt_out

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.job import Job, Target
    from pipeline.ledger.rows import BatchRow


class Rows(BaseModel):
    """Records by outcome; `read` is their number: those of the export, and those that are tried again."""

    read: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    superseded: int = 0
    held: int = 0
    rejected: int = 0
    failed: int = 0
    unknown: int = 0

    @property
    def settled(self) -> int:
        """The sum of all outcomes."""
        return sum(getattr(self, outcome.value) for outcome in Outcome)


class Requests(BaseModel):
    """HTTP requests of the run; `retried` are those after the first for the same thing, `throttled` those answered 429.

    The lowest marks are null where the destination always answered in time.
    """

    sent: int = 0
    retried: int = 0
    throttled: int = 0
    waited_seconds: float = 0.0
    """How long requests waited for their turn, all at one time counted once."""
    lowest_in_flight: int | None = None
    lowest_rows_per_request: int | None = None

    def slowed(self) -> list[str]:
        """What slowed the run down, in words; empty where nothing did."""
        said = []
        if self.throttled:
            said.append(f"{counted(self.throttled, 'request')} throttled")
        if self.waited_seconds >= 1:
            said.append(f"{duration(self.waited_seconds)} of waiting for the rate limit")
        if self.lowest_in_flight is not None:
            said.append(f"slow answers: down to {self.lowest_in_flight} at a time")
        if self.lowest_rows_per_request is not None:
            said.append(f"down to {counted(self.lowest_rows_per_request, 'row')} in a request")
        return said


class ModifiedCount(BaseModel):
    """Rows sent in accepted mutations, and how many the destination says it modified."""

    expected: int = 0
    reported: int = 0


class Summary(BaseModel):
    """The outcome of a run, or its plan. Counts and masked samples: no address, no name, no value."""

    model_config = ConfigDict(extra="forbid")

    run_id: str
    destination: str
    status: RunStatus
    plan_hash: str
    balanced: bool
    rows: Rows
    withheld: dict[str, int] = Field(default_factory=dict)
    requests: Requests = Field(default_factory=Requests)
    modified_count: ModifiedCount = Field(default_factory=ModifiedCount)
    transitions: dict[str, dict[str, int]] = Field(default_factory=dict)
    reasons: dict[str, int] = Field(default_factory=dict)
    planned_transitions: dict[str, dict[str, int]] = Field(default_factory=dict)
    """What the plan is to change, whatever came of it."""
    samples: dict[str, dict[str, list[Sample]]] = Field(default_factory=dict)
    """Target label -> `FROM->TO` -> a few records: of the plan while nothing was sent, else of what took effect."""
    resubscriptions: dict[str, Resubscriptions] = Field(default_factory=dict)
    """Target label -> opt-outs that are lifted, with their evidence."""
    guards: list[GuardFigure] = Field(default_factory=list)
    requests_to_come: Forecast | None = None
    """While nothing of the plan was sent."""
    next: list[str] = Field(default_factory=list)
    """Commands for what to do next."""
    error: Problem | None = None
    """What stopped it; None: it came to its end, or nobody has carried it out."""
    canary: CanaryFigures | None = None
    """None: all went at once."""
    open_opt_outs: OpenOptOuts = Field(default_factory=OpenOptOuts)
    already_delivered_at: str | None = None
    """When the run ended that had delivered just this export before, so that nothing was done now."""
    quarantine: Quarantined = Field(default_factory=Quarantined)
    run_dir: str
    report: str | None = None

    def document(self) -> dict[str, Any]:
        """The JSON document of `--json`, which is summary.json too."""
        return self.model_dump(mode="json")

    @property
    def guards_tripped(self) -> list[str]:
        """The names of the guards that are over their limits."""
        return [guard.name for guard in self.guards if guard.tripped]

    @property
    def shown_transitions(self) -> dict[str, dict[str, int]]:
        """The transitions to show: those of the plan while nothing was sent, else those that took effect."""
        return self.transitions if self.requests_to_come is None else self.planned_transitions

    @property
    def clean(self) -> bool:
        """Whether every row is settled and nothing was rejected, held, withheld, failed or unknown."""
        return self.balanced and not self.withheld and not any(getattr(self.rows, o.value) for o in UNDELIVERED)


class Tally:
    """Adds up outcomes shard by shard."""

    def __init__(self, read: int) -> None:
        self.rows = Rows(read=read)
        self.withheld: dict[str, int] = {}
        self.reasons: dict[str, int] = {}
        self.transitions: dict[str, dict[str, int]] = {}
        self._numbers = 0
        self._distinct = 0

    def add(self, outcomes: pl.DataFrame, effective: pl.DataFrame, job: Job) -> None:
        """Counts one shard. `effective`: the items that took effect, for the transitions."""
        for outcome, count in outcomes.group_by(Column.OUTCOME).len().iter_rows():
            setattr(self.rows, outcome, getattr(self.rows, outcome) + count)
        undelivered = outcomes.filter(pl.col(Column.OUTCOME).is_in([str(o) for o in UNDELIVERED]))
        _count(self.reasons, undelivered.get_column(Column.REASON))
        _count(self.withheld, outcomes.get_column(Column.WITHHELD).explode().struct.field("reason"))
        for label, counts in transitions(effective, job).items():
            mine = self.transitions.setdefault(label, {})
            for step, count in counts.items():
                mine[step] = mine.get(step, 0) + count
        numbers = outcomes.get_column(Column.RECORD)
        self._numbers += numbers.len()
        self._distinct += numbers.n_unique()

    @property
    def balanced(self) -> bool:
        """Whether each record that was read has exactly one outcome."""
        return self.rows.read == self.rows.settled == self._numbers == self._distinct

    def status(self) -> RunStatus:
        """COMPLETED or PARTIAL, for a run that came to its end."""
        clean = self.balanced and not self.withheld and not any(getattr(self.rows, o.value) for o in UNDELIVERED)
        return RunStatus.COMPLETED if clean else RunStatus.PARTIAL


def _count(counts: dict[str, int], words: pl.Series) -> None:
    for word, count in words.drop_nulls().value_counts(sort=True).iter_rows():
        counts[word] = counts.get(word, 0) + count


OPTED_OUT: Final = f"{Status.OPT_IN}->{Status.OPT_OUT}"


def transitions(items: pl.DataFrame, job: Job) -> dict[str, dict[str, int]]:
    """Target label -> `FROM->TO` -> contacts, those who are opted out because they share an address among them."""
    found: dict[str, dict[str, int]] = {}
    for target in job.targets:
        steps = items.filter(pl.col(target.part).is_not_null()).group_by(target.before, target.part).len()
        counts = {f"{before}->{after}": n for before, after, n in steps.sort("len", descending=True).iter_rows()}
        if kin := opted_out_kin(items, target, job):
            counts[OPTED_OUT] = counts.get(OPTED_OUT, 0) + kin
        if counts:
            found[target.label] = counts
    return found


def opted_out_kin(items: pl.DataFrame, target: Target, job: Job) -> int:
    """How many contacts without a record of their own are opted out, since they share an address with one that has."""
    if job.kin is None or target.channel != job.kin:
        return 0
    return items.filter(is_opt_out(pl.col(target.part))).get_column(Column.KIN).explode().drop_nulls().n_unique()


def opt_out_of_opt_in(job: Job) -> pl.Expr:
    """True for a contact that goes from OPT_IN to OPT_OUT, or to what forbids as much, for some target."""
    return pl.any_horizontal(
        *((pl.col(t.before) == Status.OPT_IN) & forbids(pl.col(t.part)) for t in job.targets),
        pl.lit(value=False),
    ).fill_null(value=False)


def raised_to_opt_in(job: Job) -> pl.Expr:
    """True for a contact that some known other status of is raised to OPT_IN."""
    known = [str(Status.OPT_IN), str(Status.UNSET)]
    return pl.any_horizontal(
        *(~pl.col(t.before).is_in(known) & (pl.col(t.part) == Status.OPT_IN) for t in job.targets),
        pl.lit(value=False),
    ).fill_null(value=False)


def opted_out(job: Job) -> pl.Expr:
    """True for a contact that is opted out, or restricted, for some target that did not forbid as much before."""
    return pl.any_horizontal(
        *(forbids(pl.col(t.part)) & ~forbids(pl.col(t.before)) for t in job.targets), pl.lit(value=False)
    )


def opted_in(job: Job) -> pl.Expr:
    """True for a contact that becomes OPT_IN for some target, whatever it was before."""
    return pl.any_horizontal(
        *(
            pl.col(t.part).eq_missing(pl.lit(Status.OPT_IN)) & pl.col(t.before).ne_missing(pl.lit(Status.OPT_IN))
            for t in job.targets
        ),
        pl.lit(value=False),
    )


def planned_outcomes(records: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """The outcomes that a plan will have if the destination accepts everything."""
    # Of a record with several items, one for each address, an update outranks what is new, as it does when settled.
    operation = items.group_by(Column.RECORD).agg(pl.col(Column.OPERATION).max())
    created = pl.col(Column.OPERATION) == Operation.CREATE
    sent = pl.when(created).then(pl.lit(str(Outcome.CREATED))).otherwise(pl.lit(str(Outcome.UPDATED)))
    outcome = pl.when(pl.col(Column.DECISION) == SEND).then(sent).otherwise(pl.col(Column.DECISION))
    return records.join(operation, on=Column.RECORD, how="left").with_columns(outcome.alias(Column.OUTCOME))


def modified_count(batches: Iterable[BatchRow]) -> ModifiedCount:
    """Sums over all batches."""
    found = ModifiedCount()
    for batch in batches:
        found.expected += batch.expected
        found.reported += batch.reported
    return found
