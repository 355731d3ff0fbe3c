"""A canary that is asked for in a request of the flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from flows.request import Mode, SyncRequest
from tests.delivery.world import contacts_of, rows_of
from tests.flows.test_sync_consent import of_run, result_of, run_flow
from tests.flows.world import request_of

if TYPE_CHECKING:
    from tests.delivery.world import World

pytestmark = pytest.mark.usefixtures("prefect_api")


def test_a_canary_that_differs_fails_the_flow_run(world: World) -> None:
    """State, message and page say so; the exit code is that of the command line."""
    request = request_of(world, rows_of(12)).model_copy(update={"canary": 2})
    world.seed(contacts_of(12))
    body: Any = {"data": {"updateContacts": {"modifiedCount": 2}}}
    world.faults([{"fault": "answer", "operation": "updateContacts", "nth": [1], "status": 200, "body": body}])
    state = run_flow(request)
    assert (state.name, result_of(state).exit_code, len(world.mutations())) == ("Failed", 4, 1)
    assert "2 of 2 items came out otherwise than planned" in str(state.message)
    assert "example.com" not in str(state.message)
    _, artifacts, _ = of_run(state)
    [page] = [str(artifact.data) for artifact in artifacts if artifact.key == "consent-sync-acoustic-connect"]
    assert "| canary | 2 items sent first, 2 read back, 2 otherwise than planned; the rest was not sent |" in page


def test_only_what_sends_a_plan_from_its_beginning_has_a_canary() -> None:
    """Neither a plan nor a resumption can be asked for one."""
    for given in ({"mode": Mode.PLAN, "mapping": "m", "export": "x"}, {"mode": Mode.RESUME, "run": "r"}):
        with pytest.raises(ValidationError, match="only modes sync and apply"):
            SyncRequest.model_validate({**given, "canary": 3})
