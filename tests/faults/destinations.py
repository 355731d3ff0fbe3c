"""All destinations as the tests of faults see them: how each may be set, and what may go wrong with its answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pipeline.context import Context
from pipeline.settings import Settings
from pipeline.transport.sending import Patience
from tests.destinations.acoustic_connect.test_conformance import TestAcousticConnect
from tests.destinations.conformance import Stage, Stored, Subject, address_of, key_of, mixed, row_of
from tests.destinations.ivvy.test_conformance import TestBatches, TestSingleCalls
from tests.destinations.wix.test_conformance import TestWix

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.carried_out import Result

BRIEF: Final = Patience(attempts=2, first_wait_seconds=0.002, longest_wait_seconds=0.005, limit_seconds=5)
SETTLE_SECONDS: Final = 0.05


@dataclass(frozen=True)
class Way:
    """A destination, and one way of writing to it."""

    subject: Subject
    switches: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """Settings of its sandbox and their values: what the vendor leaves open."""
    listing: tuple[dict[str, str], ...] = ()
    """`operation` and `field` of answers with a list whose entries may be out of order, twice there or missing."""
    counting: tuple[dict[str, str], ...] = ()
    """The same of answers with a number that may be wrong."""


WAYS: Final = {
    "acoustic_connect": Way(
        TestAcousticConnect.subject,
        {
            "batch_mode": ["atomic", "partial_applied"],
            "error_report": ["first", "all"],
            "count_noop": [True, False],
            "create_existing": ["duplicate", "upsert", "error"],
        },
        listing=({"operation": "createContacts", "field": "items"},),
        counting=({"operation": "updateContacts", "field": "modifiedCount"},),
    ),
    "ivvy": Way(
        TestSingleCalls.subject,
        {
            "duplicate_add": ["duplicate", "success_false", "error"],
            "success_shape": ["documented", "id_only", "success_and_id"],
            "triple_match": ["exact", "folded"],
        },
    ),
    "ivvy_batches": Way(
        TestBatches.subject,
        {
            "duplicate_add": ["duplicate", "success_false"],
            "batch_seconds": [0, 0.05],
            "batch_queue_seconds": [0, 0.1],
            "batch_execution": ["in_order", "shuffled"],
            "batch_results_order": ["in_order", "shuffled"],
            "batch_failed_job": ["error", "success_false"],
        },
        listing=({"operation": "batch.results", "field": "results"},),
    ),
    "wix": Way(
        TestWix.subject,
        {"unset_fields": ["omit", "null"], "links": [True, False]},
        listing=({"operation": "bulkUpsert", "field": "results"},),
        counting=(
            {"operation": "bulkUpsert", "field": "totalSuccess"},
            {"operation": "bulkUpsert", "field": "originalIndex"},
        ),
    ),
}


@dataclass
class Trial(Stage):
    """A stage where patience is short, and lags are too."""

    known: frozenset[int] = frozenset()
    """Contacts that are there before."""
    count: int = 12

    def prepare(self, known: frozenset[int], switches: Mapping[str, Any]) -> None:
        """Seeds who is known, opted in, and sets the sandbox."""
        self.known = known
        self.seed(dict.fromkeys(sorted(known), "OPT_IN"))
        self.sandbox.settings(self.subject.name, **switches)

    def context(self, **settings: Any) -> Context:
        """A context that gives up soon."""
        known = {name.lower(): value for name, value in self.sandbox.environment.items()}
        return Context(settings=Settings.model_validate(known | settings), home=self.home, patience=BRIEF)

    def quick_mapping(self, **delivery: Any) -> Any:
        """A mapping for a platform that shows what was written soon."""
        path = self.mapping(**delivery)
        text = path.read_text("utf-8").replace("settle_seconds: 0.3", f"settle_seconds: {SETTLE_SECONDS}")
        path.write_text(text, encoding="utf-8")
        return path

    def rows(self) -> list[dict[str, str]]:
        """The export."""
        return mixed(self.count)

    def planned_of(self, number: int) -> Stored:
        """What a contact is to be."""
        return Stored("OPT_OUT" if number % 5 == 0 else "OPT_IN", f"note {number}")

    def before(self, number: int) -> list[Stored]:
        """What there was of a contact."""
        return [Stored("OPT_IN", None)] if number in self.known else []

    def require_true(self, result: Result) -> None:
        """No outcome says other than the sandbox's dump and log; nobody is there twice; nothing vanishes."""
        assert result.summary.balanced
        outcomes, stored = self.outcomes(result), self.stored()
        assert len(outcomes) == result.summary.rows.read == self.count
        assert {n for n, of in stored.items() if len(of) > 1} == set()
        asked = {key for e in self.sandbox.requests() if e.operation in self.subject.writes for key in e.keys}
        for key, row in outcomes.items():
            number = int(key[2:])
            there = stored.get(number, [])
            if row["outcome"] in ("created", "updated"):
                assert there == [self.planned_of(number)], row
                assert {key, address_of(number)} & asked, row
                assert (row["outcome"] == "created") == (number not in self.known), row
            elif row["outcome"] == "failed" or row["reason"] == "not_sent":
                assert there == self.before(number), row

    def require_planned(self, result: Result, refused: frozenset[int]) -> None:
        """All is as planned but for the rows that the vendor refuses, which are failed, and as they were."""
        assert result.error is None
        outcomes = self.outcomes(result)
        assert result.summary.rows.unknown == 0, outcomes
        assert {key for key, row in outcomes.items() if row["outcome"] == "failed"} == {key_of(n) for n in refused}
        expected = {n: self.before(n) if n in refused else [self.planned_of(n)] for n in range(1, self.count + 1)}
        assert self.stored() == {n: of for n, of in expected.items() if of}


__all__ = ["WAYS", "Trial", "Way", "row_of"]
