"""What a run is asked for: the flow's one parameter. Prefect keeps it in plain text: it has no place for a secret."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline.model import Extent

NO_ADDRESS: Final = "^[^@]*$"
"""Prefect shows parameters to everybody, and takes them before anybody of ours sees them: its server looks at this."""


class Mode(StrEnum):
    """What a run does."""

    PLAN = "plan"
    SYNC = "sync"
    APPLY = "apply"
    RESUME = "resume"
    REVERT = "revert"
    VERIFY = "verify"


class Approval(StrEnum):
    """When a run waits for somebody's approval."""

    GUARDS = "guards"
    ALWAYS = "always"
    NEVER = "never"


class Failure(StrEnum):
    """From which outcome on a run that came to its end is Failed. Each word includes those before it."""

    FAILED = "failed"
    REJECTED = "rejected"
    HELD = "held"


NEW: Final = frozenset({Mode.PLAN, Mode.SYNC, Mode.VERIFY})
"""Modes that begin with a mapping; the others go on from an earlier run."""


def _field(position: int, default: Any, title: str, description: str, **more: Any) -> Any:
    return Field(
        default=default, title=title, description=description, json_schema_extra={"position": position}, **more
    )


class SyncRequest(BaseModel):
    """A mapping and an export to plan or sync, an earlier run to go on from, or a mapping to verify."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, title="Sync consent")

    mode: Mode = _field(
        0,
        Mode.PLAN,
        "Mode",
        "plan: show what would be sent, send nothing. sync: plan, look at the guards, send. "
        "apply: carry out an earlier plan. resume: go on with an interrupted run. "
        "revert: give back the consents that a run has changed. verify: compare the destination, send nothing.",
    )
    mapping: str = _field(
        1,
        "",
        "Mapping file",
        "For plan, sync and verify: the path of the mapping, as the machine that runs the flow sees it.",
        pattern=NO_ADDRESS,
    )
    export: str = _field(
        2,
        "",
        "Export file",
        "For plan and sync: the path of the export, as the machine that runs the flow sees it. For verify: the export "
        "to compare with; empty: what contacts were told.",
        pattern=NO_ADDRESS,
    )
    run: str = _field(
        3,
        "",
        "Run",
        "For apply, resume and revert: the run's id, or latest for the last one planned.",
        pattern=NO_ADDRESS,
    )
    approval: Approval = _field(
        4,
        Approval.GUARDS,
        "Wait for an approval",
        "guards: when a guard is over its limit. always: before anything is sent. never: a guard over its limit ends "
        "the run. Nothing is sent while a run waits.",
    )
    approval_hours: int = _field(
        5,
        24,
        "Hours to wait for it",
        "How long a run waits for an approval. After that it fails, and nothing is sent.",
        ge=1,
        le=336,
    )
    full: bool = _field(
        6, False, "Send unchanged records too", "For plan and sync: send also what the state calls unchanged."
    )
    approve: str = _field(
        7,
        "",
        "Approved plan hash",
        "For apply: the first 12 characters, or more, of the plan's hash. It lets a tripped guard pass.",
        pattern="^([0-9a-fA-F]{12,64})?$",
    )
    only: Extent = _field(
        8,
        Extent.WHOLE,
        "How much to send",
        "For apply: whole sends all of the plan; opt-outs sends its opt-outs and lets the rest wait.",
    )
    canary: int | None = _field(
        9,
        None,
        "Canary",
        "For sync and apply: so many items are sent and read back first, and a difference stops the rest. None: as the "
        "mapping says. int: a number of its own; 0: no canary.",
        ge=0,
    )
    failure: Failure = _field(
        10,
        Failure.REJECTED,
        "What counts as failure",
        "failed: records that the destination refused or did not confirm. rejected: those and rejected records. "
        "held: those and held records or withheld parts. What stops a run always counts.",
    )
    force: bool = _field(
        11,
        False,
        "Plan a delivered export again",
        "For sync: plan also an export that the last run has delivered and that has not changed since.",
    )
    max_drift: float = _field(
        12,
        0.0,
        "Drift that is allowed",
        "For verify: the share of contacts that may differ or be missing, from 0 to 1.",
        ge=0,
        le=1,
    )
    destination_only: bool = _field(
        13,
        False,
        "Look for unknown contacts",
        "For verify: walk through all contacts of the destination, and count those that nobody here knows.",
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        """Refuses a combination that no run can have, with a sentence for the operator."""
        for problem in (self._of_files(), self._of_sending(), self._of_plans(), self._of_audits()):
            if problem:
                raise ValueError(problem)
        return self

    def _of_files(self) -> str | None:
        """What is wrong with mapping, export and run."""
        earlier = self.mode not in NEW
        if earlier and not self.run:
            return f"mode {self.mode} needs the id of an earlier run"
        if earlier and (self.mapping or self.export or self.full):
            return f"mode {self.mode} uses its run's mapping and export; leave `mapping`, `export` and `full` out"
        if not earlier and self.run:
            return f"mode {self.mode} starts anew; leave `run` empty, or choose apply, resume or revert"
        if self.mode is Mode.VERIFY and not self.mapping:
            return "mode verify needs a mapping file"
        if self.mode in {Mode.PLAN, Mode.SYNC} and not (self.mapping and self.export):
            return f"mode {self.mode} needs a mapping file and an export file"
        return None

    def _of_sending(self) -> str | None:
        """What is wrong with how it is sent."""
        if self.force and self.mode is not Mode.SYNC:
            return "only mode sync leaves a delivered export alone; leave `force` out"
        if self.canary is not None and self.mode not in {Mode.SYNC, Mode.APPLY}:
            return "only modes sync and apply can have a canary"
        return None

    def _of_plans(self) -> str | None:
        """What is wrong with approvals and extent."""
        if self.approve and self.mode is not Mode.APPLY:
            return "only mode apply takes an approved plan hash"
        if self.only is not Extent.WHOLE and self.mode is not Mode.APPLY:
            return "only mode apply can send the opt-outs and let the rest wait"
        if self.approval is Approval.ALWAYS and self.mode in {Mode.PLAN, Mode.VERIFY}:
            return f"mode {self.mode} sends nothing, so there is nothing to approve; choose sync"
        if self.approval is Approval.ALWAYS and self.approve:
            return "the plan's hash is an approval already; leave it empty, or do not ask for another"
        if self.approval is Approval.ALWAYS and self.mode is Mode.RESUME:
            return "mode resume finishes what was approved already; to look at it again, plan the export anew"
        return None

    def _of_audits(self) -> str | None:
        """What is wrong with the fields of an audit."""
        if self.mode is not Mode.VERIFY and (self.max_drift or self.destination_only):
            return "only mode verify looks at drift and at unknown contacts; leave both as they are"
        if self.mode is Mode.VERIFY and self.full:
            return "mode verify sends nothing; leave `full` out"
        return None

    def name(self, destination: str | None) -> str:
        """The name of the flow run."""
        if self.mode not in NEW:
            return f"{self.mode} {self.run}"
        export = Path(self.export).name if self.export else "what was told"
        return f"{self.mode} {export} by {Path(self.mapping).stem} to {destination or 'unknown'}"
