"""Whatever goes wrong on the way: `resume` ends with the destination as planned, and with outcomes that are true."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import run
from pipeline.context import Request
from pipeline.errors import DestinationError
from pipeline.sandbox.server import Sandbox

from .destinations import WAYS, Trial
from .schedules import Case, cases

if TYPE_CHECKING:
    from collections.abc import Iterator

COUNT = 12
CALM_ROUNDS = 3


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    """A sandbox for all cases."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.mark.parametrize("name", WAYS)
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_resuming_until_settled_reaches_the_planned_state(
    running: Sandbox, tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    """For any schedule, each stop is balanced and claims nothing untrue, and the end is the plan, nobody twice."""
    way = WAYS[name]
    case = data.draw(cases(way, COUNT))
    carry_out(Trial(tmp_path_factory.mktemp(name), running, way.subject, count=COUNT), case)


def carry_out(trial: Trial, case: Case) -> None:
    """Plans the run in peace, resumes it under each schedule, and in peace until it is settled."""
    trial.prepare(case.known, case.switches)
    mapping = trial.quick_mapping(batch_size=case.batch_size, concurrency=case.concurrency)
    planned = run.plan(Request(mapping, trial.export(trial.rows())), trial.context())
    poison = [trial.subject.poison(number) for number in sorted(case.refused)]
    for schedule in (*case.rounds, *[()] * CALM_ROUNDS):
        trial.sandbox.faults([*poison, *schedule])
        try:
            result = run.resume(planned.summary.run_id, trial.context())
        except DestinationError:
            continue
        trial.require_true(result)
    trial.require_planned(result, case.refused)
