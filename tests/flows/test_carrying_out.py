"""What each mode does, and who is asked; without Prefect."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flows.approval import Decision, Declined
from flows.carrying_out import carry_out
from flows.request import SyncRequest
from pipeline.carried_out import Result
from pipeline.errors import RunFolderError
from pipeline.model import RunStatus
from tests.delivery.world import rows_of

if TYPE_CHECKING:
    from tests.delivery.world import World


class Somebody:
    """Decides at once, by the hash that is shown or another."""

    def __init__(self, decision: Decision, plan: str | None = None) -> None:
        self._decision, self._plan = decision, plan
        self.asked: list[Result] = []

    def waiting(self) -> str | None:
        """Nobody was asked before."""
        return None

    def ask(self, result: Result) -> tuple[Decision, str]:
        """The decision."""
        self.asked.append(result)
        return self._decision, self._plan or result.summary.plan_hash[:12]

    def decided(self, run_id: str) -> tuple[Decision, str]:
        """Is not asked for."""
        raise AssertionError(run_id)


def request(world: World, *, over: bool = False, **more: Any) -> SyncRequest:
    """A sync of three opt-outs; `over`: more than its guard allows."""
    mapping = world.mapping()
    guard = "max_opt_outs: 1" if over else "row_count_change: null"
    mapping.write_text(mapping.read_text().replace("row_count_change: 1000", guard))
    files = {"mapping": str(mapping), "export": str(world.export(rows_of(3, email_opt_in="N")))}
    return SyncRequest.model_validate({"mode": "sync"} | files | more)


def done(world: World, asked: SyncRequest, somebody: Somebody | None = None) -> Result:
    """What a request came to."""
    found = carry_out(asked, world.context(), somebody)
    assert isinstance(found, Result)
    return found


def test_nobody_is_asked_about_a_plan_within_its_limits(world: World) -> None:
    """It is sent."""
    somebody = Somebody(Decision.REJECT)
    assert done(world, request(world), somebody).summary.status is RunStatus.COMPLETED
    assert somebody.asked == []


@pytest.mark.parametrize("wanted", [{"over": True}, {"approval": "always"}], ids=str)
@pytest.mark.parametrize(("decision", "sent"), [(Decision.APPROVE, 3), (Decision.OPT_OUTS, 3), (Decision.REJECT, 0)])
def test_a_plan_is_sent_as_somebody_decides(
    world: World, wanted: dict[str, Any], decision: Decision, sent: int
) -> None:
    """A guard over its limit, or a migration: nothing is sent before somebody is asked."""
    somebody = Somebody(decision)
    result = done(world, request(world, **wanted), somebody)
    assert len(somebody.asked) == 1
    assert len(world.applied()) == sent
    assert isinstance(result.error, Declined) == (decision is Decision.REJECT)


def test_the_hash_of_another_plan_approves_nothing(world: World) -> None:
    """Whatever the form says."""
    with pytest.raises(RunFolderError, match="approve its own hash"):
        done(world, request(world, over=True), Somebody(Decision.APPROVE, "0" * 12))
    assert world.mutations() == []


@pytest.mark.parametrize(
    "wanted", [{"over": True, "approval": "never"}, {"over": True}, {"approval": "always"}], ids=str
)
def test_where_nobody_can_be_asked_nothing_is_sent(world: World, wanted: dict[str, Any]) -> None:
    """The run is stopped, or only planned, and its summary has the command that goes on."""
    somebody = Somebody(Decision.APPROVE) if wanted.get("approval") == "never" else None
    result = done(world, request(world, **wanted), somebody)
    assert world.mutations() == []
    assert any("apply" in command for command in result.summary.next)


def test_a_killed_run_is_gone_on_with(world: World) -> None:
    """The same request again does not plan again where the attempt before was killed in a run of its own."""
    asked = request(world)
    planned = world.plan(Path(asked.mapping), Path(asked.export))
    found = carry_out(asked, world.context(), interrupted=planned.summary.run_id)
    assert isinstance(found, Result)
    assert (found.summary.run_id, len(world.applied())) == (planned.summary.run_id, 3)
