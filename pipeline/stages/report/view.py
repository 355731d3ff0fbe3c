"""What the page shows, in the order in which it shows it. Text is plain text; the template escapes it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from pipeline.model import Outcome, RunStatus
    from pipeline.planning.forecast import Forecast
    from pipeline.stages.report.opt_out_clock import OptOutClock


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do next, with the command that does it."""

    text: str
    command: str | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of the run's particulars. `exact`: to be copied letter by letter."""

    label: str
    value: str
    exact: bool = False


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """How many records have an outcome."""

    outcome: Outcome
    count: int
    meaning: str


class Kind(StrEnum):
    """What a consent transition is to the person."""

    OPT_OUT = "opt-out"
    OPT_IN = "opt-in"
    RESUBSCRIPTION = "re-subscription"
    OTHER = "other change"
    SAME = "said again"


@dataclass(frozen=True, slots=True)
class Example:
    """A record that a cause or a change applies to; `identity` is masked unless the page shows addresses."""

    record: int
    line: int | None
    identity: str


@dataclass(frozen=True, slots=True)
class Change:
    """One transition of one target: how often it took effect, and how often the plan has it."""

    before: str
    after: str
    kind: Kind
    count: int
    planned: int
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class TargetRow:
    """The transitions of a channel or group."""

    label: str
    changes: tuple[Change, ...]

    def count(self, kind: Kind) -> int:
        """Transitions of a kind."""
        return sum(change.count for change in self.changes if change.kind is kind)


@dataclass(frozen=True, slots=True)
class Lifted:
    """A record that lifts an opt-out: what it was, what it becomes, and when and how the new consent was given."""

    record: int
    identity: str
    before: str
    after: str
    at: str
    source: str


@dataclass(frozen=True, slots=True)
class ResubscriptionRow:
    """The re-subscriptions of a channel or group."""

    label: str
    count: int
    samples: tuple[Lifted, ...]


@dataclass(frozen=True, slots=True)
class CauseRow:
    """Why records, or parts of records, were not sent or not applied."""

    reason: str
    records: int
    parts: int
    meaning: str
    advice: str
    places: tuple[tuple[str, int], ...] = ()
    """Outcome or part -> count, most first."""
    examples: tuple[Example, ...] = ()


class Judgement(StrEnum):
    """How a guard's figure compares with its limit."""

    TRIPPED = "over the limit"
    APPROVED = "over the limit, approved"
    WITHIN = "within the limit"
    NOT_JUDGED = "not judged"


@dataclass(frozen=True, slots=True)
class GuardRow:
    """A guard. `bar`: figure and limit as parts of the bar's length; None where there is nothing to draw."""

    name: str
    title: str
    says: str
    judgement: Judgement
    figure: str
    limit: str
    bar: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class ListRow:
    """A suppression list. `since`: contacts that were held because it had changed when the plan was sent."""

    name: str
    says: str
    held: int
    since: int | None


@dataclass(frozen=True, slots=True)
class Bar:
    """The requests of one step of time."""

    at: datetime
    first: int
    retries: int
    slowest_seconds: float


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time without long pauses; bars stand for `step_seconds` each, without gaps."""

    step_seconds: int
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """How often the destination answered in one way. `status` None: no HTTP answer came."""

    status: int | None
    meaning: str
    count: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """The requests of a run."""

    sent: int
    retried: int
    median_seconds: float
    slowest_seconds: float
    answers: tuple[AnswerRow, ...]
    spans: tuple[Span, ...]
    throttled: int = 0
    slowed: tuple[str, ...] = ()
    """What slowed the run down, in words."""


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file of the run folder. `personal`: it holds identities and values as they are."""

    name: str
    purpose: str
    personal: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """The whole page. `forecast`: nothing was sent, changes are those of the plan. `at`: when the run
    was finished, or planned."""

    status: RunStatus
    destination: str
    audience: str
    export: str
    at: str
    headline: str
    notes: tuple[str, ...]
    steps: tuple[Step, ...]
    facts: tuple[Fact, ...]
    forecast: bool
    reverts: bool
    """Whether it takes another run back."""
    balanced: bool
    read: int
    read_again: int
    """Of them, those that are of earlier runs."""
    settled: int
    outcomes: tuple[OutcomeRow, ...]
    targets: tuple[TargetRow, ...]
    resubscriptions: tuple[ResubscriptionRow, ...]
    causes: tuple[CauseRow, ...]
    guards: tuple[GuardRow, ...]
    lists: tuple[ListRow, ...]
    opt_outs: OptOutClock
    traffic: Traffic
    to_come: Forecast
    modified_expected: int
    modified_reported: int
    files: tuple[FileRow, ...]
    shows_addresses: bool = False
