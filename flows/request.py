"""What a run is asked for: the flow's one parameter. Prefect keeps it in plain text: it has no place for a secret."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Mode(StrEnum):
    """How far a run goes."""

    PLAN = "plan"
    SYNC = "sync"
    APPLY = "apply"
    RESUME = "resume"


class Failure(StrEnum):
    """From which outcome on a run that came to its end is Failed. Each word includes those before it."""

    FAILED = "failed"
    REJECTED = "rejected"
    HELD = "held"


def _field(position: int, default: Any, title: str, description: str, **more: Any) -> Any:
    return Field(
        default=default, title=title, description=description, json_schema_extra={"position": position}, **more
    )


class SyncRequest(BaseModel):
    """A mapping and an export to plan or sync, or an earlier run to apply or resume."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, title="Sync consent")

    mode: Mode = _field(
        0,
        Mode.PLAN,
        "Mode",
        "plan: show what would be sent, send nothing. sync: plan, look at the guards, send. "
        "apply: carry out an earlier plan. resume: go on with an interrupted run.",
    )
    mapping: str = _field(
        1, "", "Mapping file", "For plan and sync: the path of the mapping, as the machine that runs the flow sees it."
    )
    export: str = _field(
        2, "", "Export file", "For plan and sync: the path of the export, as the machine that runs the flow sees it."
    )
    full: bool = _field(
        3, False, "Send unchanged records too", "For plan and sync: send also what the state calls unchanged."
    )
    run: str = _field(4, "", "Run", "For apply and resume: the run's id, or latest for the last one planned.")
    approve: str = _field(
        5,
        "",
        "Approved plan hash",
        "For apply: the first 12 characters, or more, of the plan's hash. It lets a tripped guard pass.",
        pattern="^([0-9a-fA-F]{12,64})?$",
    )
    only: str = _field(
        6,
        "",
        "Only the opt-outs",
        "For apply: opt-outs sends the opt-outs of the plan and lets the rest wait. Empty: all of it.",
        pattern="^(opt-outs)?$",
    )
    canary: int | None = _field(
        7,
        None,
        "Canary",
        "For sync and apply: so many items are sent and read back first, and a difference stops the rest. "
        "0: none. Empty: as the mapping says.",
        ge=0,
    )
    failure: Failure = _field(
        8,
        Failure.REJECTED,
        "What counts as failure",
        "failed: records that the destination refused or did not confirm. rejected: those and rejected records. "
        "held: those and held records or withheld parts. What stops a run always counts.",
    )
    force: bool = _field(
        8,
        False,
        "Plan a delivered export again",
        "For sync: plan also an export that the last run has delivered and that has not changed since.",
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        """Refuses a combination that no run can have, with a sentence for the operator."""
        if self.mode in {Mode.PLAN, Mode.SYNC}:
            if not self.mapping or not self.export:
                raise ValueError(f"mode {self.mode} needs a mapping file and an export file")
            if self.run:
                raise ValueError(f"mode {self.mode} starts a new run; leave `run` empty, or choose apply or resume")
        else:
            if not self.run:
                raise ValueError(f"mode {self.mode} needs the id of an earlier run")
            if self.mapping or self.export or self.full:
                raise ValueError(
                    f"mode {self.mode} uses its run's mapping and export; leave `mapping`, `export` and `full` out"
                )
        if self.force and self.mode is not Mode.SYNC:
            raise ValueError("only mode sync leaves a delivered export alone; leave `force` out")
        if self.approve and self.mode is not Mode.APPLY:
            raise ValueError("only mode apply takes an approved plan hash")
        if self.canary is not None and self.mode not in {Mode.SYNC, Mode.APPLY}:
            raise ValueError("only modes sync and apply can have a canary")
        if self.only and self.mode is not Mode.APPLY:
            raise ValueError("only mode apply can send the opt-outs and let the rest wait")
        return self

    def name(self, destination: str | None) -> str:
        """The name of the flow run."""
        if self.mode in {Mode.PLAN, Mode.SYNC}:
            return f"{self.mode} {Path(self.export).name} by {Path(self.mapping).stem} to {destination or 'unknown'}"
        return f"{self.mode} {self.run}"
