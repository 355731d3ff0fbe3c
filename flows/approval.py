# No `from __future__ import annotations`: Prefect reads the types of the form where this module is not at hand.
"""A run that waits for somebody: it is suspended, and holds no process, until its plan is approved or rejected.

The plan lies sealed in its run folder. Prefect keeps which run it is and the hash that was shown, so what is approved
is what is sent, by whichever worker goes on.
"""

from enum import StrEnum
from typing import Any, Final, Literal

from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput, create_flow_run_input, read_flow_run_input
from pydantic import Field, ValidationError, create_model

from flows.reach import UNREACHED
from pipeline.context import Context
from pipeline.delivery import standing
from pipeline.delivery.approval import SHORTEST_APPROVAL, approving
from pipeline.errors import GuardTripped, RunFolderError
from pipeline.run_folder import Manifest

KEY: Final = "approval"
WAITING: Final = "plan-that-waits"


class Decision(StrEnum):
    """What somebody decides about a plan. Rejecting is what a form that nobody filled in says."""

    REJECT = "reject"
    APPROVE = "approve"
    OPT_OUTS = "approve opt-outs only"


class Declined(GuardTripped):
    """Somebody has rejected the plan; nothing was sent."""


def waiting() -> str | None:
    """The run that this flow run was suspended with, when it was."""
    try:
        kept = read_flow_run_input(WAITING)
    except UNREACHED:
        return None
    return None if kept is None else str(kept)


def ask(run_id: str, context: Context, said: str, hours: int) -> tuple[Decision, str]:
    """What was decided about the plan of a run, and the plan's hash. Suspends the flow run until somebody has.

    Raises RunFolderError for an answer that is about another plan, GuardTripped where nobody can be asked.
    """
    folder, manifest = standing.existing(run_id, context)
    form = form_of(manifest).with_initial_data(description=said)
    try:
        if waiting() is None:
            create_flow_run_input(WAITING, run_id)
        answer: Any = suspend_flow_run(wait_for_input=form, key=KEY, timeout=hours * 3600)
    except ValidationError:
        raise RunFolderError(
            f"the answer is not about the plan of run {run_id}; nothing was sent; approve it by mode apply and its hash"
        ) from None
    except UNREACHED:
        raise GuardTripped(
            f"Prefect does not answer, so nobody could be asked about the plan of run {run_id}; nothing was sent; look "
            f"at the plan, and `{approving(folder, manifest)}` carries it out"
        ) from None
    return Decision(answer.decision), answer.plan


def form_of(manifest: Manifest) -> type[RunInput]:
    """The form for one plan: only its own hash fits, and opt-outs can go ahead only where it has some that can."""
    shown = manifest.plan_hash[:SHORTEST_APPROVAL]
    choices = tuple(str(d) for d in Decision if d is not Decision.OPT_OUTS or manifest.ahead)
    ahead = "approve opt-outs only: send those who do nothing but opt out, the rest stays unsent. "
    decision: Any = Field(
        default=str(Decision.REJECT),
        title="Decision",
        description=f"approve: send the plan. {ahead if manifest.ahead else ''}reject: send nothing.",
        json_schema_extra={"position": 0},
    )
    plan: Any = Field(
        default=shown,
        title="Plan hash",
        description="The plan that this decision is about. Leave it as it is.",
        pattern=f"^{shown}$",
        json_schema_extra={"position": 1},
    )
    fields: dict[str, Any] = {"decision": (Literal[choices], decision), "plan": (str, plan)}
    form: type[RunInput] = create_model("PlanDecision", __base__=RunInput, **fields)
    return form
