"""Alerts: each fires once per episode."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from pipeline import alerting
from pipeline.alerting import OF_A_RUN, Alert
from pipeline.context import Context
from pipeline.errors import ConsentSyncError, ExportError, GuardTripped, Interrupted, Unreachable
from pipeline.ledger.ledger import Ledger
from pipeline.model import RunStatus
from pipeline.reporting.open_opt_outs import OpenOptOuts
from pipeline.reporting.summary import Rows, Summary
from pipeline.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BEGIN = datetime(2026, 11, 1, 1, 30, tzinfo=UTC)
MONTH = 30


def came(
    status: RunStatus = RunStatus.COMPLETED, *, failed: int = 0, overdue: int = 0, balanced: bool = True
) -> Summary:
    """What a night came to."""
    return Summary(
        run_id="R",
        destination="wix",
        status=status,
        plan_hash="0" * 64,
        balanced=balanced,
        rows=Rows(read=10, updated=10 - failed, failed=failed),
        open_opt_outs=OpenOptOuts(open=overdue, overdue=overdue),
        run_dir="h/runs/R",
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger of its own."""
    found = Ledger.at(tmp_path, None)
    yield found
    found.close()


def test_a_month_of_nights_tells_each_trouble_once(ledger: Ledger, tmp_path: Path) -> None:
    """Three bad spells, a guard for a week, an export that does not come twice, a clock that runs out: told as begun,
    and the recovery once for each time that nothing is left.
    """
    nights: dict[int, tuple[Summary | None, ConsentSyncError | None]] = {}
    nights |= {n: (came(RunStatus.INTERRUPTED), Unreachable("no answer")) for n in (3, 4, 5, 12, 20)}
    nights |= {n: (came(RunStatus.STOPPED), GuardTripped("too many")) for n in range(6, 10)}
    nights |= {n: (None, ExportError("there is no export")) for n in (14, 17, 18)}
    nights |= {n: (came(RunStatus.PARTIAL, failed=2, overdue=1), None) for n in (22, 23)}
    nights |= {24: (came(overdue=1), None), 25: (came(overdue=1), None)}
    told: list[tuple[int, Alert]] = []
    for night in range(MONTH):
        summary, error = nights.get(night, (came(), None))
        found = alerting.of_run(summary, error, tmp_path / "missing.csv")
        for _ in range(2):  # the same twice a night: a retry, or an operator who looks
            at = BEGIN + timedelta(days=night)
            told += [(night, alert) for alert in alerting.look(ledger, "m", found, OF_A_RUN, at)]

    assert [alert for night, alert in told if night == 3] == [Alert.FAILED]
    assert [alert for night, alert in told if night == 6] == [Alert.GUARD_TRIPPED]
    assert [night for night, alert in told if alert is Alert.RECOVERED] == [10, 13, 15, 19, 21, 26]
    assert Counter(alert for _, alert in told) == {
        Alert.FAILED: 3,
        Alert.GUARD_TRIPPED: 1,
        Alert.EXPORT_MISSING: 2,
        Alert.PARTIAL: 1,
        Alert.OPT_OUT_CLOCK: 1,
        Alert.RECOVERED: 6,
    }


def test_subjects_have_episodes_of_their_own(ledger: Ledger) -> None:
    """One mapping's trouble hides no other's."""
    for subject in ("a", "b"):
        assert alerting.look(ledger, subject, {Alert.FAILED}, OF_A_RUN, BEGIN) == [Alert.FAILED]
    assert alerting.look(ledger, "a", frozenset(), OF_A_RUN, BEGIN) == [Alert.RECOVERED]
    assert alerting.look(ledger, "b", {Alert.FAILED}, OF_A_RUN, BEGIN) == []


def test_what_was_not_looked_at_goes_on(ledger: Ledger) -> None:
    """A schedule that is overdue is not over because a run by hand went well."""
    late = {Alert.SCHEDULE_OVERDUE}
    assert alerting.look(ledger, "m", late, late, BEGIN) == [Alert.SCHEDULE_OVERDUE]
    assert alerting.look(ledger, "m", frozenset(), OF_A_RUN, BEGIN) == []
    assert alerting.look(ledger, "m", frozenset(), late, BEGIN) == [Alert.RECOVERED]


def test_an_answered_approval_is_no_recovery(ledger: Ledger) -> None:
    """A migration that somebody approves was no trouble."""
    assert alerting.look(ledger, "m", {Alert.APPROVAL_WAITING}, OF_A_RUN, BEGIN) == [Alert.APPROVAL_WAITING]
    assert alerting.look(ledger, "m", frozenset(), OF_A_RUN, BEGIN) == []


def test_an_interruption_is_somebodys_wish() -> None:
    """Whoever stops a run knows; a run that does not balance is a failure."""
    assert alerting.of_run(came(RunStatus.INTERRUPTED), Interrupted("stopped"), None) == frozenset()
    assert alerting.of_run(came(balanced=False), None, None) == {Alert.FAILED}


def test_what_nobody_could_be_told_is_told_by_the_next_look(tmp_path: Path) -> None:
    """What begins, and what is over."""
    context = Context(Settings.load(), tmp_path)
    told: list[list[Alert]] = []

    def looked(found: set[Alert], *, heard: bool) -> list[list[Alert]]:
        def tell(alerts: list[Alert]) -> bool:
            told.append(alerts)
            return heard

        told.clear()
        alerting.looked(context, "m", found, OF_A_RUN, tell)
        return told

    assert looked({Alert.FAILED}, heard=False) == [[Alert.FAILED]]
    assert looked({Alert.FAILED}, heard=True) == [[Alert.FAILED]]
    assert looked({Alert.FAILED}, heard=True) == []
    assert looked(set(), heard=False) == [[Alert.RECOVERED]]
    assert looked(set(), heard=True) == [[Alert.RECOVERED]]
    assert looked(set(), heard=True) == []
